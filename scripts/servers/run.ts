import { execFile, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { guard } from './watchdog.ts'

export interface RunOptions {
  cwd?: string
  /** Added to the environment; undefined takes away. */
  env?: Record<string, string | undefined>
  /** It is worse to stop it half-way than to let it end by itself when this process is gone. */
  outlives?: boolean
}

/**
 * Runs a command to its end and answers what it printed; what it said is in the error if it fails. It does
 * not outlive this process unless told so: a build nobody waits for would only be in the way.
 */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<string> {
  const env = { ...process.env, ...options.env }
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { cwd: options.cwd, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      release?.()
      if (!error) return resolve(stdout)
      const said = `${stderr}\n${stdout}`.trim().split('\n').slice(-15).join('\n')
      reject(new Error(`${command} ${args.join(' ')} failed: ${said || error.message}`, { cause: error }))
    })
    const release = child.pid && !options.outlives ? guard(`end TERM ${child.pid}`) : undefined
  })
}

/** The file that a command name means, if there is one on PATH. */
export async function which(name: string): Promise<string | undefined> {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(dir || '.', name)
    try {
      await access(path, constants.X_OK)
      return path
    } catch {}
  }
  return undefined
}

/** Whether a command runs and exits 0 within five seconds. */
export function works(command: string, args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'ignore', timeout: 5000 })
    child.on('error', () => resolve(false))
    child.on('exit', (code) => resolve(code === 0))
  })
}

/** Says on stderr what takes long, and how long it took. */
export async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`
  console.error(`servers: ${what} ...`)
  try {
    const result = await work()
    console.error(`servers: ${what}: ${seconds()}`)
    return result
  } catch (error) {
    console.error(`servers: ${what}: failed after ${seconds()}`)
    throw error
  }
}

export const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))
