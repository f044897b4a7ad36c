import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from 'nats'
import type { DeadLetter } from '../../src/bus/port.ts'

const program = fileURLToPath(new URL('../../docs/command.py', import.meta.url))

/** Runs the documented Python client: publishes each body to the subject, answers what came back for each. */
export async function python(url: string, subject: string, bodies: readonly unknown[]): Promise<unknown[]> {
  const { hostname, port } = new URL(url)
  const child = spawn('python3', [program, `nats://${hostname}:${port}`, subject], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(bodies.map((body) => `${typeof body === 'string' ? body : JSON.stringify(body)}\n`).join(''))
  let said = ''
  child.stdout.on('data', (data) => (said += data))
  const code = await new Promise((done) => child.on('close', done))
  if (code !== 0) throw new Error(`the Python client ended with ${code}: ${said}`)
  return said
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

export interface Letter extends DeadLetter {
  subject: string
}

const bytesOf = (body: unknown) => (typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body))

/** A program that knows NATS and nothing of this package. */
export async function outsider(url: string, namespace: string) {
  const nc = await connect({ servers: url })
  return {
    publish: (root: string, body: unknown) => nc.publish(`${namespace}.command.${root}`, bytesOf(body)),
    /** Answer of the stream: it is on disk. */
    async store(root: string, body: unknown): Promise<{ stream?: string; seq?: number; error?: unknown }> {
      return (await nc.request(`${namespace}.command.${root}`, bytesOf(body))).json()
    },
    async request<T>(verb: string, body: unknown): Promise<T> {
      return (await nc.request(`${namespace}.api.${verb}`, JSON.stringify(body), { timeout: 15_000 })).json()
    },
    /** All that is published to the subject from now on. */
    async listen(subject: string): Promise<unknown[]> {
      const heard: unknown[] = []
      nc.subscribe(subject, { callback: (_, msg) => void heard.push(msg.json()) })
      await nc.flush()
      return heard
    },
    /** What is in the dead-letter stream, oldest first. */
    async letters(): Promise<Letter[]> {
      const jsm = await jetstreamManager(nc)
      const stream = `${namespace}-dead`
      const { state } = await jsm.streams.info(stream)
      const found: Letter[] = []
      for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
        const message = await jsm.streams.getMessage(stream, { seq })
        if (message) found.push({ ...message.json<DeadLetter>(), subject: message.subject })
      }
      return found
    },
    close: () => nc.close(),
  }
}
export type Outsider = Awaited<ReturnType<typeof outsider>>
