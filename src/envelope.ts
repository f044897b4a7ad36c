import type { Address } from './address.ts'

/** What a machine sees: a type, and plain JSON. `at` (ms) is set when the event is first decided. */
export interface ActorEvent {
  type: string
  [field: string]: unknown
}

/** An event on its way to one actor. */
export interface Envelope {
  to: Address
  event: ActorEvent
  /** Sender: an actor's address, or a client's name. */
  from?: string
  /** Incarnation of the sender; with `n` it makes the event unique for ever (no time window). */
  inc?: string
  n?: number
  /**
   * Where an answer goes once the outcome is committed: subject of an inbox, and the call that waits there. `outside`: the subject
   * is another program's, as it stands, and not one of the namespace.
   */
  reply?: { inbox: string; call: number | string; outside?: true }
  /** If it is refused, that is kept as a dead letter: its sender need not be there to hear it. */
  letter?: true
  /** The command that is answered by what becomes of this event: who got it could not decide it alone. */
  command?: PassedOn
}

/** A command that one actor has passed on to another. */
export interface PassedOn extends Pick<Envelope, 'to' | 'event' | 'reply' | 'letter'> {
  /** The same for each repeat of it. */
  id?: string
}
