import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms } from '../../actors/job.ts'
import type { Envelope } from '../../src/envelope.ts'
import type { Reply } from '../../src/host/replies.ts'
import { type RulesWorld, rulesWorld, type TestHost } from '../support/rules-world.ts'
import { bind, once, virtualWorld } from '../support/virtual-world.ts'

/** What an operator is told who wants a member of a group to run again: what its group has decided, whenever and however often asked. */
const test = suite('the answer to a retry of a member: R1 E4 E9 E13 G1 Q42 [memory]')

const good = (key: string, ms = 10) => once.with({ ms }, { key })
const bad = (key: string, ms = 10) => once.with({ ms, fails: 99 }, { key })

type Options = Parameters<ReturnType<typeof virtualWorld>['client']['submitGroup']>[0]

async function group(options: Partial<Options>) {
  const world = virtualWorld()
  await world.host()
  const handle = await world.client.submitGroup({ id: 'g', members: [], output: bind.with({}), ...options })
  const member = async (key: string, state: string) =>
    world.until(`${key} ${state}`, async () => (await world.doc(`job:g/${key}`).catch(() => undefined))?.state === state)
  const is = (state: string) => world.until(`the group is ${state}`, async () => (await world.doc('group:g')).state === state)
  const retry = (key: string) =>
    world.client
      .job(`g/${key}`)
      .retry()
      .then(
        () => undefined,
        (error) => error as { code: string; message: string },
      )
  return { ...world, handle, member, is, retry }
}

const elsewhere = 'Submit the same work under another id, outside of this group or in a new one.'

for (const [state, options] of [
  ['output', { members: [bad('a')], output: bind.with({ ms: 60_000 }) }],
  ['succeeded', { members: [bad('a')] }],
  ['failed', { members: [bad('a')], when: 'all-succeeded' }],
  ['failed', { members: [bad('a')], output: bind.with({ fails: 99, how: 'terminal' }) }],
] as [string, Partial<Options>][])
  test(`the group is closed (${state}): refused, and nothing has changed`, async () => {
    const g = await group(options)
    await g.is(state)
    for (let i = 0; i < 2; i++) {
      const error = await g.retry('a')
      assert.is(error?.code, 'NOT_ALLOWED')
      assert.is(error!.message, `job:g/a is not run again: group:g no longer waits for its members. ${elsewhere}`)
    }
    await g.clock.advance('1s')
    assert.is(g.startsOf('g/a').length, 1)
    assert.equal([(await g.doc('job:g/a')).state, (await g.doc('group:g')).state], ['failed', state])
  })

test('the group is cancelled, while members end and after: refused', async () => {
  const g = await group({ members: [bad('a'), once.with({ ms: 8000, deaf: true }, { key: 'b' })] })
  await g.member('a', 'failed')
  await g.handle.cancel()
  assert.match((await g.retry('a'))!.message, /the rest of group:g is being cancelled/)
  await g.is('cancelled')
  assert.match((await g.retry('a'))!.message, /no longer waits/)
  assert.is(g.startsOf('g/a').length, 1)
})

test('a member that was cancelled by itself: refused', async () => {
  const g = await group({ members: [good('a', 60_000), good('b', 60_000)] })
  await g.client.job('g/a').cancel()
  await g.member('a', 'cancelled')
  assert.match((await g.retry('a'))!.message, /it is cancelled, and only failed members run again/)
})

test('the group is open: answered once the member is queued again', async () => {
  const g = await group({ members: [once.with({ fails: 1 }, { key: 'a' }), good('b', 60_000)] })
  await g.member('a', 'failed')
  assert.is(await g.retry('a'), undefined)
  assert.is((await g.retry('a'))!.code, 'NOT_ALLOWED')
  await g.member('a', 'succeeded')
})

test('an output that failed: run again, and answered', async () => {
  const g = await group({ members: [good('a')], output: once.with({ fails: 1 }) })
  await g.is('failed')
  assert.is(await g.retry('output'), undefined)
  await g.is('succeeded')
})

// ---- by hand: what comes in the same turn, comes again, or is interrupted --------------------------------------------

const terms = { ...defaultTerms, attempts: 1 }
const member = (key: string) => ({ key, job: 'work', input: { value: key }, terms })
const submit = { type: 'submit', options: { output: { job: 'bind', input: { value: null }, terms } } }
const a = 'job:g/a'

/** A group with a failed member `a` and one more that runs. */
async function failedMember(world: RulesWorld, owner: TestHost) {
  const end = async (to: string, outcome: string): Promise<Envelope> => {
    const { dispatch } = (await world.doc(to))!.work!
    assert.ok(await owner.partition(0).claim(to, dispatch, 'w'))
    return { to, event: { type: 'result', dispatch, worker: 'w', outcome } }
  }
  const tell = async (...events: Envelope[]) => {
    await world.publish(...events)
    await world.clock.settled()
  }
  await tell({ to: 'group:g', event: { ...submit, members: ['a', 'b'].map(member), seal: true } })
  await tell(await end(a, 'fail'))
  return { end, tell }
}

const asked = (call: number): Envelope => ({
  to: a,
  event: { type: 'retry' },
  from: 'c',
  inc: 'c',
  n: call,
  reply: { inbox: 'inbox.c', call },
})

/** Answers to a client, in short. */
function answers(world: RulesWorld) {
  const told: string[] = []
  world.outside.listen('inbox.c', (replies) =>
    told.push(...(replies as Reply[]).map(({ call, ok, error, address, state }) => `${call} ${address} ${ok ? state : error?.code}`)),
  )
  return told
}

test('asked in the turn in which the last member ends: the answer is what happened', async () => {
  for (const order of ['retry first', 'end first']) {
    const world = rulesWorld()
    const owner = world.host('h')
    await owner.take(0)
    const told = answers(world)
    const { end, tell } = await failedMember(world, owner)
    const last = await end('job:g/b', 'ok')
    await tell(...(order === 'retry first' ? [asked(1), last] : [last, asked(1)]))
    const queued = order === 'retry first'
    assert.equal(told, [`1 ${a} ${queued ? 'queued' : 'NOT_ALLOWED'}`])
    assert.is((await world.doc(a))!.state, queued ? 'queued' : 'failed')
    assert.is((await world.doc('group:g'))!.state, queued ? 'open' : 'output')
  }
})

test('a repeat is answered as it was the first time, whatever has happened since', async () => {
  const world = rulesWorld()
  const owner = world.host('h')
  await owner.take(0)
  const told = answers(world)
  const { end, tell } = await failedMember(world, owner)
  await tell(asked(1))
  await tell(asked(1))
  await tell(await end(a, 'fail'))
  await tell(await end('job:g/b', 'ok'))
  assert.is((await world.doc('group:g'))!.state, 'output')
  await tell(asked(2))
  await tell(asked(3))
  told.length = 0
  for (const call of [1, 2, 3]) await tell(asked(call))
  assert.equal(told, [`1 ${a} failed`, `2 ${a} NOT_ALLOWED`, `3 ${a} NOT_ALLOWED`])
  assert.is((await world.doc(a))!.history.filter(({ event }) => event.type === 'again').length, 1)
})

test('nobody waits for it: the refusal is a dead letter, with the command as it was', async () => {
  const world = rulesWorld()
  const owner = world.host('h')
  await owner.take(0)
  const { end, tell } = await failedMember(world, owner)
  await tell(await end('job:g/b', 'ok'))
  for (let i = 0; i < 2; i++) await tell({ to: a, event: { type: 'retry' }, from: 'command', inc: 'command:x', n: 1, letter: true })
  assert.equal(
    world.bus.deadLetters.map(({ to, body, reason }) => [to, body, reason.code]),
    [[a, { type: 'retry' }, 'NOT_ALLOWED']],
  )
})

test('the host dies anywhere: asked again under the same number, the answer is never another than what happened', async () => {
  let places = 0
  for (const closes of [false, true])
    for (let dieAt = 1; ; dieAt++) {
      const world = rulesWorld()
      const told = answers(world)
      const before = world.host('before')
      const owner = await before.take(0)
      const { end, tell } = await failedMember(world, before)
      if (closes) await tell(await end('job:g/b', 'ok'))
      await owner.stop()
      const first = world.host('first', { dieAt })
      first.take(0).catch(() => {})
      await world.clock.settled()
      void world.publish(asked(1))
      await world.clock.settled()
      const died = first.chaos.dead
      const second = world.host('second')
      await second.take(0)
      await world.clock.settled()
      for (let i = 0; i < 2; i++) await tell(asked(1))
      const { state } = (await world.doc(a))!
      assert.is(state, closes ? 'failed' : 'queued')
      const right = `1 ${a} ${closes ? 'NOT_ALLOWED' : 'queued'}`
      assert.ok(told.length > 0, `answered, with a death at ${first.chaos.trace.at(-1)}`)
      for (const answer of told) assert.is(answer, right, `died at ${first.chaos.trace.at(-1)}`)
      assert.is((await world.doc('group:g'))!.state, closes ? 'output' : 'open')
      if (!died) break
      places++
    }
  console.log(`# retry of a member: ${places} places of death`)
})

test.run()
