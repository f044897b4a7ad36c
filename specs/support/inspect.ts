import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect } from 'nats'
import type { ActorDocument, HistoryEntry } from '../../src/document.ts'
import { historyOf } from '../../src/host/history.ts'
import { mongoStore } from '../../src/store/mongo.ts'

/** All documents with their histories, read from the store: no host is asked. */
export async function storedActors(url: string, namespace: string): Promise<{ doc: ActorDocument; history: HistoryEntry[] }[]> {
  const store = await mongoStore({ url, namespace })
  try {
    const docs: ActorDocument[] = []
    for (let after: string | undefined; ; ) {
      const page = await store.find({}, after, 500)
      docs.push(...page)
      if (page.length < 500) break
      after = page.at(-1)!._id
    }
    return await Promise.all(docs.map(async (doc) => ({ doc, history: await historyOf(store, doc) })))
  } finally {
    await store.close()
  }
}

export interface Streams {
  events: number
  work: number
  dead: number
  /** For the report: what is still there. */
  detail: string[]
}

/** How many messages wait in the streams of a deployment, read from the server. */
export async function streamsOf(url: string, namespace: string): Promise<Streams> {
  const nc = await connect({ servers: url })
  try {
    const jsm = await jetstreamManager(nc)
    const found: Streams = { events: 0, work: 0, dead: 0, detail: [] }
    for await (const { config, state } of jsm.streams.list()) {
      const [, kind] = new RegExp(`^${namespace}-(events|work|dead)`).exec(config.name) ?? []
      if (!kind) continue
      found[kind as 'events'] += state.messages
      if (!state.messages) continue
      for await (const { name, num_pending, num_ack_pending } of jsm.consumers.list(config.name))
        if (num_pending || num_ack_pending) found.detail.push(`${name}: ${num_pending} pending, ${num_ack_pending} unacknowledged`)
      const first = await jsm.streams.getMessage(config.name, { seq: state.first_seq })
      found.detail.push(`${config.name} ${first?.subject}: ${first?.string().slice(0, 400)}`)
    }
    return found
  } finally {
    await nc.close()
  }
}

/** Which host owns each partition, as the records say. */
export async function ownersOf(url: string, namespace: string): Promise<Map<number, string>> {
  const nc = await connect({ servers: url })
  try {
    const kv = await new Kvm(jetstream(nc)).open(`${namespace}-records`)
    const owners = new Map<number, string>()
    for await (const entry of await kv.history({ key: 'owner.>' }))
      owners.set(Number(entry.key.slice('owner.'.length)), entry.json<{ host: string }>().host)
    return owners
  } finally {
    await nc.close()
  }
}
