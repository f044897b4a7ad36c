import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { defineChain } from '../src/chain/definition.ts'
import { step } from '../src/chain/step.ts'
import { defineJob } from '../src/definition.ts'
import { retentionOf } from '../src/host/retention.ts'
import { bind, once, type VirtualWorld, virtualWorld, work } from './support/virtual-world.ts'

const unit = 10_000
/** Removed after 10 units of time (failed: after 30), forgotten 20 units later. */
const retention = { finished: { age: 10 * unit }, failed: { age: 30 * unit }, histories: { age: 5 * unit }, tombstones: { age: 20 * unit } }

const kinds = async (world: VirtualWorld) => {
  const stored = await world.store.load(['job:a', 'job:b', 'group:g', 'job:g/1', 'job:g/2', 'job:g/output'])
  return Object.fromEntries(stored.map(({ _id, state, removedAt }) => [_id, removedAt === undefined ? state : `tombstone, ${state}`]))
}
const code = (error: { code: string }) => error.code
const refused = (what: Promise<unknown>) => what.then(() => 'done', code)

const test = suite('what has ended is removed: E11 G7 [memory]')

test('a job: kept, then a tombstone that answers for its id, then nothing', async () => {
  const world = virtualWorld()
  await world.host({ retention })
  const job = await world.client.submit(work, { ms: 100 }, { id: 'a', labels: { of: 'x' } })
  await world.clock.advance(9 * unit)
  assert.is((await job.view()).state, 'succeeded')
  assert.equal((await job.history()).history.length, 3)

  await world.clock.advance(3 * unit)
  assert.equal(await kinds(world), { 'job:a': 'tombstone, succeeded' })
  const view = await job.view()
  assert.ok(JSON.stringify(await world.doc('job:a')).length < 900)
  assert.ok(view.removedAt! >= view.endedAt! + 10 * unit && view.final)
  assert.equal(view.output, { key: null })
  assert.equal(await (await world.client.submit(work, { ms: 100 }, { id: 'a' })).result(), { key: null })
  assert.is(await refused(world.client.submit(work, { ms: 200 }, { id: 'a' })), 'CONFLICT')
  assert.is(await refused(job.cancel()), 'NOT_ALLOWED')
  assert.equal(
    (await job.history()).history.filter(({ event }) => event.type !== 'submit'),
    [],
  )
  const found: string[] = []
  for await (const { id } of world.client.find({})) found.push(id)
  assert.equal(found, [])
  const watched = world.client.watch('job:a')[Symbol.asyncIterator]()
  assert.is(await refused(watched.next()), 'TRIMMED')

  await world.clock.advance(25 * unit)
  assert.equal([await world.docs(), await refused(job.view())], [[], 'NOT_FOUND'])
  await world.client.submit(work, { ms: 200 }, { id: 'a' })
  await world.clock.advance('1s')
  assert.is(world.startsOf('a').length, 2)
  assert.equal(world.bus.deadLetters, [])
})

test('who asks late for the result of what is gone is told, and does not wait for it', async () => {
  const world = virtualWorld()
  await world.host({ retention })
  const job = await world.client.submit(work, { ms: 100 }, { id: 'a' })
  const group = await world.client.submitGroup({ id: 'g', members: [work.with({ ms: 100 }, { key: '1' })] })
  await world.clock.advance(40 * unit)
  assert.equal(await world.docs(), [])
  assert.equal([await refused(job.result()), await refused(group.result())], ['NOT_FOUND', 'NOT_FOUND'])
  // By its id alone it may be submitted yet.
  const waits = world.client.job('a').result()
  await world.client.submit(work, { ms: 200 }, { id: 'a' })
  await world.clock.advance('1s')
  assert.equal(await waits, { key: null })
})

test('a large output goes, and whoever asks for it is told', async () => {
  const world = virtualWorld()
  const text = 'x'.repeat(50_000)
  const print = defineJob({ name: 'print', output: z.string() })
  await world.host({ retention, more: [print.handler(async () => text)] })
  const job = await world.client.submit(print, null, { id: 'a' })
  await world.clock.advance(9 * unit)
  assert.is(await job.result(), text)
  const [page] = Object.values((await world.doc('job:a')).snapshot.context as Record<string, { page?: string }>).flatMap(
    (v) => v?.page ?? [],
  )
  assert.is((await world.store.getPages([`${page}.0`])).length, 1)
  await world.clock.advance(3 * unit)
  assert.is((await world.store.getPages([`${page}.0`])).length, 0)
  assert.is(await refused(job.result()), 'NOT_FOUND')
})

test('a group goes with its members and its output, and they never before it', async () => {
  const world = virtualWorld({ partitions: 4 })
  await world.host({ retention })
  const members = [work.with({ ms: 100 }, { key: '1' }), once.with({ ms: 100, fails: 1 }, { key: '2' })]
  const options = { id: 'g', members, output: bind.with({ ms: 100 }), seal: false }
  const group = await world.client.submitGroup(options)
  await world.clock.advance(60 * unit)
  // Its members ended long ago; it is open.
  assert.equal(await kinds(world), { 'group:g': 'open', 'job:g/1': 'succeeded', 'job:g/2': 'failed' })
  await group.seal()
  await world.clock.advance(9 * unit)
  assert.is((await kinds(world))['job:g/1'], 'succeeded')
  await world.clock.advance(3 * unit)
  assert.equal(await kinds(world), { 'group:g': 'tombstone, succeeded' })
  assert.equal((await group.view()).members, { total: 2, succeeded: 1, failed: 1, cancelled: 0 })
  assert.is(await refused(group.result()), 'NOT_FOUND')
  assert.is(await refused(world.client.job('g/1').result({ signal: AbortSignal.timeout(5000) })), 'NOT_FOUND')
  // The same group is there, as it ended; nothing of it runs again.
  await world.client.submitGroup(options)
  const many = Array.from({ length: 300 }, (_, i) => work.with({ ms: 100 }, { key: `${i}` }))
  await world.client.submitGroup({ ...options, members: many })
  assert.is(await refused(world.client.submitGroup({ ...options, when: 'all-succeeded' })), 'CONFLICT')
  assert.is(await refused(group.add([work.with({}, { key: '3' })])), 'NOT_ALLOWED')
  assert.is(await refused(world.client.job('g/output').retry()), 'NOT_FOUND')
  assert.is(await refused(world.client.submit(work, { ms: 100 }, { id: 'g/1' })), 'CONFLICT')
  await world.clock.advance(1 * unit)
  assert.equal(
    ['g/1', 'g/2', 'g/output'].map((id) => world.startsOf(id).length),
    [1, 1, 1],
  )
  await world.clock.advance(25 * unit)
  assert.equal(await world.docs(), [])
  assert.equal(world.bus.deadLetters, [])
})

test('a chain goes with its steps, their groups and members, and all of their ids stay reserved', async () => {
  const world = virtualWorld({ partitions: 4 })
  const { clock, client } = world
  const k = defineChain({
    name: 'k',
    steps: { s: step(work.with(() => ({ ms: 100 }))), g: step({ members: [work.with({ ms: 100 }, { key: 'm' })], output: bind.with({}) }) },
  })
  await world.host({
    retention,
    chains: [k],
    schedules: { often: { on: 'arrived', starts: k } },
  })
  await client.chain(k).start(undefined, { id: 'x' })
  await client.raise('arrived', undefined, { id: 'a' })
  await clock.advance(5 * unit)
  for (const chain of ['x', 'often/_a']) assert.is((await client.chain(k).run(chain).view()).state, 'succeeded')
  await clock.advance(7 * unit)
  const limit = { signal: AbortSignal.timeout(5000) }
  for (const chain of ['k/x', 'k/often/_a']) {
    assert.ok((await client.actor(`chain:${chain}`).view()).removedAt)
    for (const id of ['s', '2/s', 'input/s', 'g/m', 'g/output'].map((id) => `${chain}/${id}`)) {
      assert.is(await refused(client.job(id).view()), 'NOT_FOUND', id)
      assert.is(await refused(client.job(id).result(limit)), 'NOT_FOUND', id)
      assert.is(await refused(client.watch(`job:${id}`, limit)[Symbol.asyncIterator]().next()), 'NOT_FOUND', id)
      if (id.endsWith('output')) continue
      assert.is(await refused(client.submit(work, { ms: 100 }, { id })), 'CONFLICT', id)
    }
    assert.is(await refused(client.group(`${chain}/2/g`).result(limit)), 'NOT_FOUND')
    assert.is(await refused(client.watch(`group:${chain}/2/g`, limit)[Symbol.asyncIterator]().next()), 'NOT_FOUND')
    assert.is(
      await refused(client.submitGroup({ id: `${chain}/2/g`, members: [work.with({}, { key: 'm' })], output: bind.with({}) })),
      'CONFLICT',
    )
    const after = [`job:${chain}/s`, `group:${chain}/2/g`].map((of, i) => ({ id: `after-${chain.length}-${i}`, after: [of] }))
    for (const options of after) await client.submit(work, { ms: 100 }, options)
    await clock.advance('1s')
    for (const { id } of after) assert.is((await client.job(id).view()).state, 'cancelled', id)
  }
  assert.equal(
    ['k/x/s', 'k/x/g/m', 'k/often/_a/s'].map((id) => world.startsOf(id).length),
    [1, 1, 1],
  )
})

test('what failed has a time of its own, and cannot run again once it was removed', async () => {
  const world = virtualWorld()
  await world.host({ retention })
  const job = await world.client.submit(once, { fails: 5 }, { id: 'a' })
  await world.clock.advance(25 * unit)
  await job.retry()
  await world.clock.advance(25 * unit)
  assert.equal([await kinds(world), world.startsOf('a').length], [{ 'job:a': 'failed' }, 2])
  await world.clock.advance(10 * unit)
  assert.equal(await kinds(world), { 'job:a': 'tombstone, failed' })
  assert.is(await refused(job.retry()), 'NOT_ALLOWED')
  assert.is((await job.view()).error!.message, 'failure 2')
  await world.clock.advance(30 * unit)
  assert.equal(await world.docs(), [])
})

test('by count: the newest stay', async () => {
  const world = virtualWorld()
  await world.host({ retention: { finished: { age: '30d', count: 10 } } })
  for (let i = 0; i < 15; i++) {
    await world.client.submit(work, { ms: 10 }, { id: `n${i}` })
    await world.clock.advance('1s')
  }
  await world.clock.advance('1m')
  const left = (await world.docs()).map(({ _id }) => _id)
  assert.equal(left.sort(), ['job:n10', 'job:n11', 'job:n12', 'job:n13', 'job:n14', 'job:n5', 'job:n6', 'job:n7', 'job:n8', 'job:n9'])
  // Many more: it does not wait for its next time.
  for (let i = 0; i < 300; i++) await world.client.submit(work, { ms: 1 }, { id: `m${i}` })
  await world.until('the newest are left', async () => (await world.docs()).length === 10, 120 * unit)
})

test('many tombstones, and what stands between them, go in one sweep', async () => {
  const world = virtualWorld()
  await world.host({ retention: { finished: { age: '5s' }, tombstones: { age: '5s' } }, slots: 100 })
  for (let batch = 0; batch < 5; batch++) {
    await Promise.all(Array.from({ length: 500 }, (_, i) => world.client.submit(work, { ms: 1 }, { id: `n${batch}-${i}` })))
    await world.clock.advance('100ms')
  }
  await world.clock.advance('50s')
  const left = await world.store.waking(0, Number.POSITIVE_INFINITY)
  assert.is(left.length, 2500)
  // Half a minute for what may be late, once for all of them.
  await world.clock.advance('45s')
  assert.equal(await world.store.waking(0, Number.POSITIVE_INFINITY), [])
})

test('lanes, correlation ids and what was never submitted leave nothing behind', async () => {
  const world = virtualWorld({ partitions: 4 })
  await world.host({ retention })
  await world.client.submit(work, { ms: 100 }, { id: 'a', lane: 'l' })
  await world.client.submit(work, { ms: 100 }, { id: 'b', after: ['job:a'] })
  await world.clock.advance(5 * unit)
  assert.ok((await world.docs()).some(({ _id }) => _id === 'lane:l'))
  await world.clock.advance(60 * unit)
  assert.equal(await world.docs(), [])
})

test('a correlation id goes after its job: what comes too late is told so', async () => {
  const world = virtualWorld({ partitions: 4 })
  const pay = defineJob({ name: 'pay', callbacks: { bank: z.string() }, retry: { attempts: 1 } })
  const enter = async (_: unknown, ctx: { callbacks: { bank?: string }; suspend(how: object): never }) => {
    if (!ctx.callbacks.bank) return ctx.suspend({ until: ['bank'], as: 'pay-7' })
    throw new Error('refused')
  }
  await world.host({ retention, more: [pay.handler(enter as never)] })
  // Early: it is not the job that has created it.
  await world.client.resume('pay-7', 'bank', 'yes')
  await world.client.submit(pay, null, { id: 'a' })
  await world.clock.advance(20 * unit)
  assert.equal(await kinds(world), { 'job:a': 'failed' })
  assert.is(await refused(world.client.resume('pay-7', 'bank', 'late')), 'SUPERSEDED')
  await world.clock.advance(60 * unit)
  assert.equal(await world.docs(), [])
})

test('what follows what has been removed, goes on as that ended', async () => {
  const world = virtualWorld({ partitions: 4 })
  await world.host({ retention })
  await world.client.submit(work, { ms: 100 }, { id: 'a' })
  await world.client.submit(once, { fails: 1 }, { id: 'b' })
  await world.clock.advance(35 * unit)
  assert.equal(await kinds(world), { 'job:b': 'tombstone, failed' })
  await world.client.submit(work, {}, { id: 'c', after: ['job:b'] })
  await world.client.submit(work, {}, { id: 'd', after: ['job:b'], when: 'all-finished' })
  await world.clock.advance('1s')
  assert.equal([(await world.doc('job:c')).state, (await world.doc('job:d')).state], ['cancelled', 'succeeded'])
})

test('the history of what was kept longer than that has its newest part only', async () => {
  const world = virtualWorld()
  await world.host({ retention: { ...retention, finished: { age: 20 * unit } } })
  const group = await world.client.submitGroup({
    id: 'g',
    members: Array.from({ length: 400 }, (_, i) => work.with({ ms: 10 }, { key: `m${i}` })),
  })
  await world.clock.advance(4 * unit)
  const pages = (await world.doc('group:g')).historyPages!
  assert.ok(pages.length > 0)
  await world.clock.advance(8 * unit)
  assert.is((await group.view()).state, 'succeeded')
  assert.equal(await world.store.getPages(pages), [])
  const { historyPages, history, version } = await world.doc('group:g')
  assert.is(historyPages, undefined)
  const changes = (from: number) => world.client.watch('group:g', { from })[Symbol.asyncIterator]().next()
  const error = await changes(0).catch((trimmed) => trimmed)
  const first = history[0]?.v ?? version + 1
  assert.equal([error.code, Number(/before version (\d+)/.exec(error.message)![1])], ['TRIMMED', first])
  assert.ok(!('code' in (await changes(first))))
})

test('an idle system looks for nothing', async () => {
  const world = virtualWorld({ partitions: 2 })
  const host = await world.host({ retention: {} })
  await world.client.submit(work, {}, { id: 'a' })
  await world.clock.advance('2m')
  const before = host.trace.length
  await world.clock.advance('10m')
  const calls = host.trace.slice(before).filter((name) => /Waking|waking|load|commit|remove/.test(name))
  // Due times: once a minute for each partition, before and after.
  assert.is(calls.filter((name) => !/waking/.test(name)).length, 0)
  assert.ok(calls.length <= 2 * 2 * 11, `${calls.length} calls`)
})
test.run()

const options = suite('retention: E11')
options('defaults, and what is no age or count', () => {
  const day = 24 * 60 * 60_000
  const { finished, failed, tombstones } = retentionOf()
  assert.equal([finished.age, failed.age, tombstones.age], [7 * day, 30 * day, 30 * day])
  assert.ok(retentionOf({ finished: { age: Number.POSITIVE_INFINITY } }).finished.age > 36_000 * day)
  assert.throws(() => retentionOf({ failed: { age: 'soon' } }), /retention\.failed\.age/)
  assert.throws(() => retentionOf({ finished: { count: -1 } }), /retention\.finished\.count/)
  const said = (given: unknown) => () => retentionOf(given as never)
  assert.throws(said('7d'), /^retention: must be an object with finished, failed, histories, tombstones/)
  assert.throws(said(null), /^retention: must be an object/)
  assert.throws(said({ finished: '7d' }), /^retention\.finished: must be an object with age, count/)
  assert.throws(said({ done: { age: '7d' } }), /^retention\.done: there is no such field.*finished, failed, histories, tombstones/)
  assert.throws(said({ histories: { count: 5 } }), /^retention\.histories\.count: there is no such field.*age/)
  assert.is(retentionOf({ finished: undefined, failed: { age: undefined } }).failed.age, 30 * day)
})
options.run()
