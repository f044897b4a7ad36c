import { isDeepStrictEqual } from 'node:util'
import type { ActorType, Peer } from '../actors/actor.ts'
import { contentOf, type Grant } from '../actors/job.ts'
import { type Address, rootOf, typeOf } from './address.ts'
import { type ActorDocument, copyDocument, type HistoryEntry, type Outgoing, whenTakenOver } from './document.ts'
import type { ActorEvent, Envelope, PassedOn } from './envelope.ts'
import { type Action, transition } from './machine.ts'
import { onShelf, shelfOf } from './shelves.ts'

/**
 * The pure core: a document and an event, in; the document as it should be, and what should happen, out. What is durable is in
 * the document (outbox, timers); the rest of the outcome is for those who wait, once the document is committed.
 */
export interface Outcome {
  /** Claims that were answered. */
  grants: Grant[]
  refused: number[]
  /** The event changes nothing, and its sender is told why. */
  rejected?: { code: string; message: string }
  /** It came from a run that is not current. */
  superseded: boolean
  /** It is not answered yet: whoever it was passed on to does that. */
  passedOn?: true
  /** Side documents to be written before the document. */
  pages: { id: string; body: unknown }[]
  /** Ids of side documents that are not needed once the document is written. */
  unpaged: string[]
}

export interface Facts {
  /** Wall clock, ms. */
  at: number
  /** If the event is a command: the same for each repeat of it. */
  id?: string
  /** What is known of a sibling: stored, or about to be created by an event in this actor's outbox. */
  peer?(address: Address): Peer | undefined
}

/** Commit ids are `<name of a host>.<number>`: so are the incarnations of actors, and no client is called so. */
export const isIncarnation = (sender: string): boolean => /^[^:]*\.\d+$/.test(sender)

/** A document that does not exist yet, as the decision on its first event finds it. */
export function emptyDocument(address: Address, type: ActorType, partition: number, at: number): ActorDocument {
  return copyDocument({
    _id: address,
    type: typeOf(address),
    root: rootOf(address),
    partition,
    machine: `${type.name}@${type.version}`,
    version: 0,
    commit: '',
    inc: '',
    n: 0,
    status: 'active',
    state: '',
    snapshot: undefined as never,
    inbox: { epoch: 0, sequence: 0, marks: {} },
    outbox: [],
    timers: [],
    history: [],
    createdAt: at,
    updatedAt: at,
  })
}

/** A copy that `decide` may write on; the original stays as it was loaded. Many events may be decided on one: what grows with them grows in place. */
export function draftOf(doc: ActorDocument): ActorDocument {
  const draft = copyDocument(doc)
  draft.inbox = { ...doc.inbox, marks: { ...doc.inbox.marks } }
  draft.outbox = doc.outbox.slice()
  draft.history = doc.history.slice()
  return draft
}

/**
 * Applies one event to a draft. The version is not raised here: one write may hold several events. An event that makes the machine
 * throw becomes a dead letter in the outbox, and is recorded as applied.
 */
export function decide(type: ActorType, doc: ActorDocument, envelope: Envelope, facts: Facts): Outcome {
  const outcome: Outcome = { grants: [], refused: [], superseded: false, pages: [], unpaged: [] }
  const event = withFacts(type, doc, withPeers(type, doc, envelope.event, facts), facts.at)
  const entry: HistoryEntry = { v: doc.version + 1, at: facts.at, event, from: envelope.from }
  try {
    // Not by a spread: V8 takes many times as long for what is added behind one, and this is done for each event.
    const given = Object.assign({}, event, { at: facts.at, self: doc._id })
    const { snapshot, actions, handled, changed } = transition(type.machine, doc.snapshot, given)
    if (!handled) {
      outcome.rejected = notAllowed(type, doc, event)
      keepRefused(doc, envelope, outcome)
      return outcome
    }
    const fresh: Outgoing[] = []
    const { n, timers } = doc
    const here: Surroundings = { outcome, command: commandOf(envelope, facts.id), fresh, n, timers, generation: entry.v, at: facts.at }
    for (const action of actions) perform(action, here)
    doc.n = here.n
    doc.timers = here.timers
    doc.outbox.push(...fresh)
    keepRefused(doc, envelope, outcome)
    const before = doc.snapshot
    doc.snapshot = snapshot
    const refused = outcome.rejected || outcome.refused.length > 0
    // What is refused and changes nothing is not kept.
    if (changed && (!refused || fresh.length > 0 || outcome.superseded || !isDeepStrictEqual(snapshot, before))) {
      if (outcome.superseded) entry.superseded = true
      entry.out = followed(fresh, outcome)
      doc.history.push(entry)
    }
  } catch (error) {
    const reason = { code: 'MACHINE_THREW', message: String(error instanceof Error ? error.message : error) }
    doc.outbox.push({ n: ++doc.n, kind: 'dead', event: envelope.event, reason, snapshot: doc.snapshot })
    entry.threw = reason.message
    doc.history.push(entry)
    outcome.rejected = reason
    if (!doc.snapshot) doc.snapshot = { status: 'error', value: 'new', context: {} }
  }
  describe(type, doc, facts.at)
  entry.state = doc.state
  return outcome
}

/** What was refused and nobody may be there to hear of goes to the dead letters. */
function keepRefused(doc: ActorDocument, envelope: Envelope, { rejected: reason }: Outcome): void {
  const { letter, event } = envelope.command ?? envelope
  if (letter && reason) doc.outbox.push({ n: ++doc.n, kind: 'dead', event, reason })
}

/** The command that the event is, or was sent for; undefined: nobody waits for an answer. */
function commandOf({ command, to, event, reply, letter }: Envelope, id: string | undefined): PassedOn | undefined {
  return command ?? (reply || letter ? { id, to, event, reply, letter } : undefined)
}

/** In short, for the history: see HistoryEntry. */
function followed(fresh: readonly Outgoing[], { pages, grants, rejected }: Outcome): string | undefined {
  let text = pages.length ? times('page', pages.length) : ''
  for (let i = 0; i < fresh.length; ) {
    const first = i
    const { kind } = fresh[first]!
    while (i < fresh.length && fresh[i]!.kind === kind) i++
    text = joined(text, times(kind === 'event' ? 'send' : kind, i - first))
  }
  if (grants.length) text = joined(text, 'grant')
  if (rejected) text = joined(text, 'reject')
  return text || undefined
}

const times = (what: string, count: number) => (count > 1 ? `${what}*${count}` : what)
const joined = (a: string, b: string) => (a ? `${a} ${b}` : b)

type Unnumbered = { [K in Outgoing['kind']]: Omit<Extract<Outgoing, { kind: K }>, 'n'> }[Outgoing['kind']]

interface Surroundings {
  outcome: Outcome
  command?: PassedOn
  /** What is sent, and the number of the last. */
  fresh: Outgoing[]
  n: number
  timers: ActorDocument['timers']
  generation: number
  at: number
}

const send = (here: Surroundings, entry: Unnumbered) => here.fresh.push(Object.assign(entry, { n: ++here.n }) as Outgoing)

/** Turns what the machine asks for into entries of the document and of the outcome. */
function perform({ type, params }: Action, here: Surroundings): void {
  const p = params as Record<string, never> | undefined
  switch (type) {
    case 'send':
      if (!p) return
      if (!p.answers || !here.command) send(here, { kind: 'event', to: p.to!, event: p.event! })
      else {
        send(here, { kind: 'event', to: p.to!, event: p.event!, command: here.command })
        here.outcome.passedOn = true
      }
      return
    case 'emit':
      for (const effect of p!.effects as unknown as Action[]) perform(effect, here)
      return
    case 'offer':
      send(here, { kind: 'offer', job: p!.job!, priority: p!.priority!, dispatch: p!.dispatch! })
      return
    case 'read':
      send(here, { kind: 'read', page: p!.page, event: p!.event! })
      return
    case 'page':
      here.outcome.pages.push(p as never)
      return
    case 'unpage':
      here.outcome.unpaged.push(p!.id!)
      return
    case 'grant':
      here.outcome.grants.push(p as never)
      return
    case 'refuse':
      here.outcome.refused.push(p!.dispatch!)
      return
    case 'reject':
      here.outcome.rejected = p as never
      return
    case 'superseded':
      here.outcome.superseded = true
      return
    case 'xstate.raise':
      // A delay without an end sets no timer.
      if (p!.delay === undefined || p!.delay === Number.POSITIVE_INFINITY) return
      here.timers = [...here.timers, { id: p!.id!, generation: here.generation, at: here.at + Number(p!.delay), event: p!.event! }]
      return
    case 'xstate.cancel': {
      const at = here.timers.findIndex(({ id }) => id === p!.sendId)
      if (at >= 0) here.timers = here.timers.toSpliced(at, 1)
      return
    }
  }
}

/** Copies out of the snapshot what queries and the host look at. */
function describe(type: ActorType, doc: ActorDocument, at: number): void {
  if (doc.snapshot.status === 'error') {
    doc.state = 'error'
    return
  }
  const { state, final, work, group, labels } = type.view(doc.snapshot)
  // It may have gone on, and ended otherwise, by one event.
  const asBefore = doc.state === state
  doc.state = state
  doc.status = final ? 'done' : 'active'
  doc.endedAt = final ? ((asBefore ? doc.endedAt : undefined) ?? at) : undefined
  doc.work = work
  doc.group = group
  doc.labels = labels
  doc.updatedAt = at
  wake(doc, false)
}

/** When the document must be looked at: see ActorDocument.wakeAt. */
export function wake(doc: ActorDocument, stranded: boolean): void {
  const shelf = shelfOf(doc)
  if (stranded && doc.outbox.length) doc.wakeAt = 0
  else if (doc.timers.length) doc.wakeAt = Math.min(...doc.timers.map(({ at }) => at))
  else if (shelf) doc.wakeAt = onShelf(shelf, doc.removedAt ?? doc.endedAt!)
  else doc.wakeAt = doc.work ? whenTakenOver : undefined
}

/** Adds to an event what its decision must know of siblings, so that the recorded event decides the same when it is replayed. */
function withPeers(type: ActorType, doc: ActorDocument, event: ActorEvent, facts: Facts): ActorEvent {
  const peers = type.peers?.(doc._id, event) ?? []
  if (!peers.length || event.known) return event
  const created = new Set(doc.outbox.map((entry) => (entry.kind === 'event' && entry.event.type === 'submit' ? entry.to : undefined)))
  const known: Record<string, Peer> = {}
  for (const { key, address } of peers) {
    const peer = created.has(address) ? inOutbox(doc, address) : facts.peer?.(address)
    if (peer) known[key] = peer
  }
  return Object.keys(known).length ? { ...event, known } : event
}

const withFacts = ({ facts }: ActorType, doc: ActorDocument, event: ActorEvent, at: number): ActorEvent =>
  facts && !event.facts ? { ...event, facts: facts(doc.snapshot, { ...event, self: doc._id }, at) } : event

function inOutbox(doc: ActorDocument, address: Address): Peer {
  const entry = doc.outbox.find((e) => e.kind === 'event' && e.to === address && e.event.type === 'submit')
  const { job, input } = (entry as Extract<Outgoing, { kind: 'event' }>).event
  return { content: contentOf(job as string, input as never), member: true }
}

function notAllowed(type: ActorType, doc: ActorDocument, event: ActorEvent) {
  const state = doc.snapshot ? type.view(doc.snapshot).state : 'absent'
  return { code: 'NOT_ALLOWED', message: `${event.type} is not possible: ${doc._id} is ${state}.` }
}
