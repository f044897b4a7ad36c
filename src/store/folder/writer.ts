import { statSync } from 'node:fs'
import { join } from 'node:path'
import { UnavailableError } from '../../errors.ts'
import { type Log, openLog } from './log.ts'
import { both, type Operation, operationsIn, pending, textsOf } from './operation.ts'
import type { Tables } from './tables.ts'

/** A part of the folder that has something to write. */
export interface Part {
  dirty(): boolean
  /** Adds what belongs to the flush that begins now. */
  cut(operations: Operation[]): void
  /** What `cut` gave is in the log. */
  landed(): void
  /** What is in the log is on its way to the tables. */
  settling(): void
  /** It is there. */
  settled(): void
  /** Nobody knows whether it is: it is sent again with what came since. */
  unsettled(): void
  /** Nothing of what is not in the log will get there: it is as if it had never been. */
  dropped(): void
}

export interface Writer {
  add(part: Part): void
  /** Resolves when all that was there at the time of the call is on disk; rejects if it never will be. */
  flush(): Promise<void>
  /**
   * Throws for a while after a flush has failed: what was answered since the last good one is not on disk, so that whoever has read it must
   * begin again, as after a crash. Then it is tried again: a full disk may have room. Answers how many have failed so far: whoever reads for long
   * gives that at the end, and it throws if there are more by then.
   */
  check(failures?: number): number
  /** Flushes, unless it has failed; after that `check` throws. */
  end(): Promise<void>
}

/** After a failed flush, ms: doubled with each in a row. */
const shortestPause = 500
const longestPause = 4000

/** ms after a flush without another. */
const idleAfter = 1000

/** Bytes in the log, and operations, after which the tables follow. Readers go through all that they lack, and a restart reads it: up to twice as much. */
const mostBytes = 2 * 1024 * 1024
const mostBehind = 3000

/** Are the files at these paths still the ones that are open? What is written to one that was removed or replaced is lost, and another process can have the path. */
function presenceOf(...paths: string[]): () => boolean {
  const present = paths.map((path) => ({ path, ...statSync(path) }))
  return () =>
    present.every(({ path, ino, dev }) => {
      const now = statSync(path, { throwIfNoEntry: false })
      return now?.ino === ino && now.dev === dev
    })
}

/**
 * Writes what all parts have as one record of a log, one at a time, so that what is on disk is always a prefix of what was committed; the tables
 * follow, beside what goes to the log meanwhile, when they are far enough behind, when nothing is written for a second, when the folder is closed, and
 * when it is opened, if it was not.
 *
 * Calls that come while a record is written share the next. Where one record ends and the next begins is chosen when no microtask is left:
 * a turn that awaits nothing but this store between its first commit and its flush is never cut in two by another turn's flush.
 */
export async function openWriter(folder: string, tables: Tables, presence = presenceOf): Promise<Writer> {
  const path = join(folder, 'log')
  const { log, texts } = await openLog(path, tables.mark)
  try {
    await catchUp(tables, log, texts)
    return writerOf(folder, tables, log, presence(join(folder, 'data.mdb'), path))
  } catch (error) {
    await log.close()
    throw error
  }
}

/** What a process has left in the log that did not come to close it. The first time the tables learn that there is a log. */
async function catchUp(tables: Tables, log: Log, texts: readonly string[]): Promise<void> {
  if (!texts.length && tables.mark) return
  const behind = pending()
  for (const text of texts) behind.add(operationsIn(text))
  await tables.write(behind.operations, log.end)
  log.release(log.end)
}

function writerOf(folder: string, tables: Tables, log: Log, isInPlace: () => boolean): Writer {
  const parts: Part[] = []
  /** What is in the log, and not on its way to the tables yet. */
  let behind = pending()
  let bytes = 0
  let settling: Promise<void> | undefined
  let failed: UnavailableError | undefined
  let lastFailure: UnavailableError | undefined
  let failures = 0
  let pause = shortestPause
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let writing = false

  const isDirty = () => parts.some((part) => part.dirty())
  const isFull = () => bytes >= mostBytes || behind.size >= mostBehind
  const queue = (step: () => Promise<void>) => (running = running.catch(() => {}).then(step))

  const check = (before = failures) => {
    if (failed) throw failed
    if (before !== failures) throw lastFailure
    return failures
  }

  /** What is not in the log is given up. */
  function fail(message: string, cause?: unknown): UnavailableError {
    failures++
    failed = lastFailure = new UnavailableError(message, { cause })
    for (const part of parts) part.dropped()
    return failed
  }

  /** Whoever is in the middle of something learns of it first: an event loop that stood still makes no difference. */
  function tryAgain(): void {
    const failure = failed
    const forget = () => {
      if (failed === failure) failed = undefined
    }
    setTimeout(() => setImmediate(forget), pause).unref()
    pause = Math.min(2 * pause, longestPause)
  }

  function unwritten(error: unknown): UnavailableError {
    const message = error instanceof Error ? error.message : String(error)
    const failure = fail(
      `The folder ${folder} could not be written: ${message}. Is its disk full? It is tried again until it can be.`,
      error,
    )
    tryAgain()
    return failure
  }

  /** What is on its way to the tables gets there; if nothing is, what is in the log sets out. */
  const settle = (): Promise<void> => (settling ??= settleAll().finally(() => (settling = undefined)))

  async function settleAll(): Promise<void> {
    const [underWay, length, { end }] = [behind, bytes, log]
    behind = pending()
    bytes = 0
    for (const part of parts) part.settling()
    try {
      await tables.write(underWay.operations, end)
    } catch (error) {
      behind = both(underWay, behind)
      bytes += length
      for (const part of parts) part.unsettled()
      throw error
    }
    for (const part of parts) part.settled()
    log.release(end)
  }

  /** What set out before may not have got there: then it does so again, with all the rest. */
  const makeRoom = (): Promise<void> => settling?.catch(settle) ?? settle()

  /** What is in the log stays in memory: it is not left there when there is nothing else to do. */
  const idle = setTimeout(() => void queue(rest), idleAfter).unref()

  async function rest(): Promise<void> {
    if (failed) return void idle.refresh()
    await settleRest().catch(() => idle.refresh())
  }

  async function settleRest(): Promise<void> {
    await settling?.catch(() => {})
    if (bytes) await settle()
    await log.trim()
  }

  async function record(operations: Operation[]): Promise<void> {
    // Twice as much at most, and a record or two.
    if (isFull()) await makeRoom()
    const length = await log.append(textsOf(operations), makeRoom)
    bytes += length
    behind.add(operations)
    for (const part of parts) part.landed()
  }

  async function write(): Promise<void> {
    await noMicrotaskLeft()
    next = undefined
    check()
    if (!isDirty()) return
    if (!isInPlace())
      throw fail(`The folder ${folder} was removed or replaced while it was open: nothing is written any more. End this process.`)
    writing = true
    try {
      const operations: Operation[] = []
      for (const part of parts) part.cut(operations)
      await record(operations)
    } catch (error) {
      throw unwritten(error)
    } finally {
      writing = false
    }
    pause = shortestPause
    idle.refresh()
    // Nobody waits for it, unless the log is full again meanwhile. If it fails, what is in the log is safe, and it is tried again with the next record.
    if (isFull() && !settling) settle().catch(() => {})
  }

  async function flush(): Promise<void> {
    const before = check()
    if (next || writing || isDirty()) await (next ??= queue(write))
    check(before)
  }

  return {
    add: (part) => void parts.push(part),
    flush,
    check,
    async end() {
      try {
        if (!failed) await flush()
      } finally {
        clearTimeout(idle)
        const isWhole = !failed
        // From here on nothing is taken.
        failed = new UnavailableError(`The folder ${folder} is closed.`)
        // What the tables do not take is in the log.
        await queue(isWhole ? settleRest : async () => settling).catch(() => {})
        await log.close()
      }
    },
  }
}

const noMicrotaskLeft = () => new Promise<void>((resolve) => void setImmediate(resolve))
