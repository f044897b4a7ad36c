import { createHash } from 'node:crypto'
import { open, realpath } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { UnavailableError } from '../../errors.ts'

/** Where the sockets of a folder are. */
export interface Sockets {
  /** Its real path. */
  readonly folder: string
  path(name: string): string
  close(): Promise<void>
}

/** Longer ones are cut off silently by the system (108 bytes on Linux, 104 elsewhere). */
const longestPath = 100
const longestName = 40

/** In the folder itself, so that all who can write there meet, whatever else they see of the file system. */
export async function socketsIn(given: string): Promise<Sockets> {
  const folder = await realpath(given)
  const nothing = async () => {}
  if (process.platform === 'win32') return { folder, path: (name) => `\\\\.\\pipe\\stellwerk-${hash(folder)}-${name}`, close: nothing }
  if (Buffer.byteLength(folder) + longestName <= longestPath) return { folder, path: (name) => join(folder, name), close: nothing }
  if (process.platform !== 'linux')
    throw new UnavailableError(`The path of ${folder} is too long: use ${longestPath - longestName} bytes at most.`)
  const handle = await open(folder)
  return { folder, path: (name) => `/proc/self/fd/${handle.fd}/${name}`, close: () => handle.close() }
}

const hash = (text: string) => createHash('sha256').update(text.toLowerCase()).digest('hex').slice(0, 24)

/** Whoever is connected notices when this process ends. */
export interface Doorbell {
  close(): Promise<void>
}

export function listenAt(path: string): Promise<Doorbell> {
  const visitors = new Set<Socket>()
  const server = createServer((visitor) => {
    visitors.add(visitor)
    visitor.on('error', () => {}).on('close', () => visitors.delete(visitor))
    visitor.resume().unref()
  })
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      for (const visitor of visitors) visitor.destroy()
    })
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new UnavailableError(`No socket can be made at ${path}: ${error.message}`, { cause: error })))
    server.listen({ path, exclusive: true }, () => resolve({ close }))
    server.unref()
  })
}

/** undefined if nobody listens there, and never will again; else `closed` resolves when who listens has ended. */
export function ringAt(path: string): Promise<{ closed: Promise<void> } | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const closed = new Promise<void>((over) => void socket.on('close', () => over()))
    socket.on('connect', () => resolve({ closed }))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(undefined)
      else if (error.code === 'ECONNRESET') resolve({ closed })
      else reject(new UnavailableError(`The socket at ${path} cannot be reached: ${error.message}`, { cause: error }))
    })
    socket.resume()
  })
}
