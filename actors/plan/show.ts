import type { Address } from '../../src/address.ts'
import { clockTime } from '../../src/calendar/dates.ts'
import type { Condition } from '../actor.ts'
import { factsOf } from './facts.ts'
import { inTime, type Standing, standings, startsAnew } from './standing.ts'
import { instanceId, isUntold, keyOf, type Plan, type PlannedRun, type RunFacts, type RunKey, runsByChain, runsOfAll } from './state.ts'

/** A run of a chain in the plan of a date: as data, and in words. */
export interface PlanRow {
  chain: string
  run: string
  /** Of its instance, whether it is there yet or not. */
  id: string
  state: Standing['state']
  /** In the plan: those after it wait for it. */
  inPlan: boolean
  after: readonly { chain: string; run: string; state: Standing['state']; waitedFor: boolean }[]
  /** When it will start if nothing changes. Absent: it waits for others, or will not. */
  startAt?: number
  startedAt?: number
  endedAt?: number
  /** By so much its own time had passed when it was started, or skipped, ms. */
  late?: number
  /** Each unmet condition; empty if it does not wait. */
  why: readonly Condition[]
  /** The same, and what has become of it, in one line. */
  words: string
  /** Where it differs from its definition in code. */
  differs: readonly string[]
}

/** All runs that are known in the plan's zone, in the order of their definitions. */
export function show(plan: Plan, at: number): PlanRow[] {
  const all = standings(plan, at)
  const runsOf = runsByChain(plan)
  const stuck = new Set<RunKey>()
  // Those before come before those after: what is behind a stuck one is stuck.
  for (const [key, { state, waitsFor }] of all)
    if (state === 'failed' || state === 'cancelled' || waitsFor.some((on) => stuck.has(on))) stuck.add(key)
  return Object.entries(plan.runs).map(([key, run]) => {
    const before = runsOfAll(runsOf, run.after).map((one) => one.run)
    const here: Here = { at, plan, all, stuck, run, standing: all.get(key)!, before }
    const { state, counts, startAt } = here.standing
    // Of one that starts anew what was is over.
    const instance = startsAnew(run) ? undefined : run.instance
    const why = whyOf(here)
    return {
      chain: run.chain,
      run: run.run,
      id: instanceId(plan, run),
      state,
      inPlan: counts,
      after: here.before.map((other) => ({
        chain: other.chain,
        run: other.run,
        state: standingOf(here, other).state,
        waitedFor: here.standing.waitsFor.includes(keyOf(other.chain, other.run)),
      })),
      startAt: state === 'waiting' ? startAt : undefined,
      startedAt: instance?.startedAt,
      endedAt: instance?.endedAt,
      late: instance?.late,
      why,
      words: why.length ? why.map(({ message }) => message).join('; ') : became(here),
      differs: differences(here),
    }
  })
}

interface Here {
  at: number
  plan: Plan
  all: ReadonlyMap<RunKey, Standing>
  stuck: ReadonlySet<RunKey>
  run: PlannedRun
  standing: Standing
  before: readonly PlannedRun[]
}

const standingOf = ({ all }: Here, { chain, run }: PlannedRun): Standing => all.get(keyOf(chain, run))!
const nameOf = ({ chain, run }: PlannedRun): string => (run === 'main' ? chain : keyOf(chain, run))
const instanceOf = ({ plan }: Here, run: PlannedRun): Address => `chain:${instanceId(plan, run)}`
const clock = ({ plan }: Here, at: number): string => clockTime(at, plan.zone, plan.date)

function whyOf(here: Here): Condition[] {
  const { plan, run, standing } = here
  const cancelling = run.instance?.state === 'cancelling' ? '; its run was told to cancel' : ''
  switch (standing.state) {
    case 'inactive':
      return [{ code: 'NOT_ACTIVE', message: `not in the plan of ${plan.date}: ${run.inactive}${cancelling}` }]
    case 'removed':
    case 'deactivated':
      return [{ code: standing.state.toUpperCase(), message: `${standing.state} at ${clock(here, run.out!.since)}${cancelling}` }]
    case 'no-time':
      return [
        {
          code: 'NO_TIME',
          message: `no predecessor and no time of its own: it stays out until it is released${leftOut(here)}`,
          stuck: true,
        },
      ]
    case 'waiting':
      return standing.waitsFor.length ? [...standing.waitsFor.map((on) => whyAfter(here, on)), ...notBefore(here)] : [startTime(here)]
    case 'due':
      return isUntold(plan, run, standing.startAt!) ? [{ ...untold, ...(here.at - plan.from > inTime && { stuck: true as const }) }] : []
    default:
      return []
  }
}

const untold: Condition = {
  code: 'NOT_TOLD',
  message: 'its plan was made before its date began: it starts as soon as a host has told the plan what code says of the date',
}

function whyAfter(here: Here, on: RunKey): Condition {
  const other = here.plan.runs[on]!
  const { state, startAt, waitsFor } = here.all.get(on)!
  const stuck = here.stuck.has(on)
  return {
    code: stuck ? 'PREDECESSOR_STUCK' : 'PREDECESSOR',
    message: `waits for ${nameOf(other)}, which ${now()}`,
    on: instanceOf(here, other),
    state,
    ...(stuck ? { stuck } : {}),
  }
  function now(): string {
    const { instance } = other
    if (state === 'failed' || state === 'cancelled')
      return `${state === 'failed' ? 'failed' : 'was cancelled'} at ${clock(here, instance!.endedAt!)}: until it is restarted and succeeds, is removed, or ${nameOf(here.run)} is released`
    if (state === 'running') return `runs since ${clock(here, instance!.startedAt!)}`
    if (state === 'cancelling') return 'was told to cancel'
    if (startAt !== undefined) return `starts at ${clock(here, startAt)}`
    return `waits for ${waitsFor.map((key) => nameOf(here.plan.runs[key]!)).join(', ')}`
  }
}

const notBefore = (here: Here): Condition[] =>
  here.run.at === undefined ? [] : [{ code: 'START_TIME', message: `not before ${clock(here, here.run.at)}`, until: here.run.at }]

function startTime(here: Here): Condition {
  const { run, standing } = here
  const left = here.before.filter((other) => standingOf(here, other).counts)
  const because = run.released
    ? `: ${releasedAt(here, run.released)}`
    : left.length
      ? `: ${left.map(nameOf).join(', ')} succeeded${leftOut(here)}`
      : leftOut(here)
  return { code: 'START_TIME', message: `starts at ${clock(here, standing.startAt!)}${because}`, until: standing.startAt }
}

function releasedAt(here: Here, { since }: NonNullable<PlannedRun['released']>): string {
  return since === here.plan.from ? 'released for its date' : `released at ${clock(here, since)}`
}

/** Of what is not waited for, and why. */
function leftOut(here: Here): string {
  const out = here.before.filter((other) => !standingOf(here, other).counts)
  const words: Partial<Record<Standing['state'], string>> = {
    inactive: 'is not in the plan',
    'no-time': 'stays out',
    skipped: 'is skipped',
    missed: 'is skipped',
  }
  return out.length
    ? `; ${out.map((other) => `${nameOf(other)} ${words[standingOf(here, other).state] ?? `was ${standingOf(here, other).state}`}`).join(', ')}`
    : ''
}

function became(here: Here): string {
  const { run, standing } = here
  const { startedAt, endedAt, late = 0, error, taken } = run.instance ?? {}
  const missed = late && startedAt !== undefined ? ` (missed ${clock(here, startedAt - late)})` : ''
  switch (standing.state) {
    case 'due':
      return 'starts now'
    case 'missed':
    case 'skipped':
      return `skipped: its own time had passed${endedAt === undefined ? '' : ` at ${clock(here, endedAt - late)}`}, and it says missed: 'skip'`
    case 'running':
      return `runs since ${clock(here, startedAt!)}${missed}`
    case 'cancelling':
      return 'was told to cancel'
    default:
      if (taken)
        return `could not start at ${clock(here, startedAt!)}: ${instanceOf(here, here.run)} is another plan's, or was started by hand`
      return `${standing.state} at ${clock(here, endedAt!)}${missed}${error ? `: ${error}` : ''}`
  }
}

function differences(here: Here): string[] {
  const { run } = here
  if (!run.inCode) return []
  if (run.inCode === 'none') return ['not in code: only in this plan']
  const names = (after: readonly string[]) => after.join(', ') || 'nothing'
  const time = (at: number | undefined) => (at === undefined ? 'none' : clock(here, at))
  const say: { [F in keyof RunFacts]-?: (facts: RunFacts) => string } = {
    after: ({ after }) => names(after),
    at: ({ at }) => time(at),
    withoutPredecessorsAt: ({ withoutPredecessorsAt }) => time(withoutPredecessorsAt),
    missed: ({ missed }) => missed,
    inactive: ({ inactive }) => inactive ?? 'active',
  }
  const { inCode } = run
  return (Object.keys(say) as (keyof RunFacts)[])
    .filter((field) => say[field](inCode) !== say[field](factsOf(run)))
    .map((field) => `${field}: ${say[field](run)}; in code: ${say[field](inCode)}`)
}
