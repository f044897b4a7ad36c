import type { JobContext } from '../../actors/job.ts'
import type { ActorDocument, HistoryEntry } from '../../src/document.ts'

/** What handlers did, seen from outside: one entry for each start and each end. */
export interface Effect {
  job: string
  run: number
  attempt: number
  what: 'start' | 'end'
  where: string
}

type Claim = { dispatch: number; worker: string }

/**
 * Holds the effect log against the stored histories: each start is a granted run, no run starts twice, and a further run exists only
 * if the one before failed, was recorded as lost first, or gave itself back. Answers what is wrong; empty if nothing is.
 */
export function startsNotAllowed(effects: readonly Effect[], docs: readonly { doc: ActorDocument; history: HistoryEntry[] }[]): string[] {
  const wrong: string[] = []
  const starts = new Map<string, number>()
  for (const { job, run, what } of effects) if (what === 'start') starts.set(`${job} ${run}`, (starts.get(`${job} ${run}`) ?? 0) + 1)
  for (const [run, count] of starts) if (count > 1) wrong.push(`${run} started ${count} times`)

  const granted = new Set<string>()
  for (const { doc, history } of docs) {
    if (doc.type !== 'job') continue
    const id = doc._id.slice('job:'.length)
    let open: Claim | undefined
    for (const { event, superseded } of history) {
      const { dispatch, worker } = event as unknown as Claim
      if (event.type === 'claim') {
        if (open && open.dispatch !== dispatch) wrong.push(`${id}: run ${dispatch} was granted while run ${open.dispatch} was open`)
        granted.add(`${id} ${dispatch}`)
        open = { dispatch, worker }
      } else if ((event.type === 'result' && !superseded) || event.type === 'lost') {
        if (open?.dispatch === dispatch && open.worker === worker) open = undefined
      }
    }
    const { endedAs } = doc.snapshot.context as JobContext
    if (endedAs === 'succeeded' && open) wrong.push(`${id} succeeded with run ${open.dispatch} open`)
  }
  for (const run of starts.keys()) if (!granted.has(run)) wrong.push(`${run} started without a grant`)
  return wrong
}
