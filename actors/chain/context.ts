import type { Address } from '../../src/address.ts'
import type { Payload } from '../job.ts'
import type { GroupEnd, Progress, Send, StepEnd, Steps } from './steps.ts'

export interface ChainContext {
  self: Address
  /** Who started it, and as what: told how each round ended. Absent: started by hand, by a schedule or an event. */
  plan?: { address: Address; key: string }
  round: number
  /** What it was started with, by hand or by a schedule. */
  input?: Payload
  steps: Steps
  progress: Progress
  cancelled: boolean
  /** Why, if that was said. */
  cancelReason?: string
  /** Only what answers for its id is left, since then. */
  removedAt?: number
  /** Effects of the present transition; empty in every stored snapshot. */
  out: Send[]
}

export type ChainEvent = { at: number; self: Address } & (
  | { type: 'start'; plan?: Address; key?: string; round?: number; steps?: Steps; input?: Payload; schedule?: Address }
  /** As its code declares them; nothing: no service has declared it. */
  | { type: 'steps'; body?: Steps }
  /** Where it failed: by whoever knows it. In a plan, the plan decides. */
  | { type: 'restart' }
  | ({ type: 'ended' } & StepEnd)
  | ({ type: 'predecessorEnded' } & GroupEnd)
  /** An operator wants one of its jobs to run again. */
  | { type: 'retry'; key: string }
  /** The same of the output of a group, which asks for it. */
  | { type: 'retryOutput'; of: Address; round: number }
  /** `plan`: of the plan that takes it out. */
  | { type: 'cancel'; reason?: string; plan?: Address }
)
export type Args = { context: ChainContext; event: ChainEvent }
export type Of<T extends ChainEvent['type']> = Extract<ChainEvent, { type: T }>
