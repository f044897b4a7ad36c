import { type Collection, MongoBulkWriteError, type WriteError } from 'mongodb'
import { gather, type Limits } from '../gather.ts'
import type { Page } from '../port.ts'
import type { MongoServer } from './server.ts'

export interface StoredPage {
  _id: string
  owner: string
  /** JSON, so that it comes back exactly as it was. */
  body: string
}

export interface MongoPages {
  put(pages: readonly Page[]): Promise<void>
  get(ids: readonly string[]): Promise<Page[]>
  idsOf(owners: string[]): Promise<StoredPage[]>
  remove(ids: string[]): Promise<void>
  removeOf(owners: string[]): Promise<void>
}

const limits: Limits = { atOnce: 3, items: 1000, bytes: 12_000_000 }

export function mongoPages(server: MongoServer, pages: Collection<StoredPage>): MongoPages {
  const put = gather(
    (batch: StoredPage[]) => server.insist(() => putBatch(pages, batch), 2),
    limits,
    ({ body }) => body.length,
  )
  const get = gather(async (ids: string[]) => {
    const found = await server.guard(() => pages.find({ _id: { $in: ids } }).toArray(), 2)
    const byId = new Map(found.map((page) => [page._id, page]))
    return ids.map((id) => byId.get(id))
  }, limits)

  return {
    put: async (written) => {
      await put(written.map(({ _id, owner, body }) => ({ _id, owner, body: JSON.stringify(body) })))
    },
    get: async (ids) => (await get(ids)).filter((page) => page !== undefined).map((page) => ({ ...page, body: JSON.parse(page.body) })),
    idsOf: (owners) => pages.find({ owner: { $in: owners } }, { projection: { owner: 1 } }).toArray(),
    remove: async (ids) => {
      if (ids.length > 0) await pages.deleteMany({ _id: { $in: ids } })
    },
    removeOf: async (owners) => {
      if (owners.length > 0) await pages.deleteMany({ owner: { $in: owners } })
    },
  }
}

/** Nearly always they are new: an insert is cheaper than an upsert. Those that exist are written again. */
async function putBatch(pages: Collection<StoredPage>, batch: StoredPage[]): Promise<true[]> {
  try {
    await pages.insertMany(batch, { ordered: false })
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError) || error.code !== 11000) throw error
    const present = ([] as WriteError[]).concat(error.writeErrors).map(({ index }) => batch[index]!)
    await pages.bulkWrite(
      present.map((page) => ({ replaceOne: { filter: { _id: page._id }, replacement: page, upsert: true } })),
      { ordered: false },
    )
  }
  return batch.map(() => true)
}
