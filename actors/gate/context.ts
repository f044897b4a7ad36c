import type { Address } from '../../src/address.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import type { Needs, Queue, QueuePage, QueuePageEffect } from './queue.ts'

export interface GateContext {
  self: Address
  /** Units by resource, as the newest host that declares the pool says. */
  declared?: Needs
  /** What an operator set instead. */
  resized?: Needs
  /** Who has a place: by which permit, and how much of what. */
  held: Record<Address, { permit: number; needs: Needs }>
  /** Requests by priority; a lane has one priority only. */
  queues: Record<number, Queue>
  /** Places given since the oldest request was served. */
  passed: number
  /** Withdrawn, while perhaps in a page: the permit by job. So many at most; who is not among them gives back the place that it gets. */
  gone?: Record<Address, number>
  /** Pages of its queues that it has ever written. */
  written?: number
  /** Page that was asked for, and the priority of its queue. */
  reading?: { priority: number; id: string }
  /** Effects of the present transition; empty in every stored snapshot. */
  out: GateEffect[]
}

export type GateEffect =
  | QueuePageEffect
  | { type: 'send'; params: { to: Address; event: ActorEvent } }
  | { type: 'read'; params: { page: string; event: ActorEvent } }
  | { type: 'unpage'; params: { id: string } }

export type GateEvent = { at: number; self: Address } & (
  | { type: 'request'; job: Address; permit: number; priority: number; since: number; needs?: Needs }
  | { type: 'release'; job: Address; permit: number }
  | { type: 'withdraw'; job: Address; permit: number }
  | { type: 'declare'; capacity: Needs }
  | { type: 'resize'; capacity?: Needs }
  | { type: 'pause' }
  | { type: 'resume' }
  | { type: 'page'; priority: number; id: string; body: QueuePage }
)

export type Args = { context: GateContext; event: GateEvent }
export type Of<T extends GateEvent['type']> = Extract<GateEvent, { type: T }>

export const isLane = (self: Address): boolean => self.startsWith('lane:')

/** One place in a lane; what is declared or set in a pool; undefined: nobody has declared it. */
export const capacityOf = ({ self, declared, resized }: GateContext): Needs | undefined =>
  isLane(self) ? { place: 1 } : (resized ?? declared)

/** Places that a gate gives at once, whatever its capacity: each is in its document. */
export const mostHeld = 1000

/** Units in use. */
export function usedOf({ held }: Pick<GateContext, 'held'>): Needs {
  const used: Needs = {}
  for (const { needs } of Object.values(held)) for (const [unit, count] of Object.entries(needs)) used[unit] = (used[unit] ?? 0) + count
  return used
}

/** A pool that says nothing of slots limits other units only. */
export const limitOf = (capacity: Needs, unit: string): number => capacity[unit] ?? (unit === 'slots' ? Number.POSITIVE_INFINITY : 0)

/** The units of which more are needed than there are in all. */
export const beyond = (needs: Needs, capacity: Needs): string[] =>
  Object.keys(needs).filter((unit) => needs[unit]! > limitOf(capacity, unit))
