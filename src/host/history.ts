import type { Address } from '../address.ts'
import type { ActorDocument, HistoryEntry } from '../document.ts'
import type { Page, Store } from '../store/port.ts'

/**
 * Where a long history is. Its document has the newest entries, and the ids of the pages with the older ones; where these ids become
 * many they are in pages too. So a document does not grow with its history, not even by the ids.
 */
type Reader = Pick<Store, 'getPages'>

/** Characters of JSON that a document keeps of its history. */
const historyLimit = 16 * 1024
/** Ids that go into a page together. */
const fan = 16

/** Measured where it can have become so: most documents have a few short entries. */
const isLong = ({ history }: ActorDocument): boolean =>
  (history.length >= 32 || hasNewBulk(history)) && history.reduce((size, entry) => size + sizeOf(entry), 0) >= historyLimit

/** An entry is written with each change of its actor, and measured once. */
const sizes = new WeakMap<HistoryEntry, number>()
function sizeOf(entry: HistoryEntry): number {
  const size = sizes.get(entry) ?? JSON.stringify(entry).length
  sizes.set(entry, size)
  return size
}

/** Among the entries that this write brings. */
function hasNewBulk(history: readonly HistoryEntry[]): boolean {
  const version = history.at(-1)?.v
  for (let i = history.length - 1; history[i]?.v === version && i >= 0; i--) {
    const { members, body, of } = history[i]!.event
    if (members !== undefined || body !== undefined || Array.isArray(of)) return true
  }
  return false
}

/** Moves a long history into a page of its own. */
export function spillHistory(draft: ActorDocument, uniqueId: () => string): Page[] {
  if (!isLong(draft)) return []
  const owner = draft._id
  const pages: Page[] = [{ _id: `${owner}#history-${draft.history[0]!.v}-${uniqueId()}`, owner, body: draft.history }]
  let ids = [...(draft.historyPages ?? []), pages[0]!._id]
  draft.history = []
  for (let depth = 0; ; depth++) {
    const alike = ids.filter((id) => depthOf(owner, id) === depth)
    if (alike.length < 2 * fan) break
    const body = alike.slice(0, fan)
    const page = { _id: `${listsOf(owner)}${depth + 1}-${uniqueId()}`, owner, body }
    pages.push(page)
    ids = ids.toSpliced(ids.indexOf(body[0]!), fan, page._id)
  }
  draft.historyPages = ids
  return pages
}

/** Forgets the older half of a history of which only the newest part is kept. */
export function dropHistory(draft: ActorDocument): Page[] {
  if (isLong(draft)) draft.history = draft.history.slice(Math.ceil(draft.history.length / 2))
  return []
}

const listsOf = (owner: Address): string => `${owner}#histories-`
const isList = (owner: Address, id: string): boolean => id.startsWith(listsOf(owner))
const depthOf = (owner: Address, id: string): number => (isList(owner, id) ? Number.parseInt(id.slice(listsOf(owner).length), 10) : 0)

/** Ids of all pages with entries, oldest first. A history only grows at its end. */
export async function historyPages(store: Reader, { _id, historyPages: ids = [] }: ActorDocument): Promise<string[]> {
  for (;;) {
    const lists = ids.filter((id) => isList(_id, id))
    if (!lists.length) return ids
    const read = new Map((await store.getPages(lists)).map((page) => [page._id, page.body as string[]]))
    ids = ids.flatMap((id) => (isList(_id, id) ? (read.get(id) ?? []) : [id]))
  }
}

/** Ids of all pages of a history: those with entries, and those with the ids of others. */
export async function pagesOfHistory(store: Reader, { historyPages = [] }: ActorDocument): Promise<string[]> {
  const all = [...historyPages]
  for (let ids = historyPages; ids.length; all.push(...ids)) {
    const lists = ids.filter((id) => id.includes('#histories-'))
    ids = lists.length ? (await store.getPages(lists)).flatMap(({ body }) => body as string[]) : []
  }
  return all
}

/** Version of the first entry of a page. All entries of one version are in one page. */
export const firstVersionOf = (owner: Address, id: string): number => Number.parseInt(id.slice(`${owner}#history-`.length), 10)

/** Entries by page. */
export async function entriesOf(store: Reader, ids: readonly string[]): Promise<HistoryEntry[][]> {
  const pages = new Map((await store.getPages(ids)).map(({ _id, body }) => [_id, body as HistoryEntry[]]))
  return ids.map((id) => pages.get(id) ?? [])
}

/** The whole history. */
export async function historyOf(store: Reader, doc: ActorDocument): Promise<HistoryEntry[]> {
  return [...(await entriesOf(store, await historyPages(store, doc))).flat(), ...doc.history]
}
