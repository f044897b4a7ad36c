import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GroupSubmitOptions } from '../src/client.ts'
import { aborts, bind, once, type VirtualWorld, virtualWorld, work } from './support/virtual-world.ts'

/** Members that finish together, and one output: every option, every end, in virtual time. */
const test = suite('groups: R1 R2 R3 R4 R7 [memory]')

type Output = { total: number; succeeded: number; failed: number; cancelled: number; members: string[] }
const good = (key: string, ms = 10) => once.with({ ms }, { key })
const bad = (key: string, ms = 10) => once.with({ ms, fails: 99 }, { key })

/** A group in a world of its own with one host; the promise of its result, told apart from its error. */
async function group(options: Partial<GroupSubmitOptions>, world = virtualWorld()) {
  const host = await world.host()
  const handle = await world.client.submitGroup({ id: 'g', members: [], output: bind.with({}), ...options })
  const result = () => settle(handle.result(), world)
  return { ...world, host, handle, result, world }
}

async function settle(
  promise: Promise<unknown>,
  { clock, until }: VirtualWorld,
): Promise<{ value?: Output; code?: string; message?: string }> {
  let settled: { value?: Output; code?: string; message?: string } | undefined
  promise.then(
    (value) => (settled = { value: value as Output }),
    (error) => (settled = { code: error.code, message: error.message }),
  )
  await until('a result', () => settled !== undefined)
  await clock.advance('1s')
  return settled!
}

const stateOf = async (world: VirtualWorld, address: string) => (await world.doc(address)).state
const codes = async (handle: { why(): Promise<{ conditions: { code: string }[] }> }) =>
  (await handle.why()).conditions.map(({ code }) => code)

test('all-finished with a failed member: the output is made and gets the failed list', async () => {
  const g = await group({ members: [good('a'), bad('b'), good('c')] })
  const { value } = await g.result()
  assert.equal(value, { total: 3, succeeded: 2, failed: 1, cancelled: 0, members: ['a succeeded', 'b failed: failure 1', 'c succeeded'] })
  assert.is(await stateOf(g.world, 'group:g'), 'succeeded')
  assert.is(g.startsOf('g/output').length, 1)
  assert.equal((await g.handle.view()).members, { total: 3, succeeded: 2, failed: 1, cancelled: 0 })
  assert.equal(await g.problems(), [])
})

test('the output starts after the last end, and sees every member ended', async () => {
  const g = await group({ members: Array.from({ length: 20 }, (_, i) => good(String(i), 10 + 37 * i)) })
  const { value } = await g.result()
  assert.is(value!.members.filter((line) => line.endsWith('succeeded')).length, 20)
  const last = Math.max(...g.starts.filter(({ job }) => job !== 'g/output').map(({ at }, i) => at + 10 + 37 * i))
  assert.ok(g.startsOf('g/output')[0]!.at >= last)
})

test('the group ends as its output ends', async () => {
  const g = await group({ members: [good('a')], output: bind.with({ fails: 99, how: 'terminal' }) })
  const { code, message } = await g.result()
  assert.is(code, 'JOB_FAILED')
  assert.match(message!, /never again/)
  assert.is(await stateOf(g.world, 'group:g'), 'failed')
})

test('the output is retried as any job is', async () => {
  const g = await group({ members: [good('a')], output: bind.with({ fails: 2 }) })
  assert.is((await g.result()).value?.succeeded, 1)
  assert.equal(
    g.startsOf('g/output').map(({ attempt }) => attempt),
    [1, 2, 3],
  )
  assert.is(await stateOf(g.world, 'group:g'), 'succeeded')
})

test('all-succeeded and a member that did not: no output, and the group fails once every member is finished', async () => {
  const g = await group({ members: [good('a', 5000), bad('b'), good('c')], when: 'all-succeeded' })
  await g.clock.advance('2s')
  assert.is(await stateOf(g.world, 'group:g'), 'open')
  const { code, message } = await g.result()
  assert.is(code, 'JOB_FAILED')
  assert.match(message!, /1 of 3 members failed/)
  assert.is(await stateOf(g.world, 'group:g'), 'failed')
  assert.equal(await g.store.load(['job:g/output']), [])
})

test('all-succeeded and all did: the output is made', async () => {
  const g = await group({ members: [good('a'), good('b')], when: 'all-succeeded' })
  assert.is((await g.result()).value?.succeeded, 2)
})

test('cancel-rest: the first failure cancels what runs and what waits', async () => {
  const members = [bad('a', 100), good('b', 60_000), good('c', 60_000), good('d', 60_000)]
  const g = await group({ members, onMemberFailure: 'cancel-rest', concurrency: 2 })
  const { value } = await g.result()
  assert.equal(value, {
    total: 4,
    succeeded: 0,
    failed: 1,
    cancelled: 3,
    members: ['a failed: failure 1', 'b cancelled', 'c cancelled', 'd cancelled'],
  })
  assert.ok(g.clock.now() - g.starts[0]!.at < 10_000, 'nobody waited for the rest')
  assert.equal(g.reasons, ['g/b JOB_CANCELLED'])
  assert.is(g.startsOf('g/c').length, 0)
})

test('cancel-rest: a failed attempt is no failure', async () => {
  const g = await group({ members: [work.with({ fails: 2 }, { key: 'a' }), good('b', 10_000)], onMemberFailure: 'cancel-rest' })
  assert.is((await g.result()).value?.succeeded, 2)
})

test('cancel-rest: what is added afterwards is recorded as cancelled, and never starts', async () => {
  const g = await group({ members: [bad('a')], onMemberFailure: 'cancel-rest', seal: false })
  await g.until('the failure', async () => (await g.handle.view()).members?.failed === 1)
  await g.handle.add([good('late')])
  await g.handle.seal()
  assert.equal((await g.result()).value?.members, ['a failed: failure 1', 'late cancelled'])
  assert.is(g.startsOf('g/late').length, 0)
})

test('a cancelled group: all that is unfinished is cancelled, no output is made', async () => {
  const g = await group({ members: [good('a'), good('b', 60_000), good('c', 60_000)], concurrency: 2 })
  await g.until('b runs', () => g.startsOf('g/b').length === 1)
  await g.until('a ends', async () => (await g.handle.view()).members?.succeeded === 1)
  await g.handle.cancel({ reason: 'not wanted' })
  const { code } = await g.result()
  assert.is(code, 'JOB_CANCELLED')
  assert.is(await stateOf(g.world, 'group:g'), 'cancelled')
  assert.is(await stateOf(g.world, 'job:g/a'), 'succeeded')
  assert.is(await stateOf(g.world, 'job:g/b'), 'cancelled')
  assert.is(await stateOf(g.world, 'job:g/c'), 'cancelled')
  assert.equal(await g.store.load(['job:g/output']), [])
})

test('a group that is cancelled while its output runs: both say why', async () => {
  const g = await group({ members: [good('a')], output: bind.with({ ms: 60_000 }) })
  await g.until('its output runs', () => g.startsOf('g/output').length === 1)
  await g.handle.cancel({ reason: 'not wanted' })
  const { code, message } = await g.result()
  assert.is(code, 'JOB_CANCELLED')
  assert.match(message!, /was cancelled: not wanted/)
  assert.is((await g.handle.view()).cancelReason, 'not wanted')
})

test('a cancelled group that is not sealed ends as well', async () => {
  const g = await group({ members: [good('a', 60_000)], seal: false })
  await g.handle.cancel()
  assert.is((await g.result()).code, 'JOB_CANCELLED')
})

test('a cancel while the output runs cancels the output', async () => {
  const g = await group({ members: [good('a')], output: bind.with({ ms: 60_000 }) })
  await g.until('the output runs', () => g.startsOf('g/output').length === 1)
  await g.handle.cancel()
  assert.is((await g.result()).code, 'JOB_CANCELLED')
  assert.is(await stateOf(g.world, 'group:g'), 'cancelled')
})

test('a deaf member of a cancelled group: its success counts, and the group waits for it', async () => {
  const g = await group({ members: [once.with({ ms: 8000, deaf: true }, { key: 'a' })] })
  await g.until('it runs', () => g.startsOf('g/a').length === 1)
  await g.handle.cancel()
  assert.is(await stateOf(g.world, 'job:g/a'), 'cancelling')
  assert.equal(await codes(g.handle), ['MEMBERS'])
  assert.is((await g.result()).code, 'JOB_CANCELLED')
  assert.is(await stateOf(g.world, 'job:g/a'), 'succeeded')
})

test('an empty group finishes at once, with its output', async () => {
  const g = await group({ members: [] })
  assert.equal((await g.result()).value, { total: 0, succeeded: 0, failed: 0, cancelled: 0, members: [] })
  const all = await group({ members: [], when: 'all-succeeded' })
  assert.is((await all.result()).value?.total, 0)
})

test('a group without an output ends when its members have', async () => {
  const g = await group({ members: [good('a'), bad('b')], output: undefined })
  assert.equal(await g.result(), { value: undefined })
  assert.is(await stateOf(g.world, 'group:g'), 'succeeded')
  const empty = await group({ members: [], output: undefined })
  assert.equal(await empty.result(), { value: undefined })
  const strict = await group({ members: [bad('b')], output: undefined, when: 'all-succeeded' })
  assert.is((await strict.result()).code, 'JOB_FAILED')
})

test('the window is never exceeded, and always used', async () => {
  for (const concurrency of [1, 3, 7]) {
    const members = Array.from({ length: 25 }, (_, i) =>
      i % 4 === 0 ? bad(`m${i}`, 50) : work.with({ ms: 20 + i, fails: i % 3 === 0 ? 1 : 0 }, { key: `m${i}` }),
    )
    const g = await group({ members, concurrency })
    const { value } = await g.result()
    assert.is(value!.total, 25)
    assert.is(value!.failed, 7)
    assert.is(g.most, concurrency)
  }
})

test('a window over more members than one page of keys', async () => {
  const members = Array.from({ length: 2300 }, (_, i) => good(`m${i}`, 1))
  const g = await group({ members, concurrency: 10 })
  assert.is((await g.result()).value!.succeeded, 2300)
  assert.is(g.most, 10)
  for (const { _id, historyPages: _, ...doc } of await g.docs()) assert.ok(JSON.stringify(doc).length < 256 * 1024, _id)
})

test('cancel-rest over more members than one page of keys', async () => {
  const members = Array.from({ length: 2300 }, (_, i) => (i === 5 ? bad(`m${i}`, 10) : good(`m${i}`, 60_000)))
  const g = await group({ members, onMemberFailure: 'cancel-rest', concurrency: 10 })
  const { value } = await g.result()
  assert.equal([value!.failed, value!.cancelled, value!.succeeded], [1, 2299, 0])
})

test('seal: false, add, seal', async () => {
  const g = await group({ members: [good('a')], seal: false })
  await g.clock.advance('20m')
  assert.is(await stateOf(g.world, 'group:g'), 'open')
  const { conditions } = await g.handle.why()
  assert.equal(
    conditions.map(({ code, stuck }) => [code, stuck]),
    [['NOT_SEALED', true]],
  )
  await g.handle.add([good('b'), good('c')])
  await g.handle.add([good('b')])
  await g.handle.seal()
  await g.handle.seal()
  assert.equal((await g.result()).value?.members, ['a succeeded', 'b succeeded', 'c succeeded'])
})

test('sealBy: sealed by itself at that time, and not before', async () => {
  const g = await group({ members: [good('a')], seal: false, sealBy: '10m' })
  const sealAt = g.clock.now() + 600_000
  const { conditions } = await g.handle.why()
  assert.is(conditions[0]!.code, 'NOT_SEALED')
  assert.ok(Math.abs(conditions[0]!.until! - sealAt) < 1000)
  await g.clock.advance('9m')
  await g.handle.add([good('b')])
  assert.is(await stateOf(g.world, 'group:g'), 'open')
  assert.is((await g.result()).value?.total, 2)
  assert.ok(g.startsOf('g/output')[0]!.at >= conditions[0]!.until!)
  assert.is((await g.handle.add([good('c')]).catch((error) => error)).code, 'NOT_ALLOWED')
})

test('sealBy while no host is up: sealed at once by the next', async () => {
  const g = await group({ members: [good('a')], seal: false, sealBy: '10m' })
  await g.clock.advance('1m')
  g.host.die()
  await g.clock.advance('20m')
  const up = g.clock.now()
  await g.world.host()
  assert.is((await g.result()).value?.total, 1)
  assert.ok(g.startsOf('g/output')[0]!.at - up < 10_000)
})

test('sealed before its time: the timer is no more', async () => {
  const g = await group({ members: [good('a', 1000)], seal: false, sealBy: '10m' })
  await g.handle.seal()
  await g.result()
  assert.ok(g.clock.now() < Date.UTC(2026, 10, 23, 0, 5))
  assert.equal((await g.doc('group:g')).timers, [])
})

test('adding twice is once, and a whole group submitted twice is once', async () => {
  const members = [good('a', 500), good('b', 500)]
  const g = await group({ members: [...members, ...members], seal: false })
  await g.handle.add(members)
  await g.client.submitGroup({ id: 'g', members, output: bind.with({}) })
  await g.client.submitGroup({ id: 'g', members, output: bind.with({}) })
  assert.is((await g.result()).value?.total, 2)
  await g.client.submitGroup({ id: 'g', members, output: bind.with({}) })
  await g.handle.add(members)
  await g.clock.advance('1m')
  for (const key of ['a', 'b', 'output']) assert.is(g.startsOf(`g/${key}`).length, 1, key)
})

test('a member submitted beside its group, before the group is known: its end is not lost', async () => {
  for (const early of [true, false]) {
    const world = virtualWorld()
    const host = await world.host()
    // As any program could write it: a member without a place yet.
    const { terms } = once
    const member = { group: 'group:g', key: 'a', round: 0 }
    const given = { ms: early ? 10 : 20_000 }
    const event = { type: 'submit', job: 'once', input: { value: given }, terms, member }
    await world.bus.connect('program').publish([{ partition: 0, id: 'x', events: [{ to: 'job:g/a', event }] }])
    await world.until('it runs', () => world.startsOf('g/a').length === 1)
    if (early) {
      await world.until('its end is kept', async () => (await stateOf(world, 'group:g').catch(() => '')) === 'awaited')
      const { conditions } = await world.client.group('g').why()
      assert.equal(
        conditions.map(({ code, stuck }) => [code, stuck]),
        [['GROUP_UNKNOWN', undefined]],
      )
    }
    const handle = await world.client.submitGroup({ id: 'g', members: [once.with(given, { key: 'a' }), good('b')], output: bind.with({}) })
    assert.equal((await settle(handle.result(), world)).value?.members, ['a succeeded', 'b succeeded'])
    assert.is(world.startsOf('g/a').length, 1)
    await host.stop()
  }
})

test('a job of the same id, submitted for itself before: the same work is not done twice', async () => {
  const world = virtualWorld()
  await world.host()
  const job = await world.client.submit(once, { ms: 10 }, { id: 'g/a' })
  await settle(job.result(), world)
  const handle = await world.client.submitGroup({ id: 'g', members: [good('a'), good('b')], output: bind.with({}) })
  assert.equal((await settle(handle.result(), world)).value?.members, ['a succeeded', 'b succeeded'])
  assert.is(world.startsOf('g/a').length, 1)
})

test('an operator retries a failed member while the group is open: it counts as it ends then', async () => {
  const g = await group({ members: [once.with({ fails: 1 }, { key: 'a' }), good('b', 60_000)] })
  await g.until('a failed', async () => (await g.handle.view()).members?.failed === 1)
  await g.client.job('g/a').retry()
  await g.until('a succeeded', async () => (await g.handle.view()).members?.succeeded === 1)
  const { value } = await g.result()
  assert.equal([value!.succeeded, value!.failed], [2, 0])
  assert.is(g.startsOf('g/a').length, 2)
  assert.is(g.startsOf('g/output').length, 1)
})

test('an operator retries a failed member in a window: the window holds', async () => {
  const g = await group({ members: [once.with({ fails: 1 }, { key: 'a' }), good('b', 5000), good('c', 5000)], concurrency: 1 })
  await g.until('a failed', async () => (await g.handle.view()).members?.failed === 1)
  await g.client.job('g/a').retry()
  assert.is((await g.result()).value?.succeeded, 3)
  assert.is(g.most, 1)
})

test("an operator's retry of a member after its group has made its output changes nothing", async () => {
  const g = await group({ members: [bad('a'), good('b')] })
  await g.result()
  await g.client
    .job('g/a')
    .retry()
    .catch(() => {})
  await g.clock.advance('1m')
  assert.is(await stateOf(g.world, 'job:g/a'), 'failed')
  assert.is(g.startsOf('g/a').length, 1)
  assert.is(g.startsOf('g/output').length, 1)
})

test('after cancel-rest no member is retried', async () => {
  const g = await group({ members: [bad('a'), once.with({ ms: 20_000, deaf: true }, { key: 'b' })], onMemberFailure: 'cancel-rest' })
  await g.until('a failed', async () => (await g.handle.view()).members?.failed === 1)
  await g.client
    .job('g/a')
    .retry()
    .catch(() => {})
  await g.result()
  assert.is(g.startsOf('g/a').length, 1)
})

test('an aborted member is finished, and listed', async () => {
  const world = virtualWorld()
  const g = await group({ members: [aborts.with({ ms: 60_000 }, { key: 'a' }), good('b')] }, world)
  await g.until('a runs', () => g.startsOf('g/a').length === 1)
  g.host.die()
  await world.host()
  const { value } = await g.result()
  assert.equal([value!.failed, value!.succeeded], [1, 1])
  assert.match(value!.members[0]!, /^a aborted: worker .* did not renew its lease/)
})

test('a host dies with members at work: each is run again, the output once (R1, R2)', async () => {
  const world = virtualWorld({ partitions: 4 })
  const g = await group({ members: Array.from({ length: 12 }, (_, i) => work.with({ ms: 3000 + 100 * i }, { key: `m${i}` })) }, world)
  await world.host()
  await g.until('all run', () => g.starts.length >= 12)
  await g.clock.advance('2s')
  g.host.die()
  const { value } = await g.result()
  assert.is(value!.succeeded, 12)
  assert.is(g.startsOf('g/output').length, 1)
  assert.equal(await g.problems(), [])
})

test('why says what a group waits for', async () => {
  const g = await group({ members: [good('a', 5000), good('b', 5000)], concurrency: 1, output: bind.with({ ms: 5000 }) })
  await g.until('a runs', () => g.startsOf('g/a').length === 1)
  assert.equal(await codes(g.handle), ['MEMBERS'])
  const [condition] = (await g.handle.why()).conditions
  assert.match(condition!.message, /2 of 2 members have not finished; 1 of 1 at once are begun/)
  assert.equal(await codes(g.client.job('g/b')), ['GROUP_WINDOW'])
  assert.is((await g.client.job('g/b').why()).conditions[0]!.on, 'group:g')
  await g.until('the output runs', () => g.startsOf('g/output').length === 1)
  const { conditions } = await g.handle.why()
  assert.equal(
    conditions.map(({ code, on }) => [code, on]),
    [['OUTPUT', 'job:g/output']],
  )
  await g.result()
  assert.equal(await codes(g.handle), [])
})

test.run()
