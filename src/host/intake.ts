import type { Grant } from '../../actors/job.ts'
import type { Address } from '../address.ts'
import type { Bus, IncomingFrame } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import type { Envelope } from '../envelope.ts'
import type { Page } from '../store/port.ts'
import { type Contracts, learnNames, type Opened, openFrame } from './door.ts'
import type { Chore } from './housekeeping.ts'

/** What a turn takes in: an event, and where it came from. */
export interface Item {
  envelope: Envelope
  /** From the stream. */
  epoch?: number
  sequence?: number
  /** Which of the events of its frame it is. */
  place?: number
  /** Stream time: when the frame was taken in. */
  published?: number
  /** From a document's timer. */
  timer?: { id: string; generation: number }
  /** From an actor of this partition: its outbox entry. */
  from?: [Address, number]
  /** Pages that its large values were put into, and the envelope as it came before that: what is kept of it as a dead letter. */
  pages?: readonly Page[]
  given?: Envelope
  /** A page that is to be put into the event first. */
  page?: string
  /** The value of a callback, read from its page so that it can be checked. */
  value?: unknown
  /** A worker's claim: answered with the grant or a refusal, or abandoned if that cannot be decided here any more. */
  claim?: { answer(grant: Grant | undefined): void; abandon(reason: Error): void }
  /** Housekeeping: the turn loads its actor, delivers what that sent, and then does this with it. */
  chore?: Chore
}

/** What one turn takes in, and the frames that it acknowledges. */
export interface Collected extends Omit<Opened, 'size'> {
  sequences: number[]
}

/** Most events that one turn takes in. */
const turnEvents = 1000
/** Most that follows from the frames of one turn, in characters of JSON: it all may pass through the outbox of one actor. */
const turnSize = 224 * 1024
/** Frames that may wait in memory for their turn. */
const framesAhead = 64

/**
 * What waits for the next turn of a partition, in memory only: frames of the stream in its order, and what was handed in without one.
 *
 *   frames ─► arrived ─► opened ─┐
 *   items ───────────────────────┴─► collected: one turn
 */
export interface Intake {
  readonly isEmpty: boolean
  /** So many frames wait that no more are to be asked for. */
  readonly isFull: boolean
  add(item: Item): void
  arrive(frame: IncomingFrame): void
  /** What the next turn takes in: as many whole frames as fit. */
  collect(): Promise<Collected>
  /** What was handed in and is in no turn, to give it back. */
  takeBack(): Item[]
}

export function createIntake(here: { bus: Bus; clock: Clock; contracts: Contracts }, partition: number): Intake {
  const { bus, clock, contracts } = here
  const items: Item[] = []
  const arrived: IncomingFrame[] = []
  const opened: (Opened & { sequence: number })[] = []

  /** A job that a program names may have been published a moment ago: who is not known is asked for. */
  async function openArrived(): Promise<void> {
    for (const frame of arrived.splice(0)) {
      if (frame.root !== undefined) await learnNames(contracts, frame.body)
      const read = openFrame({ contracts, partitions: bus.partitions, now: clock.now() }, partition, frame)
      opened.push({ sequence: frame.sequence, ...read })
    }
  }

  return {
    get isEmpty() {
      return !items.length && !opened.length && !arrived.length
    },
    get isFull() {
      return opened.length + arrived.length >= framesAhead
    },
    add: (item) => void items.push(item),
    arrive: (frame) => void arrived.push(frame),
    async collect() {
      await openArrived()
      const turn: Collected = { items: items.splice(0, turnEvents), sequences: [], letters: [], refused: [] }
      let size = 0
      while (opened.length && (!turn.sequences.length || (turn.items.length < turnEvents && size + opened[0]!.size <= turnSize))) {
        const frame = opened.shift()!
        turn.items.push(...frame.items)
        turn.letters.push(...frame.letters)
        turn.refused.push(...frame.refused)
        turn.sequences.push(frame.sequence)
        size += frame.size
      }
      return turn
    },
    takeBack: () => items.splice(0),
  }
}
