import { afterStill, type Plan, type PlannedRun, type RunKey, runsByChain, runsOfAll } from './state.ts'

/** How a run stands at an instant: what the rules C1 to C11 say of it, and nothing that is not in the plan. */
export interface Standing {
  /**
   * - `inactive`, `removed`, `deactivated`: not in the plan
   * - `no-time`: no predecessor is left, and it has no time of its own: it stays out until it is released
   * - `waiting`: for predecessors (`waitsFor`), or for its time (`startAt`)
   * - `due`: it must start now
   * - `missed`: its time has passed, and it says `missed: 'skip'`
   * - else as its instance
   */
  readonly state:
    | 'inactive'
    | 'removed'
    | 'deactivated'
    | 'no-time'
    | 'waiting'
    | 'due'
    | 'missed'
    | 'running'
    | 'cancelling'
    | 'succeeded'
    | 'failed'
    | 'cancelled'
    | 'skipped'
  /** It is in the plan: those after it that have not started wait until it has succeeded. */
  readonly counts: boolean
  /** When it ended, or left the plan; 0: it was never in it. */
  readonly since: number
  /** The predecessors that have not succeeded. */
  readonly waitsFor: readonly RunKey[]
  /** When it starts, or should have, if nothing changes. */
  readonly startAt?: number
  /** `startAt`, or the `since` of what stays out, is a time of its own, or of a predecessor that was skipped; else it is when what it waited for came true. */
  readonly timed?: true
}

/** A start that is late by no more than this is in time: somebody has to take over from a host that died. */
export const inTime = 60_000

type Standings = ReadonlyMap<RunKey, Standing>
/** What is due, when the next is, and whether all is over are asked of the same plan at the same time. */
const latest = new WeakMap<Plan, { at: number; all: Standings }>()

/** How all runs stand; each comes behind those that it is after. */
export function standings(plan: Plan, at: number): Standings {
  const known = latest.get(plan)
  if (known?.at === at) return known.all
  const all = allStandings(plan, at)
  latest.set(plan, { at, all })
  return all
}

/** Without recursion: a row of chains may be long. */
function allStandings(plan: Plan, at: number): Standings {
  const known = new Map<RunKey, Standing>()
  const runsOf = runsByChain(plan)
  const before = (run: PlannedRun) => runsOfAll(runsOf, afterStill(run))
  const count = Object.keys(plan.runs).length
  for (const [key, run] of Object.entries(plan.runs)) {
    if (known.has(key)) continue
    const path = [{ key, run, before: before(run), next: 0 }]
    while (path.length) {
      if (path.length > count) throw new Error('the chains of this plan form a circle')
      const here = path.at(-1)!
      while (here.next < here.before.length && known.has(here.before[here.next]!.key)) here.next++
      const first = here.before[here.next]
      if (first) path.push({ ...first, before: before(first.run), next: 0 })
      else {
        const before = here.before.map((one) => ({ key: one.key, standing: known.get(one.key)! }))
        known.set(here.key, standingOf(plan, here.run, at, before))
        path.pop()
      }
    }
  }
  return known
}

interface Predecessor {
  key: RunKey
  standing: Standing
}

const none: readonly RunKey[] = []
const notIn = (state: Standing['state'], since: number, timed?: boolean): Standing => ({
  ...{ state, counts: false, since, waitsFor: none },
  ...(timed && { timed }),
})

function standingOf({ from }: Plan, run: PlannedRun, at: number, predecessors: readonly Predecessor[]): Standing {
  const { inactive, changedAt = 0, out, instance } = run
  if (inactive !== undefined) return notIn('inactive', changedAt)
  if (out) return notIn(out.as, out.since)
  if (instance && !startsAnew(run)) return begun(run, instance)

  const released = releasedStart(run)
  if (released) return starting(run, at, released)
  const left = predecessors.filter(({ standing }) => standing.counts)
  const waitsFor = left.filter(({ standing }) => standing.state !== 'succeeded').map(({ key }) => key)
  // Changes count from when they were made: what they allow is not late. Nor does it start before its date.
  const { addedAt = 0, linkedAt = 0 } = run
  const counting = predecessors.filter(({ standing: { counts, since } }) => counts || since > addedAt)
  const allowed = Math.max(from, linkedAt, ...counting.map(({ standing }) => standing.since))
  // Nobody was up at the time of who was skipped, nor then for those that it let go.
  const byTime = predecessors.some(({ standing }) => !standing.counts && standing.timed && standing.since === allowed)
  if (waitsFor.length) return { state: 'waiting', counts: true, since: 0, waitsFor }
  const time = left.length ? run.at : (run.withoutPredecessorsAt ?? run.at)
  if (!left.length && time === undefined) {
    const since = Math.max(allowed, changedAt)
    return notIn('no-time', since, byTime && since === allowed)
  }
  return starting(run, at, { time, allowed, byTime })
}

/** It was cancelled because it was taken out of the plan, and is in it again. */
export const startsAnew = ({ instance, out, inactive }: PlannedRun): boolean =>
  !out && inactive === undefined && instance?.removed === true && (instance.state === 'cancelled' || instance.state === 'failed')

function begun(run: PlannedRun, { state, endedAt = 0, late = 0 }: NonNullable<PlannedRun['instance']>): Standing {
  return state === 'skipped' ? skipped(run, state, endedAt - late) : { state, counts: true, since: endedAt, waitsFor: none }
}
/** It is not run on this date. Nobody waits for it, from its own time on, for which nobody was up; or since it was given a time that had passed. */
function skipped({ changedAt = 0, addedAt = 0 }: PlannedRun, state: 'skipped' | 'missed', time: number): Standing {
  const since = Math.max(time, changedAt, addedAt)
  return notIn(state, since, since === time)
}

interface Start {
  /** A time of its own. */
  time?: number
  /** When everything else was as it must be. */
  allowed: number
  /** That was the time of one that was skipped. */
  byTime?: boolean
}

const releasedStart = ({ released, at }: PlannedRun): Start | undefined =>
  released && { time: released.now ? undefined : at, allowed: released.since }

function starting(run: PlannedRun, at: number, { time = 0, allowed, byTime }: Start): Standing {
  const startAt = Math.max(time, allowed)
  const start = {
    counts: true,
    since: 0,
    waitsFor: none,
    startAt,
    ...((startAt === time && time > 0) || byTime ? { timed: true as const } : {}),
  }
  if (startAt > at) return { state: 'waiting', ...start }
  if (start.timed && run.missed === 'skip' && run.rounds === 0 && at - startAt > inTime)
    return { ...skipped(run, 'missed', startAt), startAt }
  return { state: 'due', ...start }
}
