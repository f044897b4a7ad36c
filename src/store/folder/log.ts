import { Buffer, constants } from 'node:buffer'
import { constants as flags } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { UnavailableError } from '../../errors.ts'

/**
 * What is safe before it is in the tables: one write and one flush to disk, where a transaction of LMDB needs two and touches many pages.
 *
 *     | sum length sequence text | sum length sequence text | … what was here before
 *
 * Sequences go up by one and never begin again, so a record that was written over, in part or not at all, is told from the last good one:
 * its sum or its sequence is wrong. When the tables have caught up, the log is written over from its beginning.
 */
export interface Log {
  /** Of the last record that is safe. */
  readonly sequence: number
  /** It is time that the tables catch up. */
  readonly isFull: boolean
  /** These texts, one behind the other, are one record: safe when resolved. After a failure the next record takes the place of this one. */
  append(texts: readonly string[]): Promise<void>
  /** The tables have everything. */
  restart(): Promise<void>
  close(): Promise<void>
}

const { O_CREAT, O_RDWR } = flags

const headerSize = 16
/** Of one character, of UTF-16, in UTF-8. */
const mostBytes = 3
/** Bytes. A restart reads so much, and so much of what was written stays in memory. */
const full = 2 * 1024 * 1024
/** A file that one large record has made larger is cut. */
const mostKept = 4 * full

/** The log, and the texts of what is in it beyond the sequence that the tables have, in order. */
export async function openLog(path: string, applied: number): Promise<{ log: Log; texts: string[] }> {
  const file = await fileAt(path, !applied)
  try {
    await syncFolder(dirname(path))
    const bytes = await file.readFile()
    const { texts, end } = read(bytes, path, applied)
    return { log: logIn(file, applied + texts.length, end, bytes.length), texts }
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

function logIn(file: FileHandle, last: number, end: number, length: number): Log {
  let sequence = last
  let position = end
  let size = length
  /** One for all: it has been written when the next record is made. */
  let bytes = Buffer.allocUnsafeSlow(full / 8)

  function recordOf(texts: readonly string[]): Buffer {
    const most = texts.reduce((sum, { length }) => sum + mostBytes * length, headerSize)
    if (most > bytes.length) bytes = Buffer.allocUnsafeSlow(most)
    let length = headerSize
    for (const text of texts) length += bytes.write(text, length)
    // It could not be read again.
    if (length > constants.MAX_STRING_LENGTH) throw new Error(`${length} bytes are too many at once`)
    bytes.writeUInt32BE(length - headerSize, 4)
    bytes.writeDoubleBE(sequence + 1, 8)
    bytes.writeUInt32BE(crc32(bytes.subarray(4, length)), 0)
    return bytes.subarray(0, length)
  }

  return {
    get sequence() {
      return sequence
    },
    get isFull() {
      return position >= full
    },
    async append(texts) {
      const record = recordOf(texts)
      try {
        await writeWhole(file, record, position)
        await file.datasync()
      } catch (error) {
        // Who is told that it failed should not find it later; and on a full disk it would take the room of what comes next.
        await file.truncate(position).catch(() => {})
        size = position
        throw error
      }
      sequence++
      position += record.length
      size = Math.max(size, position)
    },
    async restart() {
      if (size > mostKept) {
        await file.truncate()
        size = 0
      }
      if (bytes.length > mostKept) bytes = Buffer.allocUnsafeSlow(full / 8)
      position = 0
    },
    close: () => file.close(),
  }
}

async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
}

function read(bytes: Buffer, path: string, applied: number): { texts: string[]; end: number } {
  const texts: string[] = []
  let end = 0
  for (;;) {
    const record = recordAt(bytes, end)
    const next = applied + texts.length + 1
    if (record && record.sequence > next)
      throw new UnavailableError(
        `${path} goes on where the other files of its folder have not come yet. Was only a part of the folder put back?`,
      )
    if (record?.sequence !== next) return { texts, end }
    texts.push(record.text)
    end = record.end
  }
}

/** undefined if there is no whole one. */
function recordAt(bytes: Buffer, start: number): { sequence: number; text: string; end: number } | undefined {
  if (start + headerSize > bytes.length) return
  const end = start + headerSize + bytes.readUInt32BE(start + 4)
  if (end > bytes.length || crc32(bytes.subarray(start + 4, end)) !== bytes.readUInt32BE(start)) return
  return { sequence: bytes.readDoubleBE(start + 8), text: bytes.toString('utf8', start + headerSize, end), end }
}
