import type { ServerProcess } from './process.ts'
import type { RunningServer } from './server.ts'

/** A process of ours as a running server. `stop` ends and removes whatever else belongs to it. */
export function owned(process: ServerProcess, url: string, how: string, stop: () => Promise<void>): RunningServer {
  return {
    url,
    how,
    owned: true,
    get pid() {
      return process.pid
    },
    kill: () => process.kill(),
    restart: async () => {
      await process.stop('SIGTERM')
      await process.start()
    },
    pause: () => process.signal('SIGSTOP'),
    resume: () => process.signal('SIGCONT'),
    stop,
  }
}
