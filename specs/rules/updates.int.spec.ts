import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobContext } from '../../actors/job.ts'
import { readPayload } from '../../src/payload.ts'
import { virtualWorld, work } from '../support/virtual-world.ts'

/** What has not begun may be changed: its time, its priority, its input. In virtual time. */
const test = suite('updates of what has not begun: W7 [memory]')

const hour = 3_600_000
const refusal = (call: Promise<unknown>): Promise<{ code: string; message: string }> =>
  call.then(
    () => assert.unreachable('it is refused'),
    (error) => error,
  )

async function world(slots = 10) {
  const made = virtualWorld()
  const host = await made.host({ slots })
  const context = async (id: string) => (await made.doc(`job:${id}`)).snapshot.context as JobContext
  const state = async (id: string) => (await made.doc(`job:${id}`)).state
  const reaches = (id: string, wanted: string) => made.until(`${id} ${wanted}`, async () => (await state(id)) === wanted)
  return { ...made, world: made, host, context, state, reaches }
}

test('W7: a planned job: earlier, later, and now', async () => {
  const { client, clock, reaches, startsOf, doc } = await world()
  const begin = clock.now()
  for (const [id, startAt] of [
    ['earlier', begin + hour],
    ['later', begin + 3 * hour],
    ['now', begin - 1],
  ] as const) {
    const job = await client.submit(work, { ms: 10 }, { id, startAt: begin + 2 * hour })
    await job.update({ startAt })
    if (id !== 'now') assert.is((await job.why()).conditions[0]!.until, startAt)
    assert.is((await doc(`job:${id}`)).timers.length, id === 'now' ? 0 : 1, 'no timer of the time before')
  }
  await reaches('now', 'succeeded')
  await clock.advanceTo(begin + 4 * hour)
  await reaches('later', 'succeeded')
  assert.equal(
    ['now', 'earlier', 'later'].map((id) => startsOf(id).map(({ at }) => Math.round((at - begin) / hour))),
    [[0], [1], [3]],
  )
})

test('W7: a queued job with another priority is offered anew, under a new dispatch, and runs first', async () => {
  const { client, reaches, starts, context, state, problems } = await world(1)
  await client.submit(work, { ms: 5000 }, { id: 'first' })
  await reaches('first', 'running')
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await client.submit(work, { ms: 5000 }, { id })
  assert.is(await state('f'), 'queued')
  await client.job('f').update({ priority: 9 })
  const { dispatch, terms } = await context('f')
  assert.equal([dispatch, terms.priority], [2, 9])
  await client.job('f').update({ priority: 9 })
  assert.is((await context('f')).dispatch, 2, 'the same again is nothing')
  await reaches('e', 'succeeded')
  const order = starts.map(({ job }) => job)
  assert.ok(order.indexOf('f') <= 2, `one may have been claimed before: ${order}`)
  assert.is(order.filter((job) => job === 'f').length, 1)
  assert.equal(await problems(), [])
})

test('W7: the input of what waits is another; it stays the job that it was submitted as', async () => {
  const { client, clock, reaches, context, starts } = await world()
  const given = { ms: 10 }
  const job = await client.submit(work, given, { id: 'j', startAt: clock.now() + hour })
  await job.update({ input: { ms: 7 } })
  await client.submit(work, given, { id: 'j' })
  assert.is((await refusal(client.submit(work, { ms: 7 }, { id: 'j' }))).code, 'CONFLICT')
  assert.equal((await context('j')).input, { value: { ms: 7 } })
  const at = clock.now()
  await job.update({ startAt: at })
  await reaches('j', 'succeeded')
  assert.is(starts.length, 1)
})

test('W7: a large input goes into a page', async () => {
  const { client, clock, context, store } = await world()
  const job = await client.submit('work', { ms: 1 }, { id: 'j', startAt: clock.now() + hour })
  await job.update({ input: { ms: 7, note: 'x'.repeat(100_000) } })
  const { input } = await context('j')
  assert.ok('page' in input, JSON.stringify(input).slice(0, 100))
  assert.is(((await readPayload(store, input)) as { ms: number }).ms, 7)
})

test('W7: in backoff: later, with another input', async () => {
  const { client, clock, reaches, startsOf } = await world()
  const job = await client.submit(work, { ms: 10, fails: 1 }, { id: 'j' })
  await reaches('j', 'backoff')
  const at = clock.now() + hour
  await job.update({ startAt: at, input: { ms: 20 } })
  await clock.advanceTo(at + 1000)
  await reaches('j', 'succeeded')
  assert.is(startsOf('j')[1]!.at, at)
  assert.is(startsOf('j')[1]!.attempt, 2)
})

test('W7: a member that waits for its group keeps its time until it begins', async () => {
  const { client, clock, reaches, state, startsOf } = await world()
  const members = ['a', 'b'].map((key) => work.with({ ms: 1000 }, { key }))
  const group = await client.submitGroup({ id: 'g', members, concurrency: 1 })
  await reaches('g/a', 'running')
  assert.is(await state('g/b'), 'waiting')
  const at = clock.now() + hour
  await client.job('g/b').update({ startAt: at, priority: 1 })
  assert.is(await state('g/b'), 'waiting')
  await reaches('g/b', 'planned')
  await clock.advanceTo(at + 5000)
  await reaches('g/b', 'succeeded')
  assert.is(startsOf('g/b')[0]!.at, at)
  assert.is((await group.view()).state, 'succeeded')
})

test('W7: once it has begun it is refused, and the state is named', async () => {
  const { client, reaches } = await world()
  const job = await client.submit(work, { ms: 5000 }, { id: 'j' })
  await reaches('j', 'running')
  for (const change of [{ priority: 9 }, { startAt: 0 }, { input: { ms: 1 } }]) {
    const { code, message } = await refusal(job.update(change))
    assert.is(code, 'NOT_ALLOWED')
    assert.match(message, /update is not possible: job:j is running/)
  }
  await reaches('j', 'succeeded')
  assert.match((await refusal(job.update({ priority: 9 }))).message, /job:j is succeeded/)
  assert.is((await refusal(client.job('nobody').update({ priority: 9 }))).code, 'NOT_FOUND')
})

test('W7: what was lost may still return: its input and its time stay, its priority may change', async () => {
  const { client, bus, reaches, doc, state } = await world(1)
  const job = await client.submit(work, { ms: 600_000, deaf: true }, { id: 'j' })
  await reaches('j', 'running')
  const { run } = (await doc('job:j')).snapshot.context as JobContext
  const operator = bus.connect('operator')
  const { dispatch, worker } = run!
  await operator.publish([{ partition: 0, id: 'lost', events: [{ to: 'job:j', event: { type: 'lost', dispatch, worker, begun: true } }] }])
  await reaches('j', 'queued')
  for (const change of [{ startAt: 1e13 }, { input: { ms: 1 } }]) {
    const { code, message } = await refusal(job.update(change))
    assert.is(code, 'NOT_ALLOWED')
    assert.match(message, /run 1 of job:j was lost and may still return/)
  }
  await job.update({ priority: 9 })
  const event = { type: 'result', dispatch, worker, outcome: 'ok', output: { value: 'late' } }
  await operator.publish([{ partition: 0, id: 'late', events: [{ to: 'job:j', event }] }])
  await reaches('j', 'succeeded')
  assert.is(await state('j'), 'succeeded')
})

test('W7: what is wrong is refused with its field, and nothing changes', async () => {
  const { client, clock, doc } = await world()
  const job = await client.submit(work, { ms: 10 }, { id: 'j', startAt: clock.now() + hour })
  const before = await doc('job:j')
  for (const [change, message] of [
    [{}, /update: nothing to update/],
    [{ priority: 10 }, /^priority: must be a whole number from 0 to 9/],
    [{ startAt: 'soon' }, /^startAt: "soon" is not a time/],
    [{ input: { ms: 'many' } }, /^input\.ms/],
  ] as const) {
    const refused = await refusal(job.update(change as object))
    assert.is(refused.code, 'VALIDATION')
    assert.match(refused.message, message)
  }
  assert.equal(await doc('job:j'), before)
})

test('W7: as a command of any program', async () => {
  const { client, bus, clock, context, state } = await world()
  await client.submit(work, { ms: 10 }, { id: 'j', startAt: clock.now() + hour })
  const program = bus.connect('program')
  const say = async (body: Record<string, unknown>) =>
    (await program.request('api.update', { to: 'job:j', type: 'update', ...body }, 5000)) as { error?: { code: string; message: string } }
  await say({ priority: 7, startAt: new Date(clock.now() + 2 * hour).toISOString(), job: 'work', input: { ms: 5 } })
  const { terms, startAt, input } = await context('j')
  assert.equal([terms.priority, startAt, input], [7, clock.now() + 2 * hour, { value: { ms: 5 } }])
  for (const [body, message] of [
    [{}, /nothing to update/],
    [{ input: { ms: 1 } }, /^job: must be the name of its definition/],
    [{ input: { ms: 'x' }, job: 'work' }, /^input\.ms/],
    [{ input: { ms: 1 }, job: 'once' }, /job:j is of the definition work, not once/],
  ] as const) {
    const { error } = await say(body)
    assert.is(error!.code, 'VALIDATION')
    assert.match(error!.message, message)
  }
  assert.is(await state('j'), 'planned')
})

test.run()
