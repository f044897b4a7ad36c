import type { ActorType, Peer } from '../../actors/actor.ts'
import { actorTypes } from '../../actors/all.ts'
import type { Grant } from '../../actors/job.ts'
import type { Address } from '../address.ts'
import { decide, draftOf } from '../decide.ts'
import type { ActorDocument, HistoryEntry, Timer } from '../document.ts'
import type { ActorEvent } from '../envelope.ts'
import { refuse } from '../errors.ts'

/** What follows from one event, as plain data. Nothing of it is executed. */
export interface Effects {
  /** Events for other actors. */
  sends: { to: Address; event: ActorEvent }[]
  /** Work for whoever has the handler. */
  offers: { job: string; priority: number; dispatch: number }[]
  /** Answers to claims. */
  grants: Grant[]
  refused: number[]
  /** Timers that were set, and ids of those that were taken back. */
  timers: Timer[]
  untimed: string[]
  /** Side documents written, and those asked for. */
  pages: { id: string; body: unknown }[]
  reads: { page?: string; event: ActorEvent }[]
  /** The event changes nothing, and its sender is told why. */
  rejected?: { code: string; message: string }
  /** It came from a run that is not current. */
  superseded: boolean
  /** The machine threw: the event would be a dead letter. */
  threw?: string
}

export interface Stepped {
  doc: ActorDocument
  effects: Effects
  /** What the history would keep of it; undefined if nothing changed. */
  entry?: HistoryEntry
}

/** The kind of actor itself, or the one of this name (`job`, `job@1`). */
export function actorType(type: ActorType | string): ActorType {
  if (typeof type !== 'string') return type
  const [name, version] = type.split('@') as [string, string?]
  const found = actorTypes.get(name)
  if (found && (version === undefined || version === String(found.version))) return found
  const names = found ? `${name}@${found.version}` : [...actorTypes.keys()].join(', ')
  refuse('type', `there is no actor "${type}" here. Use one of ${names}, or pass the type itself.`)
}

/** Names of the events that delayed transitions send themselves. */
export const isTimer = ({ type }: ActorEvent): boolean => type.startsWith('xstate.')

/** One event, applied by the very code that hosts run, to a copy of the document. */
export function step(
  type: ActorType,
  doc: ActorDocument,
  event: ActorEvent,
  facts: { at: number; from?: string; peer?(address: Address): Peer | undefined },
): Stepped {
  const draft = draftOf(doc)
  draft.outbox = []
  draft.history = []
  if (isTimer(event)) draft.timers = draft.timers.filter((timer) => timer.event.type !== event.type)
  const before = draft.timers
  const outcome = decide(type, draft, { to: doc._id, event, from: facts.from }, facts)
  const [entry] = draft.history
  const effects: Effects = {
    sends: [],
    offers: [],
    grants: outcome.grants,
    refused: outcome.refused,
    timers: draft.timers.filter((timer) => !before.includes(timer)),
    untimed: before.filter((timer) => !draft.timers.includes(timer)).map(({ id }) => id),
    pages: outcome.pages,
    reads: [],
    rejected: outcome.rejected,
    superseded: outcome.superseded,
    threw: entry?.threw,
  }
  for (const out of draft.outbox) {
    if (out.kind === 'event') effects.sends.push({ to: out.to, event: out.event })
    else if (out.kind === 'offer') effects.offers.push({ job: out.job, priority: out.priority, dispatch: out.dispatch })
    else if (out.kind === 'read') effects.reads.push({ page: out.page, event: out.event })
  }
  return { doc: draft, effects, entry }
}
