import type { Database, RootDatabase } from 'lmdb'
import { afterAll } from '../match.ts'
import type { Page } from '../port.ts'
import { overlay } from './overlay.ts'
import { checkKey } from './table.ts'
import type { Operation, Writer } from './writer.ts'

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

export function pages(root: RootDatabase<string>, { add }: Pick<Writer, 'add'>): Pages {
  const db: Database<string> = root.openDB('pages', { encoding: 'string' })
  const owners: Database<string> = root.openDB('owners', { encoding: 'string' })
  const fresh = overlay<Fresh>()

  const operations = ([id, { owner, page }]: [string, Fresh]): Operation[] => [
    { db, key: id, value: page && JSON.stringify(page) },
    { db: owners, key: [owner, id], value: page && '1' },
  ]
  add({ dirty: fresh.dirty, cut: () => Array.from(fresh.cut(), operations).flat(), landed: fresh.landed, dropped: fresh.dropped })

  const ofOwner = (owner: string): string[] => {
    const ids = Array.from(owners.getKeys({ start: [owner], end: [owner, afterAll] }) as Iterable<[string, string]>, ([, id]) => id)
    for (const [id, known] of fresh.entries()) if (known.owner === owner) ids.push(id)
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
    put: (page) => fresh.set(checkKey(page._id), { owner: checkKey(page.owner), page }),
    remove: (id) => {
      const page = get(id)
      if (page) fresh.set(id, { owner: page.owner, page: undefined })
    },
    removeOf: (owner) => {
      for (const id of ofOwner(owner)) fresh.set(id, { owner, page: undefined })
    },
  }
}
