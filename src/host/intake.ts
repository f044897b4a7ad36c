import type { Grant } from '../../actors/job.ts'
import type { Address } from '../address.ts'
import type { Bus, IncomingFrame } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import type { Envelope } from '../envelope.ts'
import type { Page } from '../store/port.ts'
import { type Contracts, learnNames, type Opened, openFrame } from './door.ts'
import { type News, newsOf, type PartitionFlow } from './flow.ts'
import type { Chore } from './housekeeping.ts'

/** What a turn takes in: an event, and where it came from. */
export interface Item {
  envelope: Envelope
  /** From the stream. */
  epoch?: number
  sequence?: number
  /** Which of the events of its frame it is. */
  place?: number
  /** Its frame may have been taken before older ones: its place in the stream says nothing of what was applied. */
  overtook?: boolean
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
  /** Several that are decided on as one. */
  joins?: readonly Item[]
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
/** Frames that may wait in memory for their turn, and how large they may be together. */
const framesAhead = 256
const sizeAhead = 4 * 1024 * 1024

/**
 * What waits for the next turn of a partition, in memory only: frames of the stream, and what was handed in without one.
 *
 *   items ───────────────────────────────────────────┐
 *   frames ─► arrived ─► opened ─┬─ results ─────────┼─► collected: one turn
 *                                └─ all others ─ (flow) ┘
 *
 * In the order of the stream; but results pass by new work that is held back. They are fenced by their run, not by their place.
 */
export interface Intake {
  /** Nothing is to be taken now. */
  readonly isIdle: boolean
  /** So many frames wait that no more are to be asked for. */
  readonly isFull: boolean
  add(item: Item): void
  arrive(frame: IncomingFrame): void
  /** Makes items of what has arrived. */
  open(): Promise<void>
  /** What the next turn takes in: as many whole frames as fit. */
  collect(): Collected
  /** What was handed in and is in no turn, to give it back. */
  takeBack(): Item[]
}

interface Frame extends Opened, News {
  sequence: number
  /** When it came, ms of the monotonic clock. */
  came: number
}

export function createIntake(
  here: { bus: Bus; clock: Clock; contracts: Contracts; flow: PartitionFlow; isShort(job: string): boolean },
  partition: number,
): Intake {
  const { bus, clock, contracts, flow, isShort } = here
  const items: Item[] = []
  const arrived: IncomingFrame[] = []
  const results: Frame[] = []
  const others: Frame[] = []
  let size = 0

  const isFull = () => arrived.length + results.length + others.length >= framesAhead || size >= sizeAhead
  const isHeldBack = () => others.length > 0 && !isFull() && !flow.admits(others[0]!)

  /** The next in the order of the stream, but for what is held back. */
  function first(): Frame | undefined {
    const [result] = results
    const other = isHeldBack() ? undefined : others[0]
    return result && other ? (result.sequence < other.sequence ? result : other) : (result ?? other)
  }

  function leave(frame: Frame): void {
    if (frame === results[0]) return void results.shift()
    others.shift()
    size -= frame.size
    flow.taken(frame.jobs)
  }

  return {
    get isIdle() {
      return !items.length && !arrived.length && !first()
    },
    get isFull() {
      return isFull()
    },
    add: (item) => void items.push(item),
    arrive: (frame) => void arrived.push(frame),
    /** A job that a program names may have been published a moment ago: who is not known is asked for. */
    async open() {
      for (const frame of arrived.splice(0)) {
        if (frame.root !== undefined) await learnNames(contracts, frame.body)
        const read = openFrame({ contracts, partitions: bus.partitions, now: clock.now() }, partition, frame)
        const opened = { sequence: frame.sequence, came: clock.monotonic(), ...newsOf(read, isShort), ...read }
        if (isOfResults(read)) {
          for (const item of read.items) item.overtook = true
          results.push(opened)
        } else {
          others.push(opened)
          size += opened.size
          flow.came(opened)
        }
      }
    },
    collect() {
      const turn: Collected = { items: items.splice(0, turnEvents), sequences: [], letters: [], refused: [] }
      let taken = 0
      const fits = (frame: Frame) => !turn.sequences.length || (turn.items.length < turnEvents && taken + frame.size <= turnSize)
      for (let frame = first(); frame && fits(frame); frame = first()) {
        leave(frame)
        turn.items.push(...frame.items)
        turn.letters.push(...frame.letters)
        turn.refused.push(...frame.refused)
        turn.sequences.push(frame.sequence)
        taken += frame.size
      }
      return turn
    },
    takeBack: () => items.splice(0),
  }
}

const isOfResults = ({ items, letters }: Opened): boolean =>
  !letters.length && items.length > 0 && items.every(({ envelope }) => envelope.event.type === 'result')
