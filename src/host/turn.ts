import { createHash } from 'node:crypto'
import type { ActorType } from '../../actors/actor.ts'
import type { Grant } from '../../actors/job.ts'
import { type Address, partitionOf, rootOf, typeOf } from '../address.ts'
import type { DeadLetter, OutgoingFrame } from '../bus/port.ts'
import { decide, draftOf, emptyDocument, type Facts, type Outcome, wake } from '../decide.ts'
import type { ActorDocument, Outgoing } from '../document.ts'
import type { Envelope } from '../envelope.ts'
import { UnavailableError } from '../errors.ts'
import type { Page, Write } from '../store/port.ts'
import type { Cached } from './cache.ts'
import type { Waiting } from './offers.ts'
import type { Collected, Item, Partition } from './partition.ts'

/**
 * One turn of one partition:
 *
 *   items ─► wave: load ─► decide ─► commit ─► route ─┬─► events for this partition: the next wave
 *                  ▲                                  └─► all others wait for the end of the waves
 *                  └── whoever lost the compare-and-set ──┘
 *   then: answer ─► publish ─► note what is delivered ─► acknowledge
 *
 * A crash anywhere, or an error thrown from here, leaves the frames unacknowledged (or `wakeAt` due): they come again, what was
 * applied is recognised, and what was decided and not delivered is delivered.
 */
export async function runTurn(partition: Partition, collected: Collected): Promise<void> {
  const turn = beginTurn(collected)
  try {
    while (turn.items.length) await wave(partition, turn)
    await partition.store.flush()
  } catch (error) {
    for (const job of turn.reserved) partition.worker?.release(job)
    throw error
  }
  answer(partition, turn)
  await publish(partition, turn)
  for (const [address, n] of turn.delivered) partition.cache.delivered(address, n)
  await clearStranded(partition, turn)
  partition.acknowledge(collected.sequences)
  partition.cache.trim(turn.touched)
}

interface Turn {
  items: Item[]
  next: Item[]
  /** Outbox entries that this turn has routed: each at most once. */
  routed: Set<string>
  /** Entries whose receiver in this partition has committed, or whose publish was confirmed. */
  delivered: [Address, number][]
  frames: Map<number, { envelopes: Envelope[]; from: [Address, number][] }>
  offers: Waiting[]
  letters: { letter: DeadLetter; from?: [Address, number] }[]
  /** Granted at once to the worker of this host, and the slots that were reserved for that. */
  grants: { grant: Grant; since: number }[]
  reserved: string[]
  replies: { item: Item; outcome?: Outcome; doc?: ActorDocument }[]
  changes: ActorDocument[]
  touched: Set<Address>
  /** Something in it has no frame behind it that would come again. */
  frameless: boolean
}

const beginTurn = ({ items, letters, refused }: Collected): Turn => ({
  items,
  next: [],
  routed: new Set(),
  delivered: [],
  frames: new Map(),
  offers: [],
  letters: letters.map((letter) => ({ letter })),
  grants: [],
  reserved: [],
  replies: refused.map(({ envelope, error }) => ({ item: { envelope }, outcome: refusal(error) })),
  changes: [],
  touched: new Set(),
  frameless: items.some((item) => item.sequence === undefined && !item.claim),
})

const refusal = (rejected: { code: string; message: string }): Outcome => ({
  grants: [],
  refused: [],
  rejected,
  superseded: false,
  pages: [],
})

/** What one wave does to one actor: in the end one write, or none. */
interface Touched {
  address: Address
  draft: ActorDocument
  /** The document as it was at the start of the wave; absent for one that is created. */
  before?: ActorDocument
  cached?: Cached
  items: Item[]
  outcomes: (readonly [Item, Outcome | undefined])[]
  grants: Grant[]
  pages: Page[]
  changed: boolean
}

async function wave(partition: Partition, turn: Turn): Promise<void> {
  const { items } = turn
  turn.items = []
  await fillPages(partition, items)
  await load(partition, turn, items)
  const touched = new Map<Address, Touched>()
  for (const item of items) apply(partition, turn, touched, item)
  await commit(partition, turn, [...touched.values()])
  turn.items.push(...turn.next)
  turn.next = []
}

/** Loads what is not cached: the actors addressed, and the siblings that decisions on them need to know. */
async function load(partition: Partition, turn: Turn, items: Item[]): Promise<void> {
  const wanted = new Set<Address>()
  for (const { envelope } of items) {
    wanted.add(envelope.to)
    const peers = partition.actors.get(typeOf(envelope.to))?.peers?.(envelope.to, envelope.event)
    if (peers) for (const { address } of peers) wanted.add(address)
  }
  const missing = [...wanted].filter((address) => !partition.cache.get(address))
  if (!missing.length) return
  for (const doc of await partition.store.load(missing)) {
    const cached = partition.cache.put(doc)
    partition.noted(doc)
    turn.touched.add(doc._id)
    route(partition, turn, cached)
  }
}

function apply(partition: Partition, turn: Turn, touched: Map<Address, Touched>, item: Item): void {
  const { envelope } = item
  const type = partition.actors.get(typeOf(envelope.to))
  const t = touched.get(envelope.to) ?? meet(partition, touched, item)
  if (!type || !t) {
    absent(partition, turn, item)
    return
  }
  t.items.push(item)
  const peer = (address: Address) => {
    const doc = touched.get(address)?.draft ?? partition.cache.get(address)?.doc
    return doc?.snapshot && partition.actors.get(doc.type)?.peer?.(doc.snapshot)
  }
  if (isDuplicate(t, item, type.unmarked.has(envelope.event.type))) {
    const outcome = saidBefore(type, t, item, peer)
    t.outcomes.push([item, outcome])
    if (outcome?.rejected) bury(partition, turn, item, outcome.rejected)
    if (t.cached) route(partition, turn, t.cached)
    return
  }
  if (item.timer) t.draft.timers = t.draft.timers.filter((timer) => !isTimer(timer, item))
  const sent = t.draft.n
  const outcome = decide(type, t.draft, envelope, { at: partition.clock.now(), peer })
  t.outcomes.push([item, outcome])
  for (const { id, body } of outcome.pages) t.pages.push({ _id: id, owner: envelope.to, body })
  if (!t.draft.snapshot || (!t.before && !t.changed && outcome.rejected)) {
    // It would have been created by an event that it refuses: it does not exist.
    touched.delete(envelope.to)
    if (outcome.rejected?.code === 'NOT_ALLOWED') absent(partition, turn, item)
    else {
      turn.replies.push({ item, outcome })
      if (item.from) turn.delivered.push(item.from)
      bury(partition, turn, item, outcome.rejected!, outcome.rejected!.code === 'MACHINE_THREW')
    }
    return
  }
  if (item.claim && outcome.refused.length) return
  record(t.draft, item, type.unmarked.has(envelope.event.type))
  t.changed = true
  grantAtOnce(partition, turn, t, sent)
}

function meet(partition: Partition, touched: Map<Address, Touched>, { envelope }: Item): Touched | undefined {
  const address = envelope.to
  const cached = partition.cache.get(address)
  const type = partition.actors.get(typeOf(address))
  if (!type || (!cached && !type.creates.has(envelope.event.type))) return undefined
  const draft = cached ? draftOf(cached.doc) : emptyDocument(address, type, partition.number, partition.clock.now())
  const t: Touched = { address, draft, before: cached?.doc, cached, items: [], outcomes: [], grants: [], pages: [], changed: false }
  touched.set(address, t)
  return t
}

/**
 * A frame was applied if its sequence is not above the inbox as it was at the start of the wave (all events of one frame for one actor
 * are one write); an actor's or a client's event if its number is not above the sender's mark; a timer if it is not in the document.
 */
function isDuplicate(t: Touched, { envelope, epoch, sequence, timer }: Item, unmarked: boolean): boolean {
  if (timer) return !t.draft.timers.some((candidate) => candidate.id === timer.id && candidate.generation === timer.generation)
  const inbox = t.before?.inbox
  if (sequence !== undefined && inbox && (epoch! < inbox.epoch || (epoch === inbox.epoch && sequence <= inbox.sequence))) return true
  const mark = envelope.inc === undefined || unmarked ? undefined : t.draft.inbox.marks[envelope.inc]
  return mark !== undefined && envelope.n! <= mark
}

/** A command that came again is answered as it was the first time, as far as that can be told: refused again, or done. */
function saidBefore(type: ActorType, t: Touched, { envelope }: Item, peer: Facts['peer']): Outcome | undefined {
  if (!(envelope.reply || envelope.letter) || !['submit', 'add'].includes(envelope.event.type) || !t.before) return undefined
  const { rejected } = decide(type, draftOf(t.before), envelope, { at: 0, peer })
  return rejected && refusal(rejected)
}

function record(draft: ActorDocument, { envelope, epoch, sequence }: Item, unmarked: boolean): void {
  if (sequence !== undefined) Object.assign(draft.inbox, { epoch, sequence })
  if (envelope.inc !== undefined && !unmarked) draft.inbox.marks[envelope.inc] = envelope.n!
}

const isTimer = (timer: { id: string; generation: number }, { timer: fired }: Item) =>
  timer.id === fired!.id && timer.generation === fired!.generation

/** An event for an actor that does not exist, and that does not create it. */
function absent(partition: Partition, turn: Turn, item: Item): void {
  const { envelope } = item
  const outcome = refusal({ code: 'NOT_FOUND', message: `${envelope.to} does not exist` })
  turn.replies.push({ item, outcome })
  if (item.from) turn.delivered.push(item.from)
  const { to, reply, letter, event } = envelope
  // Whoever waits is told. A result is kept all the same: somebody has worked for it.
  const told = reply && !letter && event.type !== 'result'
  if (item.claim || item.timer || told) return
  turn.letters.push({ letter: { id: letterId(partition, item), to, reason: outcome.rejected!, body: envelope, at: partition.clock.now() } })
}

/** Keeps what was refused without a write: with the frame, it comes again after a crash. */
function bury(partition: Partition, turn: Turn, item: Item, reason: { code: string; message: string }, always = false): void {
  const { to, event: body, letter } = item.envelope
  if (letter || always) turn.letters.push({ letter: { id: letterId(partition, item), to, reason, body, at: partition.clock.now() } })
}

/** The same for each repeat of what it is about. */
function letterId(partition: Partition, { envelope, epoch, sequence, place = 0 }: Item): string {
  const { inc, n, letter } = envelope
  if (inc !== undefined && !letter) return `${inc}.${n}`
  return sequence === undefined ? partition.uniqueId() : `e${epoch}.p${partition.number}.${sequence}.${place}`
}

/**
 * Where the owner's own worker has the handler and a free slot, and nothing is queued before it, the run is granted in the write that
 * queues the job: no offer, no round trip.
 */
function grantAtOnce(partition: Partition, turn: Turn, t: Touched, sent: number): void {
  const at = t.draft.outbox.findIndex((entry) => entry.kind === 'offer' && entry.n > sent)
  const offer = t.draft.outbox[at] as (Outgoing & { kind: 'offer' }) | undefined
  if (!offer || !partition.worker?.reserve(offer.job)) return
  turn.reserved.push(offer.job)
  t.draft.outbox.splice(at, 1)
  const event = { type: 'claim', dispatch: offer.dispatch, worker: partition.worker.name }
  const { grants } = decide(partition.actors.get('job')!, t.draft, { to: t.address, event }, { at: partition.clock.now() })
  t.grants.push(...grants)
}

async function commit(partition: Partition, turn: Turn, touched: Touched[]): Promise<void> {
  const changed = touched.filter((t) => t.changed)
  const pages = changed.flatMap((t) => [...t.pages, ...spillHistory(partition, t.draft)])
  if (pages.length) await partition.store.putPages(pages)
  const writes = changed.map((t): Write => seal(partition, turn, t))
  const since = partition.clock.monotonic()
  const answers = writes.length ? await partition.store.commit(writes) : []
  partition.counts.writes += writes.length
  const mine = new Map(changed.map((t, i) => [t, answers[i]]))
  for (const t of touched) {
    if (mine.get(t) === false) redo(partition, turn, t)
    else done(partition, turn, t, since)
  }
}

/** Makes the draft the document that is to be written. */
function seal(partition: Partition, turn: Turn, { draft, before, cached }: Touched): Write {
  draft.version = (before?.version ?? 0) + 1
  draft.commit = partition.uniqueId()
  if (!before) draft.inc = draft.commit
  if (cached?.known.size) draft.outbox = draft.outbox.filter(({ n }) => !cached.known.has(n))
  wake(draft, !partition.store.atomicTurns && (turn.frameless || before?.wakeAt === 0))
  return { doc: draft, base: before && { version: before.version, commit: before.commit } }
}

/** Somebody else has written it meanwhile: what was decided is void. Decided again, before this actor's later events. */
function redo(partition: Partition, turn: Turn, t: Touched): void {
  partition.counts.conflicts++
  partition.cache.evict(t.address)
  for (const { job } of t.grants) {
    turn.reserved.splice(turn.reserved.indexOf(job), 1)
    partition.worker?.release(job)
  }
  turn.items.push(...t.items)
}

function done(partition: Partition, turn: Turn, t: Touched, since: number): void {
  if (t.changed) {
    t.cached = partition.cache.put(t.draft)
    partition.noted(t.draft)
    turn.touched.add(t.address)
    for (const grant of t.grants) turn.grants.push({ grant, since })
    if (t.draft.state !== t.before?.state) turn.changes.push(t.draft)
    route(partition, turn, t.cached)
  }
  for (const [item, outcome] of t.outcomes) {
    if (item.from) turn.delivered.push(item.from)
    if (item.claim || item.envelope.reply) turn.replies.push({ item, outcome, doc: t.draft })
  }
}

/** Sends on what the document decided and is not known delivered: all of it, in order, each entry at most once a turn. */
function route(partition: Partition, turn: Turn, { doc, known }: Cached): void {
  for (const entry of doc.outbox) {
    const key = `${doc.inc} ${entry.n}`
    if (known.has(entry.n) || turn.routed.has(key)) continue
    turn.routed.add(key)
    routeEntry(partition, turn, doc, entry)
  }
}

function routeEntry(partition: Partition, turn: Turn, doc: ActorDocument, entry: Outgoing): void {
  const from: [Address, number] = [doc._id, entry.n]
  const identity = { from: doc._id, inc: doc.inc, n: entry.n }
  switch (entry.kind) {
    case 'event': {
      const envelope: Envelope = { to: entry.to, event: entry.event, ...identity }
      // The path depends on the two addresses only: never on which partitions this host happens to own.
      const target = partitionOf(rootOf(entry.to), partition.bus.partitions)
      if (target === partition.number) turn.next.push({ envelope, from })
      else {
        const frame = turn.frames.get(target) ?? turn.frames.set(target, { envelopes: [], from: [] }).get(target)!
        frame.envelopes.push(envelope)
        frame.from.push(from)
      }
      return
    }
    case 'read':
      turn.next.push({ envelope: { to: doc._id, event: entry.event, ...identity }, from, page: entry.page })
      return
    case 'offer':
      // A newer dispatch, or a run, has made it void.
      if (doc.work?.state === 'queued' && doc.work.dispatch === entry.dispatch) turn.offers.push({ ...entry, address: doc._id })
      turn.delivered.push(from)
      return
    case 'dead': {
      const { event: body, reason, snapshot } = entry
      turn.letters.push({ letter: { id: `${doc.inc}.${entry.n}`, to: doc._id, reason, body, snapshot, at: partition.clock.now() }, from })
    }
  }
}

/** Tells those who wait, once all is committed. */
function answer(partition: Partition, turn: Turn): void {
  for (const { grant, since } of turn.grants) partition.worker!.begin(grant, since)
  for (const { item, outcome, doc } of turn.replies) {
    if (item.claim) item.claim.answer(outcome?.grants[0])
    else if (item.envelope.reply) partition.reply(item.envelope, outcome, doc)
  }
  partition.sendReplies()
  sendFeed(partition, turn.changes)
}

/** Other programs learn of changed states: one message a root. At most once; no guarantee depends on it. */
function sendFeed(partition: Partition, changes: ActorDocument[]): void {
  const subjects = new Map<string, unknown[]>()
  for (const { _id, type, root, version, state, updatedAt } of changes) {
    const subject = `feed.${type}.${root}`
    const list = subjects.get(subject) ?? subjects.set(subject, []).get(subject)!
    list.push({ address: _id, version, state, at: updatedAt })
  }
  for (const [subject, list] of subjects) partition.bus.signal(subject, list)
}

async function publish(partition: Partition, turn: Turn): Promise<void> {
  const frames: OutgoingFrame[] = []
  for (const [target, { envelopes, from }] of turn.frames) {
    frames.push(...cut(target, envelopes))
    turn.delivered.push(...from)
  }
  if (turn.letters.length) await partition.bus.deadLetter(turn.letters.map(({ letter }) => letter))
  for (const { from } of turn.letters) if (from) turn.delivered.push(from)
  if (frames.length) await partition.bus.publish(frames)
  await partition.offer(turn.offers)
}

/** Largest frame between partitions, in characters of JSON. */
const frameLimit = 1024 * 1024

/**
 * Frames are named by all that they hold: a repeat has the same name, and what goes out again together with something new has another
 * one, or the stream would drop the new with the old.
 */
function cut(partition: number, envelopes: Envelope[]): OutgoingFrame[] {
  const frames: OutgoingFrame[] = []
  let events: Envelope[] = []
  let size = 0
  const close = () => {
    if (events.length) frames.push({ partition, id: nameOf(events), events })
    events = []
    size = 0
  }
  for (const envelope of envelopes) {
    const length = JSON.stringify(envelope).length
    if (size + length > frameLimit) close()
    events.push(envelope)
    size += length
  }
  close()
  return frames
}

const nameOf = (events: Envelope[]): string =>
  createHash('sha1')
    .update(events.map(({ to, inc, n }) => `${to} ${inc} ${n}`).join())
    .digest('base64url')

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
    if (!answers[i]) return partition.cache.evict(doc._id)
    partition.cache.put(doc)
    partition.noted(doc)
  })
}

/** Characters of JSON that a document keeps of its history. */
const historyLimit = 16 * 1024

/** Moves a long history into a page of its own. */
function spillHistory(partition: Partition, draft: ActorDocument): Page[] {
  if (draft.history.length < 32 && !draft.history.some(({ event }) => 'members' in event || 'body' in event)) return []
  if (JSON.stringify(draft.history).length < historyLimit) return []
  const _id = `${draft._id}#history-${draft.history[0]!.v}-${partition.uniqueId()}`
  const page = { _id, owner: draft._id, body: draft.history }
  draft.historyPages = [...(draft.historyPages ?? []), _id]
  draft.history = []
  return [page]
}

/** A turn cannot go on without a page that a document refers to. */
async function fillPages(partition: Partition, items: Item[]): Promise<void> {
  const ids = items.map(({ page }) => page).filter((id) => id !== undefined)
  if (!ids.length) return
  const pages = new Map((await partition.store.getPages(ids)).map(({ _id, body }) => [_id, body]))
  for (const item of items) {
    if (item.page === undefined) continue
    if (!pages.has(item.page)) throw new UnavailableError(`page ${item.page} is not in the store`)
    item.envelope = { ...item.envelope, event: { ...item.envelope.event, body: pages.get(item.page) } }
    item.page = undefined
  }
}
