import type { Clock } from '../../clock.ts'
import { guarded } from '../guarded.ts'
import type { FrameConsumer, FrameListener, OutgoingFrame } from '../port.ts'
import type { Deferred } from './deferred.ts'
import { recentIds } from './recent.ts'

/** Where frames survive the end of the process. `put` of an id that is there replaces it; `put` and `remove` take effect in the order of the calls. */
export interface FrameJournal {
  put(entries: readonly JournalEntry[]): Promise<void>
  remove(ids: readonly string[]): void
  all(): Promise<JournalEntry[]>
  /** Throws while nothing can be written. */
  check(): void
}

export interface JournalEntry {
  id: string
  partition: number
  sequence: number
  /** When it was taken in, ms since 1970. */
  at: number
  frame: OutgoingFrame
}

export interface Frames {
  publish(frames: readonly OutgoingFrame[]): Promise<void>
  consume(partition: number, on: FrameListener): Promise<FrameConsumer & { silence(): void }>
  lastSequence(partition: number): Promise<number>
}

interface Entry {
  sequence: number
  at: number
  frame: OutgoingFrame
  acknowledged: boolean
}

interface Partition {
  number: number
  /** In order of sequence, from the oldest unacknowledged on. */
  entries: Entry[]
  /** How many entries were ever removed in front of `entries`. */
  removed: number
  /** Index of the oldest unacknowledged entry. */
  head: number
  sequence: number
  consumer?: { on: FrameListener; cursor: number; granted: number; pumping: boolean }
}

/** So many frames may come for one `more`. */
const grant = 256
/** Sequences are reserved on disk in steps: a sequence is never given twice, not even to a frame that was never written down. */
const step = 1 << 20
const bound = 'sequence'

/** Frames in memory until acknowledged; with a journal, those that nobody else keeps survive a restart. */
export function frameQueues(options: { partitions: number; epoch: number; clock: Clock; journal?: FrameJournal; defer: Deferred }): Frames {
  const { epoch, journal, defer } = options
  const partitions = Array.from(
    { length: options.partitions },
    (_, number): Partition => ({ number, entries: [], removed: 0, head: 0, sequence: 0 }),
  )
  const ids = recentIds(options.clock)
  let reserved = journal ? 0 : Number.POSITIVE_INFINITY
  let written: Promise<void> = Promise.resolve()
  const loaded = journal && load(journal)
  loaded?.catch(() => {})

  const at = (partition: number): Partition => {
    const found = partitions[partition]
    if (!found) throw new RangeError(`no partition ${partition}: there are ${partitions.length}`)
    return found
  }

  const write = (entries: JournalEntry[]): Promise<void> => {
    const put = journal!.put(entries)
    written = Promise.all([written.catch(() => {}), put]).then(() => {})
    written.catch(() => {})
    return put
  }

  const reserve = async (): Promise<void> => {
    const next = Math.max(reserved, ...partitions.map((p) => p.sequence)) + step
    await write([{ id: bound, partition: -1, sequence: next, at: 0, frame: { partition: -1, id: bound, events: [] } }])
    reserved = next
  }

  async function load(from: FrameJournal): Promise<void> {
    const entries = (await from.all()).sort((a, b) => a.sequence - b.sequence)
    reserved = entries.find((entry) => entry.id === bound)?.sequence ?? 0
    for (const partition of partitions) partition.sequence = reserved
    for (const { id, partition, sequence, at: taken, frame } of entries) {
      if (id === bound) continue
      ids.add(frame.id)
      at(partition).entries.push({ sequence, at: taken, frame, acknowledged: false })
    }
    await reserve()
  }

  const append = (frame: OutgoingFrame): Entry => {
    const partition = at(frame.partition)
    const entry = { sequence: ++partition.sequence, at: options.clock.now(), frame, acknowledged: false }
    partition.entries.push(entry)
    pump(partition)
    return entry
  }

  const pump = (partition: Partition): void => {
    const { consumer } = partition
    if (!consumer || consumer.pumping || consumer.granted === 0) return
    consumer.pumping = true
    defer(() => {
      consumer.pumping = false
      deliver(partition, consumer)
    })
  }

  const deliver = (partition: Partition, consumer: NonNullable<Partition['consumer']>): void => {
    while (partition.consumer === consumer && consumer.granted > 0) {
      const entry = partition.entries[Math.max(0, consumer.cursor - partition.removed)]
      if (!entry) return
      consumer.cursor = Math.max(consumer.cursor, partition.removed) + 1
      consumer.granted--
      guarded(() => consumer.on.frame({ epoch, sequence: entry.sequence, published: entry.at, body: entry.frame.events }))
    }
  }

  const acknowledge = (partition: Partition, sequences: readonly number[], delivered: number): void => {
    const gone: string[] = []
    for (const sequence of sequences) {
      const index = indexOf(partition.entries, sequence)
      const entry = partition.entries[index]
      if (!entry || entry.acknowledged || partition.removed + index >= delivered) continue
      entry.acknowledged = true
      if (journal && !entry.frame.kept) gone.push(journalId(partition.number, sequence))
    }
    if (gone.length > 0) journal!.remove(gone)
    trim(partition)
  }

  return {
    async publish(frames) {
      if (loaded) await loaded
      // Also for frames that are not written down: what they bring could not be.
      journal?.check()
      while (journal && partitions.some((partition) => partition.sequence + frames.length > reserved)) await reserve()
      const entries: JournalEntry[] = []
      let repeated = false
      for (const frame of frames) {
        if (!ids.add(frame.id)) repeated = true
        else {
          const { sequence, at: taken } = append(frame)
          if (journal && !frame.kept)
            entries.push({ id: journalId(frame.partition, sequence), partition: frame.partition, sequence, at: taken, frame })
        }
      }
      if (entries.length > 0) await write(entries)
      if (repeated) await written
    },

    async consume(number, on) {
      if (loaded) await loaded
      const partition = at(number)
      const previous = partition.consumer
      if (previous) defer(() => previous.on.lost('the partition was taken over'))
      const consumer = { on, cursor: partition.removed, granted: 0, pumping: false }
      partition.consumer = consumer
      // Acknowledged frames that are not the oldest leave holes: they do not come again.
      partition.entries = partition.entries.filter((entry) => !entry.acknowledged)
      partition.head = 0
      const stop = () => {
        if (partition.consumer === consumer) partition.consumer = undefined
      }
      return {
        more() {
          consumer.granted = grant
          pump(partition)
        },
        acknowledge(sequences) {
          if (partition.consumer === consumer) acknowledge(partition, sequences, consumer.cursor)
        },
        async stop() {
          stop()
        },
        silence: stop,
      }
    },

    async lastSequence(number) {
      if (loaded) await loaded
      return at(number).entries.findLast((entry) => !entry.acknowledged)?.sequence ?? 0
    },
  }
}

const journalId = (partition: number, sequence: number): string => `${partition}.${sequence}`

function indexOf(entries: readonly Entry[], sequence: number): number {
  let low = 0
  let high = entries.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = entries[middle]!.sequence
    if (found === sequence) return middle
    if (found < sequence) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/** Cutting off the front of a long array costs: it is done when it halves it. */
function trim(partition: Partition): void {
  while (partition.entries[partition.head]?.acknowledged) partition.head++
  if (partition.head * 2 < partition.entries.length || partition.head === 0) return
  partition.entries.splice(0, partition.head)
  partition.removed += partition.head
  partition.head = 0
}
