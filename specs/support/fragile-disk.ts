import { Buffer } from 'node:buffer'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import type { Random } from './random.ts'

/** Writes to a disk come in parts of so many bytes, in any order, until a flush has them all. */
const sector = 512

interface File {
  bytes: Buffer
  /** As it is on the disk, but for what is in `unsafe`: a part of that may be there. */
  safe: Buffer
  unsafe: [from: number, to: number][]
}

/**
 * Files in memory on a disk that may lose its power: what was flushed is there then, and of what was written since a random part, sector by sector.
 * While `mounted`, `open` of node:fs/promises means these.
 */
export function fragileDisk(random: Random) {
  const files = new Map<string, File>()
  const open = fs.open
  /** Whoever opened a file before the last loss of power is gone. */
  let lives = 0
  let failing = 0
  let left = 0

  const handleOf = (path: string) => {
    const file = files.get(path) ?? { bytes: Buffer.alloc(0), safe: Buffer.alloc(0), unsafe: [] }
    files.set(path, file)
    const life = lives
    const later = () =>
      new Promise<void>((resolve, reject) => {
        setImmediate(() => {
          if (life !== lives) return
          if (left > 0 && random.chance(failing)) {
            left--
            reject(new Error('the disk fails'))
          } else resolve()
        })
      })
    return {
      readFile: async () => Buffer.from(file.bytes),
      async write(bytes: Buffer, from: number, length: number, position: number) {
        const written = random.chance(0.1) ? Math.ceil(length / 2) : length
        const end = position + written
        if (life === lives) {
          if (end > file.bytes.length) for (const of of ['bytes', 'safe'] as const) file[of] = Buffer.concat([file[of]], end)
          bytes.copy(file.bytes, position, from, from + written)
          file.unsafe.push([position, end])
        }
        await later()
        return { bytesWritten: written }
      },
      async datasync() {
        const flushed = file.unsafe.slice()
        const flush = () => {
          for (const [from, to] of file.unsafe.splice(0, flushed.length)) file.bytes.copy(file.safe, from, from, to)
        }
        try {
          await later()
        } catch (error) {
          if (random.chance(0.5)) flush()
          throw error
        }
        flush()
      },
      async truncate(length = 0) {
        Object.assign(file, { bytes: file.bytes.subarray(0, length), safe: file.safe.subarray(0, length) })
        file.unsafe = file.unsafe.flatMap(([from, to]) => (from < length ? [[from, Math.min(to, length)]] : []))
      },
      sync: async () => {},
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }
  }

  return {
    mount() {
      fs.open = (async (path: string) => handleOf(path)) as unknown as typeof fs.open
      syncBuiltinESMExports()
    },
    unmount() {
      fs.open = open
      syncBuiltinESMExports()
    },
    /** From now on so many writes and flushes fail, which may have done a part: 0 to 1; `times`: then no more do. */
    fail(rate: number, times = Number.POSITIVE_INFINITY) {
      failing = rate
      left = times
    },
    sizeOf: (path: string) => files.get(path)?.bytes.length ?? 0,
    losePower() {
      lives++
      for (const file of files.values()) {
        for (const [from, to] of file.unsafe.splice(0))
          for (let at = from; at < to; at = (Math.floor(at / sector) + 1) * sector)
            if (random.chance(0.5)) file.bytes.copy(file.safe, at, at, Math.min((Math.floor(at / sector) + 1) * sector, to))
        file.bytes = Buffer.from(file.safe)
      }
    },
  }
}
