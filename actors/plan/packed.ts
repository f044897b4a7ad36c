import type { Instance, Plan, PlannedRun, RunFacts } from './state.ts'
import { planOf } from './state.ts'

/**
 * A plan as its document keeps it, about a third as long: names once, what a run is after as numbers, times from the date's first on. What few runs
 * have (a change, another word of code) stays as it is.
 */
export interface Packed {
  zone: string
  date: string
  from: number
  ahead?: true
  /** All times count from it. */
  base: number
  names: readonly string[]
  runs: readonly PackedRun[]
}

type PackedRun = [
  chain: number,
  run: number,
  after: number[],
  at: number | null,
  withoutPredecessorsAt: number | null,
  skip: 0 | 1,
  instance: [state: number, rounds: number, startedAt: number | null, endedAt: number | null] | 0,
  rest?: Rest,
]
interface Rest extends Pick<PlannedRun, 'out' | 'released' | 'addedAt' | 'linkedAt' | 'changedAt' | 'byHand' | 'inCode'> {
  /** Place of the reason among the names. */
  inactive?: number
  removed?: true
  taken?: true
  error?: string
  late?: number
  /** Of a run without an instance that has started before. */
  rounds?: number
}

const states: readonly Instance['state'][] = ['running', 'cancelling', 'succeeded', 'failed', 'cancelled', 'skipped']

export function pack({ zone, date, from, ahead, runs }: Plan): Packed {
  const names = new Map<string, number>()
  const place = (name: string): number => {
    const known = names.get(name)
    if (known !== undefined) return known
    names.set(name, names.size)
    return names.size - 1
  }
  const all = Object.values(runs)
  const base = all.reduce(
    (least, { at, withoutPredecessorsAt }) => Math.min(least, at ?? least, withoutPredecessorsAt ?? least),
    Date.parse(date),
  )
  const since = (at: number | undefined) => (at === undefined ? null : at - base)
  const packed = all.map((run): PackedRun => {
    const { instance, rounds } = run
    const begun = instance && ([states.indexOf(instance.state), rounds, since(instance.startedAt), since(instance.endedAt)] as const)
    const rest = restOf(run, place)
    const facts = [
      place(run.chain),
      place(run.run),
      run.after.map(place),
      since(run.at),
      since(run.withoutPredecessorsAt),
      run.missed === 'skip' ? 1 : 0,
    ] as const
    return [...facts, begun ? [...begun] : 0, ...(rest ? [rest] : [])] as PackedRun
  })
  return { zone, date, from, ...(ahead && { ahead }), base, names: [...names.keys()], runs: packed }
}

function restOf(
  { out, released, addedAt, linkedAt, changedAt, byHand, inCode, inactive, instance, rounds }: PlannedRun,
  place: (name: string) => number,
): Rest | undefined {
  const rest: Rest = {
    ...(out && { out }),
    ...(released && { released }),
    ...(addedAt !== undefined && { addedAt }),
    ...(linkedAt !== undefined && { linkedAt }),
    ...(changedAt !== undefined && { changedAt }),
    ...(byHand && { byHand }),
    ...(inCode && { inCode }),
    ...(inactive !== undefined && { inactive: place(inactive) }),
    ...(instance?.removed && { removed: true as const }),
    ...(instance?.taken && { taken: true as const }),
    ...(instance?.error && { error: instance.error }),
    ...(instance?.late !== undefined && { late: instance.late }),
    ...(!instance && rounds > 0 && { rounds }),
  }
  return Object.keys(rest).length ? rest : undefined
}

export function unpack({ zone, date, from, ahead, base, names, runs }: Packed): Plan {
  const time = (at: number | null) => (at === null ? undefined : at + base)
  return planOf(
    { zone, date, from, ahead },
    runs.map(([chain, run, after, at, withoutPredecessorsAt, skip, begun, rest = {}]): PlannedRun => {
      const { inactive, removed, taken, error, late, rounds = 0, ...kept } = rest
      const facts: RunFacts = {
        after: after.map((i) => names[i]!),
        at: time(at),
        withoutPredecessorsAt: time(withoutPredecessorsAt),
        missed: skip ? 'skip' : 'run',
        ...(inactive !== undefined && { inactive: names[inactive]! }),
      }
      const instance: Instance | undefined = begun
        ? {
            state: states[begun[0]]!,
            startedAt: time(begun[2]),
            endedAt: time(begun[3]),
            ...(late !== undefined && { late }),
            ...(removed && { removed }),
            ...(taken && { taken }),
            ...(error && { error }),
          }
        : undefined
      return { chain: names[chain]!, run: names[run]!, ...facts, ...kept, rounds: begun ? begun[1] : rounds, ...(instance && { instance }) }
    }),
  )
}
