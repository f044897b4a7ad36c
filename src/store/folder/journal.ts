import { table } from './table.ts'
import type { Tables } from './tables.ts'
import type { Writer } from './writer.ts'

/** The frames of a bus inside this process, kept beside the documents: what a turn commits and what it publishes go to disk together. */
export interface Journal {
  /** Durable when resolved. */
  put(entries: readonly JournalEntry[]): Promise<void>
  /** Goes with the next flush; until then an entry may come back after a crash. */
  remove(ids: readonly string[]): void
  /** By partition and sequence. */
  all(): Promise<JournalEntry[]>
  /** Throws while nothing can be written. */
  check(): void
}

export interface JournalEntry {
  id: string
  partition: number
  sequence: number
  at: number
  frame: unknown
}

export function journal(tables: Tables, { add, flush, check }: Writer): Journal {
  const entries = table<JournalEntry>(tables, 'journal', { add })
  return {
    check,
    put: async (added) => {
      check()
      for (const entry of added) entries.put(entry.id, entry)
      await flush()
    },
    remove: (ids) => {
      check()
      for (const id of ids) entries.remove(id)
    },
    all: async () => {
      check()
      return entries
        .all()
        .map(({ value }) => value)
        .sort((a, b) => a.partition - b.partition || a.sequence - b.sequence)
    },
  }
}
