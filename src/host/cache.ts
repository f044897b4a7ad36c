import { type Address, rootOf } from '../address.ts'
import type { ActorDocument } from '../document.ts'

/**
 * The documents of one partition that its owner has in memory, and which of their outbox entries it knows delivered. It only makes
 * things fast: all of it may be forgotten at any time, and unknown means not delivered.
 */
export interface Cached {
  doc: ActorDocument
  known: ReadonlySet<number>
}

const none: ReadonlySet<number> = new Set()

export interface Cache {
  get(address: Address): Cached | undefined
  /** After a load or a commit; keeps what is known of entries that are still there. */
  put(doc: ActorDocument): Cached
  evict(address: Address): void
  /** An entry's delivery is known: its receiver's write is committed, or its publish confirmed, and the whole turn is done. */
  delivered(address: Address, n: number): void
  /** Makes room: documents that have ended go first, then the least recently used. */
  trim(touched: Iterable<Address>): void
  clear(): void
  readonly size: number
}

/**
 * One that has ended is not needed any more. But what it sent by the stream is known delivered only while it is here: forgotten too early it
 * is sent again whenever the document is loaded, and two that answer each other would go on for ever.
 */
function isForgotten(doc: ActorDocument | undefined): boolean {
  return doc?.status === 'done' && !doc.outbox.some((entry) => entry.kind === 'event' && rootOf(entry.to) !== doc.root)
}

export function createCache(limit: number): Cache {
  const entries = new Map<Address, Cached>()
  return {
    get(address) {
      const found = entries.get(address)
      if (!found) return undefined
      entries.delete(address) // to the end: the Map's order is the order of use
      entries.set(address, found)
      return found
    },
    put(doc) {
      const before = entries.get(doc._id)
      const kept = before?.known.size ? doc.outbox.filter(({ n }) => before.known.has(n)) : []
      const cached = { doc, known: kept.length ? new Set(kept.map(({ n }) => n)) : none }
      entries.delete(doc._id)
      entries.set(doc._id, cached)
      return cached
    },
    evict: (address) => void entries.delete(address),
    delivered(address, n) {
      const found = entries.get(address)
      if (!found?.doc.outbox.length) return
      if (found.known === none) found.known = new Set([n])
      else (found.known as Set<number>).add(n)
    },
    trim(touched) {
      for (const address of touched) if (isForgotten(entries.get(address)?.doc)) entries.delete(address)
      for (const address of entries.keys()) {
        if (entries.size <= limit) return
        entries.delete(address)
      }
    },
    clear: () => entries.clear(),
    get size() {
      return entries.size
    },
  }
}
