import type { Collection, Filter } from 'mongodb'
import type { ActorDocument } from '../document.ts'
import { gather, type Limits } from './gather.ts'
import { byWakeAt, rangeOf, statesOf } from './match.ts'
import { committer } from './mongo/commit.ts'
import { fact, type StoredFact, setFact } from './mongo/facts.ts'
import { mongoPages, type StoredPage } from './mongo/pages.ts'
import { remover } from './mongo/remove.ts'
import { connectMongo, type MongoServer } from './mongo/server.ts'
import { labelText, type Stored, toDocument } from './mongo/shape.ts'
import type { Query, Store, Waking } from './port.ts'

export interface MongoOptions {
  /** Its path names the database; `stellwerk` if it names none. */
  url: string
  /** Collections are named `<namespace>_actors`, `_pages` and `_facts`. */
  namespace: string
  /** Of one statement, in ms: after this its outcome is in doubt. A commit in doubt asks what is stored for twice that long. Default 5000. */
  timeout?: number
}

/** About half of what one message holds. FerretDB looks for the place of each batch anew: with small ones a million would take minutes. */
const partSize = 50_000
const limits: Limits = { atOnce: 3, items: 1000, bytes: Number.POSITIVE_INFINITY }

/** A store in MongoDB, or in what speaks its language: no transactions and no change streams are used. */
export async function mongoStore({ url, namespace, timeout = 5000 }: MongoOptions): Promise<Store> {
  const server = await connectMongo(url, 'stellwerk', timeout)
  const actors = server.db.collection<Stored>(`${namespace}_actors`)
  const pages = server.db.collection<StoredPage>(`${namespace}_pages`)
  const facts = server.db.collection<StoredFact>(`${namespace}_facts`)
  try {
    await server.insist(() => makeIndexes(actors, pages), 2)
  } catch (error) {
    await server.close()
    throw error
  }
  const sides = mongoPages(server, pages)

  return {
    name: server.name,
    atomicTurns: false,
    load: loader(server, actors),
    commit: committer(server, actors),
    flush: async () => {},
    waking: (partition, until, from, limit) => server.guard(() => waking(actors, partition, until, from, limit), 2),
    allWaking: (partition, until) => allWaking(server, actors, partition, until),
    countWaking: (partition, until, from) => server.guard(() => actors.countDocuments(between(partition, from, until))),
    find: (query, after, limit) => server.guard(() => find(actors, query, after, limit), 2),
    putPages: sides.put,
    getPages: sides.get,
    removePages: (ids) => server.guard(() => sides.remove([...ids])),
    removePagesOf: (owners) => server.guard(() => sides.removeOf([...owners])),
    remove: remover(server, actors, sides),
    fact: (key) => server.guard(() => fact(facts, key)),
    setFact: (key, value, expected) => server.insist(() => setFact(facts, key, value, expected)),
    close: server.close,
  }
}

/** Every index costs each write a fifth: there is one on documents that somebody has to look at, and one on pages. */
async function makeIndexes(actors: Collection<Stored>, pages: Collection<StoredPage>): Promise<void> {
  await actors.createIndex({ partition: 1, wakeAt: 1 }, { partialFilterExpression: { wakeAt: { $exists: true } } })
  await pages.createIndex({ owner: 1 })
}

function loader(server: MongoServer, actors: Collection<Stored>): Store['load'] {
  const load = gather(async (ids: string[]) => {
    const found = await server.guard(() => actors.find({ _id: { $in: ids } }).toArray(), 2)
    const byId = new Map(found.map((stored) => [stored._id, stored]))
    return ids.map((id) => byId.get(id))
  }, limits)
  return async (addresses) => (await load(addresses)).filter((stored) => stored !== undefined).map(toDocument)
}

const between = (partition: number, from: number, until: number): Filter<Stored> => ({
  partition,
  wakeAt: { $exists: true, $gte: from, $lte: until },
})

const projection = { wakeAt: 1, version: 1, work: 1 }
const wakingOf = ({ _id, wakeAt = 0, version, work }: Stored): Waking => ({ _id, wakeAt, version, ...(work && { work }) })

async function waking(actors: Collection<Stored>, partition: number, until: number, from = 0, limit = 0): Promise<Waking[]> {
  const found = await actors
    .find(between(partition, from, until), { projection })
    .sort({ wakeAt: 1 })
    .limit(limit)
    .toArray()
  return found.map(wakingOf).sort(byWakeAt)
}

/** One cursor, whose batches are the parts. In no order: what has to be sorted is read to its end before the first batch is there. */
async function* allWaking(server: MongoServer, actors: Collection<Stored>, partition: number, until: number): AsyncGenerator<Waking[]> {
  const cursor = actors.find(between(partition, 0, until), { projection, batchSize: partSize })
  try {
    while (await server.guard(() => cursor.hasNext())) yield cursor.readBufferedDocuments().map(wakingOf)
  } finally {
    void cursor.close().catch(() => {})
  }
}

async function find(actors: Collection<Stored>, query: Query, after: string | undefined, limit: number): Promise<ActorDocument[]> {
  const { from, before } = rangeOf(query)
  const { type, state, group, status } = query
  const labels = Object.entries(query.labels ?? {}).map(([key, value]) => labelText(key, value))
  const filter: Filter<Stored> = {
    _id: after !== undefined && after >= from ? { $gt: after, $lt: before } : { $gte: from, $lt: before },
    removedAt: { $exists: false },
    ...(type !== undefined && { type }),
    ...(state !== undefined && { state: { $in: [...statesOf(query)] } }),
    ...(status !== undefined && { status }),
    ...(group !== undefined && { group }),
    ...(labels.length > 0 && { labels: { $all: labels } }),
  }
  if (limit < 1) return []
  return (await actors.find(filter).sort({ _id: 1 }).limit(limit).toArray()).map(toDocument)
}
