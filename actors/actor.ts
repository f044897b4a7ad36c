import type { AnyStateMachine } from 'xstate'
import type { Address } from '../src/address.ts'
import type { Snapshot, Work } from '../src/document.ts'
import type { ActorEvent } from '../src/envelope.ts'

/**
 * What the host must know of a kind of actor beside its machine. The machine's own actions are these, by type and params:
 *
 * | action  | params                       | means |
 * |---------|------------------------------|-------|
 * | send    | { to, event, answers? }      | an event for another actor, durable once committed; `answers`: it says what became of the command |
 * | offer   | { job, priority, dispatch }  | work for whoever has the handler, durable once committed |
 * | page    | { id, body }                 | a side document, written before the commit; its id names its content |
 * | unpage  | { id }                       | the page is not needed any more: removed after the commit; its id is never used again |
 * | read    | { page, event }              | the page comes back as `event` with a `body`, durable once committed |
 * | grant   | Grant                        | answer to a claim |
 * | refuse  | { dispatch }                 | answer to a claim |
 * | reject  | { code, message }            | answer to a command that changes nothing |
 * | superseded | {}                        | what came belongs to a run that is no longer current |
 */
export interface ActorType {
  name: string
  version: number
  machine: AnyStateMachine
  /** Events that may create the actor; any other event for an absent one is a dead letter. */
  creates: ReadonlySet<string>
  /**
   * Events of other actors that mean nothing to one that is not there any more: it had them before it was removed, and its sender, which
   * did not know them delivered, has sent them again.
   */
  needless?: ReadonlySet<string>
  /** Events whose own content makes a repetition harmless (a set of identities, a fence): the inbox keeps no mark for their senders. */
  unmarked: ReadonlySet<string>
  /** Events that come together and may be told to it as one: one decision and one entry of the history, however many they are. */
  joined?: { may(event: ActorEvent): boolean; as(events: readonly ActorEvent[]): ActorEvent }
  /** 'recent': only the newest part of the history is kept. For actors that live as long as their deployment. Default: all of it. */
  history?: 'recent'
  /** Actors of the same partition whose existence the decision on this event needs to know. */
  peers?(self: Address, event: ActorEvent): { key: string; address: Address }[]
  /**
   * What the decision needs to know of calendars and clocks, added to the event as its `facts`, and recorded with it: so that a machine needs neither, and a
   * replay decides the same whatever their tables say by then.
   */
  facts?(snapshot: Snapshot | undefined, event: ActorEvent, at: number): object
  /** What of the snapshot is copied out for queries and for the host. */
  view(snapshot: Snapshot): { state: string; final: boolean; work?: Work; group?: Address; labels?: Record<string, string> }
  /** What a sibling may know of it. */
  peer?(snapshot: Snapshot): Peer | undefined
  /**
   * What is left of the snapshot when the actor is removed, so that its id stays reserved: enough to answer a submit of the same, and
   * whatever else may still come, as before. Absent: nothing of it need be left.
   */
  tombstone?(snapshot: Snapshot, at: number): Snapshot
  /** Actors for which it must stay, as long as they are there. */
  neededBy?(snapshot: Snapshot): Address[]
  /** Jobs name it as their group: they go with it. */
  hasMembers?: true
  /** false: somebody has still to tell it something. */
  removable?(snapshot: Snapshot): boolean
  /** Each unmet condition of an actor that waits; empty if it does not wait. */
  why(snapshot: Snapshot, at: number): Condition[]
}

export interface Peer {
  /** Hash of what it was submitted with. */
  content: string
  member: boolean
  /** A tombstone: what belonged to it is gone too, and its ids stay reserved. */
  removed?: true
}

/** One reason why an actor waits: for people, and as data. */
export interface Condition {
  code: string
  message: string
  /** Address of what it waits for, if that is an actor. */
  on?: Address
  /** When the condition ends by itself, ms since 1970. */
  until?: number
  /** true: nothing but an operator's action ends it. */
  stuck?: boolean
  [fact: string]: unknown
}
