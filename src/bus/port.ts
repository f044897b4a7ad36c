import type { Envelope } from '../envelope.ts'

/**
 * What carries events, work and signals. Two adapters: NATS JetStream, and one inside the process.
 * A bus knows nothing of actors: it moves frames, offers and small messages, and says when they are safe.
 */
export interface Bus {
  /** Number of partitions, fixed when the deployment was made. */
  readonly partitions: number
  /** Number of the event stream: one higher each time it was made anew. Part of its name and of its consumers' names. */
  readonly epoch: number

  /**
   * Puts frames on the event stream, in this order, and resolves when all of them are safe (on disk).
   * If it rejects, a prefix of them may be there: nothing later was sent after the first that failed.
   * A frame keeps its id when it is sent again.
   */
  publish(frames: readonly OutgoingFrame[]): Promise<void>
  /**
   * Delivers the frames of one partition in stream order, from the oldest unacknowledged on. The consumers that earlier
   * owners had are deleted first: from then on they can neither pull nor acknowledge. `owner` is part of the consumer's name:
   * unique for every takeover.
   */
  consume(partition: number, owner: string, on: FrameListener): Promise<FrameConsumer>
  /** Sequence of the newest frame of a partition now in its stream; 0 if none is. */
  lastSequence(partition: number): Promise<number>

  /** Offers survive the end of all hosts. false: a partition's owner makes them again from the store when it takes over. */
  readonly keepsOffers: boolean
  /** Puts offers of work where the workers that have the handler find them. Resolves when they are safe. */
  offer(offers: readonly Offer[]): Promise<void>
  /** How far the queue of a job and priority has come. */
  offered(job: string, priority: number): Promise<Offered>
  /** Starts to take offers of one job. Nothing comes until `want` was called. */
  pull(job: string, on: (offer: TakenOffer) => void): Promise<WorkPull>

  /** Fire and forget, to all who listen now. */
  signal(subject: string, data: unknown): void
  /** The same, to a subject that another program chose: as it stands, without the namespace. */
  tell(subject: string, data: unknown): void
  /** `subject` may end in `.>`; `queue`: only one of all listeners of that name gets each signal. */
  listen(subject: string, on: (data: unknown, subject: string) => void, queue?: string): Listening
  /** One answer from whoever serves the subject; UnavailableError at once if nobody does, soon if the server says nothing at all, or after `timeout` ms. */
  request(subject: string, data: unknown, timeout: number): Promise<unknown>
  serve(subject: string, answer: (data: unknown, subject: string) => Promise<unknown>, queue?: string): Listening

  /** Small shared facts: who owns a partition, which contracts exist. Changed by compare-and-set only. */
  readonly records: Records

  /** Keeps what could not be applied, with the reason. Resolves when it is safe. */
  deadLetter(letters: readonly DeadLetter[]): Promise<void>
  /** What was so kept; it goes by itself when it is too old, or too much. */
  readonly letters: KeptLetters

  /** Tells of lost and regained connections; an in-process bus never calls it. */
  onConnection(on: (connected: boolean) => void): void
  /** Resolves if the bus can never be used again, though it was not closed; that of one process never does. */
  readonly lost?: Promise<Error>
  /** false: this worker's process is certainly gone. undefined: the bus cannot know. */
  workerLives(worker: string): boolean | undefined
  close(): Promise<void>
}

export interface OutgoingFrame {
  partition: number
  /** Message id, the same for each repeat. */
  id: string
  events: readonly Envelope[]
  /**
   * The publisher keeps it until its outcome is known, and dies with the bus: a bus inside the process then need not write it down.
   * A bus of servers writes all frames.
   */
  kept?: boolean
}

export interface IncomingFrame {
  epoch: number
  sequence: number
  /** When the bus took it in, ms since 1970 by its own clock. */
  published: number
  /** As it came: a program in any language may have written it. One envelope, or an array of them; undefined if it was not JSON. */
  body: unknown
  /** What came, if it was not JSON. */
  text?: string
  /** Root that the publisher named in the subject, if it named one. */
  root?: string
}

export interface FrameListener {
  frame(frame: IncomingFrame): void
  /** The consumer is gone or has a gap: the partition must be taken over again. */
  lost(reason: string): void
}

export interface FrameConsumer {
  /** Asks for more frames. Frames come only after `more`: the reader sets the pace. Nothing is polled: an unanswered `more` waits. */
  more(): void
  /** Acknowledges these sequences. Fire and forget: an unacknowledged frame comes again and is skipped. */
  acknowledge(sequences: readonly number[]): void
  stop(): Promise<void>
}

/** Some jobs of one definition that wait to be claimed. */
export interface Offer {
  id: string
  job: string
  priority: number
  /** Address and dispatch number of each. */
  jobs: readonly (readonly [address: string, dispatch: number])[]
}

/** Each offer has a place, and later ones have higher places. */
export interface Offered {
  /** Of the oldest that is not acknowledged, with a worker or not; undefined: there is none. */
  oldest?: number
  /** Of the newest that ever was, or one behind it. */
  last: number
}

export interface TakenOffer extends Offer {
  /** All its claims are answered: it will not come again. */
  acknowledge(): void
  /** Not claimed: another worker may have it at once. */
  giveBack(): void
}

export interface WorkPull {
  /** At most so many more offers may come, from now on. Replaces the number given before. */
  want(offers: number): void
  /** true while it is known that no offer waits to be taken. */
  readonly empty: boolean
  stop(): Promise<void>
}

export interface Listening {
  stop(): void
}

export interface Records {
  get(key: string): Promise<StoredRecord | undefined>
  /** Writes if the record still has this revision (0: if there is none). Answers the new revision, or undefined if somebody else was first. */
  put(key: string, value: unknown, revision: number): Promise<number | undefined>
  /** All records under a prefix (`owner.`), and every change from then on; resolves when the present ones were told. */
  watch(prefix: string, on: (key: string, record: StoredRecord) => void): Promise<Listening>
}

export interface StoredRecord {
  value: unknown
  revision: number
}

export interface DeadLetter {
  id: string
  /** Address it was meant for, as far as that could be read. */
  to?: string
  reason: { code: string; message: string; issues?: unknown }
  /** What came. */
  body: unknown
  /** What the body is: as any program wrote it, as hosts send it, or the event alone. Absent: nothing that could be sent again. */
  form?: 'command' | 'envelope' | 'event'
  /** State that the target was in, if it was the target that refused. */
  snapshot?: unknown
  at: number
}

export interface KeptLetters {
  /** Oldest first, after a place; at most so many. */
  list(after: string | undefined, limit: number): Promise<KeptLetter[]>
  get(place: string): Promise<KeptLetter | undefined>
  /** Those that are gone are left out. */
  remove(places: readonly string[]): Promise<void>
}

export interface KeptLetter extends DeadLetter {
  /** Where it is kept: later ones have later places. */
  place: string
}

/** How long dead letters are kept, ms, and how many: the oldest go first. */
export interface LetterLimits {
  age: number
  count: number
}
export const letterLimits: LetterLimits = { age: 30 * 24 * 3600 * 1000, count: 100_000 }
