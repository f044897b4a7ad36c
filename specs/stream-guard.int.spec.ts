import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { guardStream, type StreamMemory } from '../src/bus/nats/stream-guard.ts'
import { connectNats } from '../src/bus/nats.ts'
import { cluster, streamMemory } from '../src/cluster.ts'
import { defineJob } from '../src/definition.ts'
import { createHost } from '../src/host/host.ts'
import { memoryStore } from '../src/store/memory.ts'
import { newNamespace, removeDeployment, smallLimits } from './contracts/bus/factories.ts'
import { frames, newestIs, read, unique, until } from './contracts/bus/world.ts'

/** A stream that was put back, or made anew, under documents that have seen more of it: a host refuses it, and there is a way out. */
const { NATS_URL: url, MONGODB_URL: mongo } = process.env
if (!url) {
  console.log('skipped: streams that were put back (set NATS_URL)')
  process.exit(0)
}

interface Context {
  namespace: string
  memory: StreamMemory
  writes: () => number
  nc: NatsConnection
  jsm: JetStreamManager
}
const test = suite<Context>('a stream that was put back: P3 E9 G1 [nats]')

test.before(async (context) => {
  context.nc = await connect({ servers: url })
  context.jsm = await jetstreamManager(context.nc)
})
test.after(({ nc }) => nc.close())
test.before.each((context) => {
  context.namespace = newNamespace()
  const memory = streamMemory(memoryStore())
  let writes = 0
  const write: StreamMemory['write'] = (...given) => {
    writes++
    return memory.write(...given)
  }
  context.memory = { read: memory.read, write }
  context.writes = () => writes
})
test.after.each(({ namespace }) => removeDeployment(url, namespace))

const host = ({ namespace, memory }: Context) =>
  connectNats({ url, namespace, name: unique('host'), create: true, limits: smallLimits, memory, partitions: 1 })
const refusal = async (context: Context): Promise<Error & { code: string }> =>
  host(context).then(
    async (bus) => {
      await bus.close()
      return assert.unreachable('it is to be refused') as never
    },
    (error) => error,
  )

/** A host that applies so many frames, and stops. */
async function used(context: Context, count: number): Promise<void> {
  const bus = await host(context)
  const reading = await read(bus, 0, unique('o'))
  await bus.publish(frames(0, unique('f'), count))
  await until('all', () => reading.frames.length === count)
  reading.acknowledge(count)
  await newestIs(bus, 0, 0)
  await bus.close()
}

/** The stream as it was when it had so few messages. */
async function putBack({ namespace, jsm, nc }: Context, count: number, mark = true): Promise<void> {
  const name = `${namespace}-events-1`
  const { config } = await jsm.streams.info(name)
  await jsm.streams.delete(name)
  await jsm.streams.add({ ...config, metadata: { partitions: '1', ...(mark ? { mark: config.metadata!.mark! } : {}) } })
  for (let i = 0; i < count; i++) await nc.request(`${namespace}.event.0.-`, '[]')
}

test('it is refused: the stream, both numbers, and what to do; the way out is the next number', async (context) => {
  await used(context, 30)
  await putBack(context, 12)
  const stream = `${context.namespace}-events-1`
  const { code, message } = await refusal(context)
  assert.is(code, 'STREAM_BEHIND')
  assert.match(message, `The event stream ${stream} on NATS at`)
  assert.match(message, 'has last sequence 12; 30 was recorded')
  assert.match(message, `nats stream rm ${stream}`)
  assert.is((await refusal(context)).code, 'STREAM_BEHIND')

  await context.jsm.streams.delete(stream)
  const bus = await host(context)
  assert.is(bus.epoch, 2)
  await bus.close()
  assert.equal([(await context.memory.read())!.epoch, (await context.memory.read())!.sequence], [2, 0])
  await used(context, 3)
})

test('one that was made anew by hand is refused, also when it has grown past what was recorded', async (context) => {
  await used(context, 3)
  await putBack(context, 5, false)
  const { code, message } = await refusal(context)
  assert.is(code, 'STREAM_BEHIND')
  assert.match(message, 'is not the one that was recorded (last sequence 5; 3 was recorded)')
})

test('all of NATS was lost and the documents were not: refused; the way out is a number above the one they know', async (context) => {
  await used(context, 3)
  await context.jsm.streams.delete(`${context.namespace}-events-1`)
  await used(context, 4)
  await removeDeployment(url, context.namespace)
  const { code, message } = await refusal(context)
  assert.is(code, 'STREAM_BEHIND')
  assert.match(message, `${context.namespace}-events-2`)
  assert.match(message, 'last sequence 0; 4 was recorded')
  await context.jsm.streams.delete(`${context.namespace}-events-2`)
  const bus = await host(context)
  assert.is(bus.epoch, 3)
  await bus.close()
})

test('records and stream of an older number are refused; the way out is a number above', async (context) => {
  await used(context, 3)
  const { epoch, ...rest } = (await context.memory.read())!
  await context.memory.write({ ...rest, epoch: 7, sequence: 90 }, { epoch, ...rest })
  const { code, message } = await refusal(context)
  assert.is(code, 'STREAM_BEHIND')
  assert.match(message, 'has number 1 and last sequence 3; recorded were 7 and 90')
  await context.jsm.streams.delete(`${context.namespace}-events-1`)
  const bus = await host(context)
  assert.is(bus.epoch, 8)
  await bus.close()
})

test('a deployment that was made before streams had marks, and anything was recorded, starts as before', async (context) => {
  const before = { ...context, memory: undefined as never }
  await used(before, 5)
  await putBack(before, 0, false)
  await used(before, 9)
  await used(context, 1)
  await used(context, 1)
  assert.equal(await context.memory.read(), { epoch: 1, mark: '', sequence: 11 })
  await putBack(context, 2, false)
  assert.is((await refusal(context)).code, 'STREAM_BEHIND')
})

test('few writes: one at the start if something is new, none for each frame, one at the end if frames came', async (context) => {
  const bus = await host(context)
  assert.is(context.writes(), 1)
  const reading = await read(bus, 0, unique('o'))
  await bus.publish(frames(0, unique('f'), 200))
  await until('all', () => reading.frames.length === 200)
  assert.is(context.writes(), 1)
  await bus.close()
  assert.is(context.writes(), 2)
  assert.is((await context.memory.read())!.sequence, 200)
  await (await host(context)).close()
  assert.is(context.writes(), 2)
})

test('hosts that start and end together agree on what is highest', async (context) => {
  const buses = await Promise.all(Array.from({ length: 5 }, () => host(context)))
  const reading = await read(buses[3]!, 0, unique('o'))
  await buses[0]!.publish(frames(0, unique('f'), 20))
  await until('all', () => reading.frames.length === 20)
  await Promise.all(buses.map((bus) => bus.close()))
  assert.is((await context.memory.read())!.sequence, 20)
})

test('put back while a host runs: it does not take its new frames for repeats, and takes the partition no more', async (context) => {
  const bus = await host(context)
  const reading = await read(bus, 0, unique('o'))
  await bus.publish(frames(0, unique('f'), 20))
  await until('all', () => reading.frames.length === 20)
  await putBack(context, 5)
  const error = await bus.consume(0, unique('o'), { frame() {}, lost() {} }).catch((thrown) => thrown)
  assert.is(error.code, 'STREAM_BEHIND')
  assert.match(error.message, 'has last sequence 5; 20 was seen')
  await bus.close()
})

test('what comes while it is asked for its state is newer than the answer, not lost', async () => {
  const answer = { config: { metadata: { mark: 'm' } }, state: { last_seq: 10 } }
  let meanwhile = () => {}
  const info = async () => {
    const state = structuredClone(answer)
    await Promise.resolve()
    meanwhile()
    return state
  }
  const link = { server: 'it', bounded: (ask: () => Promise<unknown>) => ask() }
  const guard = await guardStream({ link: link as never, jsm: { streams: { info } } as never, stream: 's', epoch: 1 })
  meanwhile = () => guard.saw(11)
  await guard.check()
  answer.state.last_seq = 11
  await guard.check()
  answer.state.last_seq = 10
  assert.is((await guard.check().catch((thrown) => thrown)).code, 'STREAM_BEHIND')
})

test('a host does not start on it, and starts on the new one: what is submitted then is applied', async (context) => {
  const echo = defineJob({ name: 'echo' })
  const store = memoryStore()
  const inMemory = {
    async connect({ name }: { name: string }) {
      const memory = streamMemory(store)
      const bus = await connectNats({ url, namespace: context.namespace, name, create: true, limits: smallLimits, memory, partitions: 1 })
      return { bus, store, close: () => bus.close() }
    },
  }
  if (!mongo) console.log('skipped: a stream that was put back under documents in MongoDB (set MONGODB_URL)')
  const on = mongo ? cluster({ nats: url, mongo, namespace: context.namespace, partitions: 1 }) : inMemory
  const start = () => createHost({ on, handlers: [echo.handler((input) => input)], log: () => {} })
  const submit = async (id: string) => {
    await using running = await start()
    assert.is(await (await running.client.submit(echo, id, { id })).result(), id)
  }
  await submit('first')
  await submit('second')
  await putBack(context, 1)
  const error = await start().catch((thrown) => thrown)
  assert.is(error.code, 'STREAM_BEHIND')
  await context.jsm.streams.delete(`${context.namespace}-events-1`)
  await submit('third')
})

if (mongo)
  test('a host with another database is refused, and no other: what it took in, the others would not find', async ({ namespace }) => {
    const inDatabase = (name: string) => {
      const at = new URL(mongo)
      at.pathname = name
      return createHost({ on: cluster({ nats: url, mongo: at.href, namespace, partitions: 1 }), log: () => {} })
    }
    await using _first = await inDatabase('stellwerk')
    const error = await inDatabase('stellwerk_other').catch((thrown) => thrown)
    assert.is(error.code, 'CONFLICT')
    assert.match(error.message, /^mongo: the deployment .* has its documents in another database \(MongoDB at /)
    await using _second = await inDatabase('stellwerk')
  })

test.run()
