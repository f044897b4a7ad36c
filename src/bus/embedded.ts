import type { Clock } from '../clock.ts'
import { UnavailableError } from '../errors.ts'
import { type Connection, connection } from './embedded/connection.ts'
import { deferred } from './embedded/deferred.ts'
import { type FrameJournal, frameQueues } from './embedded/frames.ts'
import { type LetterTable, letterBox, lettersInMemory } from './embedded/letters.ts'
import { type KeptRecords, recordsOf } from './embedded/records.ts'
import { subjects } from './embedded/subjects.ts'
import { workQueues } from './embedded/work.ts'
import type { Bus, DeadLetter, LetterLimits } from './port.ts'

export type { FrameJournal, JournalEntry } from './embedded/frames.ts'

export interface EmbeddedBusOptions {
  partitions?: number
  /** Number of the event stream, if it was made anew. */
  epoch?: number
  clock: Clock
  /** Where frames survive a restart; without it they live as long as the process. */
  journal?: FrameJournal
  /** Where some records survive; without it all live as long as the process. */
  records?: KeptRecords
  /** Where dead letters survive; without it they are in `deadLetters`. */
  letters?: LetterTable
  letterLimits?: LetterLimits
  /** The process that holds the bus is the only one: who is not connected is dead. */
  knowsTheDead?: boolean
}

/** A bus inside one process. Several hosts can be connected, as to a cluster. */
export interface EmbeddedBus {
  /** Names of workers that use this connection begin with its name and a dot. `clock`: by which what it asks takes too long; default that of the bus. */
  connect(name: string, clock?: Clock): Bus
  /**
   * The death of a host, as the others see it: it hears nothing more, nothing that it does has an effect, and what it called
   * never returns. Offers that it held are offered to others after `ackWait`.
   */
  disconnect(name: string): void
  readonly deadLetters: readonly DeadLetter[]
  /** Nothing that was sent is still to be delivered. (What nobody asked for may wait.) */
  readonly idle: boolean
}

/** How long an offer belongs to who took it and is not heard of again. */
export const ackWait = 30_000

export function embeddedBus(options: EmbeddedBusOptions): EmbeddedBus {
  const { partitions = 1, epoch = 1, clock, journal } = options
  const defer = deferred()
  const work = workQueues(defer)
  const letters = lettersInMemory()
  const connections = new Map<string, Connection>()

  const shared = {
    partitions,
    epoch,
    frames: frameQueues({ partitions, epoch, clock, journal, defer }),
    work,
    messages: subjects(defer),
    records: recordsOf(defer, options.records),
    letters: letterBox(options.letters ?? letters, clock.now, options.letterLimits),
    workerLives(worker: string) {
      if (!options.knowsTheDead) return undefined
      return [...connections.keys()].some((connected) => worker.startsWith(`${connected}.`))
    },
  }

  return {
    connect(name, own = clock) {
      if (connections.has(name)) throw new UnavailableError(`${name} is connected already. Give each connection a name of its own.`)
      const made = connection(shared, own, () => connections.delete(name))
      connections.set(name, made)
      return made.bus
    },
    disconnect(name) {
      const held = connections.get(name)?.die() ?? []
      if (held.length > 0) clock.at(clock.now() + ackWait, () => work.offer(held))
    },
    get deadLetters() {
      return letters.present
    },
    get idle() {
      return defer.idle
    },
  }
}
