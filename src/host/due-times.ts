import { type Address, typeOf } from '../address.ts'
import { type ActorDocument, type Timer, whenTakenOver } from '../document.ts'
import type { Waking } from '../store/port.ts'
import type { Waiting } from './offers.ts'
import type { Partition } from './partition.ts'
import { createPutOff } from './put-off.ts'
import { createTimers } from './timers.ts'

/** How far ahead due times are held in memory; later ones are found by a scan. */
const soon = 90_000
/** How often the index of due times is read: that and the leases are all that an idle owner does. */
const scanEvery = 60_000
/** A late owner's write may be under way for so long. */
export const lateWrite = 30_000

/** When the owner of a partition has to act by itself: timers that are due, and what a crash left to be delivered. */
export function createDueTimes(partition: Partition) {
  const { store, clock, cache } = partition
  const timers = createTimers(clock, () => void fire(timers.due()).catch(partition.giveUp))
  const putOff = createPutOff(clock)
  const note = (doc: ActorDocument) => timers.note({ _id: doc._id, wakeAt: putOff.wakeOf(doc) })
  let stopped = false
  let cancelScan = () => {}

  /** Each due timer becomes an event. `wakeAt` 0 without one: a turn that loads the document delivers what it sent. */
  async function fire(addresses: Address[]): Promise<void> {
    if (stopped || !addresses.length) return
    const missing = addresses.filter((address) => !cache.get(address))
    const stored = missing.length ? await store.load(missing) : []
    const docs = [...addresses.map((address) => cache.get(address)?.doc), ...stored].filter((doc) => doc !== undefined)
    for (const doc of docs) {
      const due = doc.timers.filter((timer) => putOff.timeOf(doc._id, timer) <= clock.now()).sort((a, b) => a.at - b.at)
      for (const { id, generation, event } of due) partition.push({ envelope: { to: doc._id, event }, timer: { id, generation } })
      if (due.length) continue
      if (doc.wakeAt === 0)
        partition.push({ envelope: { to: doc._id, event: { type: 'stranded' } }, timer: { id: 'stranded', generation: 0 } })
      else note(doc)
    }
  }

  /** Answers what is queued. */
  function learn(found: readonly Waking[], until: number): Waiting[] {
    const queued: Waiting[] = []
    for (const { _id, wakeAt, version, work } of found) {
      const cached = cache.get(_id)?.doc.version ?? version
      // Written while the scan was under way: what it has read is older.
      if (version < cached) continue
      // A late owner's write: what is cached is older than what is stored.
      if (version > cached) cache.evict(_id)
      timers.note({ _id, wakeAt })
      if (until !== whenTakenOver || typeOf(_id) !== 'job') continue
      partition.noted({ _id, wakeAt, type: 'job', work, timers: [] } as Partial<ActorDocument> as ActorDocument)
      if (work?.state === 'queued') queued.push({ address: _id, ...work })
    }
    return queued
  }

  async function scan(until: number): Promise<void> {
    for await (const part of store.allWaking(partition.number, until)) {
      if (stopped) return
      learn(part, until)
    }
  }

  function scanLater(after: number, horizon: number): void {
    if (stopped) return
    cancelScan = clock.at(clock.now() + after, () => {
      if (!stopped) scan(Math.min(clock.now() + horizon, whenTakenOver)).then(() => scanLater(scanEvery, soon), partition.giveUp)
    })
  }

  return {
    note,
    /** The event of this timer cannot be written: it fires again later. */
    putOff(doc: ActorDocument, timer: Pick<Timer, 'id' | 'generation'>): void {
      putOff.add(doc._id, timer)
      note(doc)
    },
    async takeOver(): Promise<void> {
      // Until all is read nothing of it may act: no time comes, and no lease begins.
      const parts: (readonly Waking[])[] = []
      for await (const part of store.allWaking(partition.number, whenTakenOver)) parts.push(part)
      const queued = parts.flatMap((part) => learn(part, whenTakenOver))
      // An offer that is there already is harmless: only one claim on a dispatch is granted.
      if (!partition.bus.keepsOffers) await partition.offer(queued)
      scanLater(lateWrite, whenTakenOver)
    },
    stop(): void {
      stopped = true
      cancelScan()
      timers.clear()
    },
  }
}
