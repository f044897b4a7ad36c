import { guarded } from '../guarded.ts'

export interface Deferred {
  (job: () => void): void
  /** No delivery is under way. */
  readonly idle: boolean
}

/**
 * Runs jobs later, in the order in which they were given, and lets I/O pass between two rounds: a bus inside one process must neither
 * call back while its caller is still speaking nor keep the event loop to itself.
 */
export function deferred(): Deferred {
  let waiting: (() => void)[] = []
  const round = () => {
    const jobs = waiting
    waiting = []
    for (const job of jobs) guarded(job)
  }
  const defer = (job: () => void) => {
    if (waiting.push(job) === 1) setImmediate(round)
  }
  return Object.defineProperty(defer, 'idle', { get: () => waiting.length === 0 }) as Deferred
}
