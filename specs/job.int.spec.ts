import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineJob } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { createHost } from '../src/index.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'
import { aborts, bind, held, once, short, type VirtualWorld, virtualWorld, work } from './support/virtual-world.ts'

/** Single jobs: attempts, times, cancel and loss in every state, in virtual time. */
const test = suite('single jobs: R4 R5 E10 W4 [memory]')

type Definition = typeof work
async function job(definition: Definition, input: Parameters<Definition['with']>[0], options = {}, world = virtualWorld()) {
  const host = await world.host()
  const handle = await world.client.submit(definition, input, { id: 'j', ...options })
  const state = async () => (await world.doc('job:j')).state
  const ended = async () => {
    await world.until('its end', async () => (await handle.view()).final)
    return handle.result().then(
      (value) => ({ value, code: undefined, message: '' }),
      (error) => ({ value: undefined, code: error.code as string, message: error.message as string }),
    )
  }
  const reaches = (wanted: string) => world.until(wanted, async () => (await state()) === wanted)
  return { ...world, world, host, handle, state, ended, reaches }
}
const why = async (handle: { why(): Promise<{ conditions: { code: string; until?: number; stuck?: boolean; message: string }[] }> }) =>
  (await handle.why()).conditions
const attempts = ({ starts }: VirtualWorld) => starts.map(({ attempt, at }, i) => [attempt, at - (starts[i - 1]?.at ?? at)])

test('a job succeeds, and its output is kept', async () => {
  const j = await job(work, { ms: 10 })
  assert.equal((await j.ended()).value, { key: null })
  assert.equal(attempts(j.world), [[1, 0]])
  assert.equal(await why(j.handle), [])
  assert.equal(await j.problems(), [])
})

test('retries with backoff: 1 s, then twice that; then it has failed', async () => {
  const j = await job(work, { ms: 0, fails: 99 })
  await j.reaches('backoff')
  const [condition] = await why(j.handle)
  assert.is(condition!.code, 'BACKOFF')
  assert.match(condition!.message, /^attempt 1 of 3 failed \(failure 1\); the next starts in \d+ ms/)
  const { code, message } = await j.ended()
  assert.is(code, 'JOB_FAILED')
  assert.match(message, /^job:j failed: failure 3/)
  assert.equal(attempts(j.world), [
    [1, 0],
    [2, 1000],
    [3, 2000],
  ])
  assert.is((await j.handle.view()).attempts, 3)
})

test('a retry that succeeds', async () => {
  const j = await job(work, { ms: 0, fails: 2 })
  assert.equal((await j.ended()).value, { key: null })
  assert.is(j.starts.length, 3)
})

test('jitter spreads the backoff by its part at most, and always the same', async () => {
  const spread = defineJob({
    name: 'work',
    input: work.input as never,
    retry: { attempts: 4, backoff: 1000, factor: 2, jitter: 0.5 },
  }) as Definition
  const runs: unknown[] = []
  for (let i = 0; i < 2; i++) {
    const j = await job(spread, { ms: 0, fails: 99 })
    await j.ended()
    runs.push(attempts(j.world))
    for (const [i, [, waited]] of attempts(j.world).slice(1).entries()) {
      const full = 1000 * 2 ** i
      assert.ok(waited! >= full / 2 && waited! <= full * 1.5, `${waited} of ${full}`)
    }
  }
  assert.equal(runs[0], runs[1])
})

test('TerminalError: no further attempt', async () => {
  const j = await job(work, { ms: 0, fails: 99, how: 'terminal' })
  assert.match((await j.ended()).message, /never again/)
  assert.is(j.starts.length, 1)
})

test('RetryAt: the next attempt is at that time, and it uses an attempt', async () => {
  const at = Date.UTC(2026, 10, 23, 0, 6)
  const j = await job(work, { ms: 0, fails: 1, how: 'retry-at', at })
  await j.reaches('backoff')
  assert.is((await why(j.handle))[0]!.until, at)
  await j.ended()
  assert.is(j.starts[1]!.at, at)
  assert.is(j.starts[1]!.attempt, 2)
})

test('RetryAt with a time that has passed: at once', async () => {
  const j = await job(work, { ms: 0, fails: 99, how: 'retry-at', at: 0 })
  await j.ended()
  assert.equal(attempts(j.world), [
    [1, 0],
    [2, 0],
    [3, 0],
  ])
})

test('RetryAt with what is no time: after its backoff', async () => {
  const j = await job(work, { ms: 0, fails: 1, how: 'retry-at', at: 1e18 })
  await j.ended()
  assert.equal(attempts(j.world), [
    [1, 0],
    [2, 1000],
  ])
})

test('timeout: the handler is told, the attempt has failed, the next one runs', async () => {
  const j = await job(short, { ms: 5000 })
  const { code, message } = await j.ended()
  assert.is(code, 'JOB_FAILED')
  assert.match(message, /longer than its timeout of 100 ms/)
  assert.equal(j.reasons, ['j TIMEOUT', 'j TIMEOUT', 'j TIMEOUT'])
  assert.equal(attempts(j.world), [
    [1, 0],
    [2, 1100],
    [3, 2100],
  ])
})

test('timeout of a handler that does not listen: failed after the grace, without its late result', async () => {
  const j = await job(short, { ms: 60_000, deaf: true })
  assert.is((await j.ended()).code, 'JOB_FAILED')
  assert.is(j.starts.length, 3)
  await j.clock.advance('5m')
  assert.is(await j.state(), 'failed')
  assert.equal(await j.problems(), [])
})

test('startAt: planned, and not started before; late by nothing', async () => {
  const startAt = new Date('2026-11-23T01:08:00+01:00')
  const j = await job(work, { ms: 0 }, { startAt })
  assert.is(await j.state(), 'planned')
  const [condition] = await why(j.handle)
  assert.equal([condition!.code, condition!.until], ['START_TIME', startAt.getTime()])
  await j.clock.advanceTo('2026-11-23T00:07:59Z')
  assert.is(j.starts.length, 0)
  await j.ended()
  assert.is(j.starts[0]!.at, startAt.getTime())
})

test('startAt that has passed, or passes while no host is up: at once', async () => {
  const past = await job(work, { ms: 0 }, { startAt: '2020-01-01T00:00:00Z' })
  await past.ended()
  assert.is(past.starts.length, 1)
  const j = await job(work, { ms: 0 }, { startAt: '2026-11-23T00:05:00Z' })
  j.host.die()
  await j.clock.advanceTo('2026-11-23T00:08:00Z')
  const up = j.clock.now()
  await j.world.host()
  await j.ended()
  assert.ok(j.starts[0]!.at - up < 10_000)
})

test('priority: 9 first', async () => {
  const world = virtualWorld()
  const host = await world.host({ slots: 1 })
  await world.client.submit(work, { ms: 1000 }, { id: 'first' })
  await world.until('it runs', () => world.starts.length === 1)
  for (const priority of [0, 5, 9, 1, 8]) await world.client.submit(work, { ms: 1000 }, { id: `p${priority}`, priority })
  assert.equal(await world.doc('job:p9').then(({ work }) => work?.priority), 9)
  await world.until('all ran', () => world.starts.length === 6)
  // At once after the first comes what was next when its slot became free.
  assert.equal(
    world.starts.slice(1).map(({ job }) => job),
    ['p9', 'p8', 'p5', 'p1', 'p0'],
  )
  await host.stop()
})

// ---- cancel in each state ---------------------------------------------------------------------------------------------------

test('cancel: planned', async () => {
  const j = await job(work, {}, { startAt: '2026-11-23T00:05:00Z' })
  await j.handle.cancel({ reason: 'x' })
  assert.is(await j.state(), 'cancelled')
  await j.clock.advance('10m')
  assert.is(j.starts.length, 0)
  const { code, message } = await j.ended()
  assert.equal([code, message], ['JOB_CANCELLED', 'job:j was cancelled: x'])
  assert.equal((await j.doc('job:j')).timers, [])
})

test('cancel: queued', async () => {
  const world = virtualWorld()
  await world.host({ handlers: [] })
  const j = await job(defineJob({ name: 'nobody-has-it' }) as never, {}, {}, world)
  assert.is(await j.state(), 'queued')
  assert.is((await why(j.handle))[0]!.code, 'NO_HANDLER')
  await j.handle.cancel()
  assert.is((await j.ended()).code, 'JOB_CANCELLED')
})

test('cancel: right behind its submit, both before there was a host: nothing begins', async () => {
  const w = virtualWorld({ partitions: 1 })
  await (await w.host()).stop()
  const handle = await w.client.submit(work, { ms: 10 }, { id: 'j', ack: 'queued' })
  const cancelled = handle.cancel()
  await w.host()
  await w.until('its end', async () => (await handle.view()).final)
  await cancelled
  assert.equal([(await w.doc('job:j')).state, w.starts.length, await w.problems()], ['cancelled', 0, []])
})

test('cancel: running; visibly cancelling until the handler reacts', async () => {
  const j = await job(work, { ms: 60_000 })
  await j.reaches('running')
  assert.is((await why(j.handle))[0]!.code, 'RUNNING')
  await j.handle.cancel()
  assert.is(await j.state(), 'cancelling')
  assert.is((await why(j.handle))[0]!.code, 'CANCELLING')
  assert.is((await j.ended()).code, 'JOB_CANCELLED')
  assert.equal(j.reasons, ['j JOB_CANCELLED'])
  assert.is(j.starts.length, 1)
  assert.ok(j.clock.now() - j.starts[0]!.at < 5000)
})

test('cancel: running, and it returns all the same: it has succeeded', async () => {
  const j = await job(work, { ms: 5000, deaf: true })
  await j.reaches('running')
  await j.handle.cancel()
  await j.handle.cancel()
  assert.equal((await j.ended()).value, { key: null })
})

test('cancel: running, and it fails: cancelled, not tried again', async () => {
  const j = await job(work, { ms: 5000, deaf: true, fails: 99 })
  await j.reaches('running')
  await j.handle.cancel()
  assert.is((await j.ended()).code, 'JOB_CANCELLED')
  assert.is(j.starts.length, 1)
})

test('cancel: running, and its host dies: cancelled when its lease has ended', async () => {
  const j = await job(work, { ms: 60_000, deaf: true })
  await j.reaches('running')
  await j.handle.cancel()
  j.host.die()
  await j.world.host()
  assert.is((await j.ended()).code, 'JOB_CANCELLED')
  assert.is(j.starts.length, 1)
})

test('cancel: backoff', async () => {
  const j = await job(work, { ms: 0, fails: 99 })
  await j.reaches('backoff')
  await j.handle.cancel()
  await j.clock.advance('5m')
  assert.is((await j.ended()).code, 'JOB_CANCELLED')
  assert.is(j.starts.length, 1)
})

test('cancel: held', async () => {
  const j = await lost(held)
  await j.reaches('held')
  await j.handle.cancel()
  assert.is((await j.ended()).code, 'JOB_CANCELLED')
  assert.is(j.starts.length, 1)
})

test('cancel: ended is not possible, and says so', async () => {
  const j = await job(work, { ms: 0 })
  await j.ended()
  assert.is((await j.handle.cancel().catch((error) => error)).code, 'NOT_ALLOWED')
})

// ---- loss -------------------------------------------------------------------------------------------------------------------

/** A job whose host dies while it runs, and a second host. */
async function lost(definition: Definition, input = { ms: 20_000 }) {
  const j = await job(definition, input)
  await j.reaches('running')
  await j.clock.advance('2s')
  j.host.die()
  const second = await j.world.host()
  return { ...j, second }
}

/** The same, where the owner of the job is another host, and lives: it has heard that the run began. */
async function lostWorker(definition: Definition) {
  for (;;) {
    const world = virtualWorld()
    const owner = await world.host({ handlers: [] })
    const worker = await world.host()
    await world.clock.advance('10s')
    // Names are made by chance, and decide who owns what.
    if (!owner.partitions.includes(0)) continue
    const handle = await world.client.submit(definition, { ms: 20_000 }, { id: 'j' })
    await world.until('it runs', () => world.starts.length === 1)
    await world.clock.advance('2s')
    worker.die()
    const died = world.clock.now()
    await world.until('the loss is recorded', async () => (await handle.view()).state !== 'running')
    await world.host()
    await world.until('its end', async () => (await handle.view()).final)
    return { ...world, handle, died }
  }
}

test("onLost 'retry': again, elsewhere, within 5 s; it uses an attempt", async () => {
  const { starts, died, handle, problems } = await lostWorker(work)
  assert.equal(
    starts.map(({ where, attempt }) => [where, attempt]),
    [
      ['h2', 1],
      ['h3', 2],
    ],
  )
  assert.ok(starts[1]!.at - died <= 5000, `${starts[1]!.at - died} ms`)
  assert.equal(await problems(), [])
  const { history } = await handle.history()
  assert.ok(history.some(({ event }) => event.type === 'lost'))
})

test("onLost 'retry' with no attempt left: failed", async () => {
  const { starts, handle } = await lostWorker(once)
  const error = (await handle.result().catch((thrown) => thrown)) as { code: string; message: string }
  assert.is(error.code, 'JOB_FAILED')
  assert.match(error.message, /did not renew its lease on run 1/)
  assert.is(starts.length, 1)
})

test('the owner dies with the worker: that the run had begun is written down, so the loss uses an attempt; within 10 s', async () => {
  const j = await lost(work)
  const died = j.clock.now()
  assert.equal((await j.ended()).value, { key: null })
  assert.equal(
    j.starts.map(({ where, attempt }) => [where, attempt]),
    [
      ['h1', 1],
      ['h2', 2],
    ],
  )
  assert.ok(j.starts[1]!.at - died <= 10_000, `${j.starts[1]!.at - died} ms`)
  assert.equal(await j.problems(), [])
})

test('a handler that takes its host with it each time: free losses end, then attempts do', async () => {
  const j = await job(work, { ms: 20_000 })
  let host = j.host as { die(): void }
  while (!(await j.handle.view()).final && j.starts.length < 20) {
    const before = j.starts.length
    await j.until(
      'it runs or has ended',
      async () => j.starts.length > before || (await j.state()) === 'running' || (await j.state()) === 'failed',
    )
    if ((await j.state()) === 'failed') break
    host.die()
    host = await j.world.host()
    await j.until('the loss is seen', async () => (await j.state()) !== 'running' || j.starts.length > before)
  }
  assert.is((await j.ended()).code, 'JOB_FAILED')
  assert.ok(j.starts.length >= 3 && j.starts.length <= 12, `${j.starts.length} starts`)
})

test("onLost 'hold': held for an operator, never twice by itself; then retried", async () => {
  const j = await lost(held)
  await j.reaches('held')
  const [condition] = await why(j.handle)
  assert.equal([condition!.code, condition!.stuck], ['HELD', true])
  await j.clock.advance('20m')
  assert.is(await j.state(), 'held')
  assert.is(j.starts.length, 1)
  await j.handle.retry()
  assert.equal((await j.ended()).value, { key: null })
  assert.is(j.starts.length, 2)
  assert.equal(await j.problems(), [])
})

test("onLost 'abort': aborted; an operator may retry it", async () => {
  const j = await lost(aborts)
  const { code, message } = await j.ended()
  assert.is(code, 'JOB_FAILED')
  assert.match(message, /^job:j aborted: /)
  await j.handle.retry()
  assert.equal((await j.ended()).value, { key: null })
  assert.equal(
    j.starts.map(({ run }) => run),
    [1, 2],
  )
})

test('an operator retries a failed and a cancelled job, with all attempts anew', async () => {
  const j = await job(work, { ms: 0, fails: 4 })
  await j.ended()
  assert.is(j.starts.length, 3)
  await j.handle.retry()
  await j.until('its end', async () => (await j.state()) === 'succeeded')
  assert.equal(
    j.starts.map(({ attempt, run }) => [attempt, run]),
    [
      [1, 1],
      [2, 2],
      [3, 3],
      [1, 4],
      [2, 5],
    ],
  )
  const c = await job(work, { ms: 60_000 })
  await c.handle.cancel()
  await c.ended()
  await c.handle.retry()
  await c.reaches('running')
  assert.equal(await c.problems(), [])
})

test('a host that stops gives back what runs: no attempt is used', async () => {
  const j = await job(once, { ms: 20_000 })
  await j.reaches('running')
  await j.world.host()
  let ended: boolean | undefined
  void j.host.stop({ grace: '10s' }).then((all) => (ended = all))
  await j.until('it stopped', () => ended !== undefined)
  assert.is(ended, true)
  assert.equal(j.reasons, ['j SHUTDOWN'])
  assert.equal((await j.ended()).value, { key: null })
  assert.equal(
    j.starts.map(({ where, attempt, run }) => [where, attempt, run]),
    [
      ['h1', 1, 1],
      ['h2', 1, 2],
    ],
  )
  assert.equal(await j.problems(), [])
})

test('E3 R4: what a stopped host left behind runs at the next one, which is alone and has nothing to do', async () => {
  const clock = virtualClock('2026-11-23T00:00:00Z')
  const on = embedded(':memory:')
  const done = async <T>(promise: Promise<T>): Promise<T> => {
    await clock.advance('5s')
    return promise
  }
  const deaf = await done(createHost({ on, clock, log: () => {}, handlers: [bind.handler(() => new Promise(() => {}))] }))
  await done(deaf.client.submit(bind, {}, { id: 'left' }))
  assert.is(await done(deaf.stop({ grace: '1s' })), false)
  const next = await done(createHost({ on, clock, log: () => {}, handlers: [bind.handler(() => 'done')] }))
  assert.is((await done(next.client.job('left').view())).state, 'succeeded')
  await done(next.stop())
})

// ---- E10 --------------------------------------------------------------------------------------------------------------------

test('a host takes its lease, makes its consumer, reads its due times and open work, and only then acts (E10)', async () => {
  const j = await lost(work)
  await j.ended()
  const { trace } = j.second
  const first = (what: string) => trace.findIndex((place) => place.startsWith(what))
  const order = ['after record owner.0', 'after consume', 'after waking', 'before commit job:j']
  for (const [i, what] of order.entries()) assert.ok(first(what) >= 0 && (i === 0 || first(what) > first(order[i - 1]!)), what)
  assert.is(
    trace.slice(0, first('after waking')).find((place) => /commit|publish|offer|putPages/.test(place)),
    undefined,
    'nothing is written, sent or offered before',
  )
})

test('an output that is not a group: a definition is a definition', async () => {
  const j = await job(bind, { ms: 0 })
  assert.equal((await j.ended()).value, { key: null })
})

test.run()
