import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { group } from '../actors/group.ts'
import { job } from '../actors/job.ts'
import { embeddedBus } from '../src/bus/embedded.ts'
import { connectNats } from '../src/bus/nats.ts'
import type { Bus } from '../src/bus/port.ts'
import { createClient } from '../src/client.ts'
import { systemClock } from '../src/clock.ts'
import type { ActorDocument, HistoryEntry } from '../src/document.ts'
import { serveApi } from '../src/host/api.ts'
import { memoryStore } from '../src/store/memory.ts'
import { newNamespace, removeDeployment, smallLimits } from './contracts/bus/factories.ts'

/** However long a history is, and however many match a query: no answer is large, and the client puts the whole together. */
const most = 1024 * 1024
const address = 'group:large'

interface Backend {
  name: string
  connect(name: string): Promise<Bus>
  end(): Promise<void>
}

const inMemory = embeddedBus({ clock: systemClock })
const backends: Backend[] = [{ name: 'memory', connect: async (name) => inMemory.connect(name), end: async () => {} }]
const url = process.env.NATS_URL
if (url) {
  const namespace = newNamespace()
  const connect = (name: string) => connectNats({ url, namespace, name, create: true, limits: smallLimits, partitions: 1 })
  backends.push({ name: 'nats', connect, end: () => removeDeployment(url, namespace) })
} else console.log('skipped: history over NATS (set NATS_URL)')

const entry = (v: number): HistoryEntry => ({
  v,
  at: v,
  event: { type: 'ended', key: `member-${v}`, text: 'x'.repeat(180) },
  state: 'open',
})

function document(_id: string, more: Partial<ActorDocument> = {}): ActorDocument {
  const common = { version: 1, commit: `${_id} c`, inc: `${_id} i`, n: 0, status: 'active', state: 'open', partition: 0 } as const
  const [type, id] = _id.split(':') as ['group' | 'job', string]
  const machine = { group, job }[type].machine
  const { status: _, value, context } = machine.getInitialSnapshot({} as never, {} as never)
  return {
    _id,
    type,
    root: id.split('/')[0]!,
    machine: `${type}@1`,
    ...common,
    snapshot: { status: 'active', value, context },
    inbox: { epoch: 0, sequence: 0, marks: {} },
    outbox: [],
    timers: [],
    history: [],
    createdAt: 0,
    updatedAt: 0,
    ...more,
  } as ActorDocument
}

/** The bus, and the size of each answer that was given on it. */
function measured(bus: Bus): { bus: Bus; sizes: number[] } {
  const sizes: number[] = []
  const serve: Bus['serve'] = (subject, answer, queue) =>
    bus.serve(
      subject,
      async (data, asked) => {
        const given = await answer(data, asked)
        sizes.push(JSON.stringify(given).length)
        return given
      },
      queue,
    )
  return { bus: { ...bus, serve }, sizes }
}

for (const { name, connect, end } of backends) {
  const test = suite(`answers stay small: G6 G7 [${name}]`)
  const store = memoryStore()
  let sizes: number[]
  let client: ReturnType<typeof createClient>
  const closing: (() => unknown)[] = []

  test.before(async () => {
    const [hosts, clients] = [await connect('host'), await connect('client')]
    const { bus, sizes: seen } = measured(hosts)
    sizes = seen
    const api = serveApi({ bus, store, clock: systemClock, actors: new Map([job, group].map((type) => [type.name, type])) })
    client = createClient({ bus: clients, clock: systemClock, name: 'client' })
    closing.push(api.stop, client.close, clients.close, hosts.close)
  })
  test.before.each(() => void (sizes.length = 0))
  test.after(async () => {
    for (const close of closing) await close()
    await end()
  })

  test('a history of 40,000 entries comes whole, in order, in answers of less than 1 MB', async () => {
    const pages = Array.from({ length: 400 }, (_, page) => ({
      _id: `${address}#${page}`,
      owner: address,
      body: Array.from({ length: 100 }, (_, i) => entry(100 * page + i)),
    }))
    await store.putPages(pages)
    await store.commit([{ doc: document(address, { historyPages: pages.map(({ _id }) => _id), history: [entry(40_000)] }) }])
    const { history, machine, snapshot, ...rest } = await client.group('large').history()
    assert.equal(
      history.map(({ v }) => v),
      Array.from({ length: 40_001 }, (_, v) => v),
    )
    assert.equal([machine, rest.address, (snapshot as { value: unknown }).value], ['group@1', address, 'new'])
    assert.ok(Math.max(...sizes) < most, `${Math.max(...sizes)} characters`)
    assert.ok(sizes.length > 1)
  })

  test('a short history is one answer', async () => {
    await store.commit([{ doc: document('group:short', { history: [entry(0), entry(1)] }) }])
    assert.is((await client.group('short').history()).history.length, 2)
    assert.is(sizes.length, 1)
  })

  test('an actor that was removed and made anew while its history is read: no mixture', async () => {
    const pages = (made: string) =>
      Array.from({ length: 40 }, (_, page) => ({ _id: `group:anew#${made}${page}`, owner: 'group:anew', body: [entry(page), ...fill(60)] }))
    const of = (made: string) =>
      document('group:anew', { inc: made, commit: `c ${made}`, historyPages: pages(made).map(({ _id }) => _id), history: [] })
    await store.putPages([...pages('first'), ...pages('second')])
    await store.commit([{ doc: of('first') }])
    let asked = 0
    const load = store.load
    store.load = async (addresses) => {
      if (asked++ === 1) {
        await store.remove('group:anew', { version: 1, commit: 'c first' })
        await store.putPages(pages('second'))
        await store.commit([{ doc: of('second') }])
      }
      return load(addresses)
    }
    const error = await client
      .group('anew')
      .history()
      .catch((thrown) => thrown)
    store.load = load
    assert.is(error.code, 'NOT_FOUND')
    assert.match(error.message, 'made anew')
    assert.is((await client.group('anew').history()).history.length, 40 * 61)
  })

  test('find goes through all that match, also where each has much to say', async () => {
    const labels = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`label-${i}`, 'x'.repeat(500)]))
    const docs = Array.from({ length: 450 }, (_, i) => document(`job:f${i}`, { labels }))
    await store.commit(docs.map((doc) => ({ doc })))
    const found: string[] = []
    for await (const view of client.find({ type: 'job' })) found.push(view.address)
    assert.equal(found, docs.map(({ _id }) => _id).sort())
    assert.ok(Math.max(...sizes) < most, `${Math.max(...sizes)} characters`)
  })

  test.run()
}

const fill = (count: number) => Array.from({ length: count }, (_, i) => entry(i))
