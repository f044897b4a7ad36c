/** A server that specs, demo and bench talk to, whoever runs it. */
export interface RunningServer {
  readonly url: string
  /** False if it was only found (`NATS_URL`, `MONGODB_URL`): then it can be used, not killed or restarted. */
  readonly owned: boolean
  /** What it is, for reports: 'nats-server 2.15.2', 'FerretDB 2.7.0 on PostgreSQL 18'. */
  readonly how: string
  /** Of the process that answers at `url`; another one after `restart()`. */
  readonly pid?: number
  /** SIGKILL, as a crash would: no goodbye, no flush. Resolves when it is gone. */
  kill(): Promise<void>
  /** Same port, same data; stops it first if it still runs. Resolves when it answers. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open and nobody answers. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** Ends it and removes its data, unless the caller gave the folder. Twice is once. */
  stop(): Promise<void>
}

export interface StartOptions {
  /** Default: a free one. */
  port?: number | undefined
  /** Where the data lives and stays. Default: a temporary folder that goes with the server. */
  dir?: string | undefined
}

/** Somebody else's server. */
export function borrowed(url: string, variable: string): RunningServer {
  const refuse = (verb: string): never => {
    throw new Error(`cannot ${verb} the server named by ${variable}: it was not started here`)
  }
  return {
    url,
    owned: false,
    how: `as named by ${variable}`,
    kill: async () => refuse('kill'),
    restart: async () => refuse('restart'),
    pause: () => refuse('pause'),
    resume: () => refuse('resume'),
    stop: async () => {},
  }
}
