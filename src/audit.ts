import type { Terms } from '../actors/job.ts'
import type { HistoryEntry } from './document.ts'
import type { ActorEvent } from './envelope.ts'

/**
 * What a history proves: that runs were granted as they may be, and that what has ended stayed so. It knows nothing of the machines, and judges what they
 * did by the rules that are promised: a further run exists only if the one before failed, was recorded as lost first, gave itself back, was suspended, or
 * an operator asked for it; and never more often than there are attempts.
 */
export interface Judged {
  /** Runs, each with the number of its attempt. */
  granted: ReadonlyMap<number, number>
  /** What should not be. */
  wrong: string[]
}

export function judge(type: string, history: readonly HistoryEntry[]): Judged {
  const runs = type === 'job' ? runsIn(history) : { granted: new Map<number, number>(), wrong: [] }
  return { granted: runs.granted, wrong: [...runs.wrong, ...endsIn(type, history)] }
}

const finals: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'aborted'])
/** With these what has ended goes on: an operator says so, or a restart of what it belongs to. Nothing else does, and what has succeeded never goes on. */
const goesOnBy: Record<string, ReadonlySet<string>> = {
  job: new Set(['retry', 'redrive', 'again']),
  group: new Set(['retry']),
  chain: new Set(['start', 'restart']),
}
/** Losses in a row that use no attempt, if nothing was seen to begin (docs/work.md). */
const freeLosses = 3

/** One final state, unless an operator or a restart had it go on. */
function endsIn(type: string, history: readonly HistoryEntry[]): string[] {
  const goesOn = goesOnBy[type]
  if (!goesOn) return []
  const wrong: string[] = []
  let final: string | undefined
  for (const { event, state } of history) {
    if (state === undefined) continue
    if (final && state !== final && (final === 'succeeded' || !goesOn.has(event.type)))
      wrong.push(`it was ${final}, and is ${state} by ${event.type}`)
    final = finals.has(state) ? state : undefined
  }
  return wrong
}

type Run = { dispatch: number; worker: string }
type Result = ActorEvent & Run & { outcome: 'ok' | 'fail' | 'back' | 'unbegun' | 'suspend'; terminal?: boolean }

/** What one job has granted, with the number of each attempt, and which of that it should not have. */
function runsIn(history: readonly HistoryEntry[]): Judged {
  const wrong: string[] = []
  const granted = new Map<number, number>()
  let terms: Pick<Terms, 'attempts' | 'onLost'> | undefined
  /** Granted last, and its result has not counted; `lapsed`: its loss did. */
  let run: (Run & { lapsed?: true }) | undefined
  /** When it has ended at the latest, if it has a deadline: a handler that does not react is left behind then. */
  let latest = Number.POSITIVE_INFINITY
  /** Why no other run may be granted. */
  let barred: string | undefined
  let used = 0
  let unbegun = 0
  const isRun = (other: Run) => run?.dispatch === other.dispatch && run.worker === other.worker
  const useAttempt = () => {
    used++
    unbegun = 0
  }

  function grant({ dispatch, worker }: Run): void {
    // Said again to the worker that has it.
    if (run && !run.lapsed && isRun({ dispatch, worker })) return
    if (run && !run.lapsed) wrong.push(`run ${dispatch} was granted while run ${run.dispatch} was open`)
    if (barred) wrong.push(`run ${dispatch} was granted, and it ${barred}`)
    if (terms && used >= terms.attempts) wrong.push(`run ${dispatch} was granted, and its ${terms.attempts} attempts were used`)
    if (dispatch <= Math.max(...granted.keys())) wrong.push(`run ${dispatch} was granted again`)
    granted.set(dispatch, used + 1)
    run = { dispatch, worker }
  }
  function settle(result: Result): void {
    const { dispatch, outcome } = result
    if (!run || !isRun(result)) return void wrong.push(`the result of run ${dispatch} counted, and it was not the current one`)
    const { lapsed } = run
    run = undefined
    if (barred === 'was held') barred = undefined
    else if (lapsed && outcome === 'fail') return
    if (outcome === 'ok') barred = 'had succeeded'
    else if (outcome === 'suspend') unbegun = 0
    else if (outcome === 'fail') useAttempt()
    if (outcome === 'fail' && result.terminal) barred ??= 'had failed for good'
  }
  function lose({ begun, ...lost }: Run & { begun: boolean }): void {
    if (!run || run.lapsed || !isRun(lost)) return
    run.lapsed = true
    if (terms?.onLost === 'hold') barred ??= 'was held'
    else if (terms?.onLost === 'abort') barred ??= 'was aborted'
    else if (begun) useAttempt()
    else if (unbegun < freeLosses) unbegun++
    else used++
  }

  for (const { at, event, state, superseded, threw } of history) {
    // It changed nothing.
    if (superseded || threw !== undefined) continue
    const ended = state !== undefined && finals.has(state)
    if (event.type === 'submit' && !terms) {
      terms = event.terms as Terms
      latest = (event.overdueAt as number | undefined) ?? at + ((event.terms as Terms).deadline ?? Number.POSITIVE_INFINITY)
    } else if (event.type === 'claim') grant(event as never)
    else if (event.type === 'result') settle(event as never)
    else if (event.type === 'lost') lose(event as never)
    else if (event.type === 'cancel') barred ??= 'was cancelled'
    else if (event.type === 'done') barred = 'had succeeded'
    else if (goesOnBy.job!.has(event.type) && !ended && barred !== 'had succeeded') {
      // A lost run of what is held stays the current one until there is another.
      if (barred !== 'was held') run = undefined
      latest = Number.POSITIVE_INFINITY
      barred = undefined
      used = 0
      unbegun = 0
    }
    if (!ended) continue
    if (run && !run.lapsed && at < latest) wrong.push(`it is ${state} with run ${run.dispatch} open`)
    run = undefined
    barred = state === 'succeeded' ? 'had succeeded' : (barred ?? `was ${state}`)
  }
  return { granted, wrong }
}
