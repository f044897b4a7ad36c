import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import type { Bus } from '../src/bus/port.ts'
import { cluster, connectClient } from '../src/cluster.ts'
import { embedded } from '../src/embedded.ts'
import { isStellwerkError, UnavailableError, ValidationError } from '../src/errors.ts'
import { createHost, defineChain, defineJob, type Host, planPicture, planTable, type ShownPlan, step } from '../src/index.ts'
import { chaos } from '../src/testing/chaos.ts'
import { given } from '../src/testing/given.ts'
import type { World } from '../src/world.ts'
import { refused } from './support/refused.ts'

/** What is misspelt, or of another kind, is refused by name, and not passed over: `bad-input.int` has the values, this the options. */
const test = suite('options that do not fit: E1 R7 [memory]')

const job = defineJob({ name: 'fits', callbacks: { ok: z.boolean() } })
const on = embedded(':memory:')
let host: Host
let bus: Bus
let away = false
let spoilt: string | undefined
test.before(async () => {
  host = await createHost({
    on: {
      async connect(options) {
        const opened = await on.connect(options)
        const { records } = opened.bus
        bus = {
          ...opened.bus,
          records: {
            ...records,
            get: async (key) => {
              if (away) throw new UnavailableError('NATS is silent.')
              return records.get(key)
            },
          },
          async publish(frames) {
            if (spoilt && JSON.stringify(frames).includes(spoilt)) throw new ValidationError('spoilt: cannot be sent')
            return opened.bus.publish(frames)
          },
        }
        return { ...opened, bus }
      },
    },
    handlers: [job.handler((input) => input)],
  })
})
test.after(async () => void (await host.stop()))

const chain = defineChain({ name: 'c', steps: { a: step(job.with(1)) } })
const literal = { name: 'x', terms: job.terms }
const odd = (value: unknown) => value as never
const noPlan: ShownPlan = { address: 'plan:UTC/2026-11-23', zone: 'UTC', date: '2026-11-23', made: false, rows: [] }
const proto = JSON.parse('{"__proto__":"x"}')
const circle: Record<string, unknown> = {}
circle.self = circle

/** What each of these names as the field that is wrong. */
const calls: Record<string, [field: string, call: () => unknown][]> = {
  defineJob: [
    ['retries', () => defineJob(odd({ name: 'x', retries: 3 }))],
    ['retry.attempt', () => defineJob(odd({ name: 'x', retry: { attempt: 3 } }))],
    ['retry', () => defineJob(odd({ name: 'x', retry: 3 }))],
    ['timeout', () => defineJob({ name: 'x', timeout: 0 })],
    ['deadline', () => defineJob({ name: 'x', deadline: '0s' })],
    ['job', () => defineJob(odd(undefined))],
    ['name', () => defineJob(odd({ name: 1n }))],
    ['input', () => defineJob(odd({ name: 'x', input: { type: 'string' } }))],
    ['output', () => defineJob(odd({ name: 'x', output: null }))],
    ...[null, [], 5].map((callbacks): [string, () => unknown] => ['callbacks', () => defineJob(odd({ name: 'x', callbacks }))]),
    ['input', () => job.with(1, odd({ key: 'a', input: 2 }))],
    [
      'after',
      () =>
        job.with(
          odd(() => 1),
          odd({ after: ['a'] }),
        ),
    ],
    ['options', () => job.with(1, odd(null))],
    ['callbacks.ok', () => defineJob(odd({ name: 'x', callbacks: { ok: 'boolean' } }))],
    ['name', () => defineJob({ name: 'x'.repeat(201) })],
    ...['other', { name: 'x', terms: {} }, chain].map((onEnd): [string, () => unknown] => [
      'onEnd',
      () => defineJob(odd({ name: 'x', onEnd })),
    ]),
    ['timeout', () => defineJob(odd({ name: 'x', timeout: 1n }))],
    ['input', () => defineChain(odd({ name: 'x', input: {}, steps: { a: step(job.with(1)) } }))],
    ['isolated', () => job.handler(odd('file:///x.js'), odd({ isolated: 'thread' }))],
    ['options', () => job.handler(odd('file:///x.js'), odd(null))],
  ],
  planTable: [
    ['plan', () => planTable(odd({ rows: [] }))],
    ['plan', () => planTable(odd(undefined))],
  ],
  planPicture: [
    ['plan', () => planPicture(odd({ rows: [] }))],
    ['options', () => planPicture(noPlan, odd(null))],
    ['now', () => planPicture(noPlan, { now: Number.NaN })],
    ['now', () => planPicture(noPlan, odd({ now: '18:00' }))],
    ['at', () => planPicture(noPlan, odd({ at: 0 }))],
  ],
  step: [['options', () => step(job.with(1), odd(5))]],
  'schedule from, chain id, zone': [
    ...(['2026-03-26T00:07:00', 'monday 3', true, null] as const).map((from): [string, () => unknown] => [
      'schedules.s.from',
      () => createHost({ on: embedded(':memory:'), schedules: { s: { every: '1h', from: odd(from), starts: job.with(1) } } }),
    ]),
    ['starts', () => host.client.schedule('x').set(odd({ every: '1h', starts: literal }))],
    ['starts', () => host.client.schedule('x').set(odd({ on: 'e', starts: literal }))],
    ...[literal, chain, null, 5].map((definition): [string, () => unknown] => [
      'starts.definition',
      () => host.client.schedule('x').set(odd({ every: '1h', starts: { definition, input: 1 } })),
    ]),
    ['id', () => host.client.chain('x').start(1, odd({ id: null }))],
    ['id', () => host.client.chain('x').start(1, odd({ id: Number.NaN }))],
    ['id', () => host.client.chain('x').start(1, odd({ id: Symbol('x') }))],
    ['id', () => host.client.chain('x').run(odd(Symbol('x')))],
    ['id', () => host.client.chain('x').run('x'.repeat(1000))],
    ['date', () => host.client.plan(odd(10n)).show()],
    ['cron', () => host.client.schedule('x').set(odd({ cron: Symbol('x'), timezone: 'UTC', starts: { chain: 'x' } }))],
    ['timezone', () => host.client.schedule('x').set(odd({ cron: '0 0 * * *', timezone: Object.create(null), starts: { chain: 'x' } }))],
    ['query', () => host.client.find(odd(10n))[Symbol.asyncIterator]().next()],
    [
      'query',
      () =>
        host.client
          .find(odd(() => 1))
          [Symbol.asyncIterator]()
          .next(),
    ],
    [
      'query.sutck',
      () =>
        host.client
          .find(odd({ sutck: true }))
          [Symbol.asyncIterator]()
          .next(),
    ],
    ['id', () => host.client.raise('e', 1, { id: 'a b' })],
    ['zone', () => host.client.plan('2026-11-23', odd({ zone: null })).show()],
  ],
  createHost: [
    ['host', () => createHost(odd(undefined))],
    ['schedules', () => createHost(odd({ on, schedules: null }))],
    ['schedules.a', () => createHost(odd({ on, schedules: { a: null } }))],
    ['on', () => createHost(odd({}))],
    ['on', () => createHost(odd({ on: '.stellwerk' }))],
    ['slot', () => createHost(odd({ on, slot: 3 }))],
    ['log', () => createHost(odd({ on, log: 'silent' }))],
    ['handlers.0', () => createHost(odd({ on, handlers: [job] }))],
    ...[{}, literal, chain].map((definition): [string, () => unknown] => [
      'handlers.0',
      () => createHost(odd({ on, handlers: [{ definition, handle: () => 1 }] })),
    ]),
    ['handlers', () => createHost(odd({ on, handlers: job }))],
    ['handlers', () => createHost(odd({ on, handlers: null }))],
    ['slots', () => createHost({ on, slots: 1.5 })],
    ...[{}, null, 5, { now: () => 0, at: () => {} }].map((clock): [string, () => unknown] => [
      'clock',
      () => createHost(odd({ on, clock })),
    ]),
    ...['', 5, null, 'a b', 'a..b', 'x'.repeat(201)].map((name): [string, () => unknown] => ['name', () => createHost(odd({ on, name }))]),
    ['retention.finished.age', () => createHost(odd({ on, retention: { finished: { age: null } } }))],
    ['retention.failed.count', () => createHost(odd({ on, retention: { failed: { count: null } } }))],
    ['pools', () => createHost(odd({ on, pools: null }))],
    ['retention.finished', () => createHost(odd({ on, retention: { finished: null } }))],
    ['signals.0', () => host.stopOn(['SIGKILL'])],
    ['event', () => host.on(odd('endd'), () => {})],
    ['listener', () => host.on('ended', odd(undefined))],
    ['grce', () => host.stop(odd({ grce: 1 }))],
    ['options', () => host.stop(odd(1000))],
  ],
  testing: [
    ['dieat', () => chaos(odd({ dieat: 17 }))],
    ...[0, 1.5, Number.NaN, '17'].map((dieAt): [string, () => unknown] => ['dieAt', () => chaos(odd({ dieAt }))]),
    ['adress', () => given('job', odd({ adress: 'job:a' }))],
    ['at', () => given('job', { at: 'tomorrow' })],
  ],
  worlds: [
    ['folder', () => embedded(odd(undefined))],
    ...[5, null, []].map((deadLetters): [string, () => unknown] => ['deadLetters', () => embedded(':memory:', odd({ deadLetters }))]),
    ['deadLetters.ages', () => embedded(':memory:', odd({ deadLetters: { ages: '1d' } }))],
    ['deadLetters', () => cluster(odd({ nats: 'nats://x', mongo: 'mongodb://x', deadLetters: null }))],
    ['partition', () => embedded(':memory:', odd({ partition: 1 }))],
    ...[0, -1, 1.5, Number.NaN, 1e9, '4'].map((partitions): [string, () => unknown] => [
      'partitions',
      () => embedded(':memory:', odd({ partitions })),
    ]),
    ['partitions', () => embedded('.never', { partitions: 4 })],
    ['cluster', () => cluster(odd(undefined))],
    ['mongo', () => cluster(odd({ nats: 'nats://x' }))],
    ['mongo', () => cluster({ nats: 'nats://x', mongo: 'http://x' })],
    ['nats', () => cluster({ nats: ':::', mongo: 'mongodb://x' })],
    ['nats', () => cluster({ nats: 'http://127.0.0.1:4222', mongo: 'mongodb://x' })],
    ['namespace', () => cluster({ nats: 'nats://x', mongo: 'mongodb://x', namespace: 'a.b' })],
    ['mongodb', () => cluster(odd({ nats: 'nats://x', mongodb: 'x' }))],
    ['partitions', () => cluster({ nats: 'nats://x', mongo: 'mongodb://x', partitions: 1e9 })],
    ['nats', () => connectClient(odd({}))],
    ['client', () => connectClient(odd('nats://x'))],
  ],
  submit: [
    ['definition', () => host.client.submit(odd(undefined), 1)],
    ...[{ name: 'x' }, literal, chain, 5].map((definition): [string, () => unknown] => [
      'definition',
      () => host.client.submit(odd(definition), 1),
    ]),
    ['options', () => host.client.submit(job, 1, odd(null))],
    ['options', () => host.client.submit(job, 1, odd('id'))],
    ['prio', () => host.client.submit(job, 1, odd({ prio: 3 }))],
    ['ack', () => host.client.submit(job, 1, odd({ ack: 'commited' }))],
    ['signal', () => host.client.submit(job, 1, odd({ signal: {} }))],
    ['id', () => host.client.submit(job, 1, { id: 'x/onEnd-1' })],
    ['id', () => host.client.submit(job, 1, odd({ id: 1n }))],
    ['startAt', () => host.client.submit(job, 1, odd({ startAt: null }))],
    ['deadline', () => host.client.submit(job, 1, { deadline: Date.now() + 60_000 })],
    ['startAt', () => host.client.submit(job, 1, odd({ startAt: true }))],
    ['startAt', () => host.client.submit(job, 1, { startAt: -1 })],
    ['startAt', () => host.client.submit(job, 1, { startAt: '2126-11-23T08:00:00' })],
    ['startAt', () => host.client.submit(job, 1, { startAt: '2126-11-23' })],
    ['after', () => host.client.submit(job, 1, odd({ after: new Set(['job:x']) }))],
    ['after', () => host.client.submit(job, 1, odd({ after: 'job:x' }))],
    ['after', () => host.client.submit(job, 1, odd({ after: {} }))],
    ['after.0', () => host.client.submit(job, 1, odd({ after: [5] }))],
    ['after.0', () => host.client.submit(job, 1, odd({ after: [null] }))],
    ['when', () => host.client.submit(job, 1, odd({ when: 'all' }))],
    ['inputs', () => host.client.submitMany(job, odd(undefined))],
    ['inputs', () => host.client.submitMany(job, odd('ab'))],
    ['labels.__proto__', () => host.client.submit(job, 1, { labels: proto })],
    ['labels.', () => host.client.submit(job, 1, { labels: { '': 'x' } })],
    ['labels.__proto__', () => host.client.submitGroup({ members: [], labels: proto })],
    ['capacity.__proto__', () => host.client.pool('p').resize(JSON.parse('{"__proto__":1}'))],
    ['query.labels.__proto__', () => host.client.deadLetters.drop({ labels: proto })],
    ['query.type', () => host.client.find({ type: 'grp' })[Symbol.asyncIterator]().next()],
    ['query.prefix', () => host.client.find({ prefix: 'd' })[Symbol.asyncIterator]().next()],
    ['query.group', () => host.client.find({ group: 'd' })[Symbol.asyncIterator]().next()],
    ['query.labels.__proto__', () => host.client.find({ labels: proto })[Symbol.asyncIterator]().next()],
  ],
  submitGroup: [
    ['group', () => host.client.submitGroup(odd(undefined))],
    ['members', () => host.client.submitGroup(odd({}))],
    ['members', () => host.client.submitGroup(odd({ members: 'abc' }))],
    ['members.0', () => host.client.submitGroup(odd({ members: [null] }))],
    ['members.1', () => host.client.submitGroup(odd({ members: [job.with(1, { key: 'a' }), 5] }))],
    ['members.0.kee', () => host.client.submitGroup(odd({ members: [{ definition: job, input: 1, kee: 'a' }] }))],
    ['members.0.key', () => host.client.submitGroup({ members: [job.with(1, { key: 'onEnd-1' })] })],
    ['output', () => host.client.submitGroup(odd({ members: [], output: null }))],
    ['output.name', () => host.client.submitGroup({ members: [], output: odd(job) })],
    ['output.definition', () => host.client.submitGroup(odd({ members: [], output: {} }))],
    ['outputs', () => host.client.submitGroup(odd({ members: [], outputs: 1 }))],
    ['seal', () => host.client.submitGroup(odd({ members: [], seal: 'no' }))],
    ['members', () => host.client.group('g').add(odd(5))],
  ],
  handles: [
    ['options', () => host.client.job('a').cancel(odd('because'))],
    ['reason', () => host.client.job('a').cancel(odd({ reason: 5 }))],
    ['reason', () => host.client.job('a').done(1, { reason: 'x'.repeat(1001) })],
    ['rounds', () => host.client.job('a').resume('ok' as never, odd(true), odd({ rounds: 1 }))],
    ['update', () => host.client.job('a').update(odd(null))],
    ['prio', () => host.client.job('a').update(odd({ prio: 1 }))],
    ['startAt', () => host.client.job('a').update(odd({ startAt: null }))],
    ['signal', () => host.client.job('a').result(odd({ signal: 5 }))],
    ['timeout', () => host.client.job('a').result(odd({ timeout: 5 }))],
    ['timeout', () => host.client.pool('a').drain(odd({ timeout: 5 }))],
    ['form', () => host.client.watch('job:a', odd({ form: 5 }))],
    ['inputs', () => host.client.deadLetters.redrive('job:x', odd({ inputs: 5 }))],
    ['reason', () => host.client.deadLetters.drop('job:x', odd({ reason: 5 }))],
    ['zones', () => host.client.plan('2026-12-01', odd({ zones: 'x' }))],
    ['event', () => host.client.raise(odd(undefined))],
    ['event', () => host.client.raise('no body')],
    ['now', () => host.client.plan('2026-12-01').release('a', odd({ now: 'yes' }))],
  ],
}
for (const [what, all] of Object.entries(calls))
  test(`${what}: the field is named`, async () => {
    const wrong: string[] = []
    for (const [field, call] of all) {
      const error = await (async () => call())().then(
        (answer) => answer,
        (reason) => reason,
      )
      const { message, issues } = Object(error) as ValidationError
      const named = isStellwerkError(error, 'VALIDATION') && message.startsWith(`${field}: `) && issues[0]!.path.join('.') === field
      if (!named) wrong.push(`${field}: ${error}`)
    }
    assert.equal(wrong, [])
    for await (const { id } of host.client.find({})) assert.unreachable(`${id} is there`)
  })

test('a label says which rule its name breaks', () =>
  refused('VALIDATION', /^labels\.: a label's name has 1 to 100 characters$/, () => host.client.submit(job, 1, { labels: { '': 'x' } })))

test('questions over NATS with a body that does not fit are answered as such', async () => {
  const bodies: [verb: string, body: unknown][] = [
    ['get', null],
    ['get', 5],
    ['get', { address: { $ne: 1 } }],
    ['why', {}],
    ['history', { address: 'job:a', after: { $gt: '' } }],
    ['changes', { address: 5 }],
    ['find', { limit: 'x' }],
    ['find', { query: null }],
    ['find', { query: { state: { $ne: 1 } } }],
    ['find', { after: 5 }],
    ['plan', null],
    ['plan', { date: 5 }],
    ['changePlan', null],
    ['deadLetter', { letter: 5 }],
    ['cancel', null],
    ['submit', []],
    ['submit', { to: 'job:q', job: 'fits', labels: JSON.parse('{"__proto__":"x"}') }],
    ['resize', { to: 'pool:q', capacity: JSON.parse('{"__proto__":1}') }],
    ['submit', [[]]],
    ['submit', { to: 'job:q', job: 'fits', input: JSON.parse('['.repeat(1000) + ']'.repeat(1000)) }],
    ['submit', { to: 'group:q', members: [{ key: 'onEnd-1', job: 'fits' }] }],
    ['deadLetters', { query: 5 }],
  ]
  for (const [verb, body] of bodies) {
    const answer = (await bus.request(`api.${verb}`, body, 5000)) as { error: { code: string; message: string } }
    assert.is(answer.error?.code, 'VALIDATION', `${verb} ${JSON.stringify(body)}: ${JSON.stringify(answer)}`)
  }
})

test('a submit by name waits while what is published cannot be read, as long as its signal lets it', async () => {
  away = true
  const waits = host.client.submit('fits', 1, { id: 'patient' })
  await refused('UNAVAILABLE', /Nothing was sent/, () => host.client.submit('fits', 1, { id: 'late', signal: AbortSignal.timeout(50) }))
  away = false
  assert.is(await (await waits).result(), 1)
})

test('a command that can never be sent fails alone', async () => {
  spoilt = 'spoilt'
  const three = ['a', 'spoilt', 'b'].map((says) => host.client.submit(job, says, { id: `three/${says}` }))
  const came = await Promise.allSettled(three.map(async (one) => (await one).result()))
  assert.equal(
    came.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.message)),
    ['a', 'spoilt: cannot be sent', 'b'],
  )
})

test('a handler that asks for what does not fit fails by it, and the field is named', async () => {
  const asks: [field: RegExp, ask: (ctx: never) => unknown][] = [
    [/suspend: must be an object/, ((ctx: { suspend(): unknown }) => ctx.suspend()) as never],
    [/suspend.untill?: /, ((ctx: { suspend(given: object): unknown }) => ctx.suspend({ untill: ['ok'] })) as never],
    [/options: must be an object/, ((ctx: { submit(...given: unknown[]): unknown }) => ctx.submit(job, 1)) as never],
    [/suspend.fallback: /, ((ctx: { suspend(given: object): unknown }) => ctx.suspend({ until: ['ok'], fallback: null })) as never],
  ]
  for (const [i, [field, ask]] of asks.entries()) {
    const asking = defineJob({ name: 'asks', callbacks: { ok: z.boolean() } })
    const other = await createHost({ on: embedded(':memory:'), handlers: [asking.handler((_, ctx) => ask(ctx as never) as never)] })
    await refused('JOB_FAILED', field, async () => (await other.client.submit(asking, 1, { id: `asks-${i}` })).result())
    await other.stop()
  }
})

test('a host that cannot be made leaves its folder to others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stellwerk-half-'))
  const on = embedded(folder)
  const late: World = {
    async connect(options) {
      const connection = await on.connect(options)
      const publish = async () => {
        throw new Error('not today')
      }
      return { ...connection, bus: { ...connection.bus, publish } }
    },
  }
  for (let i = 0; i < 2; i++) {
    const made = createHost({ on: late, pools: { p: { slots: 1 } }, log: assert.unreachable })
    assert.is(await made.catch(({ message }) => message), 'not today')
  }
  await (await createHost({ on, log: assert.unreachable })).stop()
  rmSync(folder, { recursive: true })
})

test.run()
