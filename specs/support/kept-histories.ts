import type { ActorDocument, HistoryEntry } from '../../src/document.ts'
import type { Store } from '../../src/store/port.ts'

/** All that is ever written to a store, from now on: under retention it does not stay. */
export function keepHistories(store: Store) {
  const kept = new Map<string, { doc: ActorDocument; history: Map<number, HistoryEntry> }>()
  const seen = new Set<string>()
  const { commit } = store
  store.commit = async (writes) => {
    const answers = await commit(writes)
    writes.forEach(({ doc }, i) => {
      seen.add(doc._id)
      if (!answers[i] || doc.removedAt !== undefined) return
      const of = kept.get(`${doc._id} ${doc.inc}`) ?? { doc, history: new Map() }
      of.doc = doc
      doc.history.forEach((entry, at) => of.history.set(entry.v * 1000 + (at - doc.history.findIndex(({ v }) => v === entry.v)), entry))
      kept.set(`${doc._id} ${doc.inc}`, of)
    })
    return answers
  }
  const all = () =>
    [...kept.values()].map(({ doc, history }) => ({ doc, history: [...history].sort(([a], [b]) => a - b).map(([, entry]) => entry) }))
  return { seen, all }
}
