import type { ActorType } from '../../../actors/actor.ts'
import { type Address, typeOf } from '../../address.ts'
import { decide, draftOf, emptyDocument, type Facts, type Outcome } from '../../decide.ts'
import type { ActorDocument, Outgoing, Timer } from '../../document.ts'
import type { Item } from '../intake.ts'
import type { Partition } from '../partition.ts'
import { checkedCallback } from './callbacks.ts'
import { partsOf } from './joined.ts'
import { absent, bury, commandId } from './letters.ts'
import { mark, markOf } from './marks.ts'
import { askAgain, route } from './send.ts'
import { refusal, type Touched, type Turn } from './state.ts'

/** Whom a decision is about, and whom it must know of. */
export function wantedBy({ actors }: Partition, { envelope: { to, event } }: Item): Address[] {
  const peers = actors.get(typeOf(to))?.peers?.(to, event)
  return peers?.length ? [to, ...peers.map(({ address }) => address)] : [to]
}

/** Decides on one item, unless it was applied before; nothing is written yet. */
export function apply(partition: Partition, turn: Turn, touched: Map<Address, Touched>, item: Item): void {
  const { envelope } = item
  // All were read. One that a scan has made the cache forget since (another owner has written it) is not absent: it is read again.
  const isRead = (address: Address) => touched.has(address) || turn.absent.has(address) || partition.cache.get(address)
  if (!wantedBy(partition, item).every(isRead)) {
    turn.next.push(...partsOf(item))
    return
  }
  const type = partition.actors.get(typeOf(envelope.to))
  const t = touched.get(envelope.to) ?? meet(partition, touched, item)
  if (!type || !t) {
    absent(partition, turn, item)
    return
  }
  t.items.push(...partsOf(item))
  const peer = (address: Address) => {
    const doc = touched.get(address)?.draft ?? partition.cache.get(address)?.doc
    return doc?.snapshot && partition.actors.get(doc.type)?.peer?.(doc.snapshot)
  }
  if (isDuplicate(t, item, type.unmarked.has(envelope.event.type))) {
    const before = answerBefore(partition, t, item)
    const outcome = before ?? saidBefore(type, t, item, peer)
    t.outcomes.push([item, outcome])
    if (!before && outcome?.rejected) bury(partition, turn, item, outcome.rejected)
    if (isPassedOn(partition, t.before, item))
      askAgain(partition, turn, type, t.before!, item, { at: partition.clock.now(), id: commandId(partition, item), peer })
    turn.touched.add(t.address)
    if (t.cached) route(partition, turn, t.cached)
    return
  }
  const at = Math.max(partition.clock.now(), takeTimer(t.draft, item)?.at ?? 0)
  const checked = checkedCallback(partition, t.draft, item)
  const outcome = decide(type, t.draft, checked, { at, id: commandId(partition, item), peer })
  for (const part of partsOf(item)) t.outcomes.push([part, outcome])
  for (const { id, body } of outcome.pages) t.pages.push({ _id: id, owner: envelope.to, body })
  t.unpaged.push(...outcome.unpaged)
  if (!t.draft.snapshot || (!t.before && !t.changed && outcome.rejected)) {
    // It would have been created by an event that it refuses: it does not exist.
    touched.delete(envelope.to)
    turn.homeless.push(item)
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
  remember(partition, t.draft, item, outcome)
  t.changed = true
}

function meet(partition: Partition, touched: Map<Address, Touched>, { envelope }: Item): Touched | undefined {
  const address = envelope.to
  const cached = partition.cache.get(address)
  const type = partition.actors.get(typeOf(address))
  if (!type || (!cached && !type.creates.has(envelope.event.type))) return undefined
  const draft = cached ? draftOf(cached.doc) : emptyDocument(address, type, partition.number, partition.clock.now())
  const t: Touched = {
    address,
    draft,
    before: cached?.doc,
    cached,
    items: [],
    outcomes: [],
    grants: [],
    pages: [],
    unpaged: [],
    changed: false,
  }
  touched.set(address, t)
  return t
}

/**
 * A frame was applied if its sequence is not above the inbox as it was at the start of the wave (all events of one frame for one actor
 * are one write); an actor's or a client's event if its number is not above the sender's mark; a timer if it is not in the document.
 */
function isDuplicate(t: Touched, { envelope, epoch, sequence, overtook, timer }: Item, unmarked: boolean): boolean {
  if (timer) return !timerOf(t.draft, timer)
  const inbox = t.before?.inbox
  if (sequence !== undefined && !overtook && inbox && (epoch! < inbox.epoch || (epoch === inbox.epoch && sequence <= inbox.sequence)))
    return true
  const mark = envelope.inc === undefined || unmarked ? undefined : markOf(t.draft.inbox, envelope.inc)
  return mark !== undefined && envelope.n! <= mark
}

/** How long, ms, and how many answers are kept: a sender gives up earlier. */
const rememberedFor = 600_000
const remembered = 64

/** Keeps what a command came to, if it was refused or passed on; what is answered now was perhaps passed on before. */
function remember(partition: Partition, draft: ActorDocument, item: Item, { rejected, passedOn }: Outcome): void {
  const { to, command, reply, letter } = item.envelope
  if (command ? command.to !== to : !reply && !letter) return
  const id = command ? command.id : commandId(partition, item)
  if (id === undefined) return
  const at = partition.clock.now()
  const answers = (draft.inbox.answers ?? []).filter((answer) => answer.id !== id && answer.at > at - rememberedFor)
  if (rejected) answers.push({ id, at, error: { code: rejected.code, message: rejected.message } })
  else if (passedOn) answers.push({ id, at })
  if (answers.length) draft.inbox.answers = answers.slice(-remembered)
  else delete draft.inbox.answers
}

/** The answer to a command that came again; what is still to be decided, or heard twice, is answered by whoever decides it. */
function answerBefore(partition: Partition, t: Touched, item: Item): Outcome | undefined {
  if (item.envelope.command) return undecided
  const id = commandId(partition, item)
  const before = t.draft.inbox.answers?.find((answer) => answer.id === id)
  return before && (before.error ? refusal(before.error) : undecided)
}

/** As it is stored: what is passed on in this very wave is on its way. */
function isPassedOn(partition: Partition, before: ActorDocument | undefined, item: Item): boolean {
  if (!item.envelope.reply) return false
  const id = commandId(partition, item)
  return !!before?.inbox.answers?.some((answer) => answer.id === id && !answer.error)
}

const undecided: Outcome = { grants: [], refused: [], superseded: false, pages: [], unpaged: [], passedOn: true }

/** A command that came again is answered as it was the first time, as far as that can be told: refused again, or done. */
function saidBefore(type: ActorType, t: Touched, { envelope }: Item, peer: Facts['peer']): Outcome | undefined {
  if (!(envelope.reply || envelope.letter) || !['submit', 'add'].includes(envelope.event.type) || !t.before) return undefined
  const { rejected } = decide(type, draftOf(t.before), envelope, { at: 0, peer })
  return rejected && refusal(rejected)
}

function record(draft: ActorDocument, { envelope, epoch, sequence, overtook, published }: Item, unmarked: boolean): void {
  if (sequence !== undefined && !overtook) Object.assign(draft.inbox, { epoch, sequence })
  if (envelope.inc !== undefined && !unmarked) mark(draft.inbox, envelope.inc, envelope.n!, published)
}

const timerOf = ({ timers }: ActorDocument, { id, generation }: NonNullable<Item['timer']>): Timer | undefined =>
  timers.find((timer) => timer.id === id && timer.generation === generation)

/** The timer that has fired. Its event is decided at its time, or later: a clock may have gone back since, and nothing would fire again. */
function takeTimer(draft: ActorDocument, { timer: fired }: Item): Timer | undefined {
  const timer = fired && timerOf(draft, fired)
  if (timer) draft.timers = draft.timers.filter((one) => one !== timer)
  return timer
}

/**
 * Where the owner's own worker has the handler and a free slot, and nothing is queued before it, the run is granted in the write that
 * queues the job: no offer, no round trip. When all of the wave is applied: a cancel right behind a submit leaves nothing to begin.
 */
export function grantAtOnce(partition: Partition, turn: Turn, t: Touched): void {
  const { draft, before } = t
  // What has ended in the same step would keep the slot.
  if (!t.changed || draft.state !== 'queued') return
  const isNew = (entry: Outgoing): entry is Outgoing & { kind: 'offer' } => entry.kind === 'offer' && entry.n > (before?.n ?? 0)
  const offer = draft.outbox.findLast(isNew)
  if (!offer || !partition.worker?.reserve(offer.job)) return
  turn.reserved.push(offer.job)
  draft.outbox = draft.outbox.filter((entry) => !isNew(entry))
  const event = { type: 'claim', dispatch: offer.dispatch, worker: partition.worker.name }
  const { grants } = decide(partition.actors.get('job')!, draft, { to: t.address, event }, { at: partition.clock.now() })
  t.grants.push(...grants)
}
