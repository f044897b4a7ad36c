import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { partitionOf } from '../src/address.ts'
import { type Context, defineJob } from '../src/definition.ts'
import { historyOf } from '../src/host/history.ts'
import { given } from '../src/testing/given.ts'
import { claim, submit, terms } from './machines/events.ts'
import { virtualWorld, work } from './support/virtual-world.ts'

const machine = suite('a job that a handler submits: E4')
const child = (dispatch: number, worker = 'w') => ({
  type: 'child',
  dispatch,
  worker,
  key: 'part',
  job: 'work',
  input: { value: 1 },
  terms: terms(),
})
machine('by the run that is current, and by no other', () => {
  const running = given('job', { address: 'job:j' }).events([submit(), claim()])
  running
    .when(child(1))
    .then({ state: 'running', sends: [{ to: 'job:j/part', event: { type: 'submit', job: 'work', input: { value: 1 } } }] })
  for (const late of [child(2), child(1, 'other')]) running.when(late).then({ state: 'running', sends: [], superseded: true })
})
machine.run()

const test = suite('jobs that handlers submit: E4 R1 [memory]')
const outer = defineJob({
  name: 'outer',
  input: z.object({ fails: z.number().default(0) }),
  retry: { attempts: 3, backoff: 100, jitter: 0 },
})

function outerWorld(handle: (ctx: Context, attempt: number) => Promise<unknown>) {
  const world = virtualWorld({ partitions: 4 })
  const host = () => world.host({ more: [outer.handler((_, ctx) => handle(ctx as never, ctx.attempt))] })
  return { world, host }
}

test('every attempt submits the same; it is stored when the handler goes on', async () => {
  const seen: unknown[] = []
  const { world, host } = outerWorld(async (ctx, attempt) => {
    const id = await ctx.submit(work, { ms: 10 }, { key: 'part' })
    seen.push([id, (await world.doc(`job:${id}`)).type])
    if (attempt < 3) throw new Error('again')
    return id
  })
  await host()
  const job = await world.client.submit(outer, {}, { id: 'a' })
  await world.clock.advance('5s')
  assert.is(await job.result(), 'a/part')
  assert.equal(
    seen,
    [1, 2, 3].map(() => ['a/part', 'job']),
  )
  assert.is(world.startsOf('a/part').length, 1)
  assert.equal(await world.problems(), [])
})

test('what does not fit is told: input, key, other content', async () => {
  const codes: string[] = []
  const { world, host } = outerWorld(async (ctx) => {
    const fails = (what: Promise<unknown>) =>
      what
        .then(
          () => 'done',
          ({ code }) => code,
        )
        .then((code) => codes.push(code))
    await fails(ctx.submit(work, { ms: 'x' } as never, { key: 'a' }))
    await fails(ctx.submit(work, {}, { key: 'onEnd-1' }))
    await fails(ctx.submit(work, { ms: 1 }, { key: 'b' }))
    await fails(ctx.submit(work, { ms: 2 }, { key: 'b' }))
    await fails(ctx.submit('nowhere', {}, { key: 'c' }))
  })
  await host()
  await world.client.submit(outer, {}, { id: 'a' })
  await world.clock.advance('5s')
  assert.equal(codes, ['VALIDATION', 'VALIDATION', 'done', 'CONFLICT', 'NOT_FOUND'])
})

test('E4: what a run submits that is no longer current creates nothing', async () => {
  const late: ((key: string) => Promise<string>)[] = []
  const { world, host } = outerWorld(async (ctx) => {
    late.push((key) => ctx.submit(work, {}, { key }))
    await new Promise(() => {})
  })
  await host()
  await world.client.submit(outer, {}, { id: 'a' })
  await world.until('it runs', () => late.length === 1)
  const { snapshot, ...doc } = await world.doc('job:a')
  const { run } = snapshot.context as { run: { dispatch: number; worker: string } }
  const lost = { to: doc._id, event: { type: 'lost', ...run, begun: true } }
  await world.bus.connect('operator').publish([{ partition: doc.partition, id: 'lost', events: [lost] }])
  await world.until('the second run', () => late.length === 2)
  const outcome = late[0]!('old').then(
    () => 'done',
    ({ code }) => code,
  )
  await world.clock.step('2s')
  assert.is(await outcome, 'SUPERSEDED')
  assert.equal(await world.store.load(['job:a/old']), [])
  assert.ok((await historyOf(world.store, await world.doc('job:a'))).some(({ event, superseded }) => event.type === 'child' && superseded))
  const second = late[1]!('new')
  await world.clock.step('2s')
  assert.is(await second, 'a/new')
})
test('a submit by a handler whose answer was lost is answered when it is said again, and is submitted once', async () => {
  const { world, host } = outerWorld(() => new Promise(() => {}))
  await host()
  await world.client.submit(outer, {}, { id: 'a' })
  await world.clock.advance('1s')
  const { dispatch, worker } = (await world.doc('job:a')).work!
  const told: unknown[] = []
  const handler = world.bus.connect('handler')
  handler.listen('inbox.handler', (replies) => told.push(...(replies as { call: unknown; ok: boolean; error?: { code: string } }[])))
  const say = async (frame: string, more: object = {}) => {
    const event = { ...child(dispatch, worker), input: { value: { ms: 10 } }, ...more }
    const envelope = { to: 'job:a', event, from: 'h', inc: 'h', n: 1, reply: { inbox: 'inbox.handler', call: frame } }
    await handler.publish([{ partition: partitionOf('a', 4), id: frame, events: [envelope] }])
    await world.clock.advance('1s')
  }
  for (const frame of ['first', 'again', 'once more']) await say(frame)
  assert.equal(
    told.map((reply) => [(reply as { call: string }).call, (reply as { ok: boolean }).ok]),
    [
      ['first', true],
      ['again', true],
      ['once more', true],
    ],
  )
  assert.is(world.startsOf('a/part').length, 1)
  assert.is((await historyOf(world.store, await world.doc('job:a/part'))).filter(({ event }) => event.type === 'submit').length, 1)
})

test.run()
