import type { Address } from '../address.ts'
import { wake } from '../decide.ts'
import { copyDocument } from '../document.ts'
import { UnavailableError } from '../errors.ts'
import { valueIn } from '../payload.ts'
import type { Write } from '../store/port.ts'
import type { Collected, Item } from './intake.ts'
import type { Partition } from './partition.ts'
import { apply, grantAtOnce, wantedBy } from './turn/apply.ts'
import { fillPages } from './turn/asked-pages.ts'
import { readCallbacks } from './turn/callbacks.ts'
import { doChores } from './turn/chores.ts'
import { commit } from './turn/commit.ts'
import { joined } from './turn/joined.ts'
import { answer, bury, publish, route } from './turn/send.ts'
import { beginTurn, type Touched, type Turn } from './turn/state.ts'

/**
 * One turn of one partition:
 *
 *   items ─► wave: load ─► decide ─► commit ─► route ─┬─► events for this partition: the next wave
 *                  ▲                                  └─► all others wait for the end of the waves
 *                  └── whoever lost the compare-and-set ──┘
 *   then: keep due what is left ─► answer ─► publish ─► note what is delivered ─► chores of housekeeping ─► acknowledge
 *
 * A crash anywhere, or an error thrown from here, leaves the frames unacknowledged (or `wakeAt` due): they come again, what was
 * applied is recognised, and what was decided and not delivered is delivered.
 */
export async function runTurn(partition: Partition, collected: Collected): Promise<void> {
  const turn = beginTurn(collected)
  try {
    while (turn.items.length) await wave(partition, turn)
    if (partition.store.atomicTurns) await forgetDelivered(partition, turn)
    if (turn.left.size) await keepDue(partition, turn)
    await partition.store.flush()
  } catch (error) {
    for (const job of turn.reserved) partition.worker?.release(job)
    throw error
  }
  answer(partition, turn)
  await bury(partition, turn)
  await publish(partition, turn).catch(async (error) => {
    if ((error as UnavailableError).refused && (await strand(partition, turn.touched))) partition.acknowledge(collected.sequences)
    throw error
  })
  for (const [address, n] of turn.delivered) partition.cache.delivered(address, n)
  await clearStranded(partition, turn)
  if (turn.lacking.size && !(await strand(partition, turn.lacking))) throw new UnavailableError('another owner has read a page meanwhile')
  await doChores(partition, turn)
  if (turn.unpaged.length) await partition.store.removePages(turn.unpaged)
  if (turn.homeless.length) await removeHomeless(partition, turn)
  partition.acknowledge(collected.sequences)
  partition.cache.trim(turn.touched)
}

async function wave(partition: Partition, turn: Turn): Promise<void> {
  const { items } = turn
  turn.items = []
  await load(partition, turn, items)
  const filled = await fillPages(partition, turn, items)
  await readCallbacks(partition, filled)
  const touched = new Map<Address, Touched>()
  for (const item of joined(partition, filled)) apply(partition, turn, touched, item)
  for (const t of touched.values()) grantAtOnce(partition, turn, t)
  await commit(partition, turn, [...touched.values()])
  turn.items.push(...turn.next)
  turn.next = []
}

/** Loads what is not cached: the actors addressed, and the siblings that decisions on them need to know. */
async function load(partition: Partition, turn: Turn, items: Item[]): Promise<void> {
  const wanted = new Set<Address>()
  for (const item of items) for (const address of wantedBy(partition, item)) wanted.add(address)
  const missing = [...wanted].filter((address) => !partition.cache.get(address) && !turn.absent.has(address))
  if (!missing.length) return
  for (const address of missing) turn.absent.add(address)
  for (const doc of await partition.store.load(missing)) {
    const cached = partition.cache.put(doc)
    turn.absent.delete(doc._id)
    partition.noted(doc)
    turn.touched.add(doc._id)
    route(partition, turn, cached)
  }
}

/**
 * Where a turn is on disk as one whole, what was delivered in it becomes durable together with its receivers: it leaves the outboxes before
 * they are written at all. A group in which 250 members begin would else be written with the submits of all.
 */
async function forgetDelivered(partition: Partition, turn: Turn): Promise<void> {
  const delivered = new Map<Address, Set<number>>()
  for (const [address, n] of turn.received) {
    if (!turn.written.has(address)) continue
    const numbers = delivered.get(address) ?? delivered.set(address, new Set()).get(address)!
    numbers.add(n)
  }
  const writes: Write[] = []
  for (const [address, numbers] of delivered) {
    const { doc } = partition.cache.get(address)!
    const without = copyDocument(doc)
    without.outbox = doc.outbox.filter(({ n }) => !numbers.has(n))
    writes.push({ doc: without, base: { version: doc.version, commit: doc.commit } })
  }
  if (!writes.length) return
  const answers = await partition.store.commit(writes)
  writes.forEach(({ doc }, i) => {
    if (answers[i] === true) partition.cache.put(doc)
  })
}

/** What is left for a later turn is due from now on, for this owner and any other: the frames that led to it are acknowledged. */
async function keepDue(partition: Partition, { left }: Turn): Promise<void> {
  if (!(await strand(partition, left))) throw new UnavailableError(`partition ${partition.number} has another owner now`)
  for (const address of left) {
    const cached = partition.cache.get(address)
    if (!cached) throw new UnavailableError(`partition ${partition.number}: ${address} has left the cache in the middle of a turn`)
    partition.noted(cached.doc)
  }
}

/**
 * A full stream has room again only when frames are acknowledged, and these can only be when what they led to is safe. So the documents
 * that have something to send are kept due, as after a timer: whoever owns them then sends it, without the frames. The same goes for who lacks
 * a page. false: another owner has written one meanwhile.
 */
async function strand(partition: Partition, addresses: Iterable<Address>): Promise<boolean> {
  const writes: Write[] = []
  for (const address of addresses) {
    const { doc: before, known } = partition.cache.get(address) ?? {}
    if (!before || before.wakeAt === 0 || before.outbox.every(({ n }) => known!.has(n))) continue
    const { version, commit } = before
    const doc = { ...before, version: version + 1, commit: partition.uniqueId() }
    wake(doc, true)
    writes.push({ doc, base: { version, commit } })
  }
  if (!writes.length) return true
  const answers = await partition.store.commit(writes)
  partition.counts.writes += writes.length
  await partition.store.flush()
  writes.forEach(({ doc }, i) => {
    if (answers[i] === true) partition.cache.put(doc)
  })
  return answers.every((written) => written === true)
}

/**
 * Documents that a timer made this host write were kept due (`wakeAt` 0) until what they sent had arrived: it has, so one more write
 * takes them off. Whoever else has written one meanwhile has the duty now.
 */
async function clearStranded(partition: Partition, turn: Turn): Promise<void> {
  const writes: Write[] = []
  for (const address of turn.touched) {
    const cached = partition.cache.get(address)
    if (cached?.doc.wakeAt !== 0 || !cached.doc.outbox.every(({ n }) => cached.known.has(n))) continue
    const { version, commit } = cached.doc
    const doc = { ...cached.doc, outbox: [], version: version + 1, commit: partition.uniqueId() }
    wake(doc, false)
    writes.push({ doc, base: { version, commit } })
  }
  if (!writes.length) return
  const answers = await partition.store.commit(writes)
  partition.counts.writes += writes.length
  writes.forEach(({ doc }, i) => {
    if (answers[i] !== true) return partition.cache.evict(doc._id)
    partition.cache.put(doc)
    partition.noted(doc)
  })
}

/**
 * What was refused may have brought pages for actors that do not exist: nobody would ever remove them. Whoever refused it may have the same
 * already, for one that it has yet to create: the output of a group.
 */
async function removeHomeless(partition: Partition, { homeless }: Turn): Promise<void> {
  const { store } = partition
  const pages = homeless.flatMap(({ envelope: { to: by }, pages = [] }) => pages.map((page) => ({ page, by })))
  if (!pages.length) return
  const addresses = new Set(pages.flatMap(({ page: { owner }, by }) => [owner, by]))
  const there = new Map((await store.load([...addresses])).map(({ _id, snapshot }) => [_id, JSON.stringify(snapshot)]))
  const left = pages.filter(({ page: { _id, owner }, by }) => !there.has(owner) && !there.get(by)?.includes(valueIn(_id)))
  // One that was frozen meanwhile is the owner no more, and they may be needed by now.
  await partition.confirm()
  await store.removePages(left.map(({ page }) => page._id))
}
