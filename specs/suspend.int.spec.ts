import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import type { GateContext } from '../actors/gate.ts'
import type { Client } from '../src/client.ts'
import { type Context, defineJob } from '../src/definition.ts'
import type { ActorDocument } from '../src/document.ts'
import type { View } from '../src/host/api.ts'
import { createHost, type Host } from '../src/host/host.ts'
import { assertReplays } from '../src/testing/replay.ts'
import { virtualWorld } from './support/virtual-world.ts'

/** Suspend and resume, in virtual time. What the handler does is said by each spec. */
const callbacks = { bank: z.object({ paid: z.boolean() }), stock: z.object({ at: z.string() }), mail: z.string() }
const pay = defineJob({ name: 'pay', callbacks, retry: { attempts: 3, backoff: 1000, jitter: 0 } })
const hold = defineJob({ name: 'hold', callbacks, retry: { attempts: 2, backoff: 1000, jitter: 0 }, onLost: 'hold' })
const collect = defineJob({ name: 'collect' })
type Ctx = Context<typeof callbacks>
type Handle = (ctx: Ctx) => unknown

const paid = { paid: true }
const here = { at: 'Berne' }
const until: ('bank' | 'stock')[] = ['bank', 'stock']

async function suspendWorld(handle: Handle) {
  const { clock, store, bus, client, doc, until, effects, problems } = virtualWorld()
  /** Entries of the handler, in order: what each was given. */
  const entries: { id: string; attempt: number; run: number; round: number; callbacks: unknown; state: unknown }[] = []

  async function host(): Promise<Host & { die(): void }> {
    let connection = ''
    let dead = false
    const enter = async (_: unknown, ctx: Ctx): Promise<never> => {
      if (dead) return undefined as never
      const { id, attempt, run, round, callbacks, state } = ctx
      entries.push({ id, attempt, run, round, callbacks, state })
      effects.push({ job: id, run, attempt, what: 'start', where: 'h' })
      return (await handle(ctx)) as never
    }
    const made = await createHost({
      clock: { ...clock, at: (at, fire) => clock.at(at, () => dead || fire()) },
      log: () => {},
      handlers: [
        pay.handler(enter),
        hold.handler(enter),
        collect.handler(async (_, ctx) => {
          const members: unknown[] = []
          for await (const { key, state, output } of ctx.group!.members()) members.push([key, state, output])
          return members
        }),
      ],
      on: {
        async connect({ name }) {
          connection = name
          const own = bus.connect(name)
          return { bus: own, store, close: () => own.close() }
        },
      },
    })
    const die = () => {
      dead = true
      bus.disconnect(connection)
    }
    return Object.assign(made, { die })
  }

  const first = await host()
  const view = async (id = 'j'): Promise<View> => client.job(id).view()
  return {
    clock,
    store,
    bus,
    client,
    doc: async (address: string): Promise<ActorDocument> => doc(address),
    entries,
    host,
    first,
    until,
    problems,
    view,
    reaches: (state: string, id = 'j') => until(`${id} ${state}`, async () => (await doc(`job:${id}`)).state === state),
    /** Ended well, nothing started that must not, and each history comes out the same when it is replayed. */
    async ended(id = 'j'): Promise<unknown> {
      await until(`the end of ${id}`, async () => (await view(id)).final)
      assert.equal(await problems(), [])
      assertReplays(JSON.parse(JSON.stringify(await client.job(id).history())))
      return client.job(id).result()
    },
  }
}

const submit = (client: Client, definition: typeof pay | typeof hold = pay, id = 'j') => client.submit(definition, {}, { id })

async function code(answer: Promise<unknown>): Promise<string> {
  try {
    await answer
    return 'ok'
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return `${code} ${message}`
  }
}

const test = suite('suspend and resume: E6 R4 W1 W4 W5 [memory]')

test('E6 all: entered when the last one has come, with all of them and its state; why tells which came', async () => {
  const w = await suspendWorld((ctx) => (ctx.round === 1 ? ctx.suspend({ until, state: { seen: ctx.attempt } }) : ctx.callbacks))
  const job = await submit(w.client)
  await w.reaches('suspended')
  await job.resume('bank', paid)
  const [condition] = (await job.why()).conditions
  assert.equal([condition!.code, condition!.came, condition!.missing, condition!.stuck], ['SUSPENDED', ['bank'], ['stock'], true])
  assert.match(condition!.message, /^round 1 waits for all of bank, stock, without a deadline: bank came, stock missing$/)
  assert.equal((await w.view()).suspended, { round: 1, came: ['bank'], missing: ['stock'], need: 2 })
  await w.clock.advance('1d')
  assert.is(w.entries.length, 1)
  await job.resume('stock', here)
  assert.equal(await w.ended(), { bank: paid, stock: here })
  assert.equal(
    w.entries.map(({ attempt, round, state }) => [attempt, round, state]),
    [
      [1, 1, undefined],
      [1, 2, { seen: 1 }],
    ],
  )
  assert.is((await w.view()).attempts, 0)
})

test('E6 any, and a new suspend: entered for each callback', async () => {
  const w = await suspendWorld((ctx) => {
    const got = [...((ctx.state as string[] | undefined) ?? []), ...Object.keys(ctx.callbacks)]
    return got.length < 2 ? ctx.suspend({ until, need: 'any', state: got }) : got
  })
  const job = await submit(w.client)
  await w.reaches('suspended')
  await job.resume('stock', here)
  await w.reaches('suspended')
  await w.until('round 2', async () => w.entries.length === 2 && (await w.view()).state === 'suspended')
  await job.resume('bank', paid)
  assert.equal(await w.ended(), ['stock', 'bank'])
  assert.equal(
    w.entries.map(({ callbacks }) => callbacks),
    [{}, { stock: here }, { bank: paid }],
  )
})

test('E6 k of them', async () => {
  const w = await suspendWorld((ctx) => (ctx.round === 1 ? ctx.suspend({ until: ['bank', 'stock', 'mail'], need: 2 }) : ctx.callbacks))
  const job = await submit(w.client)
  await w.reaches('suspended')
  await job.resume('mail', 'hello')
  await w.clock.advance('1h')
  assert.is(w.entries.length, 1)
  await job.resume('bank', paid)
  assert.equal(await w.ended(), { mail: 'hello', bank: paid })
})

test('E6 Q30 Q33 what comes early is kept from the submit on, and a suspend tests at once', async () => {
  const w = await suspendWorld(async (ctx) => {
    if (ctx.round === 2) return ctx.callbacks
    await w.clock.sleep('10m')
    return ctx.suspend({ until })
  })
  const job = await submit(w.client)
  await job.resume('bank', paid)
  await w.reaches('running')
  await job.resume('stock', here)
  assert.equal(await w.ended(), { bank: paid, stock: here })
})

test('E6 a callback of a job that is planned is kept; the first value counts, and the second is told so', async () => {
  const w = await suspendWorld((ctx) => (ctx.round === 1 ? ctx.suspend({ until: ['bank'] }) : ctx.callbacks))
  const job = await w.client.submit(pay, {}, { id: 'j', startAt: w.clock.now() + 3600_000 })
  await job.resume('bank', { paid: false })
  assert.is(await code(job.resume('bank', paid)), 'CONFLICT bank of round 1 was given to job:j before: the first value counts')
  await w.clock.advance('2h')
  assert.equal(await w.ended(), { bank: { paid: false } })
})

test('R4 a suspended job that has a deadline of its own as a whole is not stuck: it ends then', async () => {
  const w = await suspendWorld((ctx) => ctx.suspend({ until: ['bank'] }))
  const job = await w.client.submit(pay, {}, { id: 'j', deadline: '10m' })
  await w.reaches('suspended')
  const [condition] = (await job.why()).conditions
  assert.equal([condition!.stuck, condition!.until! <= w.clock.now() + 600_000], [undefined, true])
  assert.equal(await w.client.stuck(), [])
  await w.clock.advance('10m')
  assert.is((await job.view()).error?.code, 'DEADLINE')
})

test("E6 an entry that is repeated after an operator's retry finds the state that it found, not the one that it left", async () => {
  const entries: unknown[] = []
  const w = await suspendWorld((ctx) => {
    entries.push([ctx.round, ctx.state])
    return ctx.suspend({ until: ['bank'], state: { step: entries.length + 1 } })
  })
  const job = await submit(w.client)
  await w.reaches('suspended')
  await job.resume('bank', paid)
  await w.until('its second entry', () => entries.length === 2)
  await w.reaches('suspended')
  await job.cancel()
  await job.retry()
  await w.until('its third entry', () => entries.length === 3)
  assert.equal(entries, [
    [1, undefined],
    [2, { step: 2 }],
    [2, { step: 2 }],
  ])
})

test('E6 Q34 the deadline: entered with what has come and the fallback of what has not', async () => {
  const w = await suspendWorld((ctx) =>
    ctx.round === 1
      ? ctx.suspend({ until: ['bank', 'stock', 'mail'], deadline: '1h', fallback: { bank: { paid: false }, stock: { at: 'nowhere' } } })
      : ctx.callbacks,
  )
  const job = await submit(w.client)
  await w.reaches('suspended')
  const [condition] = (await job.why()).conditions
  assert.is(condition!.stuck, undefined)
  assert.ok(Math.abs(condition!.until! - w.clock.now() - 3600_000) < 5000)
  await job.resume('bank', paid)
  await w.clock.advance('59m')
  assert.is(w.entries.length, 1)
  await w.clock.advance('2m')
  assert.equal(await w.ended(), { bank: paid, stock: { at: 'nowhere' } })
})

test('E6 Q34 the deadline of an earlier suspend does not end the next one', async () => {
  const w = await suspendWorld((ctx) => (ctx.round < 3 ? ctx.suspend({ until: ['bank'], deadline: '1h' }) : ctx.callbacks))
  const job = await submit(w.client)
  await w.reaches('suspended')
  await w.clock.advance('50m')
  await job.resume('bank', paid)
  await w.until('round 2', () => w.entries.length === 2)
  await w.clock.advance('30m')
  assert.is((await w.view()).state, 'suspended')
  await w.clock.advance('31m')
  assert.equal(await w.ended(), {})
})

test('E6 a deadline that passes while no host is up: at once when one is', async () => {
  const w = await suspendWorld((ctx) =>
    ctx.round === 1 ? ctx.suspend({ until: ['mail'], deadline: '1m', fallback: { mail: '' } }) : ctx.callbacks,
  )
  await submit(w.client)
  await w.reaches('suspended')
  w.first.die()
  await w.clock.advance('1h')
  await w.host()
  assert.equal(await w.ended(), { mail: '' })
})

test('E6 late ones are superseded: of an ended round, and of a job that has ended', async () => {
  const w = await suspendWorld((ctx) => (ctx.round < 3 ? ctx.suspend({ until: ['bank'] }) : ctx.callbacks))
  const job = await submit(w.client)
  await w.reaches('suspended')
  await job.resume('bank', paid, { round: 1 })
  await w.until('round 2', async () => w.entries.length === 2 && (await w.view()).state === 'suspended')
  assert.is(await code(job.resume('bank', paid, { round: 1 })), 'SUPERSEDED bank of round 1 came too late: job:j is in round 2')
  assert.match(await code(job.resume('bank', paid, { round: 3 })), /^NOT_ALLOWED round: job:j is in round 2/)
  assert.is((await w.view()).state, 'suspended')
  await job.resume('bank', { paid: false }, { round: 2 })
  assert.equal(await w.ended(), { bank: { paid: false } })
  assert.is(await code(job.resume('bank', paid)), 'SUPERSEDED bank came too late: job:j has ended, succeeded')
})

test('E6 undeclared names, and values that do not fit, are refused at any time; nothing is kept', async () => {
  const w = await suspendWorld((ctx) => (ctx.round === 1 ? ctx.suspend({ until: ['bank'] }) : ctx.callbacks))
  await submit(w.client)
  const job = w.client.job('j')
  const all = async () => {
    assert.is(await code(job.resume('bnak', paid)), 'VALIDATION name: "bnak" is no callback of pay: it declares bank, stock, mail')
    assert.match(await code(job.resume('toString', paid)), /^VALIDATION name: "toString" is no callback/)
    assert.match(await code(job.resume('__proto__', paid)), /^VALIDATION resume.name: must be the name of a callback/)
    assert.match(await code(job.resume('bank', { paid: 'yes' })), /^VALIDATION value.paid: /)
    assert.match(await code(job.resume('stock', { at: 7, more: 'x'.repeat(50_000) })), /^VALIDATION value.at: /)
  }
  await all()
  await w.reaches('suspended')
  await all()
  assert.match(await code(job.resume('mail', 'x'.repeat(600_000))), /^VALIDATION value: 600002 characters of JSON; at most 524288/)
  assert.equal((await w.view()).suspended!.came, [])
  await job.resume('bank', paid)
  await w.ended()
  await all()
  await w.client.submit(collect, {}, { id: 'c' })
  assert.match(await code(w.client.job('c').resume('bank', paid)), /^VALIDATION name: "bank" is no callback of collect: it declares none/)
  assert.match(await code(w.client.job('nobody').resume('bank', paid)), /^NOT_FOUND job:nobody does not exist/)
})

test('E6 Q32 an entry that fails, is lost, or is given back is repeated with the same', async () => {
  const w = await suspendWorld(async (ctx) => {
    if (ctx.round === 1) return ctx.suspend({ until: ['bank'], state: 'kept' })
    const entry = w.entries.filter(({ round }) => round === 2).length
    if (entry === 1) throw new Error('at first')
    if (entry === 2) return new Promise(() => {})
    if (entry === 3) {
      await new Promise((_, told) => ctx.signal.addEventListener('abort', () => told(ctx.signal.reason)))
    }
    return ctx.callbacks
  })
  const job = await submit(w.client)
  await w.reaches('suspended')
  await job.resume('bank', paid)
  await w.until('the second entry', () => w.entries.length === 3)
  await job.resume('stock', here)
  w.first.die()
  const second = await w.host()
  await w.until('the third entry', () => w.entries.length === 4)
  await w.host()
  const stopped = second.stop({ grace: '10s' })
  await w.clock.advance('10s')
  await stopped
  assert.equal(await w.ended(), { bank: paid })
  assert.equal(
    w.entries.slice(1).map(({ round, callbacks, state }) => ({ round, callbacks, state })),
    Array(4).fill({ round: 2, callbacks: { bank: paid }, state: 'kept' }),
  )
})

test('E6 W5 a handler that is told of the shutdown may suspend: stopping, then suspended; it goes on elsewhere', async () => {
  const w = await suspendWorld(async (ctx) => {
    if (ctx.round > 1) return [ctx.callbacks, ctx.state]
    await new Promise<void>((told) => ctx.signal.addEventListener('abort', () => told()))
    await w.clock.sleep('5s')
    return ctx.suspend({ until: ['bank'], state: 'kept' })
  })
  await submit(w.client)
  await w.reaches('running')
  let ended: boolean | undefined
  void w.first.stop({ grace: '60s' }).then((all) => (ended = all))
  await w.reaches('stopping')
  await w.until('the host has ended', () => ended !== undefined)
  assert.is(ended, true)
  assert.is((await w.doc('job:j')).state, 'suspended')
  await w.host()
  await w.client.job('j').resume('bank', paid)
  assert.equal(await w.ended(), [{ bank: paid }, 'kept'])
  assert.is((await w.view()).attempts, 0)
})

test('E6 W1 a suspended job has no units of its pool: others use them, and its resume waits for them again', async () => {
  const world = virtualWorld({ partitions: 4 })
  const entered: string[] = []
  const printing = defineJob({ name: 'printing', callbacks, pool: 'printers', needs: { printer: 1 } })
  const handler = printing.handler(async (_, ctx) => {
    entered.push(`${ctx.id} ${ctx.round}`)
    if (ctx.id === 's' && ctx.round === 1) return ctx.suspend({ until: ['bank'] }) as never
    await world.clock.sleep('1m')
  })
  await world.host({ pools: { printers: { printer: 1 } }, more: [handler] as never })
  const state = async (id: string) => (await world.doc(`job:${id}`)).state
  const used = async () => Object.keys(((await world.doc('pool:printers')).snapshot.context as GateContext).held)
  const job = await world.client.submit(printing, {}, { id: 's' })
  await world.until('it is suspended', async () => (await state('s')) === 'suspended')
  await world.until('its units are free', async () => (await used()).length === 0)
  await world.client.submit(printing, {}, { id: 'other' })
  await world.until('another uses them', async () => (await state('other')) === 'running')
  await job.resume('bank', paid)
  assert.is(await state('s'), 'waiting')
  await world.until('it has ended', async () => (await state('s')) === 'succeeded')
  assert.equal(entered, ['s 1', 'other 1', 's 2'])
  await world.until('all is given back', async () => (await used()).length === 0)
  assert.equal(await world.problems(), [])
})

test('E6 W4 a suspended job is cancelled at once', async () => {
  const w = await suspendWorld((ctx) => ctx.suspend({ until: ['bank'], deadline: '1h', as: 'pay-77' }))
  const job = await submit(w.client)
  await w.reaches('suspended')
  await job.cancel()
  assert.is((await w.view()).state, 'cancelled')
  assert.equal((await w.doc('job:j')).timers, [])
  assert.match(await code(job.resume('bank', paid)), /^SUPERSEDED bank came too late: job:j has ended, cancelled/)
  await w.until('its id is given back', async () => (await w.doc('correlation:pay-77')).state === 'released')
  assert.match(await code(w.client.resume('pay-77', 'bank', paid)), /^SUPERSEDED bank came too late: correlation:pay-77 belonged to job:j/)
})

test('E6 Q35 by correlation id: before it is registered, for its round, and after it', async () => {
  const w = await suspendWorld((ctx) =>
    ctx.round === 1
      ? ctx.suspend({ until: ['bank', 'mail'], as: 'pay-77' })
      : ctx.round === 2
        ? ctx.suspend({ until: ['mail'] })
        : ctx.callbacks,
  )
  await w.client.resume('pay-77', 'bank', paid)
  assert.is(
    await code(w.client.resume('pay-77', 'bank', { paid: false })),
    'CONFLICT bank is kept for correlation:pay-77 already: the first value counts',
  )
  await submit(w.client)
  await w.until('bank', async () => (await w.view()).suspended?.came.includes('bank') === true)
  assert.match(await code(w.client.resume('pay-77', 'bank', paid)), /^CONFLICT bank of round 1 was given to job:j before/)
  assert.match(await code(w.client.resume('pay-77', 'stcok', paid)), /^VALIDATION name: "stcok" is no callback/)
  assert.match(await code(w.client.resume('pay-77', 'mail', 7)), /^VALIDATION value: /)
  await w.client.resume('pay-77', 'mail', 'one')
  await w.until('round 2', async () => w.entries.length === 2 && (await w.view()).state === 'suspended')
  assert.match(await code(w.client.resume('pay-77', 'mail', 'late')), /^SUPERSEDED mail of round 1 came too late: job:j is in round 2/)
  assert.equal((await w.view()).suspended!.came, [])
  await w.client.job('j').resume('mail', 'two')
  assert.equal(await w.ended(), { mail: 'two' })
  await w.until('released', async () => (await w.doc('correlation:pay-77')).state === 'released')
  assertReplays(JSON.parse(JSON.stringify(await w.client.job('j').history())))
})

test('E6 Q35 what nobody registers for is kept for a day', async () => {
  const w = await suspendWorld((ctx) => (ctx.round === 1 ? ctx.suspend({ until: ['bank'], as: 'x' }) : ctx.callbacks))
  await w.client.resume('x', 'bank', { paid: false })
  await w.clock.advance('23h')
  assert.is((await w.doc('correlation:x')).state, 'unclaimed')
  await w.clock.advance('2h')
  assert.is((await w.doc('correlation:x')).state, 'expired')
  await submit(w.client)
  await w.reaches('suspended')
  await w.until('registered', async () => (await w.doc('correlation:x')).state === 'registered')
  await w.client.resume('x', 'bank', paid)
  assert.equal(await w.ended(), { bank: paid })
})

test('E6 Q35 a correlation id that another job has: the second fails, and says whose it is; free again after its end', async () => {
  const w = await suspendWorld((ctx) => (ctx.round === 1 ? ctx.suspend({ until: ['bank'], as: 'x' }) : ctx.callbacks))
  await submit(w.client)
  await w.until('registered', async () => (await w.doc('correlation:x').catch(() => undefined))?.state === 'registered')
  await submit(w.client, pay, 'k')
  await w.reaches('failed', 'k')
  assert.match(await code(w.client.job('k').result()), /^JOB_FAILED job:k failed: as: the correlation id "x" belongs to job:j/)
  await w.client.resume('x', 'bank', paid)
  assert.equal(await w.ended(), { bank: paid })
  await w.client.job('k').retry()
  await w.reaches('suspended', 'k')
  await w.until('registered again', async () => ((await w.doc('correlation:x')).snapshot.context as { job: string }).job === 'job:k')
  await w.client.resume('x', 'bank', { paid: false })
  assert.equal(await w.ended('k'), { bank: { paid: false } })
})

test('E6 large values and states live in pages', async () => {
  const long = 'x'.repeat(400_000)
  const w = await suspendWorld((ctx) =>
    ctx.round === 1 ? ctx.suspend({ until: ['mail'], state: { long }, as: 'big' }) : [ctx.callbacks.mail === long, ctx.state],
  )
  await w.client.resume('big', 'mail', long)
  await submit(w.client)
  assert.equal(await w.ended(), [true, { long }])
  for (const address of ['job:j', 'correlation:big']) assert.ok(JSON.stringify(await w.doc(address)).length < 20_000, address)
})

test('E6 what a handler suspends wrongly fails its run, with the field named', async () => {
  const wrong: [object, RegExp][] = [
    [{ until: [] }, /suspend.until: must name one callback or more/],
    [{ until: ['bnak'] }, /suspend.until: "bnak" is not declared: bank, stock, mail/],
    [{ until: ['bank', 'bank'] }, /suspend.until: names a callback twice/],
    [{ until, need: 3 }, /suspend.need: must be 'all', 'any', or a whole number from 1 to 2/],
    [{ until, fallback: { mail: 'x' } }, /suspend.fallback.mail: is not one of those in until/],
    [{ until, fallback: { bank: { paid: 7 } } }, /suspend.fallback.bank.paid: /],
    [{ until, state: 'x'.repeat(600_000) }, /suspend.state: 600002 characters of JSON/],
    [{ until, state: { seen: new Set([1]) } }, /suspend.state.seen: Set\(1\) .* would be lost/],
    [{ until, state: [Number.NaN] }, /suspend.state.0: NaN/],
    [{ until, state: () => 1 }, /suspend.state: .* would be lost/],
    [{ until, state: 1n }, /suspend.state: .*BigInt/],
    [{ until: ['mail'], fallback: { mail: new Map() } }, /suspend.fallback.mail/],
    [{ until, fallback: { bank: { paid: true, of: new Map([[1, 2]]) } } }, /suspend.fallback.bank.of: Map/],
    [{ until, fallback: [] }, /suspend.fallback: must be an object/],
    [{ until, fallback: 'x' }, /suspend.fallback: must be an object/],
    [{ until, as: 'a b' }, /suspend.as: "a b" is not an id/],
    [{ until, deadline: 'soon' }, /deadline/],
  ]
  for (const [options, message] of wrong) {
    const w = await suspendWorld((ctx) => ctx.suspend(options as never))
    const job = await submit(w.client)
    await w.reaches('failed')
    assert.match(await code(job.result()), message)
    assert.is(w.entries.length, 1, 'it is not tried again')
  }
})

test('E6 a suspended member keeps its group open; its output gets what it returned', async () => {
  const w = await suspendWorld((ctx) => (ctx.round === 1 ? ctx.suspend({ until: ['bank'] }) : ctx.callbacks))
  const group = await w.client.submitGroup({
    id: 'g',
    members: [pay.with({}, { key: 'a' }), pay.with({}, { key: 'b' })],
    output: collect.with({}),
  })
  await w.reaches('suspended', 'g/a')
  await w.reaches('suspended', 'g/b')
  await w.client.job('g/a').resume('bank', paid)
  await w.reaches('succeeded', 'g/a')
  await w.clock.advance('1d')
  assert.is((await group.view()).state, 'open')
  await w.client.job('g/b').resume('bank', { paid: false })
  await w.until('its end', async () => (await group.view()).final)
  assert.equal(await group.result(), [
    ['a', 'succeeded', { bank: paid }],
    ['b', 'succeeded', { bank: { paid: false } }],
  ])
})

test('E6 definitions: names of callbacks are checked', () => {
  assert.throws(() => defineJob({ name: 'x', callbacks: { 'a b': z.string() } }), /callbacks.a b: must be the name of a callback/)
  const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`c${i}`, z.string()]))
  assert.throws(() => defineJob({ name: 'x', callbacks: many }), /callbacks: at most 32/)
})

test.run()
