import type { JobError } from '../../actors/job.ts'
import type { HistoryEntry } from '../document.ts'

/** A run of a job that did not succeed: it threw, or was lost. */
export interface Attempt {
  /** `ctx.run`: unique for every start. */
  run: number
  worker?: string
  /** ms since 1970. */
  startedAt?: number
  endedAt: number
  error: JobError
}

/** All of them, oldest first, of all rounds: an operator's retry or redrive begins another. */
export function attemptsOf(history: readonly HistoryEntry[]): Attempt[] {
  const starts = new Map<number, { worker: string; startedAt: number }>()
  const attempts: Attempt[] = []
  for (const { event, at, state, superseded } of history) {
    const { type, dispatch: run, worker } = event as { type: string; dispatch: number; worker: string }
    if (type === 'claim' && state === 'running') starts.set(run, { worker, startedAt: at })
    const error = superseded ? undefined : errorIn(event as Ending)
    if (error) attempts.push({ run, ...starts.get(run), endedAt: at, error })
  }
  return attempts
}

type Ending = { type: string; outcome?: string; error?: JobError; worker?: string; dispatch?: number }

function errorIn({ type, outcome, error, worker, dispatch }: Ending): JobError | undefined {
  if (type === 'result') return outcome === 'fail' ? error : undefined
  if (type !== 'lost') return undefined
  return { name: 'LostError', code: 'LOST', message: `worker ${worker} did not renew its lease on run ${dispatch}` }
}
