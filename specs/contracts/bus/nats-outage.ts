import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect as connectDirectly } from 'nats'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type RunningServer, startNats } from '../../../scripts/servers/index.ts'
import { connectNats } from '../../../src/bus/nats.ts'
import type { Bus } from '../../../src/bus/port.ts'
import { isStellwerkError } from '../../../src/errors.ts'
import { newNamespace, smallLimits } from './factories.ts'
import { frame, frames, newestIs, offers, read, take, unique, until } from './world.ts'

/** A server that dies in the middle, by kill -9, and comes back with what was safe. */
export function natsOutageSpecs(): void {
  const test = suite<{ server: RunningServer; namespace: string; ends: (() => unknown)[]; open(url?: string): Promise<Bus> }>(
    'NATS bus: outages',
  )
  test.before.each(async (context) => {
    context.server = await startNats()
    context.namespace = newNamespace()
    context.ends = []
    context.open = async (url = context.server.url) => {
      const bus = await connectNats({
        url,
        namespace: context.namespace,
        name: 'host',
        create: true,
        limits: smallLimits,
      })
      context.ends.push(bus.close)
      return bus
    }
  })
  test.after.each(async ({ server, ends }) => {
    for (const end of ends) await end()
    await server.stop()
  })

  test('frames, offers, records and messages go on after a crash of the server, and nothing is skipped', async ({ server, open }) => {
    const [a, b] = [await open(), await open()]
    const connections: boolean[] = []
    a.onConnection((connected) => connections.push(connected))
    const reading = await read(a, 0, unique('o'))
    const work = await take(a, 'job')
    const seen: unknown[] = []
    const heard: unknown[] = []
    work.pull.want(100)
    await a.records.watch('r.', (_, { value }) => seen.push(value))
    a.listen('said', (data) => heard.push(data))
    a.serve('ask', async () => 1)
    await b.publish(frames(0, 'x', 20))
    await b.offer(offers('job', 'x', 3))
    await b.records.put('r.x', 1, 0)
    await until('all', () => reading.frames.length === 20 && work.taken.length === 3 && seen.length === 1)
    reading.acknowledge(10)
    work.taken[0]!.acknowledge()

    await server.kill()
    await until('the outage is known', () => connections.length === 1)
    reading.acknowledge(5)
    for (const call of [
      () => a.publish([frame(0, 'refused')]),
      () => a.request('ask', 1, 5000),
      () => a.records.get('r.x'),
      () => a.offer(offers('job', 'refused', 1)),
    ])
      assert.ok(isStellwerkError(await call().catch((e: unknown) => e), 'UNAVAILABLE'))
    await server.restart()
    await until('the connection is back', () => connections.length === 2)
    assert.equal(connections, [false, true])

    await again(() => b.publish(frames(0, 'y', 20)))
    await again(() => b.offer(offers('job', 'y', 3)))
    await again(async () => b.records.put('r.x', 2, (await b.records.get('r.x'))!.revision))
    // What the server had not yet noted as delivered comes again: offers to us, frames only to the adapter.
    await until('the later ones', () => reading.frames.length === 40 && new Set(work.ids()).size === 6 && seen.length === 2)
    assert.equal(
      reading.labels(),
      [...frames(0, 'x', 20), ...frames(0, 'y', 20)].map(({ id }) => id),
    )
    assert.equal(reading.lost, [])
    assert.equal(seen, [1, 2])
    b.signal('said', 'hello')
    await until('it is heard', () => heard.length === 1)
    assert.is(await again(() => b.request('ask', 1, 1000)), 1)

    const next = await read(b, 0, unique('o'))
    await until('all that was not acknowledged', () => next.labels().includes('y19'))
    for (const label of [...frames(0, 'x', 20), ...frames(0, 'y', 20)].slice(15).map(({ id }) => id))
      assert.ok(next.labels().includes(label), `${label}`)
  })

  test('what a publish has confirmed is there after a crash at any time, in order', async ({ server, open }) => {
    const [a, b] = [await open(), await open()]
    const confirmed: string[] = []
    let stop = false
    const publishing = (async () => {
      for (let i = 0; !stop; i++) {
        const some = frames(1, `${i}-`, (i % 3) + 1)
        await again(() => b.publish(some))
        confirmed.push(...some.map(({ id }) => id))
      }
    })()
    let reading = await read(a, 1, unique('o'))
    const labels: string[] = []
    const known = new Set<number>()
    const drain = () => {
      for (const { sequence, body } of reading.frames.splice(0)) {
        if (known.has(sequence)) continue
        known.add(sequence)
        labels.push((body as { event: { label: string } }[])[0]!.event.label)
      }
    }
    for (let crash = 0; crash < 3; crash++) {
      const before = confirmed.length
      await until('some are confirmed', () => confirmed.length > before + 20)
      await server.kill()
      await server.restart()
    }
    const before = confirmed.length
    await until('some more are confirmed', () => confirmed.length > before + 20)
    stop = true
    await publishing
    await until('all came', async () => {
      drain()
      if (reading.lost.length > 0) {
        reading = await again(() => read(a, 1, unique('o')))
      }
      return confirmed.every((label) => labels.includes(label))
    })
    const first = confirmed.map((label) => labels.indexOf(label))
    assert.equal(
      first,
      [...first].sort((x, y) => x - y),
    )
  })

  test('frames that were delivered into a broken connection: the gap is seen, and the next owner gets them', async ({
    server,
    namespace,
    open,
    ends,
  }) => {
    const b = await open()
    const proxy = await cuttingProxy(server.url)
    ends.push(proxy.close)
    const a = await open(proxy.url)
    const nc = await connectDirectly({ servers: server.url })
    ends.push(() => nc.close())
    const jsm = await jetstreamManager(nc)
    const reading = await read(a, 2, 'cut')
    await b.publish(frames(2, 'x', 10))
    await until('the first', () => reading.frames.length === 10)
    proxy.hold()
    await b.publish(frames(2, 'y', 10))
    const delivered = async () => (await jsm.consumers.info(`${namespace}-events-1`, 'p2-cut')).delivered.consumer_seq
    await until('the server has delivered them', async () => (await delivered()) === 20)
    proxy.cut()
    await until('the gap is seen', () => reading.lost.length === 1)
    assert.match(reading.lost[0]!, 'gap')
    assert.is(reading.frames.length, 10)
    const next = await again(() => read(a, 2, 'next'))
    await until('all', () => next.frames.length === 20)
    assert.equal(
      next.labels(),
      [...frames(2, 'x', 10), ...frames(2, 'y', 10)].map(({ id }) => id),
    )
  })

  test('a connection that breaks while nothing is on its way: the same owner goes on', async ({ server, open, ends }) => {
    const b = await open()
    const proxy = await cuttingProxy(server.url)
    ends.push(proxy.close)
    const a = await open(proxy.url)
    const reading = await read(a, 3, unique('o'))
    const labels: string[] = []
    for (let cut = 0; cut < 3; cut++) {
      const some = frames(3, `${cut}-`, 5)
      await b.publish(some)
      labels.push(...some.map(({ id }) => id))
      await until('all', () => reading.frames.length === labels.length)
      reading.acknowledge(3)
      proxy.cut()
      reading.acknowledge(2)
    }
    await newestIs(b, 3, 0)
    assert.equal(reading.labels(), labels)
    assert.equal(reading.lost, [])
  })

  test('a server that hangs is noticed: calls end in time', async ({ server, open }) => {
    const a = await open()
    server.pause()
    try {
      let error: unknown
      for (let i = 0; !error; i++) error = await a.publish([frame(0, `x${i}`)]).catch((e: unknown) => e)
      assert.ok(isStellwerkError(error, 'UNAVAILABLE'), String(error))
    } finally {
      server.resume()
    }
    await again(() => a.publish([frame(0, 'x')]))
  })

  test('a bus can be closed while its server is gone', async ({ server, open }) => {
    const a = await open()
    const connections: boolean[] = []
    a.onConnection((connected) => connections.push(connected))
    await read(a, 0, unique('o'))
    await server.kill()
    await until('the outage is known', () => connections.length === 1)
    const start = performance.now()
    await a.close()
    assert.ok(performance.now() - start < 8000)
  })

  test('one that is closed while its server takes connections and says nothing leaves none open: its process can end', async ({
    server,
    ends,
    open,
  }) => {
    const line = await cuttingProxy(server.url)
    ends.unshift(line.close)
    const bus = await open(line.url)
    line.mute()
    line.cut()
    await until('it connects anew', () => line.open > 0)
    await bus.close()
    await until('no connection is left', () => line.open === 0)
  })

  test.run()
}

interface CuttingProxy {
  url: string
  /** Connections of clients. */
  readonly open: number
  /** What the server sends does not arrive. */
  hold(): void
  /** Who connects from now on is taken, and never hears anything. */
  mute(): void
  cut(): void
  close(): void
}

/** Between a client and a server, until it is cut: then in the middle of what is on its way. */
async function cuttingProxy(url: string): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  const outward = new Set<Socket>()
  const inward = new Set<Socket>()
  let mute = false
  const proxy = createServer((inner) => {
    inward.add(inner)
    inner.on('close', () => inward.delete(inner))
    if (mute) return void inner.on('error', () => {}).resume()
    const outer = connect(Number(new URL(url).port), '127.0.0.1')
    outward.add(outer)
    for (const socket of [inner, outer]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    inner.pipe(outer)
    outer.pipe(inner)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of [...sockets, ...inward]) socket.destroy()
    inward.clear()
  }
  return {
    url: `nats://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    get open() {
      return inward.size
    },
    mute: () => {
      mute = true
    },
    hold() {
      for (const outer of outward) outer.unpipe()
    },
    cut,
    close() {
      cut()
      proxy.close()
    },
  }
}

/** As a host does: what was refused is done again. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  const end = performance.now() + 15_000
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isStellwerkError(error, 'UNAVAILABLE') || performance.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
