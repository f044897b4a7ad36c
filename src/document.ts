import type { Address } from './address.ts'
import type { ActorEvent, PassedOn } from './envelope.ts'

/**
 * All that is durable of one actor: read and written as a whole, by a compare-and-set on version and commit. What an event did
 * (snapshot), what must follow (outbox, timers), and that it was applied (inbox) become true in the same write.
 */
export interface ActorDocument {
  _id: Address
  type: string
  root: string
  partition: number
  /** Name and version of the machine that wrote the snapshot: `job@1`. */
  machine: string

  version: number
  /** Unique for every attempt to write. */
  commit: string
  /** `commit` of the write that created this document: marks are kept per incarnation of a sender. */
  inc: string
  /** Counter: number of the last event that this actor decided to send. */
  n: number

  status: 'active' | 'done'
  /** Name of the state, for queries. */
  state: string
  labels?: Record<string, string>
  /** Group that it is a member of. */
  group?: Address
  /** What its worker does, or should do: present while it is queued or has a run. */
  work?: Work
  snapshot: Snapshot

  inbox: Inbox
  /** Decided and not yet known to be delivered. */
  outbox: Outgoing[]
  timers: Timer[]
  /**
   * When somebody has to look at it: its next timer; 0 while what it sent may be stranded; `whenTakenOver` for open work; on a shelf
   * of housekeeping (shelves.ts) once it has ended; else absent.
   */
  wakeAt?: number

  history: HistoryEntry[]
  /** Pages that hold the older part of the history, oldest first; the ids of many may be in one page (see host/history.ts). */
  historyPages?: string[]
  createdAt: number
  updatedAt: number
  endedAt?: number

  /** Actor that created it, if that was one and not its group: what that one sends must not create it again. */
  creator?: Address
  /** It is a tombstone: since then only what answers for its id is left. */
  removedAt?: number
  /** Tombstone of a group that still has members. */
  emptying?: true
}

/**
 * A copy whose fields are all there, in one order, also those that are absent. So V8 has one shape for all documents: by spreads they have one for each way
 * in which they came to be, and each access and copy takes several times as long. A field that only a newer version knows is not carried along.
 */
export function copyDocument(doc: ActorDocument): ActorDocument {
  const copy: { [K in keyof Required<ActorDocument>]: ActorDocument[K] } = {
    _id: doc._id,
    type: doc.type,
    root: doc.root,
    partition: doc.partition,
    machine: doc.machine,
    version: doc.version,
    commit: doc.commit,
    inc: doc.inc,
    n: doc.n,
    status: doc.status,
    state: doc.state,
    labels: doc.labels,
    group: doc.group,
    work: doc.work,
    snapshot: doc.snapshot,
    inbox: doc.inbox,
    outbox: doc.outbox,
    timers: doc.timers,
    wakeAt: doc.wakeAt,
    history: doc.history,
    historyPages: doc.historyPages,
    createdAt: doc.createdAt,
    updatedAt: doc.updatedAt,
    endedAt: doc.endedAt,
    creator: doc.creator,
    removedAt: doc.removedAt,
    emptying: doc.emptying,
  }
  return copy
}

/** `wakeAt` of a document that need be looked at only when its partition is taken over. */
export const whenTakenOver = 8.64e15

export interface Snapshot {
  status: 'active' | 'done' | 'error' | 'stopped'
  value: unknown
  context: unknown
}

export interface Inbox {
  epoch: number
  sequence: number
  /** Highest n applied, by sender: an actor's `inc`, or a client. */
  marks: Record<string, number>
  /** Those of clients and programs, from before they became many; `since`: stream time. See host/turn/marks.ts. */
  earlier?: { since: number; marks: Record<string, number> }
  /** What the latest commands came to that were not simply done: a repeat of them is answered the same. */
  answers?: Answer[]
}

export interface Answer {
  /** Of the command. */
  id: string
  at: number
  /** Why it was refused; absent: it was passed on, and is not decided yet. */
  error?: { code: string; message: string }
}

/** An outbox entry: an event for another actor, or an effect for the host's surroundings. */
export type Outgoing =
  | { n: number; kind: 'event'; to: Address; event: ActorEvent; command?: PassedOn }
  | { n: number; kind: 'offer'; job: string; priority: number; dispatch: number }
  /** The page comes back to this actor as `event`, with the page as its `body`; without one, the event alone. */
  | { n: number; kind: 'read'; page?: string; event: ActorEvent }
  | { n: number; kind: 'dead'; event: unknown; reason: { code: string; message: string }; snapshot?: unknown }

export interface Timer {
  id: string
  /** Version of the write that set it: a timer of an earlier visit of the same state is not it. */
  generation: number
  at: number
  event: ActorEvent
}

export interface Work {
  state: 'queued' | 'running'
  job: string
  priority: number
  dispatch: number
  /** Incarnation of the worker that holds the run. */
  worker?: string
  /** The handler is known to have begun. */
  begun?: boolean
  /** The holder is to be told to cancel. */
  cancelling?: boolean
  /** When it was queued, or granted. */
  at: number
}

export interface HistoryEntry {
  v: number
  at: number
  event: ActorEvent
  from?: string
  /** The state after it. */
  state?: string
  /** What followed, in short: `page send*250`. With it a replay tells which entry decides otherwise now. */
  out?: string
  /** It came from a run that was not current, and changed nothing. */
  superseded?: boolean
  /** Set where the machine threw: the event went to the dead letters. */
  threw?: string
}
