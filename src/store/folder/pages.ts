import { afterAll } from '../match.ts'
import type { Page } from '../port.ts'
import { overlay } from './overlay.ts'
import { checkKey } from './table.ts'
import type { Tables } from './tables.ts'
import type { Writer } from './writer.ts'

export interface Pages {
  get(id: string): Page | undefined
  put(page: Page): void
  remove(id: string): void
  removeOf(owner: string): void
}

interface Fresh {
  owner: string
  /** undefined: removed. */
  page: Page | undefined
}

export function pages(tables: Tables, { add }: Pick<Writer, 'add'>): Pages {
  const db = tables.open('pages')
  const owners = tables.open('owners')
  const fresh = overlay<Fresh>()

  /** Ids of what is fresh: retention asks for each document that it removes. */
  const freshOf = new Map<string, Set<string>>()
  const note = (owner: string, id: string) => {
    const ids = freshOf.get(owner)
    if (ids) ids.add(id)
    else freshOf.set(owner, new Set([id]))
  }
  const forget = (owner: string, id: string) => {
    const ids = freshOf.get(owner)
    if (ids?.delete(id) && !ids.size) freshOf.delete(owner)
  }
  const set = (id: string, owner: string, page: Page | undefined) => {
    fresh.set(id, { owner, page })
    note(owner, id)
  }
  add({
    ...fresh,
    cut(operations) {
      for (const [id, { owner, page }] of fresh.cut()) {
        operations.push({ table: 'pages', key: id, value: page && JSON.stringify(page) })
        operations.push({ table: 'owners', key: [owner, id], value: page && '1' })
      }
    },
    settled() {
      for (const [id, { owner }] of fresh.settled()) if (!fresh.has(id)) forget(owner, id)
    },
    dropped() {
      fresh.dropped()
      freshOf.clear()
      for (const [id, { owner }] of fresh.entries()) note(owner, id)
    },
  })

  const ofOwner = (owner: string): string[] => {
    const stored = Array.from(owners.getKeys({ start: [owner], end: [owner, afterAll] }) as Iterable<[string, string]>, ([, id]) => id)
    const ids = stored.filter((id) => !fresh.has(id))
    for (const id of freshOf.get(owner) ?? []) if (fresh.get(id)?.page) ids.push(id)
    return ids
  }

  const get = (id: string): Page | undefined => {
    const known = fresh.get(id)
    if (known) return known.page
    const text = db.get(checkKey(id))
    return text === undefined ? undefined : JSON.parse(text)
  }

  return {
    get,
    put: (page) => set(checkKey(page._id), checkKey(page.owner), page),
    remove: (id) => {
      const page = get(id)
      if (page) set(id, page.owner, undefined)
    },
    removeOf: (owner) => {
      for (const id of ofOwner(owner)) set(id, owner, undefined)
    },
  }
}
