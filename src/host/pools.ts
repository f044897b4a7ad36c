import type { Needs } from '../../actors/gate.ts'
import { addressOf, partitionOf } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import { type Handler, isName } from '../definition.ts'
import { refuse } from '../errors.ts'
import { capacityIssue, needIssue, type PoolCapacities } from '../pools.ts'

/** What a host declares must make sense, and the jobs that it has handlers for must have a pool that somebody declares. */
export function checkPools(pools: Record<string, Needs>, handlers: readonly Handler[], known: Pick<PoolCapacities, 'of'>): void {
  if (typeof pools !== 'object' || pools === null || Array.isArray(pools)) refuse('pools', 'must be an object of capacities, by pool')
  for (const [pool, capacity] of Object.entries(pools)) {
    const issue = isName(pool) ? capacityIssue(capacity) : { unit: '', message: 'its name must be letters, digits, "_" and "-"' }
    if (issue) refuse(['pools', pool, issue.unit].filter(Boolean).join('.'), issue.message)
  }
  for (const { definition } of handlers) {
    const { pool } = definition.terms
    if (pool === undefined) continue
    if (!pools[pool] && !known.of(pool)) refuse(`pools.${pool}`, `job "${definition.name}" runs in it, and no host declares it`)
    const issue = needIssue({ of: (name) => pools[name] }, definition.terms)
    if (issue) refuse(`pools.${pool}`, `job "${definition.name}": ${issue}`)
  }
}

/** Tells the pools what they have. Said twice it changes nothing, so it needs no number. */
export async function declarePools(bus: Bus, host: string, pools: Record<string, Needs>): Promise<void> {
  const frames = Object.entries(pools).map(([pool, capacity]) => ({
    partition: partitionOf(pool, bus.partitions),
    id: `${host} declares ${pool}`,
    events: [{ to: addressOf('pool', pool), event: { type: 'declare', capacity }, from: host }],
  }))
  if (frames.length) await bus.publish(frames)
}
