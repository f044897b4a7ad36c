import type { Listening, Records, StoredRecord } from '../port.ts'
import type { Deferred } from './deferred.ts'

/** Where records outlive the process. A put resolves when it is safe: with the new revision, or undefined if somebody else was first. */
export interface KeptRecords {
  /** Which records belong here; the others die with the process. */
  keeps(key: string): boolean
  get(key: string): Promise<StoredRecord | undefined>
  put(key: string, value: unknown, revision: number): Promise<number | undefined>
  all(prefix: string): Promise<({ key: string } & StoredRecord)[]>
}

/** Records of one process. What is stored is JSON: nobody can change a record through a reference. */
export function recordsOf(defer: Deferred, kept?: KeptRecords): Records {
  const inMemory = memoryRecords()
  const watchers = new Set<(key: string, record: StoredRecord) => void>()
  const placeOf = (key: string) => (kept?.keeps(key) ? kept : inMemory)

  return {
    get: (key) => placeOf(key).get(key),

    async put(key, value, revision) {
      const copy = copyOf(value)
      const next = await placeOf(key).put(key, copy, revision)
      if (next !== undefined) for (const tell of watchers) tell(key, { value: copyOf(copy), revision: next })
      return next
    },

    async watch(prefix, on): Promise<Listening> {
      const known = new Map<string, number>()
      const tell = (key: string, record: StoredRecord) => {
        if (!key.startsWith(prefix) || (known.get(key) ?? 0) >= record.revision) return
        known.set(key, record.revision)
        defer(() => {
          if (watchers.has(tell)) on(key, record)
        })
      }
      watchers.add(tell)
      for (const place of kept ? [inMemory, kept] : [inMemory]) for (const { key, ...record } of await place.all(prefix)) tell(key, record)
      await new Promise<void>((told) => defer(told))
      return { stop: () => void watchers.delete(tell) }
    },
  }
}

function memoryRecords(): Omit<KeptRecords, 'keeps'> {
  const stored = new Map<string, { json: string; revision: number }>()
  let revisions = 0
  const read = ({ json, revision }: { json: string; revision: number }): StoredRecord => ({ value: JSON.parse(json), revision })
  return {
    async get(key) {
      const found = stored.get(key)
      return found && read(found)
    },
    async put(key, value, revision) {
      if ((stored.get(key)?.revision ?? 0) !== revision) return undefined
      stored.set(key, { json: JSON.stringify(value ?? null), revision: ++revisions })
      return revisions
    },
    async all(prefix) {
      return [...stored].filter(([key]) => key.startsWith(prefix)).map(([key, record]) => ({ key, ...read(record) }))
    },
  }
}

const copyOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))
