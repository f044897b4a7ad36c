import type { Address } from '../../src/address.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import type { Payload } from './content.ts'
import type { GroupFacts, JobContext, JobError, Membership } from './context.ts'
import type { Terms } from './terms.ts'

export interface JobSubmit extends ActorEvent {
  type: 'submit'
  job: string
  input: Payload
  terms: Terms
  member?: Membership
  /** A member that may start only when its group says so. */
  window?: boolean
  group?: GroupFacts
  labels?: Record<string, string>
  startAt?: number
}

export type JobEvent = { at: number; self: Address } & (
  | JobSubmit
  | { type: 'begin' }
  | { type: 'claim'; dispatch: number; worker: string }
  | {
      type: 'result'
      dispatch: number
      worker: string
      outcome: Outcome
      output?: Payload
      error?: JobError
      terminal?: boolean
      retryAt?: number
    }
  | { type: 'lost'; dispatch: number; worker: string; begun: boolean }
  | { type: 'cancel'; reason?: string }
  | { type: 'retry' }
  | { type: 'again'; round: number; window?: boolean }
  | { type: 'notAgain'; code: string; message: string }
  | { type: 'reconcile' }
)

/** What came of a run: `back`: it ended early because its host shuts down; `unbegun`: the handler was never entered. */
export type Outcome = 'ok' | 'fail' | 'back' | 'unbegun'

export type Of<T extends JobEvent['type']> = Extract<JobEvent, { type: T }>
export type Args = { context: JobContext; event: JobEvent }
