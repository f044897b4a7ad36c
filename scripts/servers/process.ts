import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { until } from './ports.ts'
import { guard } from './watchdog.ts'

export interface Launch {
  name: string
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
  /** Where its output is appended: the end of it is in the error when it does not start. */
  log: string
  /** Whether it answers. */
  ready(): boolean | Promise<boolean>
  /** Asks it to end; default SIGTERM. */
  stopSignal?: NodeJS.Signals
}

/**
 * A server process of ours: started again the same way, ended at the latest with this process (watchdog).
 * It does not keep this process running: whoever needs it to stay up, stays up.
 */
export class ServerProcess {
  #launch: Launch
  #child: ChildProcess | undefined
  #exited: Promise<unknown> = Promise.resolve()

  private constructor(launch: Launch) {
    this.#launch = launch
  }

  static async start(launch: Launch): Promise<ServerProcess> {
    const server = new ServerProcess(launch)
    await server.start()
    return server
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    if (this.#child) return
    const { name, command, args, env, log, ready, stopSignal = 'SIGTERM' } = this.#launch
    const output = openSync(log, 'a')
    // detached: a Ctrl-C in the terminal is for us; we stop our servers in our own order
    const child = spawn(command, args, { env: env ?? process.env, stdio: ['ignore', output, output], detached: true })
    closeSync(output)
    child.unref()
    let failure: Error | undefined
    child.once('error', (error) => {
      failure = error
      this.#child = undefined
    })
    await (child.pid ? undefined : once(child, 'error').catch(() => {}))
    if (!child.pid) throw new Error(`${name} could not be started: ${failure?.message ?? command}`)
    this.#child = child
    const release = guard(`end ${stopSignal.slice(3)} ${child.pid}`)
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        release()
        this.#child = undefined
        resolve(undefined)
      })
    })
    try {
      await until(`${name} at start`, ready, () => {
        if (!this.#child) throw new Error(`${name} ended at start`)
      })
    } catch (error) {
      await this.stop('SIGKILL')
      const said = readFileSync(log, 'utf8').trim().split('\n').slice(-20).join('\n')
      throw new Error(`${(error as Error).message}. The end of its log:\n${said}`)
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Sends the signal and waits for the end; after ten seconds it is not asked any more. */
  async stop(signal: NodeJS.Signals = this.#launch.stopSignal ?? 'SIGTERM'): Promise<void> {
    this.signal(signal)
    this.signal('SIGCONT')
    const insist = setTimeout(() => this.signal('SIGKILL'), 10_000)
    await this.#exited
    clearTimeout(insist)
  }

  kill(): Promise<void> {
    return this.stop('SIGKILL')
  }
}
