import type { Address } from '../address.ts'
import type { ActorDocument, HistoryEntry } from '../document.ts'
import { NotFoundError, refuse, StellwerkError } from '../errors.ts'
import type { Store } from '../store/port.ts'
import { entriesOf, firstVersionOf, historyPages } from './history.ts'

/** A change of state, out of the history of an actor. */
export interface Change {
  address: Address
  /** Of the document after the write that it belongs to. */
  version: number
  /** Which of the changes of this version it is, from 0: one write may hold several. With the version it names the change for ever. */
  place: number
  /** After it. */
  state: string
  /** Type of the event that brought it. */
  event: string
  /** ms since 1970. */
  at: number
}

/** The next changes of an actor; ask again with `next` as `from`. */
export interface Changes {
  changes: Change[]
  next: number
  /** Which of the actors that had this address: one that is made anew counts its versions from 1. */
  inc: string
  /** These are all that there are by now. */
  all: boolean
  /** It is in a final state, and these are the last of its changes. */
  ended: boolean
}

/** Pages that are read, and changes that are answered, at once. */
const pagesAtOnce = 8
const mostChanges = 500

/**
 * The changes of state from a version on, oldest first and without a gap: the history that was committed with them, page by page. What is
 * not kept any more is refused as TRIMMED, with the version from which there is all. An answer ends between two versions. `inc`: as it was answered before.
 */
export async function changesOf(store: Store, doc: ActorDocument, from: number, inc = doc.inc): Promise<Changes> {
  if (!Number.isSafeInteger(from) || from < 0) refuse('from', 'must be a version: a whole number, 0 or more')
  if (inc !== doc.inc) throw new NotFoundError(`${doc._id} was removed and made anew: watch it from its beginning`)
  const first = await firstKept(store, doc, from)
  if (first > Math.max(1, from))
    throw new StellwerkError('TRIMMED', `The changes of ${doc._id} before version ${first} are not kept any more: watch it from there.`)
  const pages = await olderPages(store, doc, from)
  const read = (await entriesOf(store, pages.slice(0, pagesAtOnce))).flat()
  const toTheEnd = pages.length <= pagesAtOnce
  if (toTheEnd) read.push(...doc.history)
  else if (!read.length) throw new NotFoundError(`${doc._id} was removed while it was watched`)
  const { found, next } = select(doc._id, read, from, mostChanges)
  const all = toTheEnd && next === undefined
  return {
    changes: found,
    // What was read to the end of a page was read to the end of a version.
    next: next ?? (toTheEnd ? Math.max(from, doc.version + 1) : read.at(-1)!.v + 1),
    inc: doc.inc,
    all,
    ended: all && doc.status === 'done',
  }
}

/** The first version of which there is a history; as far as it matters for what is asked. */
async function firstKept(store: Store, doc: ActorDocument, from: number): Promise<number> {
  const newest = doc.history[0]?.v
  if (newest !== undefined && newest <= Math.max(1, from)) return newest
  const [page] = doc.historyPages?.length ? await historyPages(store, doc) : []
  return page === undefined ? (newest ?? doc.version + 1) : firstVersionOf(doc._id, page)
}

/**
 * The pages that matter, oldest first. The state before the first change must be known, or it could not be told from an event that
 * changed nothing: so it begins with the page before the version that was asked for, if that begins a page.
 */
async function olderPages(store: Store, doc: ActorDocument, from: number): Promise<string[]> {
  if (!doc.historyPages?.length || (doc.history.length && doc.history[0]!.v < from)) return []
  const ids = await historyPages(store, doc)
  const first = ids.findLastIndex((id) => firstVersionOf(doc._id, id) < from)
  return ids.slice(Math.max(0, first))
}

/** `next`: where it was cut. */
function select(address: Address, entries: readonly HistoryEntry[], from: number, most: number): { found: Change[]; next?: number } {
  const found: Change[] = []
  let state: string | undefined
  let version = 0
  let place = 0
  for (const entry of entries) {
    if (entry.state === undefined || entry.state === state) continue
    state = entry.state
    if (entry.v < from) continue
    if (entry.v !== version && found.length >= most) return { found, next: entry.v }
    place = entry.v === version ? place + 1 : 0
    version = entry.v
    found.push({ address, version, place, state, event: entry.event.type, at: entry.at })
  }
  return { found }
}
