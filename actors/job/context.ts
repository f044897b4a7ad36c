import type { Address } from '../../src/address.ts'
import type { Payload } from './content.ts'
import type { Redriven } from './redrive.ts'
import type { Rounds } from './suspension.ts'
import { defaultTerms, type Terms } from './terms.ts'

export interface Membership {
  group: Address
  key: string
  /** Place among the members; -1 is the output; absent: submitted beside its group. */
  index?: number
  /** +1 for each operator's retry: an end of an earlier round is not the end of this one. */
  round: number
  /** Its output is told with its end. */
  wanted?: true
}

export interface JobError {
  name: string
  message: string
  code?: string
  stack?: string
}

export interface GroupFacts {
  id: string
  total: number
  succeeded: number
  failed: number
  cancelled: number
}

export interface JobContext {
  self: Address
  job: string
  input: Payload
  terms: Terms
  /** Hash of definition and input: the same id with other content is a conflict. */
  content: string
  member?: Membership
  group?: GroupFacts
  labels?: Record<string, string>
  startAt?: number
  /** Jobs of one lane run one at a time. */
  lane?: string
  /** What it was submitted after, and how that has ended. */
  after?: Record<Address, string>
  afterWhen?: 'all-succeeded' | 'all-finished'
  /** Jobs that were submitted after it. */
  followers?: readonly Address[]
  /** Present where its order in a lane or pool counts. */
  submittedAt?: number
  /** Lane and pool: how often it asked each, where it has a place, where it has asked for one, and by which permits it did that are not forgotten yet. */
  permits?: Record<Address, number>
  places?: readonly Address[]
  asked?: Address
  leaving?: Record<Address, readonly number[]>
  /** When it has failed at the latest, ms since 1970; `overdue`: that has passed while a handler ran, and the handler was told. */
  overdueAt?: number
  overdue?: true
  dispatch: number
  queuedAt: number
  run?: { dispatch: number; worker: string; at: number; begun?: true; lapsed: boolean }
  attempts: { used: number; unbegun: number }
  /** In a lane: a run of it began, and gave itself back when its host shut down: that was no attempt. */
  gaveBack?: true
  retryAt?: number
  /** Absent while no callback has come and nothing was suspended. */
  rounds?: Rounds
  output?: Payload
  error?: JobError
  cancelReason?: string
  /** Present once an operator has redriven it, or dropped it from the dead letters. */
  redriven?: Redriven
  dropped?: true
  /** How often it has ended: present if something runs afterwards. */
  ends?: number
  endedAs?: 'succeeded' | 'failed' | 'cancelled' | 'aborted'
  /** Only what answers for its id is left, since then. */
  removedAt?: number
  outputRemoved?: true
}

export const emptyContext: JobContext = {
  self: '',
  job: '',
  input: { value: null },
  terms: defaultTerms,
  content: '',
  dispatch: 0,
  queuedAt: 0,
  attempts: { used: 0, unbegun: 0 },
}
