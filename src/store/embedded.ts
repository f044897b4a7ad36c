import type { LetterTable } from '../bus/embedded/letters.ts'
import type { DeadLetter, StoredRecord } from '../bus/port.ts'
import type { ActorDocument } from '../document.ts'
import { endAll } from '../end-all.ts'
import { UnavailableError } from '../errors.ts'
import { type Documents, documents, type Start } from './folder/documents.ts'
import { type Journal, journal } from './folder/journal.ts'
import { pages } from './folder/pages.ts'
import { table } from './folder/table.ts'
import { openTables, type Tables } from './folder/tables.ts'
import { openWriter, type Writer } from './folder/writer.ts'
import { byText, jsonCopy, matches, rangeOf, sameFact } from './match.ts'
import type { Query, Store } from './port.ts'

/**
 * A store in one folder, for one process at a time: take `lockFolder` first. What was committed, put or removed since the last flush
 * is seen by all readers at once, and becomes durable as one whole with the next flush.
 */
export interface FolderStore extends Store {
  readonly journal: Journal
  getRecord(key: string): Promise<StoredRecord | undefined>
  /** Writes if the record still has this revision (0: if there is none), and resolves when it is durable: with the new revision, or undefined. */
  putRecord(key: string, value: unknown, revision: number): Promise<number | undefined>
  records(prefix: string): Promise<({ key: string } & StoredRecord)[]>
  /** Durable when resolved. */
  addDeadLetters(letters: readonly DeadLetter[]): Promise<void>
  getDeadLetters(ids: readonly string[]): Promise<DeadLetter[]>
  /** Oldest first. */
  deadLetters(): Promise<DeadLetter[]>
  removeDeadLetters(ids: readonly string[]): Promise<void>
}

export const lettersOf = ({ addDeadLetters, getDeadLetters, removeDeadLetters, deadLetters }: FolderStore): LetterTable => ({
  add: addDeadLetters,
  get: getDeadLetters,
  remove: removeDeadLetters,
  all: deadLetters,
})

export async function openFolder(folder: string): Promise<FolderStore> {
  let tables: Tables | undefined
  let write: Writer | undefined
  try {
    tables = await openTables(folder)
    write = await openWriter(folder, tables)
    return { ...storeOf(tables, write), ...recordsOf(tables, write), ...deadLettersOf(tables, write), journal: journal(tables, write) }
  } catch (error) {
    await endAll([() => write?.end(), () => tables?.close()]).catch(() => {})
    throw new UnavailableError(`The folder ${folder} could not be opened: ${(error as Error).message}`, { cause: error })
  }
}

function storeOf(tables: Tables, write: Writer): Store {
  const { check, flush } = write
  const docs = documents(tables, write)
  const sides = pages(tables, write)
  const facts = table<unknown>(tables, 'facts', write)

  return {
    atomicTurns: true,
    load: async (addresses) => {
      check()
      return addresses.map(docs.get).filter((doc) => doc !== undefined)
    },
    commit: async (writes) => {
      check()
      return writes.map(docs.commit)
    },
    flush,
    waking: async (partition, until, from, limit) => {
      check()
      return docs.waking(partition, until, from, limit)
    },
    async *allWaking(partition, until) {
      const failures = check()
      for (const part of docs.allWaking(partition, until)) {
        yield part
        await new Promise(setImmediate)
        check(failures)
      }
    },
    countWaking: async (partition, until, from) => {
      check()
      return docs.countWaking(partition, until, from)
    },
    find: (query, after, limit) => find(docs, check, query, after, limit),
    putPages: async (written) => {
      check()
      for (const page of written) sides.put(page)
    },
    getPages: async (ids) => {
      check()
      return ids.map(sides.get).filter((page) => page !== undefined)
    },
    removePages: async (ids) => {
      check()
      for (const id of ids) sides.remove(id)
    },
    removePagesOf: async (owners) => {
      check()
      for (const owner of owners) sides.removeOf(owner)
    },
    remove: async (address, base) => {
      check()
      if (!docs.remove(address, base)) return false
      sides.removeOf(address)
      return true
    },
    fact: async (key) => {
      check()
      return facts.get(key)
    },
    setFact: async (key, value, expected) => {
      check()
      if (sameFact(facts.get(key), expected)) value === undefined ? facts.remove(key) : facts.put(key, jsonCopy(value))
      const present = facts.get(key)
      await flush()
      return present
    },
    close: () => endAll([write.end, tables.close]),
  }
}

const sliceSize = 500

/** Lets others run between two slices: a query over all documents takes its time. */
async function find(
  docs: Documents,
  check: Writer['check'],
  query: Query,
  after: string | undefined,
  limit: number,
): Promise<ActorDocument[]> {
  const failures = check()
  const { from, before } = rangeOf(query)
  const headQuery = { ...query, labels: undefined }
  const found: ActorDocument[] = []
  let start: Start = after !== undefined && after >= from ? { after } : { from }
  for (;;) {
    check(failures)
    const { rows, next } = docs.slice(start, before, sliceSize)
    for (const { head, doc } of rows) {
      if (found.length === limit) return found
      if (!matches(head, headQuery)) continue
      const whole = doc()
      if (matches(whole, query)) found.push(whole)
    }
    if (next === undefined || found.length === limit) return found
    start = { after: next }
    await new Promise(setImmediate)
  }
}

function recordsOf(tables: Tables, write: Writer) {
  const { check, flush } = write
  const stored = table<StoredRecord>(tables, 'records', write)
  return {
    getRecord: async (key: string) => {
      check()
      return stored.get(key)
    },
    putRecord: async (key: string, value: unknown, revision: number) => {
      check()
      if ((stored.get(key)?.revision ?? 0) !== revision) return undefined
      stored.put(key, { value: jsonCopy(value), revision: revision + 1 })
      await flush()
      return revision + 1
    },
    records: async (prefix: string) => {
      check()
      return stored.all(prefix).map(({ key, value }) => ({ key, ...value }))
    },
  }
}

function deadLettersOf(tables: Tables, write: Writer) {
  const { check, flush } = write
  const letters = table<DeadLetter>(tables, 'dead', write)
  return {
    addDeadLetters: async (added: readonly DeadLetter[]) => {
      check()
      for (const letter of added) letters.put(letter.id, letter)
      await flush()
    },
    getDeadLetters: async (ids: readonly string[]) => {
      check()
      return ids.map(letters.get).filter((letter) => letter !== undefined)
    },
    deadLetters: async () => {
      check()
      return letters
        .all()
        .map(({ value }) => value)
        .sort((a, b) => a.at - b.at || byText(a.id, b.id))
    },
    removeDeadLetters: async (ids: readonly string[]) => {
      check()
      for (const id of ids) letters.remove(id)
      await flush()
    },
  }
}
