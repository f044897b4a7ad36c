import type { Listening, Records, StoredRecord } from '../port.ts'
import type { Deferred } from './deferred.ts'

/** Records in memory. What is kept is JSON: nobody can change a record through a reference. */
export function memoryRecords(defer: Deferred): Records {
  const stored = new Map<string, { json: string; revision: number }>()
  const watchers = new Set<(key: string) => void>()
  let revisions = 0

  const read = (key: string): StoredRecord | undefined => {
    const found = stored.get(key)
    return found && { value: JSON.parse(found.json), revision: found.revision }
  }

  return {
    async get(key) {
      return read(key)
    },

    async put(key, value, revision) {
      if ((stored.get(key)?.revision ?? 0) !== revision) return undefined
      const next = ++revisions
      stored.set(key, { json: JSON.stringify(value ?? null), revision: next })
      for (const tell of watchers) tell(key)
      return next
    },

    async watch(prefix, on): Promise<Listening> {
      const tell = (key: string) => {
        if (!key.startsWith(prefix)) return
        const record = read(key)!
        defer(() => {
          if (watchers.has(tell)) on(key, record)
        })
      }
      watchers.add(tell)
      for (const key of stored.keys()) tell(key)
      await new Promise<void>((told) => defer(told))
      return { stop: () => void watchers.delete(tell) }
    },
  }
}
