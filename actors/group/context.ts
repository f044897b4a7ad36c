import type { Address } from '../../src/address.ts'
import type { Payload, Terms } from '../job.ts'
import type { Body } from '../keys.ts'
import type { Effect, Member, Members, Retry } from '../members.ts'

export interface GroupContext {
  self: Address
  /** The options as submitted: the same id with other options is a conflict. */
  content: string
  when: 'all-finished' | 'all-succeeded'
  onMemberFailure: 'continue' | 'cancel-rest'
  output?: { job: string; input: Payload; terms: Terms }
  labels?: Record<string, string>
  /** Of which it is a step. Another chain, though its step has this id, neither waits for it nor cancels it. */
  chain?: Address
  sealAt?: number
  sealed: boolean
  cancelled: boolean
  /** Why, if that was said. */
  cancelReason?: string
  members: Members
  /** Ends of members that were submitted beside the group, until it is known. */
  early?: Record<string, string>
  /** Where all must succeed: the first member that failed, unless it was run again since. */
  firstFailed?: { key: string; error?: string }
  outputEnded?: { state: string; error?: string }
  /** +1 for each operator's retry of the output: an end of an earlier round is not the end of this one. */
  outputRound: number
  /** Jobs that were submitted after it. */
  followers?: readonly Address[]
  /** Only what answers for its id is left, since then. */
  removedAt?: number
  /** Effects of the present transition; empty in every stored snapshot. */
  out: Effect[]
}

export interface GroupOptions {
  when?: GroupContext['when']
  onMemberFailure?: GroupContext['onMemberFailure']
  concurrency?: number
  output?: { job: string; input: Payload; terms: Terms }
  /** ms from the submit to the seal that comes by itself. */
  sealBy?: number
  labels?: Record<string, string>
  /** Of which it is a step. */
  chain?: Address
}

/** What a member, or the output, says when it has ended. */
export interface Ended {
  key: string
  /** Place of a member; -1: the output. Absent: a job with the id of a member, submitted beside the group. */
  index?: number
  round: number
  state: string
  error?: string
}

export type GroupEvent = { at: number; self: Address } & (
  | { type: 'submit'; options: GroupOptions; members: Member[]; seal?: boolean; known?: Record<string, unknown> }
  /** `ofSubmit`: what did not fit into the submit. */
  | { type: 'add'; members: Member[]; ofSubmit?: true; seal?: boolean; known?: Record<string, unknown> }
  | { type: 'seal' }
  /** `chain`: of the chain that takes it for its step. */
  | { type: 'cancel'; reason?: string; chain?: Address }
  /** `of`: ends of several members, told as one, in the order in which they came; then it has no other fields. */
  | ({ type: 'ended'; of?: Ended[] } & Ended)
  /** `allowed`: by the chain of which it is a step. */
  | ({ type: 'retry'; allowed?: true } & Retry)
  | { type: 'follow'; follower: Address }
  | { type: 'page'; for: string; first: number; place?: number; body?: Body }
)

/** Key of the output among the jobs of a group. */
export const outputKey = 'output'

export type Args = { context: GroupContext; event: GroupEvent }
export type Of<T extends GroupEvent['type']> = Extract<GroupEvent, { type: T }>

export const added = (event: GroupEvent): Member[] => ('members' in event ? event.members : [])
/** What a decision knows of the chain of its group stands beside what it knows of members, under what is no key of one. */
export const chainKey = '/chain'
export const known = (event: GroupEvent) => ('known' in event && event.known) || {}
