import { open } from 'lmdb'
import { BSON, MongoClient } from 'mongodb'

export interface Sizes {
  documents: number
  pages: number
  /** Largest of all, with its id. */
  largest: { id: string; bytes: number }
}

/** What is in a folder, read from its file: bytes of each document and page. */
export async function sizesInFolder(folder: string): Promise<Sizes> {
  const root = open({ path: folder, noSubdir: false, pageSize: 8192, maxDbs: 16 })
  try {
    const sizes = counted()
    for (const kind of ['documents', 'pages'] as const)
      for (const { key, value } of root.openDB<string, string>(kind, { encoding: 'string' }).getRange())
        sizes.add(kind, String(key), Buffer.byteLength(value))
    return sizes.result
  } finally {
    await root.close()
  }
}

/** What is in a database, as BSON. */
export async function sizesInMongo(url: string, namespace: string): Promise<Sizes> {
  const client = new MongoClient(url)
  try {
    const sizes = counted()
    const db = client.db(new URL(url).pathname.slice(1) || 'stellwerk')
    for (const [kind, collection] of [
      ['documents', 'actors'],
      ['pages', 'pages'],
    ] as const)
      for await (const doc of db.collection<{ _id: string }>(`${namespace}_${collection}`).find())
        sizes.add(kind, doc._id, BSON.calculateObjectSize(doc))
    return sizes.result
  } finally {
    await client.close()
  }
}

function counted() {
  const result: Sizes = { documents: 0, pages: 0, largest: { id: '', bytes: 0 } }
  return {
    result,
    add(kind: 'documents' | 'pages', id: string, bytes: number) {
      result[kind]++
      if (bytes > result.largest.bytes) result.largest = { id, bytes }
    },
  }
}
