import { randomBytes } from 'node:crypto'
import { checkPartitions } from './address.ts'
import { threadHeart } from './bus/nats/heart.ts'
import { serversOf } from './bus/nats/link.ts'
import type { StreamMemory, StreamRecord } from './bus/nats/stream-guard.ts'
import { checkNamespace } from './bus/nats/subjects.ts'
import { connectNats } from './bus/nats.ts'
import type { Bus } from './bus/port.ts'
import { type Client, createClient } from './client.ts'
import { systemClock } from './clock.ts'
import { endAll } from './end-all.ts'
import { refuse } from './errors.ts'
import { checkFields } from './fields.ts'
import { type LetterOptions, limitsOf } from './letters.ts'
import { checkSameStore } from './same-store.ts'
import type { Store } from './store/port.ts'
import type { World } from './world.ts'

export interface ClusterOptions {
  /** `nats://host:4222` */
  nats: string
  /** `mongodb://host:27017/database` */
  mongo: string
  /** Prefix of all subjects, streams and collections. Default `stellwerk`. */
  namespace?: string
  /** Fixed when the deployment is made. Default 16. */
  partitions?: number
  /** Of events and commands that could not be applied: the newest host's say counts. Default: 30 days, 100,000; at most 256 MB. */
  deadLetters?: LetterOptions
}

/** Hosts on one NATS and one MongoDB, or clusters of them. */
export function cluster(options: ClusterOptions): World {
  checkFields(options, ['nats', 'mongo', 'namespace', 'partitions', 'deadLetters'], '', 'cluster')
  const { nats, mongo, namespace = 'stellwerk', partitions, deadLetters } = options
  checkNats(nats)
  checkUrl(mongo, 'mongo', isMongo, 'mongodb://127.0.0.1:27017/stellwerk')
  checkNamespace(namespace)
  checkPartitions(partitions)
  const letters = deadLetters === undefined ? undefined : limitsOf(deadLetters)
  return {
    async connect({ name, log }) {
      // Loaded by hosts only: a client needs NATS alone.
      const { mongoStore } = await import('./store/mongo.ts')
      const store = await mongoStore({ url: mongo, namespace })
      const memory = streamMemory(store)
      let bus: Bus | undefined
      const close = () => endAll([() => bus?.close(), () => store.close()])
      try {
        bus = await connectNats({ url: nats, namespace, name, partitions, create: true, memory, letters })
        await checkSameStore(bus.records, store, namespace)
        return { bus, store, heart: (parts) => threadHeart(nats, namespace, parts, log), close }
      } catch (error) {
        await close()
        throw error
      }
    },
  }
}

function checkNats(url: unknown): void {
  checkUrl(url, 'nats', isNats, 'nats://127.0.0.1:4222')
}

function checkUrl(url: unknown, field: string, fits: (url: string) => boolean, example: string): void {
  if (typeof url !== 'string' || !fits(url)) refuse(field, `must be the URL of a server: ${example}`)
}

const isMongo = (url: string): boolean => /^mongodb(\+srv)?:\/\/./.test(url)

function isNats(url: string): boolean {
  try {
    return serversOf(url).servers.every((server) => /^(nats|tls):/.test(server))
  } catch {
    return false
  }
}

/** What the documents have seen of the event stream is kept beside them. */
export function streamMemory(store: Pick<Store, 'fact' | 'setFact'>): StreamMemory {
  const key = 'event-stream'
  return {
    read: async () => (await store.fact(key)) as StreamRecord | undefined,
    write: async (record, expected) => (await store.setFact(key, record, expected)) as StreamRecord | undefined,
  }
}

/** A client that needs NATS only. */
export async function connectClient(options: { nats: string; namespace?: string }): Promise<Client> {
  checkFields(options, ['nats', 'namespace'], '', 'client')
  const { nats, namespace = 'stellwerk' } = options
  checkNats(nats)
  const name = `client-${randomBytes(6).toString('hex')}`
  const bus = await connectNats({ url: nats, namespace, name, create: false })
  return createClient({ bus, clock: systemClock, name, onClose: () => bus.close() })
}
