import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from 'nats'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureFerret, ensureNats, type RunningServer, startMongo, startNats } from '../../scripts/servers/index.ts'
import type { Client } from '../../src/client.ts'
import { cluster, connectClient } from '../../src/cluster.ts'
import { createHost } from '../../src/host/host.ts'
import type { EffectLog } from '../support/effect-log.ts'
import { notAllowed } from '../support/effects.ts'
import { figure } from '../support/figures.ts'
import type { Hosts } from '../support/hosts.ts'
import { storedActors, streamsOf } from '../support/inspect.ts'
import { bind, work } from '../support/jobs.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'
import { withHosts } from '../support/with-hosts.ts'

/**
 * A server is away for 30 s, killed or silent, while there is work: what calls meanwhile say, how soon the work goes on, and that
 * nothing is lost and nothing done twice. NATS and MongoDB fail in two deployments side by side, to take half the time.
 */
const away = 30_000
/** What is promised, from the moment when the server answers again. */
const back = 5000

interface World {
  nats: RunningServer
  mongo: RunningServer
  lines: { nats: TcpProxy; mongo: TcpProxy }
  end(): Promise<void>
}

async function startWorld(): Promise<World> {
  const [nats, mongo] = await Promise.all([startNats(), startMongo()])
  const lines = { nats: await tcpProxy(nats.url), mongo: await tcpProxy(mongo.url) }
  const end = async () => {
    await Promise.all([lines.nats.close(), lines.mongo.close()])
    await Promise.all([nats.stop(), mongo.stop()])
  }
  return { nats, mongo, lines, end }
}

interface Fault {
  name: string
  which: 'nats' | 'mongo'
  begin(world: World): Promise<void> | void
  /** Resolves when the server answers again. */
  end(world: World): Promise<void> | void
}

const faults: Fault[] = [
  { name: 'NATS is killed', which: 'nats', begin: ({ nats }) => nats.kill(), end: ({ nats }) => nats.restart() },
  { name: 'NATS is silent', which: 'nats', begin: ({ lines }) => lines.nats.silence(), end: ({ lines }) => lines.nats.goOn() },
  { name: 'MongoDB is killed', which: 'mongo', begin: ({ mongo }) => mongo.kill(), end: ({ mongo }) => mongo.restart() },
  { name: 'MongoDB is silent', which: 'mongo', begin: ({ lines }) => lines.mongo.silence(), end: ({ lines }) => lines.mongo.goOn() },
]

const members = 260
const memberTime = 400

/** One fault, in a deployment of its own. */
async function play({ name, which, begin, end }: Fault, world: World): Promise<void> {
  const namespace = `away${name.replaceAll(/\W/g, '')}`
  const [nats, mongo] = [world.lines.nats.url, world.lines.mongo.url]
  await withHosts({ nats, mongo, namespace, slots: 4 }, async (hosts, log) => {
    await hosts.start()
    await hosts.start()
    await using client = await connectClient({ nats, namespace })
    const given = Array.from({ length: members }, (_, i) => work.with({ ms: memberTime, number: 1 }, { key: `m${i}` }))
    const group = await client.submitGroup({ id: 'g', members: given, output: bind.with({ ms: 10 }) })
    const starts = () => log.read().filter(({ what }) => what === 'start')
    await until('work is under way', () => starts().length >= 20)
    const changes = watched(client)
    // Heard at the end; what fails before that closes the client, and is what must be told.
    changes.catch(() => {})
    const memory = memoryOf(hosts)

    const began = Date.now()
    await begin(world)
    const since = performance.now()
    await sleep(2000)
    const calls = await callsMeanwhile(client, which === 'nats' ? world.lines.nats.url : 'MongoDB')
    const waiting = client.submit(work, { ms: 1, number: 1 }, { id: 'waits' })
    const queued = client.submit(work, { ms: 1, number: 1 }, { id: 'queued', ack: 'queued' })
    for (const one of [waiting, queued]) one.catch(() => {})
    await sleep(away - (performance.now() - since))
    const before = starts().length
    assert.ok(before < members, 'there is work left to go on with')
    await end(world)
    const returned = Date.now()
    const first = await until('work goes on', () => starts().find(({ at }) => at >= returned), 60_000, 20)
    const grown = memoryOf(hosts) - memory
    figure(
      `${name} for ${away / 1000} s: goes on ${first.at - returned} ms after its return; calls meanwhile failed after ${calls} ms; hosts grew by ${grown} MB`,
    )
    await Promise.all([waiting, queued])
    // Whether it was sent is not known: it is said again, and is one job.
    await client.submit(work, { ms: 1, number: 1 }, { id: 'given-up' })
    assert.equal(await group.result({ signal: AbortSignal.timeout(90_000) }), { members, sum: members })
    await Promise.all(['waits', 'queued', 'given-up'].map((id) => client.job(id).result({ signal: AbortSignal.timeout(30_000) })))
    await nothingLeft(world, namespace, log)
    // What had returned while its result could not be delivered: kept, and not run again.
    const meanwhile = log.read().filter(({ what, at }) => what === 'end' && at >= began && at < returned)
    assert.ok(meanwhile.length > 0, 'handlers returned meanwhile')
    for (const { job } of meanwhile) assert.is(starts().filter((start) => start.job === job).length, 1, `R6: starts of ${job}`)
    assert.equal((await changes).slice(-2), ['output', 'succeeded'], 'who watches has missed nothing')
    assert.ok(first.at - returned <= back, `within ${back} ms: ${first.at - returned}`)
    assert.ok(grown < 200, `${grown} MB`)
  })
}

async function watched(client: Client): Promise<string[]> {
  const states: string[] = []
  for await (const { state } of client.watch('group:g')) states.push(state)
  return states
}

/** Resident memory of all hosts, MB. */
const memoryOf = ({ alive }: Hosts): number =>
  Math.round(
    alive.reduce((sum, { pid }) => sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0), 0) / 1024,
  )

/** They fail, within a bounded time, and say which server it is. Answers after how long. */
async function callsMeanwhile(client: Client, server: string): Promise<string> {
  const host = server.replace(/^nats:\/\/|\/$/g, '')
  const took: number[] = []
  const fails = async (what: string, call: () => Promise<unknown>, within: number) => {
    const began = performance.now()
    const error: { code?: string; message: string } = await call().then(
      () => assert.unreachable(`${what} should fail`),
      (e) => e,
    )
    const ms = Math.round(performance.now() - began)
    took.push(ms)
    assert.is(error.code, 'UNAVAILABLE', `${what}: ${error.message}`)
    assert.ok(ms <= within, `${what} took ${ms} ms`)
    return error.message
  }
  // Who is silent is asked once more whether it is there.
  assert.match(await fails('view', () => client.group('g').view(), 5000), host)
  assert.match(await fails('why', () => client.group('g').why(), 5000), host)
  assert.match(await fails('find', () => client.find({ type: 'job' })[Symbol.asyncIterator]().next(), 5000), host)
  const submit = () => client.submit(work, { ms: 1, number: 1 }, { id: 'given-up', signal: AbortSignal.timeout(1000) })
  const said = await fails('submit', submit, 2000)
  assert.match(said, /submit of job:given-up was not answered before its signal aborted/)
  assert.match(said, /submitting it again under this id is safe/)
  return took.join(', ')
}

async function nothingLeft({ nats, mongo }: World, namespace: string, log: EffectLog): Promise<void> {
  const streams = async () => {
    const { events, work } = await streamsOf(nats.url, namespace)
    return events + work === 0
  }
  await until('the streams are empty', streams, 60_000, 250)
  assert.is((await streamsOf(nats.url, namespace)).dead, 0, 'no dead letters')
  const actors = await storedActors(mongo.url, namespace)
  const wrong = notAllowed(log.read(), actors)
  for (const { doc } of actors) if (doc.state !== 'succeeded') wrong.push(`${doc._id} is ${doc.state}`)
  assert.equal(wrong, [])
  assert.is(actors.length, members + 2 + 3, 'documents')
}

const test = suite('servers away: E7 E9 R6 [nats, mongo]')

let worlds: Promise<World[]> | undefined
let runs: Map<string, Promise<void>> | undefined

/** Those of one server one after the other, those of the other beside them. */
async function outcome(fault: Fault): Promise<void> {
  if (!runs) {
    runs = new Map()
    worlds = Promise.all([startWorld(), startWorld()])
    const lanes = { nats: Promise.resolve(), mongo: Promise.resolve() }
    for (const one of faults) {
      const run = lanes[one.which].then(async () => play(one, (await worlds!)[one.which === 'nats' ? 0 : 1]!))
      lanes[one.which] = run.catch(() => {})
      run.catch(() => {})
      runs.set(one.name, run)
    }
  }
  await runs.get(fault.name)
}

for (const fault of faults)
  test(`E9 R6: ${fault.name} for ${away / 1000} s: calls say so, work goes on by itself within ${back / 1000} s, nothing twice`, () =>
    outcome(fault))

test('E9: a full stream pushes back: submits wait or are refused, and all goes on when there is room', async () => {
  const { nats, mongo } = (await worlds!)[0]!
  const namespace = 'full'
  const starts = new Map<string, number>()
  const on = cluster({ nats: nats.url, mongo: mongo.url, namespace })
  const handler = work.handler((_, { id }) => {
    starts.set(id, (starts.get(id) ?? 0) + 1)
    return 1
  })
  const host = await createHost({ on, handlers: [handler] })
  await host.stop()
  const room = 4 * 1024 * 1024
  await limitEvents(nats.url, namespace, room)
  await using client = await connectClient({ nats: nats.url, namespace })
  const jobs = Array.from({ length: 500 }, (_, i) => ({ id: `j${i}`, labels: labelsOf(15_000) }))
  let taken = 0
  const submits = jobs.map((job) => client.submit(work, { ms: 1, number: 1 }, { ...job, ack: 'queued' }).then(() => taken++))
  for (const one of submits) one.catch(() => {})
  await until('the stream is full', () => refusedNow(client))
  await sleep(1000)
  assert.ok(taken > 0 && taken < jobs.length, `${taken} of ${jobs.length} were taken`)
  const { events } = await streamsOf(nats.url, namespace)
  figure(`stream of ${room / 1024 ** 2} MB full: ${taken} of ${jobs.length} submits taken in ${events} frames, the others wait`)
  await using _again = await createHost({ on, handlers: [handler] })
  await Promise.all(submits)
  for (const { id } of jobs) await client.job(id).result({ signal: AbortSignal.timeout(60_000) })
  await client
    .job('refused')
    .result({ signal: AbortSignal.timeout(60_000) })
    .catch(() => {})
  assert.equal(
    jobs.map(({ id }) => starts.get(id)),
    jobs.map(() => 1),
    'each has run once',
  )
})

test('E9: a full stream of nothing but what sends to other partitions makes room all the same', async () => {
  const { nats, mongo } = (await worlds!)[0]!
  const namespace = 'full-across'
  const on = cluster({ nats: nats.url, mongo: mongo.url, namespace })
  const handler = work.handler(() => 1)
  const host = await createHost({ on, handlers: [handler] })
  await host.stop()
  await limitEvents(nats.url, namespace, 4 * 1024 * 1024)
  await using client = await connectClient({ nats: nats.url, namespace })
  const ids = Array.from({ length: 400 }, (_, i) => String(i))
  let taken = 0
  const submits = ids.map((i) =>
    client
      .submit(work, { ms: 1, number: 1 }, { id: `second${i}`, after: [`job:first${i}`], labels: labelsOf(15_000), ack: 'queued' })
      .then(() => taken++),
  )
  for (const one of submits) one.catch(() => {})
  await until('the stream is full', () => refusedNow(client, namespace))
  assert.ok(taken > 0 && taken < ids.length, `${taken} of ${ids.length} were taken`)
  await using _again = await createHost({ on, handlers: [handler], log: () => {} })
  await Promise.all(submits)
  for (const i of ids) await client.submit(work, { ms: 1, number: 1 }, { id: `first${i}`, ack: 'queued' })
  for (const i of ids) assert.is(await client.job(`second${i}`).result({ signal: AbortSignal.timeout(90_000) }), 1)
})

/** Labels as large as that. */
const labelsOf = (size: number) =>
  Object.fromEntries(Array.from({ length: Math.ceil(size / 500) }, (_, i) => [`l${i}`, 'x'.repeat(480)]).slice(0, 32))

async function refusedNow(client: Client, namespace = 'full'): Promise<boolean> {
  const error: Error = await client
    .submit(work, { ms: 1, number: 1 }, { id: 'refused', labels: labelsOf(15_000), signal: AbortSignal.timeout(500) })
    .then(() => new Error(''))
    .catch((e) => e)
  return error.message.includes(`refused a message for the stream ${namespace}-events-1: maximum bytes exceeded`)
}

async function limitEvents(url: string, namespace: string, bytes: number): Promise<void> {
  const nc = await connect({ servers: url })
  try {
    const jsm = await jetstreamManager(nc)
    const name = `${namespace}-events-1`
    const { config } = await jsm.streams.info(name)
    await jsm.streams.update(name, { ...config, max_bytes: bytes })
  } finally {
    await nc.close()
  }
}

test.after(async () => {
  for (const world of (await worlds) ?? []) await world.end()
})
const [nats, mongo] = await Promise.allSettled([ensureNats(), ensureFerret()])
const missing = [nats, mongo].find((server) => server.status === 'rejected')
if (missing) console.log(`skipped: servers away (${String(missing.reason.message).split('\n')[0]})`)
else test.run()
