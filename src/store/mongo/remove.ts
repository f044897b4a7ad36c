import type { Collection } from 'mongodb'
import { gather, type Limits } from '../gather.ts'
import type { Base, Store } from '../port.ts'
import type { MongoPages } from './pages.ts'
import type { MongoServer } from './server.ts'
import type { Stored } from './shape.ts'

const limits: Limits = { atOnce: 3, items: 1000, bytes: Number.POSITIVE_INFINITY }

interface Removal {
  address: string
  base: Base
}

/** `commit` is unique for every write, so a list of them tells exactly which documents are meant. */
export function remover(server: MongoServer, actors: Collection<Stored>, pages: MongoPages): Store['remove'] {
  const present = async (removals: Removal[]): Promise<Map<string, string>> => {
    const _id = { $in: removals.map(({ address }) => address) }
    const found = await actors.find({ _id }, { projection: { commit: 1, version: 1 } }).toArray()
    return new Map(found.map(({ _id, commit, version }) => [_id, `${version} ${commit}`]))
  }
  const isIn = (there: Map<string, string>, { address, base }: Removal) => there.get(address) === `${base.version} ${base.commit}`

  const removeBatch = async (removals: Removal[]): Promise<boolean[]> => {
    const [before, owned] = await Promise.all([present(removals), pages.idsOf(removals.map(({ address }) => address))])
    const meant = removals.filter((removal) => isIn(before, removal))
    const filter = { _id: { $in: meant.map(({ address }) => address) }, commit: { $in: meant.map(({ base }) => base.commit) } }
    const { deletedCount } = await actors.deleteMany(filter)
    const left = deletedCount === meant.length ? new Map<string, string>() : await present(meant)
    const gone = new Set(meant.filter(({ address }) => !left.has(address)).map(({ address }) => address))
    await pages.remove(owned.filter(({ owner }) => gone.has(owner)).map(({ _id }) => _id))
    return removals.map((removal) => gone.has(removal.address) && isIn(before, removal))
  }
  const remove = gather((removals: Removal[]) => server.insist(() => removeBatch(removals), 4), limits)
  return async (address, base) => (await remove([{ address, base }]))[0]!
}
