import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** For ten minutes at most, should nobody end them. */
const program = 'const end = Date.now() + 600_000; while (Date.now() < end);'

/** A process for each core that does nothing but compute, until it is disposed of. */
export function busyMachine(): Disposable {
  const processes = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, ['-e', program], { stdio: 'ignore' }))
  return {
    [Symbol.dispose]() {
      for (const one of processes) one.kill('SIGKILL')
    },
  }
}
