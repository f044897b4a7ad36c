import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface BrokenLine {
  /** The url, with this proxy in place of the server. */
  url: string
  /** Passes on what the client sends next that holds these bytes, and cuts the line when the server answers. */
  loseAnswerTo(text: string): void
  /** Cuts the line in place of passing it on. */
  loseRequest(text: string): void
  /** The lines that are there pass nothing more, in the middle of whatever passes. */
  silence(): void
  /** Cuts all lines, and takes no more until `mend`. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

/** Stands between a store and its server, and breaks what is to be broken. */
export async function proxyTo(url: string): Promise<BrokenLine> {
  const target = new URL(url)
  const lines = new Set<Socket>()
  let broken = false
  let losing: { text: string; what: 'answer' | 'request' } | undefined

  const server = createServer((client) => {
    if (broken) return client.destroy()
    const upstream = connect(Number(target.port || 27017), target.hostname)
    let muted = false
    const end = () => {
      for (const socket of [client, upstream]) {
        socket.destroy()
        lines.delete(socket)
      }
    }
    for (const socket of [client, upstream]) {
      lines.add(socket)
      socket.on('error', end).on('close', end)
    }
    client.on('data', (data) => {
      const hit = losing && data.includes(losing.text) ? losing.what : undefined
      if (hit) losing = undefined
      if (hit === 'request') return end()
      muted ||= hit === 'answer'
      upstream.write(data)
    })
    upstream.on('data', (data) => (muted ? end() : client.write(data)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((server.address() as AddressInfo).port)
  if (through.pathname === '') through.pathname = '/'
  through.searchParams.set('directConnection', 'true')
  const cut = () => {
    broken = true
    for (const socket of lines) socket.destroy()
  }
  return {
    url: through.href,
    loseAnswerTo: (text) => {
      losing = { text, what: 'answer' }
    },
    loseRequest: (text) => {
      losing = { text, what: 'request' }
    },
    silence: () => {
      for (const socket of lines) socket.pause()
    },
    cut,
    mend: () => {
      broken = false
    },
    close: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
