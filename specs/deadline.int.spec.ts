import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GateContext } from '../actors/gate.ts'
import { emptyContext } from '../actors/job/context.ts'
import { why } from '../actors/job/why.ts'
import type { JobContext } from '../actors/job.ts'
import type { Snapshot } from '../src/document.ts'
import { given } from '../src/testing/given.ts'
import { cancel, claim, lost, memberOf, result, retry, submit } from './machines/events.ts'
import { virtualWorld, work } from './support/virtual-world.ts'

const machine = suite('a job with a deadline: G6 R4')
const within = (more: Record<string, unknown> = {}) => submit({ deadline: 5000 }, more)
const failed = { state: 'failed', context: { error: { code: 'DEADLINE' } } }
const fresh = given('job', { address: 'job:j' })

machine('whatever it waits for, it fails: time, lane, pool, others, a slot, an operator', () => {
  const waits = [
    fresh.events([within({ startAt: 9000 })]),
    fresh.events([within({ lane: 'l' })]),
    fresh.events([submit({ deadline: 5000, pool: 'p' })]),
    fresh.events([within({ after: ['job:a'] })]),
    fresh.events([within()]),
    fresh.events([within({ member: memberOf('j', 0), window: true })]),
    fresh.events([submit({ deadline: 5000, onLost: 'hold' }), claim(), lost()]),
    fresh.events([submit({ deadline: 5000, backoff: 60_000 }), claim(), result('fail')]),
  ]
  for (const wait of waits) {
    wait.whenPasses('4999ms').then(({ state }) => assert.is.not(state, 'failed'))
    wait.whenPasses('5s').then(failed as never)
  }
})
machine('one that has passed at the submit, too: it has failed, and no handler is entered', () => {
  for (const more of [{}, { startAt: 9000 }, { lane: 'l' }, { after: ['job:a'] }])
    fresh.when(submit({ deadline: 0 }, more)).then(failed as never)
})
machine('the places that it has or asked for are free, its group is told', () => {
  fresh
    .events([within({ lane: 'l', member: memberOf('j', 0) })])
    .whenPasses('5s')
    .then({
      sends: [
        { to: 'lane:l', event: { type: 'withdraw' } },
        { to: 'group:g', event: { type: 'ended', state: 'failed' } },
      ],
    })
})
machine('a running handler is told; what it returns counts, anything else is a failure, and is not tried again', () => {
  const told = fresh.events([within(), claim()]).whenPasses('5s')
  told.then({ state: 'cancelling' })
  told.and.when(result('ok')).then({ state: 'succeeded' })
  told.and.when(result('fail')).then(failed as never)
  told.and.when(lost()).then(failed as never)
})
machine('a handler that does not react is left behind 5 s later: what comes of its run then is nothing any more', () => {
  const left = fresh.events([within({ member: memberOf('j', 0) }), claim()]).whenPasses('5s')
  left.then({ state: 'cancelling' })
  left.and.whenPasses('4999ms').then({ state: 'cancelling' })
  left.and.whenPasses('5s').then({ ...failed, sends: [{ to: 'group:g', event: { type: 'ended', state: 'failed' } }] } as never)
  left.and.whenPasses('5s').and.when(result('ok')).then({ state: 'failed' })
})
machine('one that was cancelled before has been cancelled by then; without a deadline it is waited for', () => {
  const told = fresh.events([within(), claim()]).when(cancel)
  told.and.whenPasses('9999ms').then({ state: 'cancelling' })
  told.and.whenPasses('10s').then({ state: 'cancelled' })
  fresh.events([submit(), claim()]).when(cancel).then({ state: 'cancelling', timers: [] })
})
machine('an end before it takes the deadline with it; an operator may run it again without one', () => {
  fresh.events([within(), claim()]).when(result('ok')).then({ state: 'succeeded', timers: [] })
  fresh
    .events([submit({ deadline: 5000, attempts: 1 }), claim(), result('fail')])
    .when(retry)
    .then({ state: 'queued', timers: [] })
})
machine('R4 held: an operator may end it, and the deadline does', () => {
  const held = { status: 'active', value: { pending: 'held' }, context: { ...emptyContext, self: 'job:j', overdueAt: 5000 } } as Snapshot
  const [condition] = why(held, 0)
  assert.equal([condition!.stuck, condition!.until], [undefined, 5000])
})
machine('held, and run again by an operator: it has none either', () => {
  fresh
    .events([submit({ deadline: 5000, onLost: 'hold' }), claim(), lost(), retry])
    .whenPasses('6s')
    .then({ state: 'queued' })
})
machine('given at the submit it counts before that of the terms', () => {
  fresh
    .events([within({ overdueAt: 2000 })])
    .whenPasses('2s')
    .then(failed as never)
})
machine.run()

const world = suite('deadlines, from submit to end: G6 R4 [memory]')

world('in a lane, in a group, while a handler runs and while nobody has one', async () => {
  const w = virtualWorld({ partitions: 2 })
  await w.host()
  const { client, clock } = w
  await client.submit(work, { ms: 60_000 }, { id: 'runs', lane: 'a', deadline: '10s' })
  await client.submit(work, {}, { id: 'next', lane: 'a', deadline: new Date(clock.now() + 5000) })
  await client.submit(work, { ms: 1000, fails: 9 }, { id: 'fails', deadline: 1500 })
  await w.until('all ended', async () => (await w.docs()).every(({ type, status }) => type !== 'job' || status === 'done'))
  for (const id of ['runs', 'next', 'fails']) {
    const { error } = (await w.doc(`job:${id}`)).snapshot.context as JobContext
    assert.equal([id, (await w.doc(`job:${id}`)).state, error?.code], [id, 'failed', 'DEADLINE'])
  }
  assert.equal([w.startsOf('next').length, w.startsOf('fails').length], [0, 1])
  assert.equal(((await w.doc('lane:a')).snapshot.context as GateContext).held, {})
  const bad = await client.submit(work, {}, { deadline: 'soon' }).catch((error) => error)
  assert.match(bad.message, /^deadline: "soon" is not a duration/)
  assert.equal(await w.problems(), [])
})
world('a handler that never returns, and reacts to nothing: its job ends all the same, and its lane goes on', async () => {
  const w = virtualWorld({ partitions: 2 })
  await w.host()
  const { client } = w
  const deaf = await client.submit(work, { ms: 1e9, deaf: true }, { id: 'deaf', lane: 'a', deadline: '10s' })
  await client.submit(work, { ms: 1 }, { id: 'next', lane: 'a' })
  await w.until('it was told', async () => (await w.doc('job:deaf')).state === 'cancelling')
  const [condition] = (await deaf.why()).conditions
  assert.equal([condition!.code, condition!.until], ['CANCELLING', w.clock.now() + 5000])
  await w.until('the next has ended', async () => (await w.doc('job:next')).status === 'done')
  const { state, snapshot } = await w.doc('job:deaf')
  assert.equal([state, (snapshot.context as JobContext).error?.code], ['failed', 'DEADLINE'])
  assert.equal(await w.problems(), [])
})
world.run()
