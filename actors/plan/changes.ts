import { clockTime } from '../../src/calendar/dates.ts'
import { type GraphIssue, graphIssue, graphOf, inWords, nearest } from './graph.ts'
import { startsAnew } from './standing.ts'
import { keyOf, type Plan, type PlannedRun, type RunFacts, runsNamed, withRuns } from './state.ts'
import type { Decision } from './step.ts'

/** What an operator, or a program, may change while the plan is under way. `target`: a chain, or one run of it (`I/saturday`). */
export type Change =
  /** What code says of these chains. Others stay as they are: their code may only not run now. */
  | { type: 'declare'; chains: Readonly<Record<string, readonly Said[]>> }
  /** A chain with its runs, new or instead of what is there; back in the plan if it was taken out. */
  | { type: 'add'; chain: string; runs: readonly Said[] }
  /** Not in the plan any more: not waited for. What runs gets a cancel. */
  | { type: 'remove' | 'deactivate'; target: string }
  /** In the plan again, as it was. */
  | { type: 'restore'; target: string }
  /** These dependencies instead of the present ones. */
  | { type: 'link'; target: string; after: readonly string[] }
  /** Its predecessors are not waited for; with `now` its time is not either. */
  | { type: 'release'; target: string; now?: boolean }
  /** What has failed, was cancelled or skipped runs again, at once. */
  | { type: 'restart'; target: string }

export interface Refusal {
  code: 'NOT_FOUND' | 'NOT_ALLOWED' | 'VALIDATION'
  message: string
}

type Changed = { refused: Refusal } | { refused?: undefined; plan: Plan; decisions: readonly Decision[] }

/** The plan with the change, or why it cannot be made: then nothing of it is. */
export function changed(plan: Plan, change: Change, at: number): Changed {
  if (change.type === 'declare') return declared(plan, change, at)
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
      return done(
        plan,
        active.filter(({ out }) => out).map(({ out, ...run }) => run),
      )
    case 'link':
      return linked(plan, named, change, at)
    case 'release':
      return released(plan, active, change, at)
    case 'restart':
      return restarted(plan, active, at)
  }
}

const done = (plan: Plan, runs: readonly PlannedRun[] = [], decisions: readonly Decision[] = []): Changed => ({
  plan: withRuns(plan, runs),
  decisions,
})
const refuse = (code: Refusal['code'], message: string): Changed => ({ refused: { code, message } })
const refuseGraph = (issue: GraphIssue): Changed => refuse('VALIDATION', `after: ${inWords(issue, 'the plan has no such chain')}`)
const isUnderWay = ({ instance }: PlannedRun): boolean => instance?.state === 'running' || instance?.state === 'cancelling'
const name = ({ chain, run }: PlannedRun): string => (run === 'main' ? chain : keyOf(chain, run))

function unknownTarget(plan: Plan, target: string): string {
  const near = nearest(target, new Set(Object.values(plan.runs).flatMap((run) => [run.chain, keyOf(run.chain, run.run)])))
  return `there is no chain ${JSON.stringify(target)} in ${plan.zone}.${near === undefined ? '' : ` Is ${near} meant?`}`
}

/** What is done stays done: to take it out would only hide it. */
function takenOut(plan: Plan, runs: readonly PlannedRun[], as: 'removed' | 'deactivated', at: number): Changed {
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
  const out = rest.map((run): PlannedRun => {
    const instance = isUnderWay(run) ? ({ ...run.instance, state: 'cancelling', removed: true } as const) : run.instance
    return { ...run, out: { as, since: run.out?.since ?? at }, instance }
  })
  const cancelled = rest.filter(({ instance }) => instance?.state === 'running')
  return done(
    plan,
    out,
    cancelled.map(({ chain, run }) => ({ do: 'cancel', key: keyOf(chain, run) })),
  )
}

/**
 * A chain in other words. Its instances stay what they are: a run that has started is not started again by it. Its other runs are removed, and stay so:
 * code that says them once more does not bring them back.
 */
function added(plan: Plan, { chain, runs }: Extract<Change, { type: 'add' }>, at: number): Changed {
  const said = new Set(runs.map(({ run }) => run))
  const others = runsNamed(plan, chain).filter(({ run, instance }) => !said.has(run) && !instance)
  const removed = others.map((run): PlannedRun => ({ ...run, out: run.out ?? { as: 'removed', since: at } }))
  return inOnePlan(withRuns(plan, [...removed, ...runs.map((run) => byHand(plan, chain, run, at))]))
}

/**
 * What was changed by hand stays as it is, and the difference is shown. So it is with all that is in the plan if what code says makes a circle together with
 * that, or takes away what that comes after.
 */
function declared(plan: Plan, { chains }: Extract<Change, { type: 'declare' }>, at: number): Changed {
  const by = (say: typeof byCode) => Object.entries(chains).flatMap(([chain, runs]) => runs.map((run) => say(plan, chain, run, at)))
  const left = leftByCode(plan, chains)
  const change = inOnePlan(withRuns(left, by(byCode)))
  if (!change.refused) return change
  const beside = Object.values(plan.runs).filter(({ chain }) => chains[chain])
  return inOnePlan(withRuns(plan, [...beside.map(onlyHere), ...by(byCodeBeside)]))
}

/** What code says no more leaves the plan, unless it has started, or was changed by hand. */
function leftByCode(plan: Plan, chains: Extract<Change, { type: 'declare' }>['chains']): Plan {
  const runs: Record<string, PlannedRun> = {}
  for (const [key, run] of Object.entries(plan.runs)) {
    const isLeft = chains[run.chain]?.every((said) => said.run !== run.run)
    if (!isLeft || run.rounds > 0) runs[key] = run
    else if (run.inCode) runs[key] = onlyHere(run)
  }
  return { ...plan, runs }
}
const onlyHere = (run: PlannedRun): PlannedRun => ({ ...run, inCode: 'none' })

function inOnePlan(plan: Plan): Changed {
  const issue = graphIssue(graphOf(Object.values(plan.runs)))
  return issue ? refuseGraph(issue) : done(plan)
}

type Said = { readonly run: string } & RunFacts

function byHand(plan: Plan, chain: string, { run, ...facts }: Said, at: number): PlannedRun {
  const before = plan.runs[keyOf(chain, run)]
  if (!before) return { chain, run, ...facts, rounds: 0, inCode: 'none' }
  return { ...restated(before, facts, at), out: undefined, inCode: inCodeOf(before, facts) }
}

function byCode(plan: Plan, chain: string, said: Said, at: number): PlannedRun {
  const before = plan.runs[keyOf(chain, said.run)]
  const { run: _, ...facts } = said
  return !before || before.inCode ? byCodeBeside(plan, chain, said) : restated(before, facts, at)
}

function byCodeBeside(plan: Plan, chain: string, { run, ...facts }: Said): PlannedRun {
  const before = plan.runs[keyOf(chain, run)]
  return before ? { ...before, inCode: sameFacts(before, facts) ? undefined : facts } : { chain, run, ...facts, rounds: 0 }
}

/** The same run with other facts. */
function restated(
  { chain, run, out, released, linkedAt, rounds, instance, ...before }: PlannedRun,
  facts: RunFacts,
  at: number,
): PlannedRun {
  const relinked = !out && before.inactive === undefined && !sameNames(before.after, facts.after)
  return { chain, run, ...facts, out, released, linkedAt: relinked ? at : linkedAt, rounds, instance }
}

/** They count for what has not started. */
function linked(plan: Plan, runs: readonly PlannedRun[], { target, after }: Extract<Change, { type: 'link' }>, at: number): Changed {
  const waiting = runs.filter(({ instance }) => !instance || instance.removed)
  if (!waiting.length)
    return refuse('NOT_ALLOWED', `${target} has started (${runs[0]!.instance!.state}): what it comes after counts for it no more`)
  const names = [...new Set(after)]
  const next = waiting.map((run) => ({ ...run, after: names, linkedAt: at, inCode: inCodeOf(run, { ...run, after: names }) }))
  return inOnePlan(withRuns(plan, next))
}

function released(plan: Plan, runs: readonly PlannedRun[], { target, now }: Extract<Change, { type: 'release' }>, at: number): Changed {
  const waiting = runs.filter((run) => !run.out && (!run.instance || startsAnew(run)))
  if (!waiting.length) {
    const { instance, out } = runs[0]!
    return refuse('NOT_ALLOWED', `${target} is ${out?.as ?? instance!.state}: only what waits can be released`)
  }
  return done(
    plan,
    waiting.map((run) => ({ ...run, released: { since: at, ...(now ? { now } : {}) } })),
  )
}

function restarted(plan: Plan, runs: readonly PlannedRun[], at: number): Changed {
  const ended = runs.filter(({ instance, out }) => !out && ['failed', 'cancelled', 'skipped'].includes(instance?.state ?? ''))
  if (!ended.length) {
    const { instance, out } = runs[0]!
    return refuse(
      'NOT_ALLOWED',
      `${name(runs[0]!)} is ${out?.as ?? instance?.state ?? 'waiting'}: only what has failed, was cancelled or skipped can be restarted`,
    )
  }
  return done(
    plan,
    ended.map(({ instance, ...run }) => ({ ...run, released: { since: at, now: true } })),
  )
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((one) => b.includes(one))

export const factsOf = ({ after, at, withoutPredecessorsAt, missed, inactive }: RunFacts): RunFacts => ({
  after,
  at,
  withoutPredecessorsAt,
  missed,
  inactive,
})
const sameFacts = (a: RunFacts, b: RunFacts): boolean =>
  sameNames(a.after, b.after) &&
  a.at === b.at &&
  a.withoutPredecessorsAt === b.withoutPredecessorsAt &&
  a.missed === b.missed &&
  a.inactive === b.inactive

/** What code says, as long as that is something else. */
function inCodeOf(before: PlannedRun, now: RunFacts): PlannedRun['inCode'] {
  const code = before.inCode ?? factsOf(before)
  return code !== 'none' && sameFacts(code, now) ? undefined : code
}
