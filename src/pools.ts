import { beyond, limitOf, type Needs } from '../actors/gate.ts'
import type { Terms } from '../actors/job.ts'
import type { Listening, Records } from './bus/port.ts'
import { isUnit } from './definition.ts'

/** Capacities of pools as their owners publish them, for whoever checks a submit: a need that is above the capacity is refused at the door. */
export interface PoolCapacities {
  of(pool: string): Needs | undefined
  stop(): void
}

const prefix = 'pool.'

export async function watchPools(records: Records): Promise<PoolCapacities> {
  const known = new Map<string, { capacity: Needs; revision: number }>()
  const listening: Listening = await records.watch(prefix, (key, { value, revision }) => {
    const pool = key.slice(prefix.length)
    if ((known.get(pool)?.revision ?? 0) < revision) known.set(pool, { capacity: value as Needs, revision })
  })
  return { of: (pool) => known.get(pool)?.capacity, stop: () => listening.stop() }
}

/** By the pool's owner, once the capacity is committed. */
export async function publishCapacity(records: Records, pool: string, capacity: Needs): Promise<void> {
  for (;;) {
    const present = await records.get(prefix + pool)
    if (present && JSON.stringify(present.value) === JSON.stringify(capacity)) return
    if ((await records.put(prefix + pool, capacity, present?.revision ?? 0)) !== undefined) return
  }
}

/** Why jobs with these terms can never run in their pool; undefined: they can, or nothing is known of it yet. */
export function needIssue(pools: Pick<PoolCapacities, 'of'>, { pool, needs = {} }: Terms): string | undefined {
  const capacity = pool === undefined ? undefined : pools.of(pool)
  if (!capacity) return undefined
  const [unit] = beyond({ slots: 1, ...needs }, capacity)
  return unit && `${needs[unit] ?? 1} ${unit} are needed; pool "${pool}" has ${limitOf(capacity, unit)} in all. Resize it, or need less.`
}

export function capacityIssue(capacity: Needs): { unit: string; message: string } | undefined {
  if (typeof capacity !== 'object' || capacity === null || Array.isArray(capacity))
    return { unit: '', message: 'must be an object of units: { slots: 4 }' }
  for (const [unit, count] of Object.entries(capacity)) {
    if (!isUnit(unit)) return { unit, message: 'is no name for units. Use letters, digits, "_" and "-".' }
    if (!Number.isInteger(count) || count < 0) return { unit, message: 'must be a whole number of units, 0 or more' }
  }
  return undefined
}
