import type { DateText } from '../../src/calendar/dates.ts'

/** The chains of one date in one time zone: plain data. What calendars and clocks have to say is settled when it is made (see src/plan). */
export interface Plan {
  readonly zone: string
  readonly date: DateText
  /** When the date begins in the zone. */
  readonly from: number
  /** It was made before that, and has not been told since what code says of its date: nothing starts at a time of that yet. */
  readonly ahead?: true
  /** By `<chain>/<run>`: all that are known in this zone, also those whose calendar is not active on this date. */
  readonly runs: Readonly<Record<RunKey, PlannedRun>>
}

/** `<chain>/<run>`. */
export type RunKey = string

/** What a run says of its start, on this date. Times are ms since 1970. */
export interface RunFacts {
  /** Chains: each means all its runs in this plan. */
  readonly after: readonly string[]
  /** Not before; without `after`, then. */
  readonly at?: number
  /** When it starts if no predecessor is left in the plan. */
  readonly withoutPredecessorsAt?: number
  /** A time of its own that passed while nobody could act, or before it was added: start at once, or not on this date. */
  readonly missed: 'run' | 'skip'
  /** Its calendar is not active on this date, for this reason: it is not in the plan. */
  readonly inactive?: string
}

export interface PlannedRun extends RunFacts {
  readonly chain: string
  readonly run: string
  /** An operator took it out of the plan. */
  readonly out?: { readonly as: 'removed' | 'deactivated'; readonly since: number }
  /** An operator's word: predecessors are not waited for; with `now` its time is not either. */
  readonly released?: { readonly since: number; readonly now?: true }
  /** When it came into a plan that was made before: what had left the plan until then lets it go no later than at its own time. */
  readonly addedAt?: number
  /** When its `after` was changed while it was in the plan. */
  readonly linkedAt?: number
  /** When it was last changed while it was in the plan: its calendar, times or `after`. If that took it out of the plan, it left then. */
  readonly changedAt?: number
  /** An operator's word on it, which wins for this date: all that the plan has of its chain, or what it comes after. */
  readonly byHand?: 'added' | 'linked'
  /** What code says of it, where that is something else; `none`: code does not know it. */
  readonly inCode?: RunFacts | 'none'
  /** Starts so far. */
  readonly rounds: number
  /** Of its latest start. */
  readonly instance?: Instance
}

export interface Instance {
  readonly state: 'running' | 'cancelling' | Ending | 'skipped'
  readonly startedAt?: number
  readonly endedAt?: number
  /** Why it failed, as far as its chain said. */
  readonly error?: string
  /** Its own time was missed by so much, ms: no host was up then, or it was added later. */
  readonly late?: number
  /** It is another plan's, or was started by hand: this plan could not start it. */
  readonly taken?: true
  /** It was taken out of the plan while it ran. Back in the plan it may start anew, unless it has succeeded. */
  readonly removed?: true
}

export type Ending = 'succeeded' | 'failed' | 'cancelled'

/** It has started, or was skipped, and was not taken out of the plan meanwhile. */
export const hasBegun = ({ instance }: PlannedRun): boolean =>
  instance !== undefined && (!instance.removed || instance.state === 'succeeded')

/** Those that it comes after, as long as it may wait for them. */
export const afterStill = (run: PlannedRun): readonly string[] => (run.out || run.released || hasBegun(run) ? [] : run.after)

export const keyOf = (chain: string, run: string): RunKey => `${chain}/${run}`

/** Id of the one instance of a run on this date: so there can be only one, whoever makes it. */
export const instanceId = ({ date }: Plan, { chain, run }: PlannedRun): string => `${chain}/${date}/${run}`

/** The runs that a name means: all of a chain, or the one of `<chain>/<run>`. */
export function runsNamed(plan: Plan, target: string): PlannedRun[] {
  if (target.includes('/')) return plan.runs[target] ? [plan.runs[target]] : []
  return Object.values(plan.runs).filter(({ chain }) => chain === target)
}

export type RunsOf = ReadonlyMap<string, readonly { key: RunKey; run: PlannedRun }[]>

export function runsByChain(plan: Plan): RunsOf {
  const chains = new Map<string, { key: RunKey; run: PlannedRun }[]>()
  for (const [key, run] of Object.entries(plan.runs)) {
    const others = chains.get(run.chain)
    if (others) others.push({ key, run })
    else chains.set(run.chain, [{ key, run }])
  }
  return chains
}

/** All runs of these chains. */
export function runsOfAll(chains: RunsOf, after: readonly string[]): readonly { key: RunKey; run: PlannedRun }[] {
  const found: { key: RunKey; run: PlannedRun }[] = []
  for (const chain of after) for (const one of chains.get(chain) ?? []) found.push(one)
  return found
}

export function withRuns(plan: Plan, runs: readonly PlannedRun[]): Plan {
  if (!runs.length) return plan
  return { ...plan, runs: { ...plan.runs, ...Object.fromEntries(runs.map((run) => [keyOf(run.chain, run.run), run])) } }
}

/** The plan of a date on which nothing has happened yet. */
export const planOf = (of: Pick<Plan, 'zone' | 'date' | 'from' | 'ahead'>, runs: readonly PlannedRun[]): Plan =>
  withRuns({ zone: of.zone, date: of.date, from: of.from, ...(of.ahead && { ahead: of.ahead }), runs: {} }, runs)

/** Its time has come, or will, and what code says of the date is not known yet. Whom an operator starts now waits for no such word. */
export const isUntold = ({ ahead, from }: Plan, { released }: PlannedRun, startAt: number): boolean =>
  ahead === true && startAt >= from && !released?.now
