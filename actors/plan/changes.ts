import { clockTime } from '../../src/calendar/dates.ts'
import { type Declared, declared } from './declared.ts'
import { inCodeOf, restated, type Said } from './facts.ts'
import { graphIssue, graphOf, nearest } from './graph.ts'
import { done, inOnePlan, type Outcome, refuse, refuseGraph } from './outcome.ts'
import { startsAnew } from './standing.ts'
import { hasBegun, type Instance, keyOf, type Plan, type PlannedRun, runsNamed, withRuns } from './state.ts'
import type { Decision } from './step.ts'

/** What an operator, or a program, may change while the plan is under way. `target`: a chain, or one run of it (`I/saturday`). */
export type Change =
  /** What code says of these chains. Others stay as they are: their code may only not run now. */
  | { type: 'declare'; chains: Declared }
  /** A chain with its runs, new or instead of what is there; back in the plan if it was taken out. */
  | { type: 'add'; chain: string; runs: readonly Said[] }
  /** Not in the plan any more: not waited for. What runs gets a cancel. */
  | { type: 'remove' | 'deactivate'; target: string }
  /** In the plan again, as it was. */
  | { type: 'restore'; target: string }
  /** These dependencies instead of the present ones. */
  | { type: 'link'; target: string; after: readonly string[] }
  /** Its predecessors are not waited for; with `now` its time is not either, nor that its date begins. A later `link` or `add` counts before it. */
  | { type: 'release'; target: string; now?: boolean }
  /** What has failed, was cancelled or skipped runs again, at once. */
  | { type: 'restart'; target: string }

/** The plan with the change, or why it cannot be made: then nothing of it is. */
export function changed(plan: Plan, change: Change, at: number): Outcome {
  if (change.type === 'declare') return declared(plan, change.chains, at)
  if (change.type === 'add') return added(plan, change, at)
  const named = runsNamed(plan, change.target)
  if (!named.length) return refuse('NOT_FOUND', unknownTarget(plan, change.target))
  const active = named.filter(({ inactive }) => inactive === undefined)
  if (!active.length) return refuse('NOT_ALLOWED', `${change.target} is not in the plan of ${plan.date}: ${named[0]!.inactive}`)
  switch (change.type) {
    case 'remove':
      return takenOut(plan, active, 'removed', at)
    case 'deactivate':
      return takenOut(plan, active, 'deactivated', at)
    case 'restore':
      return inOnePlan(
        withRuns(
          plan,
          active.filter(({ out }) => out).map(({ out, ...run }) => run),
        ),
      )
    case 'link':
      return linked(plan, named, change, at)
    case 'release':
      return released(plan, active, change, at)
    case 'restart':
      return restarted(plan, active, at)
  }
}

const name = ({ chain, run }: PlannedRun): string => (run === 'main' ? chain : keyOf(chain, run))

function unknownTarget(plan: Plan, target: string): string {
  const near = nearest(target, new Set(Object.values(plan.runs).flatMap((run) => [run.chain, keyOf(run.chain, run.run)])))
  return `there is no chain ${JSON.stringify(target)} in ${plan.zone}.${near === undefined ? '' : ` Is ${near} meant?`}`
}

/** What is done stays done: to take it out would only hide it. */
function takenOut(plan: Plan, runs: readonly PlannedRun[], as: 'removed' | 'deactivated', at: number): Outcome {
  const succeeded = runs.filter(({ instance }) => instance?.state === 'succeeded')
  if (succeeded.length === runs.length) {
    const { instance } = succeeded[0]!
    const when = clockTime(instance!.endedAt!, plan.zone, plan.date)
    return refuse(
      'NOT_ALLOWED',
      `${name(succeeded[0]!)} succeeded at ${when}: what is done cannot be ${as}, and those after it may have started`,
    )
  }
  const rest = runs.filter((run) => !succeeded.includes(run))
  return done(
    plan,
    rest.map((run) => outOf(run, as, at)),
    cancels(rest),
  )
}

const outOf = ({ released, ...run }: PlannedRun, as: 'removed' | 'deactivated', at: number): PlannedRun => ({
  ...run,
  out: { as, since: run.out?.since ?? at },
  instance: leaving(run.instance),
})
/** Of what leaves the plan: under way it ends by itself. */
const leaving = (instance: Instance | undefined): Instance | undefined =>
  instance?.state === 'running' || instance?.state === 'cancelling' ? { ...instance, state: 'cancelling', removed: true } : instance
/** To what leaves the plan. */
const cancels = (runs: readonly PlannedRun[]): Decision[] =>
  runs.filter(({ instance }) => instance?.state === 'running').map(({ chain, run }) => ({ do: 'cancel', key: keyOf(chain, run) }))

/**
 * A chain in other words: what runs, or has succeeded, goes on as it began, unless its calendar takes out of the plan what runs; what has failed waits
 * anew. Its other runs are removed, and stay so: code that says them once more does not bring them back.
 */
function added(plan: Plan, { chain, runs }: Extract<Change, { type: 'add' }>, at: number): Outcome {
  const said = new Set(runs.map(({ run }) => run))
  const others = runsNamed(plan, chain).filter(({ run, out, instance }) => !said.has(run) && !out && instance?.state !== 'succeeded')
  const next = runs.map((run) => byHand(plan, chain, run, at))
  const left = next.filter(({ inactive }) => inactive !== undefined).flatMap(({ run }) => plan.runs[keyOf(chain, run)] ?? [])
  return inOnePlan(withRuns(plan, [...others.map((run) => outOf(run, 'removed', at)), ...next]), cancels([...others, ...left]))
}

function byHand(plan: Plan, chain: string, { run, ...facts }: Said, at: number): PlannedRun {
  const before = plan.runs[keyOf(chain, run)]
  if (!before) return { chain, run, ...facts, rounds: 0, addedAt: at, byHand: 'added', inCode: 'none' }
  const { released, instance, ...rest } = before
  const isActive = facts.inactive === undefined
  const wasActive = before.inactive === undefined
  if (wasActive && (instance?.state === 'succeeded' || (isActive && instance?.state === 'running')))
    return { ...before, out: undefined, byHand: 'added' }
  const next = isActive ? anew(instance) : leaving(instance)
  const said = restated({ ...rest, instance: next }, facts, at)
  return { ...said, addedAt: at, linkedAt: undefined, out: undefined, byHand: 'added', inCode: inCodeOf(before, facts) }
}
/** What was skipped, failed or cancelled may start as what has not begun. */
const anew = (instance: Instance | undefined): Instance | undefined => {
  if (instance?.state === 'skipped') return undefined
  return instance?.state === 'failed' || instance?.state === 'cancelled' ? { ...instance, removed: true } : instance
}

/** They count for what has not started. */
function linked(plan: Plan, runs: readonly PlannedRun[], { target, after }: Extract<Change, { type: 'link' }>, at: number): Outcome {
  const waiting = runs.filter((run) => !hasBegun(run))
  if (!waiting.length) {
    const { state } = runs[0]!.instance!
    return refuse(
      'NOT_ALLOWED',
      state === 'skipped'
        ? `${target} was skipped: add it again, release or restart it`
        : `${target} has started (${state}): what it comes after counts for it no more`,
    )
  }
  const names = [...new Set(after)]
  // Also of one that is out of the plan, which is in no circle of it until it comes back.
  const issue = graphIssue(
    graphOf([...Object.values(plan.runs).map(({ chain }) => ({ chain, after: [] })), { chain: runs[0]!.chain, after: names }]),
  )
  if (issue) return refuseGraph(issue)
  const next = waiting.map(({ released, ...run }) => ({
    ...run,
    after: names,
    linkedAt: at,
    byHand: run.byHand ?? ('linked' as const),
    inCode: inCodeOf(run, { ...run, after: names }),
  }))
  return inOnePlan(withRuns(plan, next))
}

function released(plan: Plan, runs: readonly PlannedRun[], { target, now }: Extract<Change, { type: 'release' }>, at: number): Outcome {
  const waiting = runs.filter((run) => !run.out && (!run.instance || run.instance.state === 'skipped' || startsAnew(run)))
  if (!waiting.length) {
    const { instance, out } = runs[0]!
    return refuse('NOT_ALLOWED', `${target} is ${out?.as ?? instance!.state}: only what waits can be released`)
  }
  const since = now ? at : Math.max(at, plan.from)
  return done(
    plan,
    waiting.map((run) => ({ ...run, released: { since, ...(now ? { now } : {}) }, instance: startsAnew(run) ? run.instance : undefined })),
  )
}

function restarted(plan: Plan, runs: readonly PlannedRun[], at: number): Outcome {
  const ended = runs.filter(({ instance, out }) => !out && ['failed', 'cancelled', 'skipped'].includes(instance?.state ?? ''))
  if (!ended.length) {
    const { instance, out } = runs[0]!
    return refuse(
      'NOT_ALLOWED',
      `${name(runs[0]!)} ${out || instance ? `is ${out?.as ?? instance!.state}` : 'has not started'}: only what has failed, was cancelled or skipped can be restarted`,
    )
  }
  return done(
    plan,
    ended.map(({ instance, ...run }) => ({ ...run, released: { since: at, now: true } })),
  )
}
