import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms, type JobContext } from '../../actors/job.ts'
import { embeddedBus } from '../../src/bus/embedded.ts'
import { systemClock } from '../../src/clock.ts'
import { createHost } from '../../src/host/host.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Write } from '../../src/store/port.ts'
import { serve, workerOn } from '../support/rules-worker.ts'
import { comesTrue, gate, rulesWorld, slowCommits } from '../support/rules-world.ts'
import { once, virtualWorld, work } from '../support/virtual-world.ts'

/** A host that is asked to end, while its handlers run. */
const test = suite('shutdown: W5 E8 [memory]')

/** A job runs on the first host; a second one is there. */
async function running(definition: typeof work, input: Parameters<typeof work.with>[0]) {
  const world = virtualWorld()
  const host = await world.host()
  const handle = await world.client.submit(definition, input, { id: 'j' })
  await world.until('it runs', () => world.starts.length === 1)
  const stop = (grace: string) => {
    const stopping = { at: world.clock.now(), ended: undefined as boolean | undefined, took: 0 }
    void host.stop({ grace }).then((all) => {
      stopping.ended = all
      stopping.took = world.clock.now() - stopping.at
    })
    return stopping
  }
  return { ...world, world, host, handle, stop, state: async () => (await world.doc('job:j')).state }
}
type Running = Awaited<ReturnType<typeof running>>
const attemptsOf = ({ starts }: Running) => starts.map(({ where, attempt, run }) => [where, attempt, run])

test('W5: a handler that throws the reason is queued again, and loses no attempt', async () => {
  const j = await running(once, { ms: 20_000 })
  await j.world.host()
  const stopping = j.stop('10s')
  await j.until('the host has ended', () => stopping.ended !== undefined)
  assert.equal([stopping.ended, stopping.took], [true, 0])
  assert.equal(j.reasons, ['j SHUTDOWN'])
  await j.until('its end', async () => (await j.handle.view()).final)
  assert.equal(attemptsOf(j), [
    ['h1', 1, 1],
    ['h2', 1, 2],
  ])
  assert.ok(j.starts[1]!.at - stopping.at <= 1000)
  assert.equal(await j.problems(), [])
})

test('W5: while the store says nothing the host ends all the same, soon after its grace', async () => {
  const store = memoryStore()
  let silent: (() => void) | undefined
  const commit = (writes: readonly Write[]) => {
    if (!silent) return store.commit(writes)
    silent()
    return new Promise<never>(() => {})
  }
  const bus = embeddedBus({ clock: systemClock, partitions: 1 })
  const on = {
    connect: async ({ name }: { name: string }) => ({ bus: bus.connect(name), store: { ...store, commit }, close: async () => {} }),
  }
  const host = await createHost({ on, handlers: [work.handler(() => {})], log: () => {} })
  await (await host.client.submit(work, {}, { id: 'first' })).result()
  await new Promise<void>((asked) => {
    silent = asked
    void host.client.submit(work, {}, { id: 'second' }).catch(() => {})
  })
  // Whether the first is settled by then is not its point: that it ends at all is.
  await host.stop({ grace: '100ms' })
})

test('W5: a handler that goes on is visibly stopping; returned, it has succeeded, and the host ends then', async () => {
  const j = await running(work, { ms: 5000, deaf: true })
  const stopping = j.stop('60s')
  await j.clock.advance('1s')
  assert.is(await j.state(), 'stopping')
  const [condition] = (await j.handle.why()).conditions
  assert.is(condition!.code, 'STOPPING')
  assert.is(stopping.ended, undefined)
  await j.until('the host has ended', () => stopping.ended !== undefined)
  assert.is(stopping.ended, true)
  assert.ok(stopping.took <= 5000, `${stopping.took} ms`)
  assert.is(await j.state(), 'succeeded')
  assert.is(j.starts.length, 1)
})

test('W5: a handler that throws anything else has failed', async () => {
  const j = await running(work, { ms: 3000, deaf: true, fails: 99 })
  const stopping = j.stop('60s')
  await j.until('the host has ended', () => stopping.ended !== undefined)
  assert.is(await j.state(), 'backoff')
  const { attempts } = (await j.doc('job:j')).snapshot.context as JobContext
  assert.is(attempts.used, 1)
})

test('W5: cancelled while its host stops: cancelling, and then cancelled', async () => {
  const j = await running(work, { ms: 5000, deaf: true, fails: 99 })
  const stopping = j.stop('60s')
  await j.clock.advance('1s')
  await j.handle.cancel()
  assert.is(await j.state(), 'cancelling')
  await j.until('the host has ended', () => stopping.ended !== undefined)
  assert.is(await j.state(), 'cancelled')
})

test('W5: after its grace the host ends anyway and says so; the rest is revived elsewhere', async () => {
  const j = await running(work, { ms: 60_000, deaf: true })
  await j.world.host()
  const stopping = j.stop('2s')
  await j.until('the host has ended', () => stopping.ended !== undefined)
  assert.equal([stopping.ended, stopping.took], [false, 2000])
  await j.until('it runs elsewhere', () => j.starts.length === 2)
  assert.is(j.starts[1]!.where, 'h2')
  assert.ok(j.starts[1]!.at - stopping.at <= 2000 + 5000, `${j.starts[1]!.at - stopping.at} ms`)
  assert.equal(await j.problems(), [])
})

test('W5: while handlers end, work is planned as before, and none of it starts here', async () => {
  const j = await running(work, { ms: 5000, deaf: true })
  const stopping = j.stop('60s')
  await j.clock.advance('1s')
  await j.host.client.submit(work, {}, { id: 'other' })
  await j.host.client.submit(work, {}, { id: 'later', startAt: new Date(j.clock.now() + 60_000) })
  assert.is((await j.doc('job:other')).state, 'queued')
  await j.until('the host has ended', () => stopping.ended !== undefined)
  assert.is(j.starts.length, 1)
  await j.world.host()
  await j.until('all has run', () => j.starts.length === 3)
  assert.equal(await j.problems(), [])
})

test('E8: what was claimed and has not begun goes back, and runs elsewhere within a second', async () => {
  const world = rulesWorld()
  const slow = gate()
  await serve(world, world.host('h', { store: (store) => slowCommits(store, slow, ({ state }) => state === 'running') }), 0)
  const begun: { worker: string; attempt: number; run: number; at: number }[] = []
  const worker = (name: string) =>
    workerOn(world, name, ({ attempt, run }) => void begun.push({ worker: name, attempt, run, at: world.clock.now() }))
  const leaving = worker('leaving')
  await leaving.start()
  await world.publish({
    to: 'job:j',
    event: { type: 'submit', job: 'work', input: { value: 1 }, terms: { ...defaultTerms, onLost: 'hold' } },
  })
  await comesTrue(() => slow.waiting === 1, 'the claim is being granted')
  await worker('other').start()
  const told = world.clock.now()
  const stopped = leaving.stop(60_000)
  slow.open()
  await world.clock.advance('1s')
  assert.is(await stopped, true)
  assert.equal(
    begun.map(({ worker, attempt, run }) => [worker, attempt, run]),
    [['other', 1, 2]],
  )
  assert.ok(begun[0]!.at - told <= 1000)
})

test.run()
