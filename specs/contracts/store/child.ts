import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Child {
  readonly process: ChildProcess
  /** Lines that it has written so far. */
  readonly lines: string[]
  /** The first line that begins so; rejects if it ends without. */
  line(start: string): Promise<string>
  /** Ends it as a crash does; resolves when it is gone. */
  crash(): Promise<void>
  ended: Promise<number | null>
}

/** Runs folder-child.ts in a process of its own. `limit`: largest file that it may write, in KB. */
export function startChild(args: string[], limit?: number): Child {
  const command = [process.execPath, '--import', 'tsx', fileURLToPath(new URL('folder-child.ts', import.meta.url)), ...args]
  const [program, ...rest] = limit ? ['bash', '-c', `ulimit -f ${limit}; exec "$@"`, 'bash', ...command] : command
  const child = spawn(program!, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: string[] = []
  const errors: string[] = []
  const waiting = new Set<() => void>()
  const changed = () => {
    for (const look of waiting) look()
  }
  let over = false
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      over = true
      changed()
      resolve(code)
    })
  })
  child.stderr!.on('data', (data) => errors.push(String(data)))
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(line)
    changed()
  })

  const line = (start: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = lines.find((one) => one.startsWith(start))
        if (found === undefined && !over) return
        waiting.delete(look)
        if (found !== undefined) resolve(found)
        else reject(new Error(`It ended without "${start}". It wrote:\n${lines.slice(-5).join('\n')}\n${errors.join('').slice(-2000)}`))
      }
      waiting.add(look)
      look()
    })
  const crash = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return { process: child, lines, line, crash, ended }
}
