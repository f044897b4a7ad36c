import { restated, type Said, sameFacts } from './facts.ts'
import type { GraphIssue } from './graph.ts'
import { done, graphOfPlan, type Outcome, refuseGraph } from './outcome.ts'
import { hasBegun, keyOf, type Plan, type PlannedRun, type RunFacts, runsNamed, withRuns } from './state.ts'

/** What code says of chains: each with all its runs. */
export type Declared = Readonly<Record<string, readonly Said[]>>

/**
 * What was changed by hand stays as it is, and the difference is shown. So it is with a chain if what code says of it makes a circle together with that, or
 * takes away what others come after: it alone is kept as it is, and the rest is as code says.
 */
export function declared(plan: Plan, chains: Declared, at: number): Outcome {
  const isNew = !Object.keys(plan.runs).length
  const kept = new Set<string>()
  for (;;) {
    // What was made ahead is as if code had said it when its date began.
    const next = asCode(plan, chains, kept, plan.ahead ? Math.min(at, plan.from) : at)
    const issue = graphOfPlan(next)
    if (!issue) return done({ ...next, ahead: at < plan.from ? true : undefined })
    const conflict = inConflict(plan, issue).filter((chain) => chains[chain] && !kept.has(chain))
    if (!conflict.length || isNew) return refuseGraph(issue)
    for (const chain of conflict) kept.add(chain)
  }
}

/** The chains without whose new words there would be no such issue. */
function inConflict(plan: Plan, issue: GraphIssue): readonly string[] {
  if (issue.code === 'CYCLE') return issue.path
  return [runsNamed(plan, issue.name).length ? issue.name : issue.chain]
}

function asCode(plan: Plan, chains: Declared, kept: ReadonlySet<string>, at: number): Plan {
  const rest = leftByCode(plan, chains, kept, at)
  const said = Object.entries(chains).flatMap(([chain, runs]) =>
    kept.has(chain)
      ? runs.flatMap(({ run, ...facts }) => {
          const before = plan.runs[keyOf(chain, run)]
          return before ? [beside(before, facts)] : []
        })
      : runs.map((said) => byCode(rest, chain, said, at, runsNamed(plan, chain))),
  )
  return withRuns(rest, said)
}

/** What code says no more leaves the plan, unless it has started, was changed by hand, or is kept, or was when code said so before: then the difference is shown. */
function leftByCode(plan: Plan, chains: Declared, kept: ReadonlySet<string>, at: number): Plan {
  const runs: Record<string, PlannedRun> = {}
  const left = new Set<string>()
  for (const [key, run] of Object.entries(plan.runs)) {
    const isSaid = chains[run.chain]?.some((said) => said.run === run.run) ?? true
    if (isSaid) runs[key] = run
    else if (isByHand(run) || run.instance || run.rounds > 0 || kept.has(run.chain) || run.inCode === 'none')
      runs[key] = { ...run, inCode: 'none' }
    else if (run.inactive === undefined && !run.out) left.add(run.chain)
  }
  // What that allows is not late.
  for (const [key, run] of Object.entries(runs)) if (run.after.some((chain) => left.has(chain))) runs[key] = { ...run, linkedAt: at }
  return { ...plan, runs }
}

const isByHand = ({ byHand, out, released }: PlannedRun): boolean => !!(byHand || out || released)

/** What has started goes on as it began. */
function byCode(plan: Plan, chain: string, { run, ...facts }: Said, at: number, others: readonly PlannedRun[]): PlannedRun {
  const before = plan.runs[keyOf(chain, run)]
  if (!before) {
    const isNew = !Object.keys(plan.runs).length
    return { chain, run, ...facts, rounds: 0, ...(!isNew && { addedAt: at }), ...outWithIts(others, at) }
  }
  const wins = before.byHand || hasBegun(before) || (before.released && facts.inactive !== undefined)
  return wins ? beside(before, facts) : restated(before, facts, at)
}

/** A run that is new comes into no chain that was taken out by hand, nor beside what `add` says is all of it. */
function outWithIts(others: readonly PlannedRun[], at: number): Pick<PlannedRun, 'out'> {
  if (others.some(({ byHand }) => byHand === 'added')) return { out: { as: 'removed', since: at } }
  const active = others.filter(({ inactive }) => inactive === undefined)
  return active.length && active.every(({ out }) => out) ? { out: { as: active[0]!.out!.as, since: at } } : {}
}

const beside = (before: PlannedRun, facts: RunFacts): PlannedRun => ({
  ...before,
  inCode: sameFacts(before, facts) ? undefined : facts,
})
