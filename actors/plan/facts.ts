import type { PlannedRun, RunFacts } from './state.ts'

/** What is said of a run. */
export type Said = { readonly run: string } & RunFacts

/** The same run with other facts. */
export function restated(
  { chain, run, out, released, addedAt, linkedAt, changedAt, byHand, rounds, instance, ...before }: PlannedRun,
  facts: RunFacts,
  at: number,
): PlannedRun {
  const wasIn = !out && before.inactive === undefined
  const relinked = wasIn && !sameNames(before.after, facts.after)
  const isOther = relinked || before.at !== facts.at || before.withoutPredecessorsAt !== facts.withoutPredecessorsAt
  function lastChange(): number | undefined {
    if (wasIn) return isOther || facts.inactive !== undefined ? at : changedAt
    if (facts.inactive === undefined) return undefined
    return before.inactive === undefined ? out?.since : changedAt
  }
  return {
    chain,
    run,
    ...facts,
    out,
    released,
    addedAt: before.inactive !== undefined && facts.inactive === undefined ? at : addedAt,
    linkedAt: relinked ? at : linkedAt,
    changedAt: lastChange(),
    byHand,
    rounds,
    instance,
  }
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((one) => b.includes(one))

export const factsOf = ({ after, at, withoutPredecessorsAt, missed, inactive }: RunFacts): RunFacts => ({
  after,
  at,
  withoutPredecessorsAt,
  missed,
  inactive,
})
export const sameFacts = (a: RunFacts, b: RunFacts): boolean =>
  sameNames(a.after, b.after) &&
  a.at === b.at &&
  a.withoutPredecessorsAt === b.withoutPredecessorsAt &&
  a.missed === b.missed &&
  a.inactive === b.inactive

/** What code says, as long as that is something else. */
export function inCodeOf(before: PlannedRun, now: RunFacts): PlannedRun['inCode'] {
  const code = before.inCode ?? factsOf(before)
  return code !== 'none' && sameFacts(code, now) ? undefined : code
}
