import { defaultTerms, type Outcome, type Payload, type Suspend, type Terms } from '../../actors/job.ts'
import type { Member } from '../../actors/members.ts'

/** Events as hosts, workers and clients send them, for the specs of the machines. */
export const terms = (given: Partial<Terms> = {}): Terms => ({ ...defaultTerms, jitter: 0, ...given })

export const submit = (given: Partial<Terms> = {}, more: Record<string, unknown> = {}) => ({
  type: 'submit' as const,
  job: 'work',
  input: { value: 1 } as Payload,
  terms: terms(given),
  ...more,
})
export const memberOf = (key: string, index: number, round = 0) => ({ group: 'group:g', key, index, round })

export const claim = (dispatch = 1, worker = 'w') => ({ type: 'claim' as const, dispatch, worker })
export const result = (outcome: Outcome, dispatch = 1, worker = 'w', more: Record<string, unknown> = {}) => ({
  type: 'result' as const,
  dispatch,
  worker,
  outcome,
  ...(outcome === 'ok' ? { output: { value: 'done' } } : {}),
  ...(outcome === 'fail' ? { error: { name: 'Error', message: 'no' } } : {}),
  ...more,
})
export const suspend = (dispatch: number, worker: string, given: Suspend) => result('suspend', dispatch, worker, { suspend: given })
export const lost = (dispatch = 1, worker = 'w', begun = true) => ({ type: 'lost' as const, dispatch, worker, begun })
export const stopping = (dispatch = 1, worker = 'w') => ({ type: 'stopping' as const, dispatch, worker })
export const cancel = { type: 'cancel' as const }
export const retry = { type: 'retry' as const }
export const update = (given: { startAt?: number; priority?: number; input?: Payload; job?: string }) => ({
  type: 'update' as const,
  ...given,
})

export const member = (key: string, value: unknown = 1): Member => ({ key, job: 'work', input: { value }, terms: terms() })
export const members = (count: number, from = 0): Member[] => Array.from({ length: count }, (_, i) => member(`k${from + i}`))
export const output = { job: 'bind', input: { value: null }, terms: terms() }
export const submitGroup = (given: Member[], options: Record<string, unknown> = {}, seal = true) => ({
  type: 'submit' as const,
  options: { output, ...options },
  members: given,
  seal,
})
export const ended = (key: string, index: number | undefined, state = 'succeeded', round = 0) => ({
  type: 'ended' as const,
  key,
  index,
  round,
  state,
})
export const outputEnded = (state = 'succeeded', round = 0) => ended('output', -1, state, round)

/** A seeded source of chance: the same seed, the same schedule. */
export function chanceOf(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return { below: (n: number) => Math.floor(next() * n), pick: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]! }
}
export type Chance = ReturnType<typeof chanceOf>

/** The seed of this run: printed, so that a failure can be had again with SEED=… */
export function seedOf(what: string): number {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
  console.log(`# ${what}: seed ${seed}`)
  return seed
}
