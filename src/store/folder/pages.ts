import { afterAll } from '../match.ts'
import type { Page } from '../port.ts'
import type { Operation } from './operation.ts'
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

  const operations = ([id, { owner, page }]: [string, Fresh]): Operation[] => [
    { table: 'pages', key: id, value: page && JSON.stringify(page) },
    { table: 'owners', key: [owner, id], value: page && '1' },
  ]
  add({ ...fresh, cut: () => Array.from(fresh.cut(), operations).flat() })

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
