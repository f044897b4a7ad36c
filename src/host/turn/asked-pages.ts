import type { Condition } from '../../../actors/actor.ts'
import type { Address } from '../../address.ts'
import type { ActorDocument } from '../../document.ts'
import type { Store } from '../../store/port.ts'
import type { Item } from '../intake.ts'
import type { Partition } from '../partition.ts'
import { markOf } from './marks.ts'
import type { Turn } from './state.ts'

/**
 * Puts pages into the events of those who have asked for them, and answers with these. One that is not there (the store was put back in part) is the trouble of
 * the actor that needs it: its question stays in its outbox, and is asked again whenever that is looked through, at least once a
 * minute. One that was read before may be gone: it is not read again.
 */
export async function fillPages(partition: Partition, turn: Turn, items: Item[]): Promise<Item[]> {
  const ids = items.map(({ page }) => page).filter((id) => id !== undefined)
  if (!ids.length) return items
  const pages = new Map<string, unknown>()
  for (const { _id, body } of await partition.store.getPages(ids.filter((id) => !isDefinition(id)))) pages.set(_id, body)
  for (const id of ids) if (isDefinition(id)) pages.set(id, (await partition.contracts.chains.learn(chainNamed(id)))?.steps)
  return items.filter((item) => {
    const { page, envelope } = item
    if (page === undefined) return true
    const { to, event, inc, n } = envelope
    const doc = partition.cache.get(to)?.doc
    if (!pages.has(page) && !(doc && wasRead(doc, inc!, n!))) {
      turn.lacking.add(to)
      partition.warn(isMissing(to, page))
      return false
    }
    item.envelope = { ...envelope, event: { ...event, body: pages.get(page) } }
    item.page = undefined
    return true
  })
}

/** Pages that it has asked for, and that are not there. */
export async function missingPages(store: Pick<Store, 'getPages'>, doc: ActorDocument): Promise<Condition[]> {
  const asked = doc.outbox.flatMap((entry) =>
    entry.kind === 'read' && entry.page !== undefined && !isDefinition(entry.page) && !wasRead(doc, doc.inc, entry.n) ? [entry.page] : [],
  )
  if (!asked.length) return []
  const there = new Set((await store.getPages(asked)).map(({ _id }) => _id))
  return asked
    .filter((page) => !there.has(page))
    .map((page) => ({ code: 'PAGE_MISSING', message: isMissing(doc._id, page), page, stuck: true }))
}

const isMissing = (address: Address, page: string): string =>
  `${address} cannot go on: its page ${page} is not in the store. Put it back from where the store was restored from`

const wasRead = ({ inbox }: ActorDocument, inc: string, n: number): boolean => (markOf(inbox, inc) ?? 0) >= n

/** No page of an actor: the steps of a chain, as its hosts publish them. */
const isDefinition = (page: string): boolean => page.startsWith(definitions)
const definitions = 'chain.'
const chainNamed = (page: string): string => page.slice(definitions.length)
