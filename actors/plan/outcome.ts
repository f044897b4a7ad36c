import { type GraphIssue, graphIssue, graphOf, inWords } from './graph.ts'
import { afterStill, type Plan, type PlannedRun, withRuns } from './state.ts'
import type { Decision } from './step.ts'

export interface Refusal {
  code: 'NOT_FOUND' | 'NOT_ALLOWED' | 'VALIDATION'
  message: string
}

/** What a change makes of a plan, and what follows at once. */
export type Outcome = { refused: Refusal } | { refused?: undefined; plan: Plan; decisions: readonly Decision[] }

export const done = (plan: Plan, runs: readonly PlannedRun[] = [], decisions: readonly Decision[] = []): Outcome => ({
  plan: withRuns(plan, runs),
  decisions,
})
export const refuse = (code: Refusal['code'], message: string): Outcome => ({ refused: { code, message } })
export const refuseGraph = (issue: GraphIssue): Outcome => refuse('VALIDATION', `after: ${inWords(issue, 'the plan has no such chain')}`)

/** Refused if there would be a circle, or a name that nothing has. */
export function inOnePlan(plan: Plan, decisions: readonly Decision[] = []): Outcome {
  const issue = graphOfPlan(plan)
  return issue ? refuseGraph(issue) : done(plan, [], decisions)
}

export const graphOfPlan = ({ runs }: Plan): GraphIssue | undefined =>
  graphIssue(graphOf(Object.values(runs).map((run) => ({ chain: run.chain, after: afterStill(run) }))))
