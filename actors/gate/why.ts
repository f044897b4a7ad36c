import type { Address } from '../../src/address.ts'
import type { Snapshot } from '../../src/document.ts'
import type { Condition } from '../actor.ts'
import { beyond, capacityOf, type GateContext, isLane, mostHeld, usedOf } from './context.ts'
import { lengthOf } from './queue.ts'

/** Requests that wait. */
export const waitingAt = ({ queues, gone = {} }: GateContext): number =>
  Math.max(0, Object.values(queues).reduce((sum, queue) => sum + lengthOf(queue), 0) - Object.keys(gone).length)

/** Why those before the gate wait; empty if nobody does. */
export function why(snapshot: Snapshot): Condition[] {
  const context = snapshot.context as GateContext
  const { self, held, queues } = context
  const waiting = waitingAt(context)
  const [holder] = Object.keys(held)
  const draining = snapshot.value === 'paused' && holder ? [drains(Object.keys(held).length, holder)] : []
  if (!waiting) return draining
  const capacity = capacityOf(context)
  if (!capacity)
    return [
      {
        code: 'NOT_DECLARED',
        message: `${waiting} jobs wait; no host declares ${self}: start one with it in "pools"`,
        waiting,
        stuck: true,
      },
    ]
  if (snapshot.value === 'paused')
    return [{ code: 'PAUSED', message: `${waiting} jobs wait; ${self} is paused: resume it`, waiting, stuck: true }, ...draining]
  if (isLane(self)) {
    return [{ code: 'LANE', message: `${waiting} jobs wait until ${holder ?? 'the one before'} has ended`, waiting, on: holder }]
  }
  const conditions: Condition[] = [
    {
      code: 'CAPACITY',
      message:
        Object.keys(held).length < mostHeld
          ? `${waiting} jobs wait for units: ${inUse(usedOf(context), capacity)}`
          : `${waiting} jobs wait for a place: ${mostHeld} have one, and no more may at once`,
      waiting,
      used: usedOf(context),
      capacity,
    },
  ]
  for (const { near } of Object.values(queues))
    for (const { job, needs } of near) {
      const [unit] = beyond(needs, capacity)
      if (unit)
        conditions.push({
          code: 'BEYOND_CAPACITY',
          message: `${job} needs ${needs[unit]} ${unit}; ${self} has ${capacity[unit] ?? 0} in all: resize it, or cancel the job`,
          on: job,
          stuck: true,
        })
    }
  return conditions
}

const drains = (count: number, first: Address): Condition => ({
  code: 'DRAINING',
  message: `it is paused; ${count} jobs hold units of it until they have ended, the first of them ${first}`,
  on: first,
})

const inUse = (used: Record<string, number>, capacity: Record<string, number>): string =>
  Object.keys(capacity)
    .map((unit) => `${used[unit] ?? 0} of ${capacity[unit]} ${unit} in use`)
    .join(', ')
