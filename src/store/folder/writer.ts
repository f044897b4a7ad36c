import type { Database, RootDatabase } from 'lmdb'
import { UnavailableError } from '../../errors.ts'

export interface Operation {
  db: Database<string>
  key: string | (string | number)[]
  /** undefined: remove. */
  value: string | undefined
}

/** A part of the folder that has something to write. */
export interface Part {
  dirty(): boolean
  /** What belongs to the transaction that begins now. */
  cut(): Operation[]
  /** What `cut` gave is on disk. */
  landed(): void
  /** Nothing of what is not on disk will get there: it is as if it had never been. */
  dropped(): void
}

export interface Writer {
  add(part: Part): void
  /** Resolves when all that was there at the time of the call is on disk. */
  flush(): Promise<void>
  /**
   * Throws for a while after a transaction has failed: what was answered since the last good one is not on disk, so that whoever has read it must
   * begin again, as after a crash. Then it is tried again: a full disk may have room.
   */
  check(): void
  /** Flushes, unless it has failed; after that `check` throws. */
  end(): Promise<void>
}

/** After a failed transaction, ms: doubled with each in a row. */
const shortestPause = 500
const longestPause = 4000

/**
 * Writes all parts in one transaction at a time, so that what is on disk is always a prefix of what was committed.
 * Calls that come while one runs share the next. Where one transaction ends and the next begins is chosen when no microtask is left:
 * a turn that awaits nothing but this store between its first commit and its flush is never cut in two by another turn's flush.
 */
export function writer(folder: string, root: RootDatabase<string>, isInPlace: () => boolean): Writer {
  const parts: Part[] = []
  let failed: UnavailableError | undefined
  /** When it is tried again, ms of a clock that only goes forward. */
  let again = 0
  let pause = shortestPause
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let writing = false

  const isDirty = () => parts.some((part) => part.dirty())
  const check = () => {
    if (failed && performance.now() >= again) failed = undefined
    if (failed) throw failed
  }

  const giveUp = () => {
    for (const part of parts) part.dropped()
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
      await transaction(
        root,
        parts.flatMap((part) => part.cut()),
      )
    } catch (error) {
      giveUp()
      again = performance.now() + pause
      pause = Math.min(2 * pause, longestPause)
      throw (failed = new UnavailableError(
        `The folder ${folder} could not be written: ${messageOf(error)}. Is its disk full? It is tried again until it can be.`,
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
      } finally {
        failed ??= new UnavailableError(`The folder ${folder} is closed.`)
        again = Number.POSITIVE_INFINITY
      }
    },
  }
}

const noMicrotaskLeft = () => new Promise<void>((resolve) => void setImmediate(resolve))

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** All or nothing, and on disk when it resolves. It runs beside the event loop. */
async function transaction(root: RootDatabase<string>, operations: Operation[]): Promise<void> {
  try {
    await root.batch(() => {
      for (const { db, key, value } of operations) value === undefined ? db.remove(key) : db.put(key, value)
    })
  } catch (error) {
    throw await reasonOf(error)
  }
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
