import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface HostProcess {
  readonly pid: number
  /** Unique name of this incarnation: it is what records of owners hold. */
  readonly name: string
  signal(signal: NodeJS.Signals): void
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; answers its exit code. */
  stop(): Promise<number | null>
  readonly alive: boolean
}

export interface HostSettings {
  nats?: string
  mongo?: string
  namespace?: string
  /** In place of servers. */
  folder?: string
  log: string
  slots: number
  /** Names of the jobs that it has handlers for, with commas; '-' for none. Default: all. */
  jobs?: string
  /** Submitted once it is ready: JSON of `[id, input of work]`. */
  submit?: string
  /** JSON of TimedChain[]. */
  chains?: string
  /** What SIGTERM gives its handlers. */
  grace?: string
}

export interface Hosts {
  /** Resolves when it is ready. */
  start(settings?: Partial<HostSettings>): Promise<HostProcess>
  /** As a supervisor does: one that ends before it is ready, since a server is away, is started again. */
  supervise(): Promise<HostProcess | undefined>
  readonly alive: readonly HostProcess[]
  /** What they had to say on stderr: for the report of a failure. */
  readonly said: readonly string[]
  end(): Promise<void>
}

/** From source; see `built` for many of them. */
export const hostProgram = fileURLToPath(new URL('./host-process.ts', import.meta.url))

/** Host processes of one spec; none of them outlives it. */
export function hostProcesses(settings: HostSettings, program = hostProgram): Hosts {
  const loader = program.endsWith('.ts') ? ['--import', 'tsx'] : []
  const children = new Set<ChildProcess>()
  const hosts = new Map<number, HostProcess>()
  const said: string[] = []
  let count = 0
  let ended = false

  async function start(more: Partial<HostSettings> = {}): Promise<HostProcess> {
    const short = `h${++count}`
    const child = spawn(process.execPath, [...loader, program, '--name', short, ...argumentsOf({ ...settings, ...more })])
    children.add(child)
    const exited = once(child, 'exit').then(([code]) => {
      children.delete(child)
      hosts.delete(child.pid!)
      return code as number | null
    })
    createInterface(child.stderr).on('line', (line) => said.push(`${short} ${child.pid}: ${line}`))
    const endedEarly = once(child, 'close').then(([code]) => {
      const lines = said.filter((line) => line.startsWith(`${short} `))
      throw new Error([`${short} ended: ${code}`, ...lines].join('\n'))
    })
    const name = await Promise.race([readyName(child), endedEarly])
    const host: HostProcess = {
      pid: child.pid!,
      name,
      signal: (signal) => void child.kill(signal),
      async kill() {
        child.kill('SIGKILL')
        await exited
      },
      stop() {
        child.kill('SIGTERM')
        return exited
      },
      get alive() {
        return hosts.has(child.pid!)
      },
    }
    hosts.set(host.pid, host)
    return host
  }

  async function supervise(): Promise<HostProcess | undefined> {
    while (!ended) {
      try {
        return await start()
      } catch {
        await sleep(500)
      }
    }
    return undefined
  }

  return {
    start,
    supervise,
    get alive() {
      return [...hosts.values()]
    },
    said,
    async end() {
      ended = true
      const gone = [...children].map((child) => once(child, 'exit'))
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(gone)
    },
  }
}

const argumentsOf = (settings: HostSettings) => Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)])

function readyName(child: ChildProcess): Promise<string> {
  return new Promise((done) => {
    createInterface(child.stdout!).on('line', (line) => {
      if (line.startsWith('ready ')) done(line.slice('ready '.length))
    })
  })
}
