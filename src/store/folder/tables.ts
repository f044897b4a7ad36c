import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Database, open as openDatabase } from 'lmdb'
import { UnavailableError } from '../../errors.ts'
import type { Mark } from './log.ts'
import type { Operation } from './operation.ts'

/** The tables of a folder, in LMDB. */
export interface Tables {
  open(name: string): Database<string>
  /** So much of the log is in them. undefined: there was no log yet. */
  readonly mark: Mark | undefined
  /** All or nothing, and on disk when it resolves. It runs beside the event loop. */
  write(operations: Iterable<Operation>, mark: Mark): Promise<void>
  close(): Promise<void>
}

export async function openTables(folder: string): Promise<Tables> {
  await mkdir(folder, { recursive: true })
  await checkHead(join(folder, 'data.mdb'))
  // Without batches of event turns: the driver would reject a promise of a failed one that nobody has. Each transaction is asked for anyway.
  // Without the overlap of transactions and fsync a failed fsync fails its transaction; with it, nobody would be told.
  const root = openDatabase<string, string>({
    path: folder,
    noSubdir: false,
    overlappingSync: false,
    eventTurnBatching: false,
    pageSize: 8192,
    maxDbs: 16,
  })
  const opened = new Map<string, Database<string>>()
  const table = (name: string): Database<string> => {
    const known = opened.get(name) ?? root.openDB<string>(name, { encoding: 'string' })
    opened.set(name, known)
    return known
  }
  return {
    open: table,
    get mark() {
      const [sequence, position] = [table('log').get('sequence'), table('log').get('position')]
      return sequence === undefined ? undefined : { sequence: Number(sequence), position: Number(position ?? 0) }
    },
    async write(operations, { sequence, position }) {
      try {
        await root.batch(() => {
          for (const { table: name, key, value } of operations) value === undefined ? table(name).remove(key) : table(name).put(key, value)
          table('log').put('sequence', String(sequence))
          table('log').put('position', String(position))
        })
      } catch (error) {
        throw await reasonOf(error)
      }
    },
    close: () => root.close(),
  }
}

/** Where LMDB says that a file is its own. */
const magic = 0xbeefc0de
const magicAt = 24

/** Of any other the driver would end the process without a word. */
async function checkHead(path: string): Promise<void> {
  await using file = await open(path).catch(() => undefined)
  if (!file) return
  const head = Buffer.alloc(magicAt + 4)
  const { bytesRead } = await file.read(head)
  if (bytesRead && ![head.readUInt32LE(magicAt), head.readUInt32BE(magicAt)].includes(magic))
    throw new UnavailableError(`${path} is no database, or a damaged one. Name another folder, or put this one back whole.`)
}

/** The driver rejects twice: with a general error, and with the reason in a promise that hangs on it. */
async function reasonOf(error: unknown): Promise<unknown> {
  const reason = (error as { commitError?: Promise<unknown> }).commitError
  return reason
    ? reason.then(
        () => error,
        (inner) => inner,
      )
    : error
}
