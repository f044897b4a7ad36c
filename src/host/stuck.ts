import type { ActorType, Condition } from '../../actors/actor.ts'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { ActorDocument } from '../document.ts'
import type { Query, Store } from '../store/port.ts'
import { inCircles, waitsFor } from './circle.ts'
import { missingPages } from './turn/asked-pages.ts'

/** Actors of one type that are stuck in one state: only an operator ends that. */
export interface StuckCount {
  type: string
  state: string
  count: number
}

/** Documents that are looked through for one answer. */
const slice = 500
const slicesAtOnce = 10

/**
 * What is stuck is told by the machines, and by the circles in which jobs wait for one another, not by an index: a bounded part of all that has not
 * ended is looked through for one answer. Nothing is counted while nobody asks.
 */
export function stuckOnes({ store, clock, actors }: { store: Store; clock: Clock; actors: ReadonlyMap<string, ActorType> }) {
  const why = (doc: ActorDocument): Condition[] => actors.get(doc.type)?.why(doc.snapshot, clock.now()) ?? []

  /** `enough`: stops after a slice with so many that say themselves that they are stuck. */
  async function look(query: Query, after: string | undefined, enough: number): Promise<{ found: ActorDocument[]; after?: string }> {
    const stuck = new Set<ActorDocument>()
    const waiting: ActorDocument[] = []
    const graph = new Map<Address, readonly Address[]>()
    for (let slices = 0; slices < slicesAtOnce && stuck.size < enough; slices++) {
      const docs = await store.find({ ...query, status: 'active' }, after, slice)
      for (const doc of docs) {
        const conditions = [...why(doc), ...(await missingPages(store, doc))]
        const on = waitsFor(conditions)
        if (on.length) graph.set(doc._id, on)
        if (on.length) waiting.push(doc)
        if (conditions.some((one) => one.stuck)) stuck.add(doc)
      }
      after = docs.length < slice ? undefined : docs.at(-1)!._id
      if (after === undefined) break
    }
    const circles = graph.size ? await inCircles(store, graph, why) : undefined
    for (const doc of waiting) if (circles?.has(doc._id)) stuck.add(doc)
    return { found: [...stuck].sort((a, b) => (a._id < b._id ? -1 : 1)), after }
  }

  return {
    find: (query: Query, after: string | undefined) => look(query, after, 1),
    async count({ after }: { after?: string }): Promise<{ stuck: StuckCount[]; after?: string }> {
      const seen = await look({}, after, Number.POSITIVE_INFINITY)
      return { stuck: addUp(seen.found.map(({ type, state }) => ({ type, state, count: 1 }))), after: seen.after }
    },
  }
}

/** By type and state. */
export function addUp(counts: readonly StuckCount[]): StuckCount[] {
  const sums = new Map<string, StuckCount>()
  for (const { type, state, count } of counts) {
    const key = `${type} ${state}`
    sums.set(key, { type, state, count: count + (sums.get(key)?.count ?? 0) })
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum)
}
