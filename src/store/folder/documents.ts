import type { ActorDocument } from '../../document.ts'
import { afterAll, byText, byWakeAt, meets, wakingOf } from '../match.ts'
import type { Base, Waking, Write } from '../port.ts'
import { type Head, headIn, headLine, recentHeads } from './heads.ts'
import type { Operation } from './operation.ts'
import { overlay } from './overlay.ts'
import { checkKey } from './table.ts'
import type { Tables } from './tables.ts'
import type { Writer } from './writer.ts'

/**
 * Documents are kept as JSON text behind a first line, their head. Those not in the table yet are kept as they were given: a caller never changes a document that it committed.
 */
export interface Documents {
  get(address: string): ActorDocument | undefined
  commit(write: Write): boolean
  remove(address: string, base: Base): boolean
  waking(partition: number, until: number, from?: number, limit?: number): Waking[]
  /** In parts, each read when it is asked for. */
  allWaking(partition: number, until: number): Iterable<Waking[]>
  countWaking(partition: number, until: number, from: number): number
  /** In order, about as many as `limit`. */
  slice(start: Start, before: string, limit: number): Slice
}

export type Start = { from: string } | { after: string }

export interface Slice {
  rows: Row[]
  /** Address after which the next slice begins; undefined if this was the last. */
  next: string | undefined
}

export interface Row {
  head: Head
  doc(): ActorDocument
}

interface Fresh {
  /** undefined: removed. */
  doc: ActorDocument | undefined
  /** What is in the table, and in the index, at the time when this gets there. */
  was: Head | undefined
}

const partSize = 500

const textOf = (doc: ActorDocument): string => `${headLine(doc)}\n${JSON.stringify(doc)}`
const docIn = (text: string): ActorDocument => JSON.parse(text.slice(text.indexOf('\n') + 1))
const isWaking = (head: Head, partition: number, until: number, from: number): boolean =>
  head.partition === partition && head.wakeAt !== undefined && head.wakeAt >= from && head.wakeAt <= until
const byId = (a: Row, b: Row) => byText(a.head._id, b.head._id)

export function documents(tables: Tables, writer: Writer): Documents {
  const db = tables.open('documents')
  const wakes = tables.open('wakes')
  const fresh = overlay<Fresh>()
  const heads = recentHeads()

  const add = (operations: Operation[], id: string, { doc, was }: Fresh): void => {
    operations.push({ table: 'documents', key: id, value: doc && textOf(doc) })
    if (was?.wakeAt === doc?.wakeAt && was?.partition === doc?.partition) return
    if (was?.wakeAt !== undefined) operations.push({ table: 'wakes', key: [was.partition, was.wakeAt, id], value: undefined })
    if (doc?.wakeAt !== undefined) operations.push({ table: 'wakes', key: [doc.partition, doc.wakeAt, id], value: '1', isNew: true })
  }
  writer.add({
    ...fresh,
    cut(operations) {
      for (const [id, written] of fresh.cut()) add(operations, id, written)
    },
    settled() {
      for (const [id, { doc }] of fresh.settled()) heads.settled(id, doc)
    },
  })

  const headInTable = (id: string): Head | undefined => {
    const bytes = db.getBinaryFast(checkKey(id))
    return bytes && headIn(id, bytes.toString('utf8', 0, bytes.indexOf(10)))
  }
  const present = (id: string): Head | undefined => {
    const known = fresh.get(id)
    if (known) return known.doc
    const head = heads.get(id) ?? headInTable(id)
    return head === 'none' ? undefined : head
  }
  /** Sets it if the present one meets the base. */
  const change = (id: string, base: Base | undefined, doc: ActorDocument | undefined): boolean => {
    const head = present(id)
    if (!meets(head, base)) return false
    if (!head) checkKey(id)
    const earlier = fresh.upper(id)
    fresh.set(id, { doc, was: earlier ? earlier.was : head })
    return true
  }
  const get = (id: string): ActorDocument | undefined => {
    const known = fresh.get(id)
    if (known) return known.doc
    const text = db.get(id)
    if (text !== undefined) return docIn(text)
    heads.missed(id)
    return undefined
  }
  const wakingInTable = function* (partition: number, until: number, from: number): Iterable<string> {
    for (const key of wakes.getKeys({ start: [partition, from], end: [partition, until, afterAll] })) yield (key as unknown as string[])[2]!
  }
  const freshDocs = function* (): Iterable<ActorDocument> {
    for (const [, { doc }] of fresh.entries()) if (doc) yield doc
  }

  return {
    get,
    commit: ({ doc, base }) => change(doc._id, base, doc),
    remove: (id, base) => change(id, base, undefined),

    waking: (partition, until, from = 0, limit = Number.POSITIVE_INFINITY) => {
      const found: Waking[] = []
      for (const id of wakingInTable(partition, until, from)) {
        if (found.length >= limit) break
        if (!fresh.has(id)) found.push(wakingOf(get(id)!))
      }
      for (const doc of freshDocs()) if (isWaking(doc, partition, until, from)) found.push(wakingOf(doc))
      return found.sort(byWakeAt).slice(0, limit)
    },
    *allWaking(partition, until) {
      const isMeant = (doc: ActorDocument | undefined) => doc !== undefined && isWaking(doc, partition, until, 0)
      const fresh = [...freshDocs()].filter(isMeant)
      yield fresh.map(wakingOf)
      // By then they may be in the table.
      const known = new Set(fresh.map(({ _id }) => _id))
      let keys: [number, number, string][]
      let start: (string | number)[] = [partition, 0]
      do {
        const range = { start, exclusiveStart: true, end: [partition, until, afterAll], limit: partSize }
        keys = Array.from(wakes.getKeys(range)) as unknown as [number, number, string][]
        yield keys
          .flatMap(([, , id]) => (known.has(id) ? [] : (get(id) ?? [])))
          .filter(isMeant)
          .map(wakingOf)
        start = keys.at(-1)!
      } while (keys.length === partSize)
    },
    countWaking: (partition, until, from) => {
      const counts = (head: Head | undefined): number => (head && isWaking(head, partition, until, from) ? 1 : 0)
      let count = wakes.getKeysCount({ start: [partition, from], end: [partition, until, afterAll] })
      // While the tables catch up they may have it already: it is looked at as they are now.
      for (const [id, { doc }] of fresh.entries()) count += counts(doc) - counts(headInTable(id))
      return count
    },

    slice: (start, before, limit) => {
      const first = 'after' in start ? start.after : start.from
      const stored = Array.from(db.getKeys({ start: first || undefined, exclusiveStart: 'after' in start, end: before, limit }), String)
      const next = stored.length < limit ? undefined : stored.at(-1)!
      const begun = (id: string) => ('after' in start ? id > first : id >= first)
      const ended = (id: string) => (next === undefined ? id >= before : id > next)
      const rows: Row[] = stored.filter((id) => !fresh.has(id)).map((id) => ({ head: headInTable(id)!, doc: () => docIn(db.get(id)!) }))
      for (const doc of freshDocs()) if (begun(doc._id) && !ended(doc._id)) rows.push({ head: doc, doc: () => doc })
      return { rows: rows.sort(byId), next }
    },
  }
}
