import { ValidationError } from '../../errors.ts'
import { afterAll } from '../match.ts'
import { overlay } from './overlay.ts'
import type { Tables } from './tables.ts'
import type { Writer } from './writer.ts'

/** JSON values by key. Reads see what was written at once; it is safe after the next flush. */
export interface Table<T> {
  get(key: string): T | undefined
  put(key: string, value: T): void
  remove(key: string): void
  /** All whose key begins so, in no order. */
  all(prefix?: string): { key: string; value: T }[]
}

const maxKeyBytes = 900

/** The key itself. Refused here, before anything is written: on the way to the table it would be too late. */
export function checkKey(key: string): string {
  if (key !== '' && !key.includes('\0') && Buffer.byteLength(key) <= maxKeyBytes) return key
  throw new ValidationError(`${JSON.stringify(key.slice(0, 80))} is no key: use 1 to ${maxKeyBytes} bytes, none of them 0.`)
}

interface Fresh<T> {
  /** undefined: removed. */
  value: T | undefined
}

export function table<T>(tables: Tables, name: string, writer: Pick<Writer, 'add'>): Table<T> {
  const db = tables.open(name)
  const fresh = overlay<Fresh<T>>()

  writer.add({
    ...fresh,
    cut(operations) {
      for (const [key, { value }] of fresh.cut())
        operations.push({ table: name, key, value: value === undefined ? undefined : JSON.stringify(value) })
    },
  })

  const onDisk = (prefix: string) =>
    Array.from(db.getRange({ start: prefix || undefined, end: prefix + afterAll }), ({ key, value }) => ({
      key: String(key),
      value: JSON.parse(value) as T,
    }))

  return {
    get: (key) => {
      const known = fresh.get(key)
      if (known) return known.value
      const text = db.get(key)
      return text === undefined ? undefined : JSON.parse(text)
    },
    put: (key, value) => fresh.set(checkKey(key), { value }),
    remove: (key) => fresh.set(checkKey(key), { value: undefined }),
    all: (prefix = '') => {
      const rows = onDisk(prefix).filter(({ key }) => !fresh.has(key))
      for (const [key, { value }] of fresh.entries()) if (value !== undefined && key.startsWith(prefix)) rows.push({ key, value })
      return rows
    },
  }
}
