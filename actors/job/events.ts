import type { Address } from '../../src/address.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import type { Payload } from './content.ts'
import type { GroupFacts, JobContext, JobError, Membership } from './context.ts'
import type { Refused, Suspend } from './suspension.ts'
import type { Terms } from './terms.ts'

export interface JobSubmit extends ActorEvent {
  type: 'submit'
  job: string
  input: Payload
  terms: Terms
  member?: Membership
  /** The schedule that starts it: told if the id is taken. */
  schedule?: Address
  /** A member that may start only when its group says so. */
  window?: boolean
  group?: GroupFacts
  labels?: Record<string, string>
  startAt?: number
  /** ms since 1970. Default: by its terms. */
  overdueAt?: number
  lane?: string
  after?: readonly Address[]
  afterWhen?: 'all-succeeded' | 'all-finished'
  /** Its group, and its chain, if that was removed. */
  known?: { group?: { removed?: true }; chain?: { removed?: true } }
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
      suspend?: Suspend
    }
  /** A worker was heard that runs it. Said where nobody but the document will know of it. */
  | { type: 'begun'; dispatch: number; worker: string }
  | { type: 'lost'; dispatch: number; worker: string; begun: boolean }
  /** From its handler, for a job of its own. */
  | { type: 'child'; dispatch: number; worker: string; key: string; job: string; input: Payload; terms: Terms }
  | { type: 'stopping'; dispatch: number; worker: string }
  | { type: 'cancel'; reason?: string }
  | { type: 'retry' }
  /** `job`: whose contract the input was checked by. */
  | { type: 'update'; startAt?: number; priority?: number; input?: Payload; job?: string }
  | { type: 'again'; round: number; window?: boolean }
  | { type: 'notAgain'; code: string; message: string }
  | { type: 'reconcile' }
  | {
      /** A callback. `refused`: what its contract says against the value. */
      type: 'resume'
      name: string
      value: Payload
      round?: number
      refused?: Refused
      /** The correlation id by which it came; `kept`: its sender was answered when it came there. */
      via?: Address
      kept?: true
    }
  | {
      /** An operator ends a held job by hand. `refused`: what its contract says against the output. */
      type: 'done'
      output: Payload
      reason?: string
      refused?: Refused
    }
  /** Of a dead letter; `end`: number of its last dispatch then. `job`: whose contract the input was checked by. */
  | { type: 'redrive'; end?: number; input?: Payload; job?: string; reason?: string }
  | { type: 'drop'; end?: number; reason?: string }
  | { type: 'notRegistered'; as: string; round: number; by: Address }
  | { type: 'granted'; gate: Address; permit: number }
  | { type: 'withdrawn'; gate: Address; permit: number }
  | { type: 'follow'; follower: Address; known?: JobSubmit['known'] }
  | { type: 'predecessorEnded'; of: Address; state: string; error?: string }
)

/** What came of a run: `back`: it ended early because its host shuts down; `unbegun`: the handler was never entered. */
export type Outcome = 'ok' | 'fail' | 'back' | 'unbegun' | 'suspend'

export type Of<T extends JobEvent['type']> = Extract<JobEvent, { type: T }>
export type Args = { context: JobContext; event: JobEvent }
