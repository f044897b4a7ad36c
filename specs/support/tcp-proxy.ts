import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  /** The url, with this proxy in place of the server. */
  readonly url: string
  /** Lines that are open now. */
  readonly lines: number
  /** Breaks one line, as a network would: both ends see it, and what was on its way is gone. */
  cutOne(choose: (lines: number) => number): boolean
  /** Stops passing bytes, in the middle of whatever passes: lines stay open, new ones are taken, and nobody hears anything. */
  silence(): void
  /** What was held back passes now, late. */
  goOn(): void
  close(): Promise<void>
}

export interface TcpProxyOptions {
  /** ms that the next bytes take. They never overtake others. */
  delay?: () => number
  /** Sees each piece: from a client, or to it. `line` numbers the connections. */
  observe?: (direction: 'sent' | 'received', data: Buffer, line: number) => void
}

/** Stands between programs and a server. */
export async function tcpProxy(url: string, { delay = () => 0, observe }: TcpProxyOptions = {}): Promise<TcpProxy> {
  const target = new URL(url)
  const lines = new Map<number, () => void>()
  const sockets = new Set<Socket>()
  let silent = false
  let count = 0

  const server = createServer((client) => {
    const line = ++count
    const upstream = connect(Number(target.port), target.hostname)
    const end = () => {
      lines.delete(line)
      sockets.delete(client)
      sockets.delete(upstream)
      client.destroy()
      upstream.destroy()
    }
    lines.set(line, end)
    for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', end).on('close', end)
    pass(client, upstream, delay, (data) => observe?.('sent', data, line))
    pass(upstream, client, delay, (data) => observe?.('received', data, line))
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      if (silent) socket.pause()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()

  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((server.address() as AddressInfo).port)
  return {
    url: through.href,
    get lines() {
      return lines.size
    },
    cutOne(choose) {
      const end = [...lines.values()][choose(lines.size)]
      end?.()
      return !!end
    },
    silence() {
      silent = true
      for (const socket of sockets) socket.pause()
    },
    goOn() {
      silent = false
      for (const socket of sockets) socket.resume()
    },
    async close() {
      for (const end of lines.values()) end()
      server.close()
      await once(server, 'close')
    },
  }
}

function pass(from: Socket, to: Socket, delay: () => number, see: (data: Buffer) => void): void {
  let last = 0
  from.on('data', (data) => {
    see(data)
    const wait = delay()
    if (wait === 0 && last === 0) return void to.write(data)
    const due = Math.max(last, performance.now() + wait)
    last = due
    setTimeout(() => to.destroyed || to.write(data), due - performance.now())
  })
}
