import { join } from 'node:path'
import { UnavailableError } from '../../errors.ts'
import { type Log, openLog } from './log.ts'
import { type Operation, operationsIn, pending, textsOf } from './operation.ts'
import type { Tables } from './tables.ts'

/** A part of the folder that has something to write. */
export interface Part {
  dirty(): boolean
  /** What belongs to the flush that begins now. */
  cut(): Operation[]
  /** What `cut` gave is in the log. */
  landed(): void
  /** What was in the log is in the tables. */
  settled(): void
  /** Nothing of what is not in the log will get there: it is as if it had never been. */
  dropped(): void
}

export interface Writer {
  add(part: Part): void
  /** Resolves when all that was there at the time of the call is on disk. */
  flush(): Promise<void>
  /**
   * Throws for a while after a flush has failed: what was answered since the last good one is not on disk, so that whoever has read it must
   * begin again, as after a crash. Then it is tried again: a full disk may have room.
   */
  check(): void
  /** Flushes, unless it has failed; after that `check` throws. */
  end(): Promise<void>
}

/** After a failed flush, ms: doubled with each in a row. */
const shortestPause = 500
const longestPause = 4000

/**
 * Writes what all parts have as one record of a log, one at a time, so that what is on disk is always a prefix of what was committed; the tables
 * follow when the log is full, when the folder is closed, and when it is opened, if it was not.
 *
 * Calls that come while a record is written share the next. Where one record ends and the next begins is chosen when no microtask is left:
 * a turn that awaits nothing but this store between its first commit and its flush is never cut in two by another turn's flush.
 */
export async function openWriter(folder: string, tables: Tables, isInPlace: () => boolean): Promise<Writer> {
  const { log, texts } = await openLog(join(folder, 'log'), tables.sequence)
  try {
    await catchUp(tables, log, texts)
  } catch (error) {
    await log.close()
    throw error
  }
  return writerOf(folder, tables, log, isInPlace)
}

/** What a process has left in the log that did not come to close it. */
async function catchUp(tables: Tables, log: Log, texts: readonly string[]): Promise<void> {
  if (!texts.length) return
  const behind = pending()
  for (const text of texts) behind.add(operationsIn(text))
  await tables.write(behind.operations, log.sequence)
  await log.restart()
}

function writerOf(folder: string, tables: Tables, log: Log, isInPlace: () => boolean): Writer {
  const parts: Part[] = []
  /** What the tables have not got yet. */
  const behind = pending()
  let failed: UnavailableError | undefined
  /** When it is tried again, ms of a clock that only goes forward. */
  let again = 0
  let pause = shortestPause
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let writing = false

  const settle = async () => {
    await tables.write(behind.operations, log.sequence)
    behind.clear()
    for (const part of parts) part.settled()
    await log.restart()
  }

  const isDirty = () => parts.some((part) => part.dirty())
  const check = () => {
    if (failed && performance.now() >= again) failed = undefined
    if (failed) throw failed
  }

  const giveUp = () => {
    for (const part of parts) part.dropped()
  }

  const record = async (operations: Operation[]) => {
    if (log.isFull) await settle()
    await log.append(textsOf(operations))
    behind.add(operations)
  }

  const write = async () => {
    await noMicrotaskLeft()
    next = undefined
    check()
    if (!isDirty()) return
    if (!isInPlace()) {
      giveUp()
      again = Number.POSITIVE_INFINITY
      throw (failed = new UnavailableError(
        `The folder ${folder} was removed or replaced while it was open: nothing is written any more. End this process.`,
      ))
    }
    writing = true
    try {
      await record(parts.flatMap((part) => part.cut()))
    } catch (error) {
      giveUp()
      again = performance.now() + pause
      pause = Math.min(2 * pause, longestPause)
      throw (failed = new UnavailableError(
        `The folder ${folder} could not be written: ${error instanceof Error ? error.message : String(error)}. Is its disk full? It is tried again until it can be.`,
        { cause: error },
      ))
    } finally {
      writing = false
    }
    pause = shortestPause
    for (const part of parts) part.landed()
  }

  const flush = async () => {
    if (next || writing || isDirty()) return (next ??= running = running.catch(() => {}).then(write))
    check()
  }

  return {
    add: (part) => void parts.push(part),
    flush,
    check,
    end: async () => {
      try {
        if (!failed) await flush()
        // What the tables do not take is in the log.
        if (!failed) await settle().catch(() => {})
      } finally {
        failed ??= new UnavailableError(`The folder ${folder} is closed.`)
        again = Number.POSITIVE_INFINITY
        await log.close()
      }
    },
  }
}

const noMicrotaskLeft = () => new Promise<void>((resolve) => void setImmediate(resolve))
