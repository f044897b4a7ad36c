import { type Address, idOf } from '../address.ts'
import type { ActorDocument } from '../document.ts'
import { onShelf, type Shelf, shelvedAt } from '../shelves.ts'
import type { Base, Waking } from '../store/port.ts'
import { lateWrite } from './due-times.ts'
import type { Partition } from './partition.ts'

/**
 * What becomes of one document when a turn has loaded it and delivered what it sent.
 * remove: a tombstone is left of it if its type has one. trim: only the pages of its history go. emptied: a group's members are gone.
 */
export interface Chore {
  task: 'remove' | 'trim' | 'emptied'
  /** As housekeeping has seen it: what was written since is not meant. */
  wakeAt?: number
  /** The base of a document of which nothing will be left: it may go once whatever could still be on its way to it has come. */
  done(outcome: 'done' | 'kept' | Base): void
  abandon(reason: Error): void
}

/** Documents of one turn. */
const slice = 200
/** As many go in one sweep because there are too many, and as many tombstones. */
const mostAtOnce = 10_000
/** Time between two sweeps, ms: an eighth of the shortest age, within these. */
const shortestGap = 1000
const longestGap = 15 * 60_000
/** From the moment at which there are too many. */
const soon = 10_000

/**
 * Removes what is over its retention, as the owner of the partition and in its turns. Nothing is looked for before the oldest
 * that is kept, or the first that could end now, is over its age: an idle system has nothing to do.
 *
 *   ended ── retention ──► tombstone (a group: after that, its members) ── retention ──► nothing
 *
 * A tombstone is the same document without what was removed; it takes part in all rules of delivery, so that no old event or frame can begin
 * the actor anew. It goes, like everything of which no tombstone is left, only when nobody can send it anything any more: who created it has no
 * event for it, then the longest time that a late write or publish can take has passed, then all that is in the stream is applied.
 */
export function createHousekeeping(partition: Partition) {
  const { store, clock, number, retention } = partition
  const { finished, failed, histories, tombstones } = retention
  const ages: Record<Shelf, number> = {
    finished: finished.age,
    histories: Math.min(histories.age, finished.age),
    failed: failed.age,
    emptying: 0,
    tombstones: tombstones.age,
  }
  const shares = { finished: share(finished.count), failed: share(failed.count) }
  const shortest = Math.min(...Object.entries(ages).flatMap(([shelf, age]) => (shelf === 'emptying' ? [] : [age])))
  const gap = Math.min(longestGap, Math.max(shortestGap, shortest / 8))
  /** A folder has one process. */
  const late = store.atomicTurns ? 0 : lateWrite
  /** How many more may end before one is too many, as far as it is known. */
  const room = { finished: Number.POSITIVE_INFINITY, failed: Number.POSITIVE_INFINITY }
  let stopped = false
  let next = Number.POSITIVE_INFINITY
  let sweeping = false
  /** Something was left for the next sweep. */
  let more = false
  let cancel = () => {}

  function share(count: number): number {
    return Math.ceil(count / partition.bus.partitions)
  }

  function sweepAt(at: number): void {
    if (stopped || sweeping || at >= next) return
    cancel()
    next = at
    cancel = clock.at(at, () => void sweep().catch((error) => stopped || partition.giveUp(error)))
  }

  async function sweep(): Promise<void> {
    next = Number.POSITIVE_INFINITY
    sweeping = true
    more = false
    const removable = new Map<Address, Base>()
    await empty(removable)
    await clear('failed', await excess(['failed'], failed.age), removable)
    const excessive = await excess(['finished', 'histories'], finished.age)
    await clear('finished', excessive, removable)
    await clear('histories', excessive, removable)
    await clear('histories', clock.now() - ages.histories, removable, 'trim')
    await empty(removable)
    await clear('tombstones', clock.now() - tombstones.age, removable)
    await forget(removable)
    const tooMany = room.finished < -slice || room.failed < -slice
    const at = more ? clock.now() + shortestGap : tooMany ? clock.now() + soon : await nextTime()
    sweeping = false
    sweepAt(at)
  }

  /** What ended until then is too old, or one too many. */
  async function excess(shelves: ('finished' | 'histories' | 'failed')[], age: number): Promise<number> {
    const old = clock.now() - age
    const [kind] = shelves as ['finished' | 'failed']
    if (shares[kind] === Number.POSITIVE_INFINITY) return old
    const count = async (from: number, until: number) => {
      let sum = 0
      for (const shelf of shelves) sum += await store.countWaking(number, onShelf(shelf, until), onShelf(shelf, from))
      return sum
    }
    const tooMany = (await count(old, clock.now())) - shares[kind]
    room[kind] = Math.max(0, -tooMany)
    if (tooMany > mostAtOnce) more = true
    if (tooMany <= 0) return old
    const most = Math.min(tooMany, mostAtOnce)
    const ends: number[] = []
    for (const shelf of shelves)
      for (const { wakeAt } of await store.waking(number, onShelf(shelf, clock.now()), onShelf(shelf, old), most + 1))
        ends.push(shelvedAt(shelf, wakeAt))
    ends.sort((a, b) => a - b)
    // Those that ended in the same millisecond go, or stay, together.
    return ends[most - 1] === ends[most] ? ends[most]! - 1 : ends[most - 1]!
  }

  /** Takes off a shelf what came there until then, from the oldest on; what has to stay is passed. */
  async function clear(shelf: Shelf, until: number, removable: Map<Address, Base>, task: Chore['task'] = 'remove'): Promise<void> {
    let from = onShelf(shelf, 0)
    let passed = new Set<Address>()
    while (!stopped) {
      if (removable.size >= mostAtOnce) return void (more = true)
      const found = await store.waking(number, onShelf(shelf, until), from, slice + passed.size)
      const fresh = found.filter(({ _id }) => !passed.has(_id))
      if (!fresh.length) return
      const left = new Set(await carryOut(task, fresh, removable))
      const last = fresh.at(-1)!.wakeAt
      const here = fresh.filter(({ _id, wakeAt }) => wakeAt === last && left.has(_id)).map(({ _id }) => _id)
      passed = new Set(last === from ? [...passed, ...here] : here)
      from = last
    }
  }

  /** The members of groups that were removed. */
  async function empty(removable: Map<Address, Base>): Promise<void> {
    for (const group of await store.waking(number, onShelf('emptying', clock.now()), onShelf('emptying', 0), mostAtOnce)) {
      let after: string | undefined
      let left = false
      for (;;) {
        if (stopped) return
        const members = await store.find({ prefix: `job:${idOf(group._id)}/`, group: group._id }, after, slice)
        if (!members.length) break
        after = members.at(-1)!._id
        if ((await carryOut('remove', members, removable)).length) left = true
      }
      if (!left) await carryOut('emptied', [group], removable)
    }
  }

  /** Answers which of them are still there. */
  async function carryOut(
    task: Chore['task'],
    docs: readonly (Pick<Waking, '_id'> & { wakeAt?: number })[],
    removable: Map<Address, Base>,
  ): Promise<Address[]> {
    const outcomes = await Promise.all(
      docs.map(
        ({ _id, wakeAt }) =>
          new Promise<'done' | 'kept' | Base>((done, abandon) =>
            partition.push({
              envelope: { to: _id, event: { type: 'stranded' } },
              timer: { id: 'stranded', generation: 0 },
              chore: { task, wakeAt, done, abandon },
            }),
          ),
      ),
    )
    return docs.flatMap(({ _id }, i) => {
      const outcome = outcomes[i]!
      if (typeof outcome === 'object') removable.set(_id, outcome)
      return outcome === 'done' ? [] : [_id]
    })
  }

  async function forget(removable: Map<Address, Base>): Promise<void> {
    if (!removable.size || stopped) return
    if (late) await new Promise<void>((passed) => void (cancel = clock.at(clock.now() + late, passed)))
    if (stopped) return
    await partition.drained()
    const all = [...removable]
    for (let at = 0; at < all.length && !stopped; at += slice) {
      // Only the owner removes, and one that was frozen meanwhile is it no more.
      await partition.confirm()
      const some = all.slice(at, at + slice)
      await Promise.all(some.map(([address, base]) => store.remove(address, base)))
      for (const [address] of some) partition.cache.evict(address)
    }
    await store.flush()
  }

  /** When the oldest on each shelf is over its age; what ends from now on is so later. */
  async function nextTime(): Promise<number> {
    let at = clock.now() + shortest
    for (const shelf of Object.keys(ages) as Shelf[]) {
      const [oldest] = await store.waking(number, onShelf(shelf, clock.now()), onShelf(shelf, 0), 1)
      if (oldest) at = Math.min(at, shelvedAt(shelf, oldest.wakeAt) + ages[shelf])
    }
    return Math.max(at, clock.now() + gap)
  }

  return {
    start: () => sweepAt(clock.now() + late + shortestGap),
    ended({ group, state }: ActorDocument): void {
      const kind = state === 'failed' || state === 'aborted' ? 'failed' : 'finished'
      if (!group && --room[kind] <= -slice) sweepAt(clock.now() + soon)
    },
    stop(): void {
      stopped = true
      cancel()
    },
  }
}
