import { Buffer, constants } from 'node:buffer'
import { constants as flags } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { UnavailableError } from '../../errors.ts'

/**
 * What is safe before it is in the tables: one write and one flush to disk, where a transaction of LMDB needs two and touches many pages.
 *
 *     0                                                   capacity
 *     | records that go on from the right | free | records that the tables lack …
 *                                                  | sum length sequence text | sum length sequence text |
 *
 * A ring: a record begins where the one before it ends, or at 0 if that is beyond the capacity, so that the place of each follows from the one before,
 * and the tables know where the first one begins that they lack. That one and those behind it are not written over. Sequences go up by one and never
 * begin again: where a record should be that is not whole, its sum or its sequence is wrong.
 */
export interface Log {
  /** Behind the last record that is safe. */
  readonly end: Mark
  /**
   * These texts, one behind the other, are one record: safe when resolved, with its length. After a failure the next record takes the place of this one.
   * `makeRoom` is called until the record has room: the tables have to take what is there.
   */
  append(texts: readonly string[], makeRoom: () => Promise<void>): Promise<number>
  /** The tables have what is before this mark. */
  release(mark: Mark): void
  /** Gives back what one large record took, if the tables have all. Nothing may be appended meanwhile. */
  trim(): Promise<void>
  close(): Promise<void>
}

/** Where the record with this sequence ends. */
export interface Mark {
  sequence: number
  /** Bytes. */
  position: number
}

const { O_CREAT, O_RDWR } = flags

const headerSize = 16
/** At most: of one unit of UTF-16, in UTF-8. */
const bytesPerUnit = 3
/** Bytes, and one record more. */
const capacity = 4 * 1024 * 1024
/** A file, or a buffer, that one large record has made larger is cut. */
const mostKept = 2 * capacity
const usualRecord = capacity / 16

const beginning: Mark = { sequence: 0, position: 0 }

/** The log, and the texts of what is in it behind the mark that the tables have, in order. Without a mark there is none yet. */
export async function openLog(path: string, mark: Mark | undefined): Promise<{ log: Log; texts: string[] }> {
  const file = await fileAt(path, !mark)
  const applied = mark ?? beginning
  try {
    await syncFolder(dirname(path))
    const bytes = await file.readFile()
    const { texts, end } = read(bytes, path, applied)
    return { log: logIn(file, applied, end, bytes.length), texts }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** It is there as soon as anything is: if not, somebody has taken it away, perhaps with what the tables had not got yet. */
async function fileAt(path: string, isNew: boolean): Promise<FileHandle> {
  try {
    return await open(path, O_RDWR | (isNew ? O_CREAT : 0))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new UnavailableError(
      `${path} is missing, and what was in it alone. Put the folder back whole; or make an empty file there, if that may be lost.`,
      { cause: error },
    )
  }
}

/** Without it a machine that loses power may not find a file that was made, whatever of it was flushed. On Windows a folder cannot be opened. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  await using folder = await open(path)
  await folder.sync()
}

/** Where the record begins that comes after one that ends here. */
const placeAfter = ({ position }: Mark): number => (position < capacity ? position : 0)

function logIn(file: FileHandle, applied: Mark, last: Mark, length: number): Log {
  let end = last
  let settled = applied
  let size = length
  /** One for all: it has been written when the next record is made. */
  let bytes = Buffer.allocUnsafeSlow(usualRecord)

  function recordOf(texts: readonly string[]): Buffer {
    const most = texts.reduce((sum, { length }) => sum + bytesPerUnit * length, headerSize)
    if (most > bytes.length) bytes = Buffer.allocUnsafeSlow(most)
    let length = headerSize
    for (const text of texts) length += bytes.write(text, length)
    // It could not be read again.
    if (length > constants.MAX_STRING_LENGTH) throw new Error(`${length} bytes are too many at once`)
    bytes.writeUInt32BE(length - headerSize, 4)
    bytes.writeDoubleBE(end.sequence + 1, 8)
    bytes.writeUInt32BE(crc32(bytes.subarray(4, length)), 0)
    return bytes.subarray(0, length)
  }

  const isEmpty = () => settled.sequence === end.sequence
  const hasRoom = (place: number, length: number): boolean => {
    const first = placeAfter(settled)
    return isEmpty() || place > first || place + length <= first
  }

  /** Who is told that it failed should not find it later; and on a full disk it would take the room of what comes next. */
  async function wipe(place: number): Promise<void> {
    await writeWhole(file, Buffer.alloc(headerSize), place).catch(() => {})
    await file.truncate(size).catch(() => {})
    await file.datasync().catch(() => {})
  }

  return {
    get end() {
      return end
    },
    async append(texts, makeRoom) {
      const record = recordOf(texts)
      const place = placeAfter(end)
      while (!hasRoom(place, record.length)) await makeRoom()
      try {
        await writeWhole(file, record, place)
        await file.datasync()
      } catch (error) {
        await wipe(place)
        throw error
      }
      end = { sequence: end.sequence + 1, position: place + record.length }
      size = Math.max(size, end.position)
      return record.length
    },
    release(mark) {
      settled = mark
    },
    async trim() {
      if (!isEmpty()) return
      if (size > mostKept) {
        // What is at the beginning stays: it tells of tables that are older.
        await file.truncate(capacity)
        size = capacity
      }
      if (bytes.length > mostKept) bytes = Buffer.allocUnsafeSlow(usualRecord)
    },
    close: () => file.close(),
  }
}

async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
}

function read(bytes: Buffer, path: string, applied: Mark): { texts: string[]; end: Mark } {
  const texts: string[] = []
  let end = applied
  for (;;) {
    const next = end.sequence + 1
    const record = recordAt(bytes, placeAfter(end))
    if (record?.sequence !== next) {
      // What is at the beginning is never newer than what is reached, and what was written next was written when that was safe.
      const newest = Math.max(record?.sequence ?? 0, recordAt(bytes, 0)?.sequence ?? 0)
      if (newest <= end.sequence && !isThere(bytes, next + 1)) return { texts, end }
      throw new UnavailableError(
        `${path} has later records than can be reached from what the other files of its folder have. Was only a part of the folder put back? Or is it damaged? Put the folder back whole; or make an empty file there, if what is in it alone may be lost.`,
      )
    }
    texts.push(record.text)
    end = { sequence: next, position: record.end }
  }
}

/** A whole record with this sequence, wherever it begins. */
function isThere(bytes: Buffer, sequence: number): boolean {
  const sign = Buffer.alloc(8)
  sign.writeDoubleBE(sequence)
  for (let at = bytes.indexOf(sign); at >= 0; at = bytes.indexOf(sign, at + 1))
    if (at >= 8 && recordAt(bytes, at - 8)?.sequence === sequence) return true
  return false
}

/** undefined if there is no whole one. */
function recordAt(bytes: Buffer, start: number): { sequence: number; text: string; end: number } | undefined {
  if (start + headerSize > bytes.length) return
  const end = start + headerSize + bytes.readUInt32BE(start + 4)
  if (end > bytes.length || crc32(bytes.subarray(start + 4, end)) !== bytes.readUInt32BE(start)) return
  return { sequence: bytes.readDoubleBE(start + 8), text: bytes.toString('utf8', start + headerSize, end), end }
}
