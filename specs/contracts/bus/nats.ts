import { type AddressInfo, createServer } from 'node:net'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection, nanos } from 'nats'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { partitionOf } from '../../../src/address.ts'
import { connectNats } from '../../../src/bus/nats.ts'
import type { Bus } from '../../../src/bus/port.ts'
import { isStellwerkError } from '../../../src/errors.ts'
import { newNamespace, removeDeployment, smallLimits } from './factories.ts'
import { frame, frames, newestIs, offer, type Reading, read, take, unique, until } from './world.ts'

/** What is particular to NATS: what others publish, and what a deployment is. */
export function natsBusSpecs(url: string): void {
  const test = suite<{ namespace: string; bus: Bus; nc: NatsConnection }>('NATS bus: the world outside')
  const host = (namespace: string, partitions?: number) =>
    connectNats({ url, namespace, name: 'host', create: true, limits: smallLimits, ...(partitions ? { partitions } : {}) })

  test.before(async (context) => {
    context.namespace = newNamespace()
    context.bus = await host(context.namespace, 7)
    context.nc = await connect({ servers: url })
  })
  test.after(async ({ namespace, bus, nc }) => {
    await bus.close()
    await nc.close()
    await removeDeployment(url, namespace)
  })

  test('the server puts every root into the partition that we compute', async ({ namespace, bus, nc }) => {
    const readings = await Promise.all(Array.from({ length: 7 }, (_, partition) => read(bus, partition, unique('o'))))
    const roots = Array.from({ length: 500 }, (_, i) => `${['r', 'inv-', '_', 'A-b_', 'x'.repeat(200)][i % 5]}${(i * 7919).toString(36)}`)
    const js = jetstream(nc)
    await Promise.all(roots.map((root) => js.publish(`${namespace}.command.${root}`, `{"to":"job:${root}"}`)))
    await until('all', () => readings.reduce((sum, { frames }) => sum + frames.length, 0) === roots.length)
    const placed = (root: string) => readings.findIndex(({ frames }) => frames.some((one) => one.root === root))
    for (const root of roots) assert.is(placed(root), partitionOf(root, 7), root)
    assert.equal(readings[partitionOf('r0', 7)]!.frames.find(({ root }) => root === 'r0')!.body, { to: 'job:r0' })
    acknowledgeAll(readings)
    for (let partition = 0; partition < 7; partition++) await newestIs(bus, partition, 0)
  })

  test('a command tells its root, a frame of ours none; what is no JSON comes as nothing', async ({ namespace, bus, nc }) => {
    const partition = partitionOf('a1', 7)
    const reading = await read(bus, partition, unique('o'))
    const js = jetstream(nc)
    await js.publish(`${namespace}.command.a1`, '{"not json')
    await js.publish(`${namespace}.command.a1`, '')
    await js.publish(`${namespace}.command.a1`, Uint8Array.of(0xff, 0xfe))
    await js.publish(`${namespace}.command.a1`, '[{"to":"job:a1"}]')
    await bus.publish([frame(partition, unique('f'))])
    await until('all', () => reading.frames.length === 5)
    assert.equal(
      reading.frames.map(({ root }) => root),
      ['a1', 'a1', 'a1', 'a1', undefined],
    )
    assert.equal(reading.frames.map(({ body }) => body).slice(0, 4), [undefined, undefined, undefined, [{ to: 'job:a1' }]])
  })

  test('what the server delivers again to the same owner, since it took long, does not come twice', async ({ namespace, bus, nc }) => {
    const jsm = await jetstreamManager(nc)
    const reading = await read(bus, 6, 'slow')
    const stream = `${namespace}-events-1`
    await jsm.consumers.update(stream, 'p6-slow', { ack_wait: nanos(500) })
    await bus.publish(frames(6, unique('f'), 3))
    await until('all', () => reading.frames.length === 3)
    reading.acknowledge(1)
    await until('the others were delivered again', async () => (await jsm.consumers.info(stream, 'p6-slow')).num_redelivered === 2)
    await bus.publish([frame(6, unique('f'))])
    await until('the next one', () => reading.frames.length >= 4)
    reading.acknowledge(3)
    await newestIs(bus, 6, 0)
    assert.is(reading.frames.length, 4)
    assert.equal(reading.lost, [])
  })

  test('what is no offer is taken away', async ({ namespace, bus, nc }) => {
    const { pull, taken } = await take(bus, 'strange')
    pull.want(5)
    const js = jetstream(nc)
    await bus.offer([offer('strange', 'first')])
    for (const body of ['', 'no json', 'null', '{}']) await js.publish(`${namespace}.work.strange.5`, body)
    await bus.offer([offer('strange', 'last')])
    await until('both', () => taken.length === 2)
    for (const one of taken) one.acknowledge()
    const jsm = await jetstreamManager(nc)
    await until('nothing is left', async () => (await jsm.streams.info(`${namespace}-work`)).state.messages === 0)
  })

  test('requests and signals from programs in other languages', async ({ namespace, bus, nc }) => {
    const heard: unknown[] = []
    bus.listen('said', (data) => heard.push(data))
    bus.serve('api.echo', async (data) => ({ ok: true, data }))
    await until('it is there', async () => (await nc.request(`${namespace}.api.echo`, '1').catch(() => undefined)) !== undefined)
    nc.publish(`${namespace}.said`, '{"n":1}')
    nc.publish(`${namespace}.said`, 'no json')
    assert.equal((await nc.request(`${namespace}.api.echo`, '{"x":1}')).json(), { ok: true, data: { x: 1 } })
    assert.equal((await nc.request(`${namespace}.api.echo`, '')).json(), { ok: true })
    await until('both', () => heard.length === 2)
    assert.equal(heard, [{ n: 1 }, undefined])
  })

  test('the number of partitions is fixed by the first; another one is refused', async ({ namespace }) => {
    const same = await host(namespace)
    assert.is(same.partitions, 7)
    await same.close()
    const error = await host(namespace, 8).catch((e: unknown) => e)
    assert.ok(isStellwerkError(error, 'CONFLICT'), String(error))
    assert.match((error as Error).message, 'has 7 partitions, not 8')
  })

  test('hosts that start at the same time make one deployment', async () => {
    const namespace = newNamespace()
    const hosts = await Promise.all(Array.from({ length: 6 }, () => host(namespace)))
    assert.equal(
      hosts.map(({ partitions, epoch }) => [partitions, epoch]),
      hosts.map(() => [16, 1]),
    )
    for (const one of hosts) await one.close()
    await removeDeployment(url, namespace)
  })

  test('a stream that was lost is made anew under a higher number', async ({ nc }) => {
    const namespace = newNamespace()
    const before = await host(namespace, 3)
    await nc.request(`$JS.API.STREAM.DELETE.${namespace}-events-1`, '')
    const after = await host(namespace)
    assert.equal([before.epoch, after.epoch, after.partitions], [1, 2, 3])
    const reading = await read(after, 0, unique('o'))
    await after.publish([frame(0, 'x')])
    await until('it', () => reading.frames.length === 1)
    assert.is(reading.frames[0]!.epoch, 2)
    await before.close()
    await after.close()
    await removeDeployment(url, namespace)
  })

  test('a client reads what hosts have made, and says so if there is nothing', async ({ namespace }) => {
    const client = await connectNats({ url, namespace, name: 'client', create: false })
    assert.is(client.partitions, 7)
    await client.publish([frame(0, unique('f'))])
    await client.close()
    const error = await connectNats({ url, namespace: newNamespace(), name: 'client', create: false }).catch((e: unknown) => e)
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'), String(error))
    assert.match((error as Error).message, 'There is no deployment')
  })

  test('what is too large is refused at the door', async ({ bus }) => {
    const error = await bus.publish([frame(0, unique('f'), 'x'.repeat(8 * 1024 ** 2))]).catch((e: unknown) => e)
    assert.ok(isStellwerkError(error, 'VALIDATION'), String(error))
  })

  test('a full stream refuses, and takes again what there is room for', async () => {
    const namespace = newNamespace()
    const limits = { ...smallLimits, events: 300_000 }
    const bus = await connectNats({ url, namespace, name: 'host', create: true, partitions: 1, limits })
    const one = (id: string) => frame(0, id, 'x'.repeat(100_000))
    const error = await bus.publish(['a', 'b', 'c', 'd'].map(one)).catch((e: unknown) => e)
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'), String(error))
    const reading = await read(bus, 0, unique('o'))
    await until('what there was room for', () => reading.frames.length === 2)
    reading.acknowledge(2)
    await until('there is room', async () => (await bus.lastSequence(0)) === 0)
    await bus.publish([one('c')])
    await bus.close()
    await removeDeployment(url, namespace)
  })

  test('a server that is not there is named, without what is secret', async () => {
    const error = await connectNats({ url: 'nats://me:secret@127.0.0.1:1', namespace: 'x', name: 'x', create: true }).catch(
      (e: unknown) => e,
    )
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'), String(error))
    assert.match((error as Error).message, 'nats://127.0.0.1:1')
    assert.not.match((error as Error).message, 'secret')
  })

  test('a server that is too old is refused in one line', async () => {
    const old = createServer((socket) => {
      socket.write('INFO {"server_id":"x","version":"2.11.9","headers":true,"max_payload":1048576}\r\n')
      socket.on('data', (data) => String(data).includes('PING') && socket.write('PONG\r\n'))
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve))
    const port = (old.address() as AddressInfo).port
    const error = await connectNats({ url: `127.0.0.1:${port}`, namespace: 'x', name: 'x', create: true }).catch((e: unknown) => e)
    assert.is((error as Error).message, `NATS 2.12 or newer is needed: nats://127.0.0.1:${port} is 2.11.9.`)
    old.close()
  })

  test.run()
}

const acknowledgeAll = (readings: Reading[]): void => {
  for (const { consumer, frames } of readings) consumer.acknowledge(frames.map(({ sequence }) => sequence))
}
