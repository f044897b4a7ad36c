import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type Clock, systemClock } from '../src/clock.ts'
import { embedded } from '../src/embedded.ts'
import { UnavailableError } from '../src/errors.ts'
import { runHandler } from '../src/host/run.ts'
import { Abort } from '../src/host/worker/run.ts'
import { createHost, defineJob } from '../src/index.ts'
import { refused } from './support/refused.ts'

/** A handler may throw and return whatever the language allows: its attempt has failed, and nothing else happens. */
const test = suite('what handlers throw and return: G6 R4 [memory]')

const odd = defineJob({ name: 'odd', retry: { attempts: 1 }, timeout: '1h' })
const even = defineJob({ name: 'even' })
const circle: Record<string, unknown> = {}
circle.self = circle
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const getter = (part: string) =>
  Object.defineProperty(new Error('x'), part, {
    get: () => {
      throw new Error('do not look')
    },
  })
// biome-ignore lint/suspicious/noExplicitAny: anything may be thrown
const thrown: Record<string, () => any> = {
  nothing: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('s'),
  'a function': () => () => 1,
  'an object without a prototype': () => Object.create(null),
  'a circle': () => circle,
  'a revoked proxy': revoked,
  'an error without a message': () => Object.assign(new Error(), { message: undefined }),
  'an error whose message is an object': () => Object.assign(new Error(), { message: { status: 500 } }),
  'an error whose name is a circle': () => Object.assign(new Error('x'), { name: circle }),
  'an error with a long name, code and stack': () => Object.assign(new Error('x'), { name: long, code: long, stack: long }),
  'an error whose message throws': () => getter('message'),
  'an error whose code throws': () => getter('code'),
  'an error whose name throws': () => getter('name'),
  'an error whose message can be read once': () => {
    let reads = 0
    return Object.defineProperty(new Error(), 'message', { get: () => (reads++ ? thrown.nothing!().x : 'once') })
  },
  'a function that has no text': () => Object.assign(() => {}, { toString: () => thrown.nothing!().x }),
  'a callable proxy': function callable(): unknown {
    return new Proxy(() => {}, { get: callable })
  },
}
const long = 'x'.repeat(3_000_000)
const returned: Record<string, [value: () => unknown, message: RegExp]> = {
  'a function': [() => () => 1, /output: \[Function.*\] cannot be written as JSON: it would be lost/],
  'a symbol': [() => Symbol('s'), /output: Symbol\(s\) cannot be written as JSON: it would be lost/],
  'a bigint': [() => 1n, /output: cannot be written as JSON \(.*BigInt/],
  'a circle': [() => circle, /output: cannot be written as JSON \(.*circular/],
  NaN: [() => Number.NaN, /output: NaN cannot be written/],
  'a Map in it': [() => ({ rows: [{ m: new Map([[1, 2]]) }] }), /output\.rows\.0\.m: Map\(1\) .* cannot be written/],
  'a Set in it': [() => ({ s: new Set([1]) }), /output\.s: Set\(1\) .* cannot be written/],
  'a function in it': [() => ({ f: () => 1 }), /output\.f: .* cannot be written/],
}

async function world() {
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  const host = await createHost({
    on: embedded(':memory:'),
    slots: 1,
    log: () => {},
    handlers: [
      even.handler(() => 'even'),
      odd.handler((input) => {
        const { throws, returns } = input as { throws?: string; returns?: string }
        if (throws) throw thrown[throws]!()
        return returned[returns!]![0]()
      }),
    ],
  })
  const { client } = host
  async function failsAs(input: object, code: string, message: RegExp) {
    const job = await client.submit(odd, input)
    await refused(code, message, () => job.result({ signal: AbortSignal.timeout(20_000) }))
    const doc = await job.history()
    assert.ok(JSON.stringify(doc).length < 30_000, 'it is kept in short')
    assert.is(await (await client.submit(even, {})).result({ signal: AbortSignal.timeout(20_000) }), 'even', 'the slot is free')
  }
  async function end() {
    await host.stop()
    process.off('unhandledRejection', note)
    assert.equal(unhandled, [])
  }
  return { failsAs, end }
}

test('whatever is thrown is a failed attempt, and the host goes on', async () => {
  const { failsAs, end } = await world()
  for (const throws of Object.keys(thrown)) await failsAs({ throws }, 'JOB_FAILED', /failed: /)
  await end()
})

test('an error tells its cause', async () => {
  const host = await createHost({
    on: embedded(':memory:'),
    handlers: [
      odd.handler(() => {
        throw new Error('fetch failed', { cause: Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }) })
      }),
    ],
  })
  const job = await host.client.submit(odd, {})
  await refused('JOB_FAILED', /: fetch failed \(cause: ECONNREFUSED\)$/, () => job.result({ signal: AbortSignal.timeout(20_000) }))
  await host.stop()
})

test('what is no JSON is not an output', async () => {
  const { failsAs, end } = await world()
  for (const [returns, [, message]] of Object.entries(returned)) await failsAs({ returns }, 'JOB_FAILED', message)
  await end()
})

test('what JSON would lose of an output is not tried again; what is undefined is left out, and a date is written', async () => {
  const again = defineJob({ name: 'again', retry: { attempts: 3, backoff: 1 } })
  let entered = 0
  const host = await createHost({
    on: embedded(':memory:'),
    handlers: [even.handler(() => ({ none: undefined, at: new Date(0) })), again.handler(() => [++entered, Number.NaN])],
  })
  assert.equal(await (await host.client.submit(even, {})).result(), { at: '1970-01-01T00:00:00.000Z' })
  const job = await host.client.submit(again, {})
  await refused('JOB_FAILED', /output\.1: NaN/, () => job.result({ signal: AbortSignal.timeout(20_000) }))
  assert.is(entered, 1)
  await host.stop()
})

/** What a run of this handler is recorded as. */
const outputOf = async (handle: () => unknown) => {
  const grant = { address: 'job:x' as const, job: 'even', dispatch: 1, worker: 'w', attempt: 1, input: { value: 1 } }
  return (await runHandler({ clock: systemClock } as never, even.handler(handle), grant, new Abort()).ended).output
}

test("members are read again while the store is away, until the run is told to end: that is not the handler's failure", async () => {
  // An output with one attempt failed, and its group with it, because the disk was full for a moment.
  for (const told of [false, true]) {
    const abort = new Abort()
    let asked = 0
    const store = {
      find: async () => {
        if (asked++ < 3) throw new UnavailableError('away')
        if (told) abort.abort(new Error('enough'))
        if (told) throw new UnavailableError('away')
        return [{ _id: 'job:g/m', state: 'succeeded', snapshot: { context: { member: { key: 'm', index: 0 }, output: { value: 1 } } } }]
      },
    }
    const clock: Clock = { ...systemClock, at: (_, fire) => systemClock.at(systemClock.now(), fire) }
    const grant = { address: 'job:g/output' as const, job: 'even', dispatch: 1, worker: 'w', attempt: 1, input: { value: 1 } }
    const handler = even.handler(async (_, { group }) => {
      const keys: string[] = []
      for await (const { key } of group!.members()) keys.push(key)
      return keys
    })
    const { outcome, output, error } = await runHandler(
      { clock, store } as never,
      handler,
      { ...grant, group: { id: 'g', failed: 0 } as never },
      abort,
    ).ended
    assert.is(asked, 4)
    if (told) assert.equal([outcome, error?.message], ['fail', 'enough'])
    else assert.equal([outcome, output], ['ok', { value: ['m'] }])
  }
})

test('an output is what it was when its handler returned, whatever becomes of the object', async () => {
  const report: { rows: number; took?: bigint } = { rows: 3 }
  const output = await outputOf(() => report)
  Object.assign(report, { rows: 4, took: 1n })
  assert.equal(output, { value: { rows: 3 } })
})

for (const [name, output] of Object.entries({
  'a proxy': () => new Proxy({ total: '6' }, {}),
  'an object that says itself what it is, by its own function': () => ({ toJSON: () => ({ total: '6' }) }),
  'an object with a hidden field': () =>
    new (class {
      #total = '6'
      toJSON = () => ({ total: this.#total })
    })(),
}))
  test(`${name} goes to other threads as it is kept`, async () => {
    assert.equal(structuredClone(await outputOf(output)), { value: { total: '6' } })
  })

test('null stays null, and nothing stays nothing, to who waits and to who reads the members', async () => {
  const nothing = defineJob({ name: 'nothing' })
  const none = defineJob({ name: 'null' })
  const kinds = defineJob({ name: 'kinds' })
  const host = await createHost({
    on: embedded(':memory:'),
    handlers: [
      nothing.handler(() => {}),
      none.handler(() => null),
      kinds.handler(async (_, ctx) => {
        const seen: string[] = []
        for await (const { output } of ctx.group!.members()) seen.push(output === null ? 'null' : typeof output)
        return seen
      }),
    ],
  })
  const { client } = host
  const members = [none.with({}, { key: 'a' }), nothing.with({}, { key: 'b' })]
  const group = await client.submitGroup({ members, output: kinds.with({}) })
  const results = [await (await client.submit(none, {})).result(), await (await client.submit(nothing, {})).result(), await group.result()]
  await host.stop()
  assert.equal(results, [null, undefined, ['null', 'undefined']])
})

test('what a suspend keeps has a size, as a whole', async () => {
  const names = ['a', 'b', 'c']
  const waits = defineJob({ name: 'waits', callbacks: Object.fromEntries(names.map((name) => [name, z.string()])), retry: { attempts: 1 } })
  const fallback = Object.fromEntries(names.map((name) => [name, 'x'.repeat(500_000)]))
  const handler = waits.handler((_, ctx) => ctx.suspend({ until: names, deadline: '1h', fallback }))
  const host = await createHost({ on: embedded(':memory:'), handlers: [handler] })
  const job = await host.client.submit(waits, {})
  await refused('JOB_FAILED', /suspend: \d+ characters of JSON; at most 1048576/, () => job.result({ signal: AbortSignal.timeout(20_000) }))
  await host.stop()
})

test('a callback that has not come is undefined, whatever objects have by that name', async () => {
  const asks = defineJob({ name: 'asks', callbacks: { constructor: z.string() } })
  const handler = asks.handler((_, { callbacks }) => [typeof callbacks.constructor, { ...callbacks }, JSON.stringify(callbacks)])
  const host = await createHost({ on: embedded(':memory:'), handlers: [handler] })
  assert.equal(await (await host.client.submit(asks, {})).result(), ['undefined', {}, '{}'])
  await host.stop()
})

test('a factor of backoff is a number', async () => {
  for (const retry of [{ factor: Number.POSITIVE_INFINITY }, { factor: '2' }, { jitter: Number.NaN }, { jitter: null }])
    await refused('VALIDATION', /^retry\./, async () => defineJob({ name: 'x', retry: retry as never }))
})

test.run()

const doors = suite('what a host and its client are asked wrongly: E1 W1 W5 [memory]')

doors('units are named, and counted; a pool is made of them', async () => {
  for (const needs of [3, [1], 'x', { toString: 1 }, { constructor: 1 }, { printer: -1 }])
    await refused('VALIDATION', /^needs/, async () => defineJob({ name: 'x', pool: 'p', needs: needs as never }))
  for (const p of [4, [], null, { toString: 1 }])
    await refused('VALIDATION', /^pools\.p/, () => createHost({ on: embedded(':memory:'), handlers: [], pools: { p } as never }))
  const host = await createHost({ on: embedded(':memory:'), handlers: [], pools: { p: { slots: 1 } } })
  for (const capacity of [5, [], null, 'x'])
    await refused('VALIDATION', /^capacity: /, () => host.client.pool('p').resize(capacity as never))
  await host.client.pool('p').resize({ slots: 2 })
  await host.client.pool('p').resize()
  await host.stop()
})

doors('a query says what it means, and signals are signals', async () => {
  const host = await createHost({ on: embedded(':memory:'), handlers: [even.handler(() => 1)] })
  for (const query of [null, 5, { typ: 'job' }, { state: 5 }, { labels: { a: 1 } }, { status: 'x' }])
    await refused('VALIDATION', /^query/, async () => {
      for await (const _ of host.client.find(query as never)) assert.unreachable()
    })
  for (const signals of ['SIGTERM', null, ['SIGFOO'], [5]])
    await refused('VALIDATION', /^signals/, async () => host.stopOn(signals as never))
  await host.stop()
})

doors('after its end a client says that it is closed, at once', async () => {
  const host = await createHost({ on: embedded(':memory:'), handlers: [even.handler(() => 1)] })
  await host.stop()
  await refused('UNAVAILABLE', /closed/, () => host.client.submit(even, {}))
})

doors.run()
