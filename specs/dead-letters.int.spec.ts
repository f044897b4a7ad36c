import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobContext } from '../actors/job.ts'
import type { Letter } from '../src/letters.ts'
import { replay } from '../src/testing/replay.ts'
import { aborts, bind, once, short, virtualWorld, work } from './support/virtual-world.ts'

const test = suite('dead letters: list, inspect, redrive, drop: E13 [memory]')

const never = { fails: 99 }
const collect = async (letters: AsyncIterable<Letter>) => {
  const found: Letter[] = []
  for await (const letter of letters) found.push(letter)
  return found
}
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error as { code: string; message: string },
  )

/** A world with a host, in which these jobs have ended. */
async function world(options: Parameters<typeof virtualWorld>[0] = { partitions: 4 }) {
  const w = virtualWorld(options)
  const host = await w.host()
  const state = async (id: string) => (await w.doc(`job:${id}`)).state
  return {
    ...w,
    hostOf: host,
    state,
    letters: w.client.deadLetters,
    ids: async (query = {}) => (await collect(w.client.deadLetters.list(query))).map(({ id }) => id),
    is: (id: string, wanted: string) => w.until(`${id} is ${wanted}`, async () => (await state(id)) === wanted),
  }
}

test('what is listed: jobs that failed or were aborted, by definition, code, time and label', async () => {
  const w = await world()
  await w.client.submit(once, never, { id: 'a', labels: { tenant: 'x' } })
  await w.client.submit(short, { ms: 500 }, { id: 'b' })
  await w.client.submit(once, {}, { id: 'fine' })
  await (await w.client.submit(once, { ms: 60_000 }, { id: 'gone' })).cancel()
  await w.is('b', 'failed')
  await w.is('gone', 'cancelled')
  const since = w.clock.now() + 1
  await w.clock.advance('1s')
  await w.client.submit(once, { ...never, how: 'terminal' }, { id: 'c' })
  await w.is('c', 'failed')
  assert.equal(await w.ids(), ['job:a@1', 'job:b@3', 'job:c@1'])
  assert.equal(await w.ids({ job: 'short' }), ['job:b@3'])
  assert.equal(await w.ids({ code: 'TERMINAL' }), ['job:c@1'])
  assert.equal(await w.ids({ code: 'Error' }), ['job:a@1'])
  assert.equal(await w.ids({ since }), ['job:c@1'])
  assert.equal(await w.ids({ until: new Date(since - 1) }), ['job:a@1', 'job:b@3'])
  assert.equal(await w.ids({ labels: { tenant: 'x' } }), ['job:a@1'])
  assert.equal(await w.ids({ kind: 'event' }), [])
  const [a] = await collect(w.letters.list({ job: 'once' }))
  assert.equal([a!.kind, a!.to, a!.job, a!.state, a!.attempts, a!.code], ['job', 'job:a', 'once', 'failed', 1, 'Error'])
  const bad = await failure(collect(w.letters.list({ since: 'yesterday', states: 1 } as never)))
  assert.equal([bad!.code, /query\.since: must be a time/.test(bad!.message)], ['VALIDATION', true])
})

test('one, in full: the input, the error of each run, the history', async () => {
  const w = await world()
  await w.client.submit(work, { ms: 5, fails: 99 }, { id: 'a' })
  await w.is('a', 'failed')
  const letter = await w.letters.get('job:a@3')
  assert.equal([letter.input, letter.error?.message], [{ ms: 5, fails: 99 }, 'failure 3'])
  assert.equal(
    letter.runs!.map(({ run, error }) => [run, error.message]),
    [
      [1, 'failure 1'],
      [2, 'failure 2'],
      [3, 'failure 3'],
    ],
  )
  assert.ok(letter.runs!.every(({ worker, startedAt, endedAt }) => worker && endedAt - startedAt! === 5))
  assert.ok(letter.runs![0]!.error.stack)
  assert.is(letter.history!.at(-1)!.state, 'failed')
  for (const [id, code] of [
    ['job:a@2', 'NOT_FOUND'],
    ['job:none', 'NOT_FOUND'],
    ['event:1', 'NOT_FOUND'],
    ['group:a', 'VALIDATION'],
  ])
    assert.is((await failure(w.letters.get(id!)))!.code, code, id)
})

test('a run that was lost is among them', async () => {
  const w = virtualWorld()
  const doomed = await w.host()
  void w.client.submit(aborts, { ms: 60_000 }, { id: 'a' })
  await w.until('it runs', () => w.starts.length === 1)
  doomed.die()
  w.start()
  await w.until('it is aborted', async () => (await w.doc('job:a')).state === 'aborted')
  const letter = await w.client.deadLetters.get('job:a@1')
  assert.equal([letter.code, letter.runs!.map(({ error }) => error.code)], ['LOST', ['LOST']])
})

test('redriven: once, however often it is asked; its letter is gone with that write', async () => {
  const w = await world()
  await w.client.submit(once, { fails: 1 }, { id: 'a' })
  await w.is('a', 'failed')
  const both = await Promise.all([w.letters.redrive('job:a@1', { reason: 'fixed' }), w.letters.redrive('job:a@1')])
  assert.equal(
    both.map(({ redriven }) => redriven),
    [1, 1],
  )
  assert.equal(await w.ids(), [])
  await w.is('a', 'succeeded')
  assert.equal(await w.letters.redrive('job:a@1'), { redriven: 1, refused: [] })
  assert.is(w.startsOf('a').length, 2)
  const error = await failure(w.letters.redrive('job:a'))
  assert.equal([error!.code, error!.message], ['NOT_FOUND', 'job:a is no dead letter: it is succeeded'])
  const { history } = await w.client.job('a').history()
  assert.equal(
    history.filter(({ event }) => event.type === 'redrive').map(({ event }) => event.reason),
    ['fixed'],
  )
})

test('the host that was asked dies: its caller is told that it may ask again, and then it runs once', async () => {
  const w = await world()
  await w.client.submit(once, { fails: 1 }, { id: 'a' })
  await w.is('a', 'failed')
  const asked = failure(w.letters.redrive('job:a@1'))
  w.hostOf.die()
  await w.host()
  await w.clock.advance('16s')
  const told = await asked
  assert.equal([told!.code, /asking again is safe/.test(told!.message)], ['UNAVAILABLE', true])
  const again = w.letters.redrive('job:a@1')
  await w.is('a', 'succeeded')
  assert.is((await again).redriven, 1)
  assert.is(w.startsOf('a').length, 2)
})

test('with an edited input: checked by the contract, recorded, large ones in pages; its history replays', async () => {
  const w = await world()
  await w.client.submit(once, never, { id: 'a' })
  await w.is('a', 'failed')
  const bad = await failure(w.letters.redrive('job:a', { input: { fails: 'none' } }))
  assert.equal([bad!.code, /^input\.fails: /.test(bad!.message)], ['VALIDATION', true])
  assert.is((await failure(w.letters.redrive({}, { input: {} })))!.code, 'VALIDATION')
  assert.equal(await w.ids(), ['job:a@1'])
  await w.letters.redrive('job:a', { input: { fails: 0, note: 'x'.repeat(40_000) } })
  await w.is('a', 'succeeded')
  const context = (await w.doc('job:a')).snapshot.context as JobContext
  assert.ok('page' in context.input)
  assert.ok(JSON.stringify(await w.doc('job:a')).length < 20_000)
  const recorded = await w.client.job('a').history()
  const redriven = recorded.history.find(({ event }) => event.type === 'redrive')!.event
  assert.ok('page' in (redriven.input as object))
  assert.equal(replay(recorded).differences, [])
  // What it was submitted as, it still is.
  await w.client.submit(once, never, { id: 'a' })
  assert.is((await failure(w.client.submit(once, { fails: 0 }, { id: 'a' })))!.code, 'CONFLICT')
})

test('all that match, once each, though they fail again at once', async () => {
  const w = await world()
  const count = 250
  await Promise.all(Array.from({ length: count }, (_, i) => w.client.submit(once, never, { id: `a${i}`, labels: { batch: '1' } })))
  await w.client.submit(once, never, { id: 'other' })
  await w.until('all failed', async () => (await w.ids()).length === count + 1)
  await w.clock.advance('1s')
  const answer = w.letters.redrive({ labels: { batch: '1' } })
  await w.clock.advance('1s')
  assert.equal(await answer, { redriven: count, refused: [] })
  await w.until('all failed again', async () => (await w.ids()).length === count + 1)
  assert.is(w.starts.length, 2 * count + 1)
  assert.is(w.startsOf('other').length, 1)
  const dropped = await w.letters.drop({ labels: { batch: '1' } }, { reason: 'old' })
  assert.equal(dropped, { dropped: count, refused: [] })
  assert.equal(await w.ids(), ['job:other@1'])
})

test('dropped: as it ended, and no letter any more; a retry runs it, and then it may be one again', async () => {
  const w = await world()
  await w.client.submit(once, never, { id: 'a' })
  await w.is('a', 'failed')
  assert.equal(await w.letters.drop('job:a@1'), { dropped: 1, refused: [] })
  assert.equal([await w.ids(), await w.state('a')], [[], 'failed'])
  assert.match((await failure(w.letters.get('job:a')))!.message, 'failed, and was dropped')
  assert.is((await failure(w.letters.redrive('job:a@1')))!.code, 'NOT_ALLOWED')
  await w.client.job('a').retry()
  await w.is('a', 'failed')
  await w.until('it failed again', async () => (await w.ids()).length === 1)
  assert.equal(await w.ids(), ['job:a@2'])
})

test('members: redriven while their group is open, with an edited input too; else refused, and what can be done is said', async () => {
  const w = await world()
  const members = [once.with(never, { key: 'a' }), once.with(never, { key: 'b' }), once.with({ ms: 60_000 }, { key: 'c' })]
  await w.client.submitGroup({ id: 'g', members, output: bind.with({}) })
  await w.is('g/a', 'failed')
  await w.is('g/b', 'failed')
  await w.letters.redrive('job:g/a', { input: { fails: 0 } })
  await w.is('g/a', 'succeeded')
  await w.until('it ended', async () => (await w.doc('group:g')).state === 'succeeded')
  const error = await failure(w.letters.redrive('job:g/b@1'))
  const elsewhere = 'Submit the same work under another id, outside of this group or in a new one.'
  assert.equal(
    [error!.code, error!.message],
    ['NOT_ALLOWED', `job:g/b is not run again: group:g no longer waits for its members. ${elsewhere}`],
  )
  assert.equal(await w.ids(), ['job:g/b@1'])
  const { refused } = await w.letters.redrive({ job: 'once' })
  assert.equal(
    refused.map(({ letter, code }) => [letter, code]),
    [['job:g/b@1', 'NOT_ALLOWED']],
  )
  // The refusal was an event that changed it, and its history had none.
  const recorded = await w.client.job('g/b').history()
  assert.equal(recorded.history.filter(({ event }) => event.type === 'notAgain').length, 2)
  assert.equal(replay(recorded).differences, [])
})

// ---- events and commands that could not be applied ---------------------------------------------------------------------

let published = 0
/** A command as any program publishes it. */
async function publish(w: ReturnType<typeof virtualWorld>, body: unknown, partitions = 4) {
  const { partitionOf, rootOf } = await import('../src/address.ts')
  const to = (body as { to: string }).to
  const letter = { ...(body as object), from: 'x', inc: `client-${++published}`, n: 1, letter: true }
  await w.bus
    .connect(`out${published}`)
    .publish([{ partition: partitionOf(rootOf(to), partitions), id: `p${published}`, events: [letter as never] }])
  await w.clock.settled()
}

test('an event for an actor that did not exist: redriven when it does', async () => {
  const w = await world()
  await publish(w, { to: 'job:late', event: { type: 'cancel' } })
  const [letter] = await collect(w.letters.list())
  assert.equal([letter!.kind, letter!.to, letter!.code], ['event', 'job:late', 'NOT_FOUND'])
  const opened = await w.letters.get(letter!.id)
  assert.is((opened.body as { event: { type: string } }).event.type, 'cancel')
  // Still absent: it is a letter again, with what was said now.
  assert.is((await failure(w.letters.redrive(letter!.id)))!.code, 'NOT_FOUND')
  const [again] = await collect(w.letters.list())
  assert.ok(again && again.id !== letter!.id)
  await w.client.submit(once, {}, { id: 'late', startAt: w.clock.now() + 60_000 })
  await w.clock.advance('1s')
  assert.equal(await w.letters.redrive({ kind: 'event' }), { redriven: 1, refused: [] })
  assert.equal([await w.state('late'), await w.ids()], ['cancelled', []])
  assert.is((await failure(w.letters.redrive(again!.id)))!.code, 'NOT_FOUND')
})

test('a large value stays with its letter, though its target has no document', async () => {
  const w = await world()
  const input = { fails: 0, note: 'x'.repeat(40_000) }
  await publish(w, { to: 'job:late', event: { type: 'update', job: 'once', input: { value: input } } })
  const [id] = await w.ids()
  assert.equal((await w.letters.get(id!)).input, input)
  await w.client.submit(once, never, { id: 'late', startAt: w.clock.now() + 10_000 })
  await w.letters.redrive(id!)
  await w.is('late', 'succeeded')
})

test('what was refused is applied after all: its own number does not make it a duplicate', async () => {
  const w = await world()
  await w.client.submit(once, { fails: 1 }, { id: 'a', startAt: w.clock.now() + 10_000 })
  await publish(w, { to: 'job:a', event: { type: 'retry' } })
  const [letter] = await w.ids()
  await w.is('a', 'failed')
  await Promise.all([w.letters.redrive(letter!), w.letters.redrive(letter!).catch(() => {})])
  await w.is('a', 'succeeded')
  assert.equal([w.startsOf('a').length, await w.ids()], [2, []])
})

test('a command with an edited input: checked as the command was; one without an input has none to edit', async () => {
  const w = await world()
  await w.client.submit(once, {}, { id: 'a', startAt: w.clock.now() + 60_000 })
  await w.client.submit(once, { ms: 7 }, { id: 'a', ack: 'queued' })
  await publish(w, { to: 'job:none', event: { type: 'cancel' } })
  const [cancel, submit] = (await collect(w.letters.list())).sort((a, b) => (a.code < b.code ? 1 : -1))
  assert.equal([submit!.code, submit!.job, (await w.letters.get(submit!.id)).input], ['CONFLICT', 'once', { ms: 7 }])
  assert.is((await failure(w.letters.redrive(cancel!.id, { input: {} })))!.code, 'VALIDATION')
  const bad = await failure(w.letters.redrive(submit!.id, { input: { ms: 'seven' } }))
  assert.equal([bad!.code, /^input\.ms: /.test(bad!.message)], ['VALIDATION', true])
  assert.is((await w.ids()).length, 2)
  // As it was submitted at first, it is the same job.
  assert.equal(await w.letters.redrive(submit!.id, { input: {} }), { redriven: 1, refused: [] })
  assert.equal(await w.ids(), [cancel!.id])
})

test('many that are refused again: each is tried once, and none is lost', async () => {
  const w = await world()
  const count = 120
  for (let i = 0; i < count; i++) await publish(w, { to: `job:none${i}`, event: { type: 'cancel' } })
  await w.clock.advance('1s')
  const { redriven, refused } = await w.letters.redrive({})
  assert.equal([redriven, refused.length], [0, count])
  assert.is((await w.ids()).length, count)
  await w.clock.advance('1s')
  assert.equal(await w.letters.drop({ code: 'NOT_FOUND' }), { dropped: count, refused: [] })
  assert.equal(await w.ids(), [])
})
test.run()
