import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A loopback port nobody listens on: the preferred one if it is free, else one below the range from which
 * the system takes the ports of outgoing connections. Out of that range, one of them could sit on a
 * server's port while it is down, and it could not come back.
 */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred && (await free(preferred))) return preferred
  for (let tries = 0; tries < 100; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if (await free(port)) return port
  }
  throw new Error('found no free port between 20000 and 32000')
}

function free(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/**
 * Connects, says `hello` if given, and answers whether the first bytes that come back match `expect`;
 * without `expect`, whether the connection was made.
 */
export function answers(port: number, expect?: RegExp, hello?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const end = (result: boolean) => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(2000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
    socket.once('connect', () => {
      if (!expect) return end(true)
      if (hello) socket.write(hello)
    })
    socket.once('data', (data) => end(expect?.test(data.toString('latin1')) ?? true))
  })
}

/** Asks every 25 ms until the answer is yes; `gone` may say, by throwing, that it never will be. */
export async function until(
  what: string,
  ask: () => boolean | Promise<boolean>,
  gone: () => void = () => {},
  limit = 60_000,
): Promise<void> {
  const end = Date.now() + limit
  while (!(await ask())) {
    gone()
    if (Date.now() > end) throw new Error(`${what}: not within ${limit / 1000} s`)
    await sleep(25)
  }
}
