import { isAddress, typeOf } from '../../address.ts'
import type { ValidationError } from '../../errors.ts'
import type { Item } from '../intake.ts'
import type { Partition } from '../partition.ts'
import { asFailed } from '../thrown.ts'
import { refusal, type Touched, type Turn } from './state.ts'

/** An event for an actor that does not exist, and that does not create it. */
export function absent(partition: Partition, turn: Turn, item: Item): void {
  const { envelope } = item
  const outcome = refusal({ code: 'NOT_FOUND', message: `${envelope.to} does not exist` })
  turn.replies.push({ item, outcome })
  turn.homeless.push(item)
  if (item.from) turn.delivered.push(item.from)
  const { to, reply, letter, event } = { ...envelope, ...envelope.command }
  // Whoever waits is told. A result is kept all the same: somebody has worked for it.
  const told = reply && !letter && event.type !== 'result'
  const needless = isAddress(envelope.from) && partition.actors.get(typeOf(to))?.needless?.has(event.type)
  if (item.claim || item.timer || told || needless) return
  const at = partition.clock.now()
  turn.letters.push({
    letter: { id: letterId(partition, item), to, reason: outcome.rejected!, body: item.given ?? envelope, form: 'envelope', at },
  })
}

/** Keeps what was refused without a write: with the frame, it comes again after a crash. */
export function bury(partition: Partition, turn: Turn, item: Item, reason: { code: string; message: string }, always = false): void {
  const { to, event: body, letter } = item.given ?? item.envelope
  if (!letter && !always) return
  turn.letters.push({ letter: { id: letterId(partition, item), to, reason, body, form: 'event', at: partition.clock.now() } })
}

/**
 * The document is too large together with what it has sent in this turn, which leaves it when the turn is over. What its senders keep, or it
 * as a timer, is left for the next one; the others are decided again. undefined: nothing can be left, or nothing would be gained.
 */
export function leave(turn: Turn, { address, before, items }: Touched): Item[] | undefined {
  const sent = new Set(before?.outbox.map(({ n }) => n))
  if (!turn.delivered.some(([of, n]) => of === address && sent.has(n))) return undefined
  const keeper = ({ from, timer }: Item) => from?.[0] ?? (timer && address)
  const others = items.filter((item) => !keeper(item))
  if (others.length === items.length) return undefined
  for (const item of items) if (keeper(item)) turn.left.add(keeper(item)!)
  return others
}

/**
 * The document that came of these events can never be stored, and no turn would get past them. What the actor has noted itself it cannot do without: a timer
 * is put off, before anything is given up. Then the largest goes, of what a client or a worker said if there is such: they are told. All others are
 * decided again, still as one write. A result becomes that of a failed run: else its job would wait for it for ever.
 */
export function giveUpLargest(partition: Partition, turn: Turn, { items, before }: Touched, error: ValidationError): Item[] {
  const due = items.find(({ timer }) => timer)
  if (due) {
    partition.warn(`${error.message} Its timer "${due.timer!.id}" is put off: it fires again later.`)
    partition.putOff(before!, due.timer!)
    return items.filter((item) => item !== due)
  }
  const said = items.filter(({ from }) => !from)
  const largest = (said.length ? said : items).reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a))
  const { type, outcome } = largest.envelope.event
  partition.warn(`${error.message} The event "${type}" is kept as a dead letter.`)
  if (!largest.claim) bury(partition, turn, largest, { code: 'TOO_LARGE', message: error.message }, true)
  turn.homeless.push(largest)
  if (type === 'result' && outcome !== 'fail') return items.map((item) => (item === largest ? failing(item, error) : item))
  turn.replies.push({ item: largest, outcome: refusal({ code: 'VALIDATION', message: error.message }) })
  if (largest.from) turn.delivered.push(largest.from)
  return items.filter((item) => item !== largest)
}

const sizeOf = ({ envelope }: Item): number => JSON.stringify(envelope).length

function failing(item: Item, { name, message, code }: ValidationError): Item {
  const event = asFailed(item.envelope.event, { name, message, code })
  return { ...item, envelope: { ...item.envelope, event }, pages: undefined }
}

/** The same for each repeat of what it is about. */
function letterId(partition: Partition, item: Item): string {
  const { inc, n, letter } = item.envelope
  if (inc !== undefined && !letter) return `${inc}.${n}`
  return placeInStream(partition, item) ?? partition.uniqueId()
}

/** The same for each repeat of a command: its sender's number, or its place in the stream. */
export function commandId(partition: Partition, item: Item): string | undefined {
  const { inc, n } = item.envelope
  return inc === undefined ? placeInStream(partition, item) : `${inc} ${n}`
}

function placeInStream(partition: Partition, { epoch, sequence, place = 0 }: Item): string | undefined {
  return sequence === undefined ? undefined : `e${epoch}.p${partition.number}.${sequence}.${place}`
}
