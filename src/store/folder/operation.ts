/** What one flush does to one key of one table. To do it again changes nothing. */
export interface Operation {
  table: string
  key: Key
  /** undefined: remove. */
  value: string | undefined
  /** There is nothing yet under this key when it gets there. */
  isNew?: true
}

export type Key = string | (string | number)[]

/** As texts that belong one behind the other: a line that says what belongs where, and the values. */
export function textsOf(operations: readonly Operation[]): string[] {
  const line = JSON.stringify(operations.map(({ table, key, value }) => [table, key, value === undefined ? -1 : value.length]))
  return [line, '\n', ...operations.map(({ value }) => value ?? '')]
}

export function operationsIn(text: string): Operation[] {
  let start = text.indexOf('\n') + 1
  const line: [string, Key, number][] = JSON.parse(text.slice(0, start))
  return line.map(([table, key, length]) => {
    if (length < 0) return { table, key, value: undefined }
    const value = text.slice(start, start + length)
    start += length
    return { table, key, value }
  })
}

/** No key has a 0 in it. */
const nameOf = ({ table, key }: Operation): string => `${table}\0${typeof key === 'string' ? key : key.join('\0')}`

/** The last of what was done to each key; nothing of what came and went meanwhile. */
export interface Pending {
  add(operations: Iterable<Operation>): void
  readonly operations: Iterable<Operation>
  readonly size: number
}

export function pending(): Pending {
  const last = new Map<string, Operation>()
  return {
    add(operations) {
      for (const operation of operations) {
        const name = nameOf(operation)
        const before = last.get(name)
        if (before?.isNew && operation.value === undefined) last.delete(name)
        // Until what was removed is removed there, the tables have it.
        else last.set(name, before && operation.isNew ? { ...operation, isNew: undefined } : operation)
      }
    },
    get operations() {
      return last.values()
    },
    get size() {
      return last.size
    },
  }
}

/** The first may be in the tables or not, the second came after it. */
export function both(doubtful: Pending, later: Pending): Pending {
  const all = pending()
  all.add(Array.from(doubtful.operations, (operation) => ({ ...operation, isNew: undefined })))
  all.add(later.operations)
  return all
}
