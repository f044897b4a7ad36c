import { createHash } from 'node:crypto'
import type { ActorType } from '../../../actors/actor.ts'
import type { Grant } from '../../../actors/job.ts'
import { type Address, partitionOf, rootOf } from '../../address.ts'
import type { OutgoingFrame } from '../../bus/port.ts'
import { decide, draftOf, type Facts } from '../../decide.ts'
import type { ActorDocument, Outgoing } from '../../document.ts'
import type { Envelope } from '../../envelope.ts'
import type { Cached } from '../cache.ts'
import { sendFeed } from '../feed.ts'
import type { Item } from '../intake.ts'
import type { Partition } from '../partition.ts'
import type { Turn } from './state.ts'

/**
 * Sends on what the document decided and is not known delivered: all of it, in order, each entry at most once a turn. But who has much on its
 * way reads on in a later turn, in which that has left the document: others have their turn in between, however much an actor has to say.
 */
export function route(partition: Partition, turn: Turn, { doc, known }: Cached): void {
  for (const entry of doc.outbox) {
    const key = `${doc.inc} ${entry.n}`
    if (known.has(entry.n) || turn.routed.has(key)) continue
    if (entry.kind === 'read' && hasMuchToSend(doc, known)) {
      turn.left.add(doc._id)
      continue
    }
    turn.routed.add(key)
    routeEntry(partition, turn, doc, entry)
  }
}

/** In characters of JSON. */
const much = 16 * 1024
const hasMuchToSend = ({ outbox }: ActorDocument, known: Cached['known']): boolean =>
  JSON.stringify(outbox.filter(({ n }) => !known.has(n))).length > much

function routeEntry(partition: Partition, turn: Turn, doc: ActorDocument, entry: Outgoing): void {
  const from: [Address, number] = [doc._id, entry.n]
  const { inc } = doc
  switch (entry.kind) {
    case 'event': {
      const { to, event, n, command } = entry
      pass(partition, turn, { to, event, from: doc._id, inc, n, command }, from)
      return
    }
    case 'read':
      turn.next.push({ envelope: { to: doc._id, event: entry.event, from: doc._id, inc, n: entry.n }, from, page: entry.page })
      return
    case 'offer':
      // A newer dispatch, or a run, has made it void.
      if (doc.work?.state === 'queued' && doc.work.dispatch === entry.dispatch) turn.offers.push({ ...entry, address: doc._id })
      turn.delivered.push(from)
      return
    case 'dead': {
      const { event: body, reason, snapshot } = entry
      const at = partition.clock.now()
      turn.letters.push({ letter: { id: `${doc.inc}.${entry.n}`, to: doc._id, reason, body, form: 'event', snapshot, at }, from })
    }
  }
}

/** The path depends on the two addresses only: never on which partitions this host happens to own. */
function pass(partition: Partition, turn: Turn, envelope: Envelope, from?: [Address, number]): void {
  const target = partitionOf(rootOf(envelope.to), partition.bus.partitions)
  if (target === partition.number) {
    turn.next.push({ envelope, from })
    return
  }
  const frame = turn.frames.get(target) ?? turn.frames.set(target, { envelopes: [], from: [] }).get(target)!
  frame.envelopes.push(envelope)
  if (from) frame.from.push(from)
}

/** What starts something, and may be said twice: it is the same then, and answered the same. */
const starts: ReadonlySet<string> = new Set(['submit', 'start'])

/**
 * A command that was passed on has come again: what became of it may have been told, and lost. Who was to answer it is asked once more, as of now,
 * beside what is delivered once: so only where it does no harm to be asked twice. All others have told the actor that passed it on.
 */
export function askAgain(partition: Partition, turn: Turn, type: ActorType, before: ActorDocument, { envelope }: Item, facts: Facts): void {
  const draft = draftOf(before)
  decide(type, draft, envelope, facts)
  for (const entry of draft.outbox)
    if (entry.n > before.n && entry.kind === 'event' && entry.command && starts.has(entry.event.type))
      pass(partition, turn, { to: entry.to, event: entry.event, from: before._id, command: { ...entry.command, letter: undefined } })
}

/** Tells those who wait, once all is committed. */
export function answer(partition: Partition, turn: Turn): void {
  for (const { grant, since } of turn.grants) partition.worker!.begin(grant, since)
  for (const { item, outcome, doc } of turn.replies) {
    if (item.claim) item.claim.answer(outcome?.grants[0] && leased(partition, outcome.grants[0]))
    else partition.reply(item.envelope.command ?? item.envelope, outcome, doc)
  }
  partition.sendReplies()
  sendFeed(partition.bus, turn.changes)
  partition.changed?.(turn.changes)
}

/** Its worker counts the lease from the request that is answered; if it was granted before, it began earlier here. */
function leased(partition: Partition, grant: Grant): Grant {
  partition.leases.renew(grant.worker, grant.address, grant.dispatch, false)
  return grant
}

export async function bury(partition: Partition, { letters, delivered }: Turn): Promise<void> {
  if (letters.length) await partition.bus.deadLetter(letters.map(({ letter }) => letter))
  for (const { from } of letters) if (from) delivered.push(from)
}

export async function publish(partition: Partition, turn: Turn): Promise<void> {
  const frames: OutgoingFrame[] = []
  for (const [target, { envelopes, from }] of turn.frames) {
    frames.push(...cut(target, envelopes, partition.uniqueId))
    turn.delivered.push(...from)
  }
  if (frames.length) await partition.bus.publish(frames)
  await partition.offer(turn.offers)
}

/** Largest frame between partitions, in characters of JSON. */
const frameLimit = 1024 * 1024

/**
 * Frames are named by all that they hold: a repeat has the same name, and what goes out again together with something new has another
 * one, or the stream would drop the new with the old.
 */
function cut(partition: number, envelopes: Envelope[], uniqueId: () => string): OutgoingFrame[] {
  const frames: OutgoingFrame[] = []
  let events: Envelope[] = []
  let size = 0
  const close = () => {
    if (events.length) frames.push({ partition, id: nameOf(events, uniqueId), events })
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

const nameOf = (events: Envelope[], uniqueId: () => string): string =>
  createHash('sha1')
    .update(events.map(({ to, inc, n }) => `${to} ${inc ?? uniqueId()} ${n}`).join())
    .digest('base64url')
