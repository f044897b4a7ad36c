import type { ActorDocument, Work } from '../document.ts'
import type { ValidationError } from '../errors.ts'

/**
 * Where documents live. Three adapters: MongoDB, LMDB in a folder, memory. A store knows nothing of machines:
 * the snapshot is opaque to it.
 */
export interface Store {
  /** Which one it is, in words, for errors. */
  readonly name?: string
  /**
   * true: what was committed since the last `flush` becomes durable as one whole or not at all, so a turn that flushes once is atomic.
   * false: each write of `commit` is durable by itself, when `commit` resolves.
   */
  readonly atomicTurns: boolean

  /** The documents with these addresses; absent ones are left out. Sees what was committed and not yet flushed. */
  load(addresses: readonly string[]): Promise<ActorDocument[]>
  /**
   * Each write by itself is an atomic compare-and-set: it replaces the document if that still has the version and the commit of
   * `base`, or inserts it if there is no `base` and no document. The answer, write by write: is the stored document exactly
   * this attempt's? (After a doubtful outcome the adapter reads `commit` back to find out.) An error: such a document no attempt will
   * ever store. Rejects only if the outcome cannot be found out.
   */
  commit(writes: readonly Write[]): Promise<Committed[]>
  /** Resolves when all that was committed survives a crash. */
  flush(): Promise<void>

  /** Documents of a partition whose `wakeAt` is from `from` (default 0) to `until`, both included: earliest first, at most `limit`. */
  waking(partition: number, until: number, from?: number, limit?: number): Promise<Waking[]>
  /**
   * All of a partition whose `wakeAt` is `until` at most, in parts and in no order: there may be a million of them, so each part has the time of a
   * call. What is written meanwhile may be read as it was before, or not at all.
   */
  allWaking(partition: number, until: number): AsyncIterable<readonly Waking[]>
  /** How many there are. */
  countWaking(partition: number, until: number, from: number): Promise<number>
  /** Documents by query, in order of address, after the cursor. Tombstones are in none. */
  find(query: Query, after: string | undefined, limit: number): Promise<ActorDocument[]>

  /** Immutable side documents: payloads, history segments, key pages. Written before the document that refers to them; writing one again is harmless. */
  putPages(pages: readonly Page[]): Promise<void>
  getPages(ids: readonly string[]): Promise<Page[]>
  /** Removes pages that no document refers to any more; those that are not there are left out. */
  removePages(ids: readonly string[]): Promise<void>

  /** Removes all pages of these owners. */
  removePagesOf(owners: readonly string[]): Promise<void>

  /** Removes a document if it still is this one, with its pages. */
  remove(address: string, base: Base): Promise<boolean>

  /** Facts about the deployment, one value a key, compare-and-set: writes `value` if the present one equals `expected` (undefined: absent). Answers what is there afterwards. */
  fact(key: string): Promise<unknown>
  setFact(key: string, value: unknown, expected: unknown): Promise<unknown>

  close(): Promise<void>
}

export interface Base {
  version: number
  commit: string
}

export type Committed = boolean | ValidationError

export interface Write {
  doc: ActorDocument
  /** What the write was decided on; absent for a creation. */
  base?: Base
}

export interface Waking {
  _id: string
  wakeAt: number
  version: number
  work?: Work
}

export interface Query {
  type?: string
  /** One of these. */
  state?: string | readonly string[]
  /** Addresses that begin so: 'job:a1/' for the members of a group and what is below them. */
  prefix?: string
  /** Members of a group (its address). */
  group?: string
  labels?: Record<string, string>
  /** 'active': what has not ended. */
  status?: 'active' | 'done'
}

export interface Page {
  _id: string
  /** Address of the document that it belongs to: it is removed with it. */
  owner: string
  body: unknown
}
