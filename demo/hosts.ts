import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface HostProcess {
  readonly name: string
  readonly pid: number
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

export interface HostSettings {
  nats: string
  mongo: string
  namespace: string
  folder: string
  pace: number
  slots: number
}

export interface HostProcesses {
  start(name: string): Promise<HostProcess>
  /** In order, or at once with SIGKILL. Resolves when all are gone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

const program = fileURLToPath(new URL('host.ts', import.meta.url))

/** Hosts of the cluster. They end with this process, however it ends: each reads a pipe that closes with it. */
export function hostProcesses(settings: HostSettings, say: (line: string) => void): HostProcesses {
  const children = new Set<ChildProcess>()

  async function start(name: string): Promise<HostProcess> {
    const flags = Object.entries({ ...settings, name }).flatMap(([flag, value]) => [`--${flag}`, String(value)])
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...flags], { cwd: fileURLToPath(new URL('..', import.meta.url)) })
    children.add(child)
    const gone = once(child, 'exit').then(() => void children.delete(child))
    createInterface(child.stderr).on('line', (line) => say(`${name}: ${line}`))
    const ready = once(createInterface(child.stdout), 'line')
    await Promise.race([ready, gone.then(() => Promise.reject(new Error(`host ${name} ended before it was ready`)))])
    return {
      name,
      pid: child.pid!,
      kill() {
        child.kill('SIGKILL')
        return gone
      },
    }
  }

  return {
    start,
    async end(signal) {
      const gone = [...children].map((child) => once(child, 'exit'))
      for (const child of children) child.kill(signal)
      await Promise.all(gone)
    },
  }
}
