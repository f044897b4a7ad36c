import type { ActorDocument } from '../document.ts'
import { byText, byWakeAt, jsonCopy, matches, meets, sameFact, wakingOf } from './match.ts'
import type { Page, Store, Write } from './port.ts'

const partSize = 1000

/** Keeps nothing beyond the process. What goes in and out is copied, so that a caller who changes a stored document is found out. */
export function memoryStore(): Store {
  const docs = new Map<string, ActorDocument>()
  const pages = new Map<string, Page>()
  const facts = new Map<string, unknown>()

  const commitOne = ({ doc, base }: Write): boolean => {
    if (!meets(docs.get(doc._id), base)) return false
    docs.set(doc._id, jsonCopy(doc))
    return true
  }
  const wakes = (partition: number, from: number, until: number) =>
    [...docs.values()].filter(({ partition: of, wakeAt }) => of === partition && wakeAt !== undefined && wakeAt >= from && wakeAt <= until)
  const removePagesOf = (owner: string) => {
    for (const page of pages.values()) if (page.owner === owner) pages.delete(page._id)
  }
  const present = <T>(map: Map<string, T>, ids: readonly string[]): T[] =>
    ids
      .map((id) => map.get(id))
      .filter((value) => value !== undefined)
      .map(jsonCopy)

  return {
    atomicTurns: false,
    load: async (addresses) => present(docs, addresses),
    commit: async (writes) => writes.map(commitOne),
    flush: async () => {},

    waking: async (partition, until, from = 0, limit) =>
      wakes(partition, from, until).map(wakingOf).sort(byWakeAt).slice(0, limit).map(jsonCopy),
    async *allWaking(partition, until) {
      const found = wakes(partition, 0, until).map(wakingOf).map(jsonCopy)
      for (let at = 0; at < found.length; at += partSize) yield found.slice(at, at + partSize)
    },
    countWaking: async (partition, until, from) => wakes(partition, from, until).length,

    find: async (query, after = '', limit) =>
      [...docs.values()]
        .filter((doc) => doc._id > after && matches(doc, query))
        .sort((a, b) => byText(a._id, b._id))
        .slice(0, limit)
        .map(jsonCopy),

    putPages: async (written) => {
      for (const page of written) pages.set(page._id, jsonCopy(page))
    },
    getPages: async (ids) => present(pages, ids),
    removePages: async (ids) => {
      for (const id of ids) pages.delete(id)
    },

    removePagesOf: async (owners) => owners.forEach(removePagesOf),

    remove: async (address, base) => {
      if (!meets(docs.get(address), base)) return false
      docs.delete(address)
      removePagesOf(address)
      return true
    },

    fact: async (key) => jsonCopy(facts.get(key)),
    setFact: async (key, value, expected) => {
      if (sameFact(facts.get(key), expected)) facts.set(key, jsonCopy(value))
      return jsonCopy(facts.get(key))
    },

    close: async () => {},
  }
}
