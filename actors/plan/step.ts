import { type Change, changed } from './changes.ts'
import type { Refusal } from './outcome.ts'
import { inTime, standings } from './standing.ts'
import { type Ending, isUntold, type Plan, type PlannedRun, type RunKey, withRuns } from './state.ts'

/** What may happen to a plan. */
export type PlanEvent =
  | Change
  /** The instance of a run has ended. `round`: of its start. */
  | { type: 'ended'; key: RunKey; round: number; state: Ending; error?: string; taken?: true }
  /** Time has passed. */
  | { type: 'time' }

/** What must follow. */
export type Decision =
  /** Create the instance, or let it go on where it failed (`round` is 2 or more). `late` (ms): its own time was missed by so much. */
  | { do: 'start'; key: RunKey; round: number; late?: number }
  /** Its time was missed, and it says `skip`: to be reported. */
  | { do: 'skip'; key: RunKey; late: number }
  /** It runs, and was taken out of the plan. */
  | { do: 'cancel'; key: RunKey }

export interface Step {
  plan: Plan
  decisions: readonly Decision[]
  /** The event is not possible; nothing has changed. */
  refused?: Refusal
}

/** The plan after an event, and what follows from it: pure, and the same whoever asks and however often. */
export function step(plan: Plan, event: PlanEvent, at: number): Step {
  if (event.type === 'time') return settle(plan, at, [])
  if (event.type === 'ended') return settle(ended(plan, event, at), at, [])
  const change = changed(plan, event, at)
  return change.refused ? { plan, decisions: [], refused: change.refused } : settle(change.plan, at, change.decisions)
}

/** Only the latest start can end, and only once. */
function ended(plan: Plan, { key, round, state, error, taken }: Extract<PlanEvent, { type: 'ended' }>, at: number): Plan {
  const run = plan.runs[key]
  const running = run?.instance?.state === 'running' || run?.instance?.state === 'cancelling'
  if (!run || !running || run.rounds !== round) return plan
  return withRuns(plan, [{ ...run, instance: { ...run.instance, state, endedAt: at, ...(error && { error }), ...(taken && { taken }) } }])
}

/** What starts in one step: all of it is in the outbox of one document. The rest is in the next, at once (see nextAt). */
export const mostAtOnce = 200

/** Everything that is due starts, once. */
function settle(plan: Plan, at: number, before: readonly Decision[]): Step {
  const decisions = [...before]
  const runs: PlannedRun[] = []
  for (const [key, { state, startAt, timed }] of standings(plan, at)) {
    const run = plan.runs[key]!
    if ((state !== 'due' && state !== 'missed') || isUntold(plan, run, startAt!)) continue
    if (runs.length === mostAtOnce) break
    const late = at - startAt!
    if (state === 'missed') {
      runs.push({ ...run, instance: { state: 'skipped', endedAt: at, late } })
      decisions.push({ do: 'skip', key, late })
    } else {
      const { released, ...rest } = run
      const round = run.rounds + 1
      const missed = timed && late > inTime && round === 1 ? { late } : {}
      runs.push({ ...rest, rounds: round, instance: { state: 'running', startedAt: at, ...missed } })
      decisions.push({ do: 'start', key, round, ...missed })
    }
  }
  return { plan: withRuns(plan, runs), decisions }
}

/** When the plan must be looked at again: the next start that only waits for its time; `at`: there is more to start now. */
export function nextAt(plan: Plan, at: number): number | undefined {
  let next: number | undefined
  const sooner = (time: number) => (next = Math.min(next ?? Number.POSITIVE_INFINITY, time))
  for (const [key, { state, startAt }] of standings(plan, at)) {
    if (startAt === undefined) continue
    if (!isUntold(plan, plan.runs[key]!, startAt)) sooner(state === 'waiting' ? startAt : at)
    else if (at < plan.from) sooner(plan.from)
  }
  return next
}

/** Every run that was in the plan has ended for good, or never will start by itself. */
export const isOver = (plan: Plan, at: number): boolean =>
  [...standings(plan, at)].every(
    ([key, { state }]) =>
      !['waiting', 'due', 'running', 'cancelling', 'failed', 'cancelled'].includes(state) &&
      plan.runs[key]!.instance?.state !== 'cancelling',
  )
