import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms, type JobContext, type Terms } from '../../actors/job.ts'
import type { Bus } from '../../src/bus/port.ts'
import type { Context } from '../../src/definition.ts'
import { UnavailableError } from '../../src/errors.ts'
import { historyOf } from '../../src/host/history.ts'
import { serveRuns } from '../../src/host/runs-service.ts'
import type { Store } from '../../src/store/port.ts'
import { serve, workerOn } from '../support/rules-worker.ts'
import { gate, type RulesWorld, rulesWorld } from '../support/rules-world.ts'

/** What a death, a frozen worker or an outage leaves behind: nothing that waits for ever, and nothing twice. */
const test = suite('survival: W4 R6 E3 E4 Q8 Q11 Q12 Q13 [memory]')

const j = 'job:j'
const submit = (terms: Partial<Terms> = {}, more: object = {}) => ({
  to: j,
  event: { type: 'submit', job: 'work', input: { value: 1 }, terms: { ...defaultTerms, jitter: 0, ...terms }, ...more },
})
const cancel = { to: j, event: { type: 'cancel' } }
const docOf = async (world: RulesWorld) => (await world.doc(j))!
const contextOf = async (world: RulesWorld) => (await docOf(world)).snapshot.context as JobContext

/** A worker that can be cut off from everything, as a frozen process is; woken, it goes on where it was. */
function freezable(world: RulesWorld, name: string, handle: (ctx: Context) => Promise<unknown>) {
  let frozen = false
  const cut = (bus: Bus): Bus => ({
    ...bus,
    request: (...args) => (frozen ? Promise.reject(new UnavailableError('frozen')) : bus.request(...args)),
    publish: (frames) => (frozen ? Promise.reject(new UnavailableError('frozen')) : bus.publish(frames)),
  })
  const worker = workerOn(world, name, handle, { bus: cut, slots: 1 })
  return { worker, freeze: () => (frozen = true), wake: () => (frozen = false) }
}

const late: Record<string, (ctx: Context) => unknown> = {
  returns: () => 'late',
  suspends: (ctx) => ctx.suspend({ until: ['bank'] }),
  'reports progress': (ctx) => {
    ctx.progress(0.5)
    return 'late'
  },
  throws: () => {
    throw new Error('late')
  },
  'throws the reason of its signal': (ctx) => {
    throw ctx.signal.reason ?? new Error('not told')
  },
}
for (const [name, act] of Object.entries(late))
  test(`E4: a frozen worker that wakes up and ${name} changes nothing`, async () => {
    const world = rulesWorld()
    const host = world.host('h')
    await serve(world, host, 0)
    let signal: AbortSignal | undefined
    const frozen = freezable(world, 'frozen', async (ctx) => {
      signal = ctx.signal
      await world.clock.sleep(20_000)
      return act(ctx)
    })
    await frozen.worker.start()
    await world.publish(submit({ attempts: 2 }))
    await world.clock.advance('1s')
    frozen.freeze()
    const runs: number[] = []
    await workerOn(world, 'other', async ({ run }) => {
      runs.push(run)
      await world.clock.sleep(30_000)
      return 'second'
    }).start()
    await world.clock.advance('10s')
    assert.equal(runs, [2])
    frozen.wake()
    await world.clock.advance('5s')
    assert.is((signal!.reason as { code?: string } | undefined)?.code, 'SUPERSEDED')
    await world.clock.advance('30s')
    assert.is((await docOf(world)).state, 'succeeded')
    const { attempts, output } = await contextOf(world)
    assert.equal(output, { value: 'second' })
    assert.is(attempts.used, 1, 'one for the loss, none for what came late')
    assert.equal(runs, [2])
  })

test('E4: a result that was under way while its run was taken over is recorded as superseded, and counted', async () => {
  const world = rulesWorld()
  const host = world.host('h')
  const owner = await host.take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  await world.clock.advance('3s')
  await owner.claim(j, 2, 'w1')
  const before = (await docOf(world)).snapshot
  const [error, suspend] = [
    { name: 'Error', message: 'late' },
    { until: ['bank'], need: 1 },
  ]
  for (const outcome of ['ok', 'fail', 'back', 'unbegun', 'suspend'])
    await world.publish({ to: j, event: { type: 'result', dispatch: 1, worker: 'w1', outcome, error, suspend } })
  await world.clock.settled()
  const doc = await docOf(world)
  assert.is(doc.state, 'running')
  assert.equal(doc.snapshot, before)
  assert.is((await historyOf(world.store, doc)).filter(({ superseded }) => superseded).length, 5)
  assert.is(host.parts.counts.superseded, 5)
})

test('E4: all who claim a revival die: the next check revives, and a claim that nothing began uses no attempt', async () => {
  const world = rulesWorld()
  const owner = await world.host('h').take(0)
  await world.publish(submit({ attempts: 2 }))
  for (let dispatch = 1; dispatch <= 3; dispatch++) {
    await world.clock.settled()
    assert.ok(await owner.claim(j, dispatch, `dies-${dispatch}`))
    await world.clock.advance('3s')
    assert.equal((await contextOf(world)).attempts, { used: 0, unbegun: dispatch })
  }
  await owner.claim(j, 4, 'lives')
  await world.publish({ to: j, event: { type: 'result', dispatch: 4, worker: 'lives', outcome: 'ok' } })
  await world.clock.settled()
  assert.is((await docOf(world)).state, 'succeeded')
})

/** Ways into a state in which only a worker can go on, which then dies. */
const held: Record<string, { by: object[]; next: string }> = {
  running: { by: [], next: 'queued' },
  stopping: { by: [{ type: 'stopping', dispatch: 1, worker: 'w' }], next: 'queued' },
  cancelling: { by: [{ type: 'cancel' }], next: 'cancelled' },
}
for (const [state, { by, next }] of Object.entries(held))
  test(`E3: overdue because its worker's lease ended (${state}): within 5 s`, async () => {
    const world = rulesWorld()
    const owner = await world.host('h').take(0)
    await world.publish(submit())
    await world.clock.settled()
    await owner.claim(j, 1, 'w')
    for (const event of by) await world.publish({ to: j, event: event as { type: string } })
    await world.clock.settled()
    assert.is((await docOf(world)).state, state)
    await world.clock.advance('5s')
    assert.is((await docOf(world)).state, next)
  })

test('E3: overdue because its time came while nobody was there (planned, backoff): at once when somebody is', async () => {
  for (const state of ['planned', 'backoff']) {
    const world = rulesWorld()
    const first = world.host('first')
    const owner = await first.take(0)
    await world.publish(submit({ backoff: 5000 }, state === 'planned' ? { startAt: 5000 } : {}))
    await world.clock.settled()
    if (state === 'backoff') {
      await owner.claim(j, 1, 'w')
      await world.publish({
        to: j,
        event: { type: 'result', dispatch: 1, worker: 'w', outcome: 'fail', error: { name: 'E', message: 'no' } },
      })
      await world.clock.settled()
    }
    assert.is((await docOf(world)).state, state)
    await owner.stop()
    await world.clock.advance('60s')
    assert.is((await docOf(world)).state, state)
    await world.host('second').take(0)
    await world.clock.advance('5s')
    assert.is((await docOf(world)).state, 'queued')
  }
})

test('E3: overdue because its work is in no stream (queued): offered again within 5 s', async () => {
  const world = rulesWorld()
  let lose = 1
  await serve(
    world,
    world.host('h', { bus: (bus) => ({ ...bus, offer: (offers) => (lose-- > 0 ? Promise.resolve() : bus.offer(offers)) }) }),
    0,
  )
  let starts = 0
  await workerOn(world, 'w', () => void starts++).start()
  await world.publish(submit())
  await world.clock.settled()
  assert.is((await docOf(world)).state, 'queued')
  await world.clock.advance('5s')
  assert.is(starts, 1)
  assert.is((await docOf(world)).state, 'succeeded')
})

test('E3 Q11: its offer was lost and others of its definition are always queued: what came after it does not keep it waiting', async () => {
  // It was looked for only when the queue was empty. Under load it never is.
  const world = rulesWorld()
  const sent: string[] = []
  const losing = (bus: Bus): Bus => ({
    ...bus,
    offer(offers) {
      const kept = offers.filter(({ jobs }) => jobs[0]![0] !== j || sent.includes(j))
      for (const { jobs } of offers) for (const [address] of jobs) sent.push(address)
      return bus.offer(kept)
    },
  })
  await serve(world, world.host('h', { bus: losing }), 0)
  const started: string[] = []
  await workerOn(
    world,
    'w',
    async ({ id }) => {
      started.push(id)
      await world.clock.sleep(100)
    },
    { slots: 1 },
  ).start()
  let n = 0
  const more = () => world.publish({ ...submit(), to: `job:n${n++}` })
  for (let i = 0; i < 100; i++) await more()
  await world.publish(submit())
  for (let i = 0; i < 400; i++) {
    await more()
    await world.clock.advance('100ms')
  }
  assert.ok(started.includes('j'), 'it has begun')
  assert.equal(
    sent.filter((address, i) => address !== j && sent.indexOf(address) !== i),
    [],
    'nothing else was offered again',
  )
})

test('R6: NATS is away for 20 s while a handler returns: it is not run again, and its job ends with that result', async () => {
  const world = rulesWorld()
  let away = false
  const cut = (bus: Bus): Bus => ({
    ...bus,
    request: (...args) => (away ? Promise.reject(new UnavailableError('away')) : bus.request(...args)),
    publish: (frames) => (away ? Promise.reject(new UnavailableError('away')) : bus.publish(frames)),
  })
  let back = 0
  // As a host does: it knows that it hears nothing, and from when on it has heard again.
  const steadyFor = () => (away ? 0 : world.clock.monotonic() - back)
  await serve(world, world.host('h', { bus: cut, steadyFor }), 0)
  let starts = 0
  await workerOn(
    world,
    'w',
    async () => {
      starts++
      await world.clock.sleep(5000)
      return 'first'
    },
    { bus: cut },
  ).start()
  await world.publish(submit())
  await world.clock.advance('2s')
  away = true
  await world.clock.advance('20s')
  assert.is((await docOf(world)).state, 'running')
  away = false
  back = world.clock.monotonic()
  await world.clock.advance('5s')
  assert.is((await docOf(world)).state, 'succeeded')
  assert.equal((await contextOf(world)).output, { value: 'first' })
  assert.is(starts, 1)
})

test('R6: the store is away for 20 s while a handler returns: the same', async () => {
  const world = rulesWorld()
  let away = false
  const cut = (store: Store): Store => ({
    ...store,
    load: (addresses) => (away ? Promise.reject(new UnavailableError('away')) : store.load(addresses)),
    commit: (writes) => (away ? Promise.reject(new UnavailableError('away')) : store.commit(writes)),
  })
  const host = world.host('h', { store: cut, again: true })
  await host.take(0)
  const { worker } = await servedBy(world, host.partition)
  let starts = 0
  await worker('w', async () => {
    starts++
    await world.clock.sleep(5000)
    return 'first'
  })
  await world.publish(submit())
  await world.clock.advance('2s')
  away = true
  await world.clock.advance('20s')
  away = false
  await world.clock.advance('10s')
  assert.is((await docOf(world)).state, 'succeeded')
  assert.equal((await contextOf(world)).output, { value: 'first' })
  assert.is(starts, 1)
})

/** Claims and heartbeats are answered by the host's partition of the moment, which it may have given up and taken again. */
async function servedBy(world: RulesWorld, partition: (number: number) => Awaited<ReturnType<ReturnType<RulesWorld['host']>['take']>>) {
  const present = {
    get: (number: number) => {
      try {
        return partition(number)
      } catch {
        return undefined
      }
    },
  }
  serveRuns({ bus: world.bus.connect('serving'), store: world.store, partitions: present as never, endsWithOwner: () => false }).answerFor(
    0,
  )
  return {
    worker: (name: string, handle: (ctx: Context) => Promise<unknown>) => workerOn(world, name, handle).start(),
  }
}

test('W4 Q13: cancelled while no run holds it, also lost and queued again: at once; a claim after that is refused', async () => {
  const world = rulesWorld()
  const owner = await world.host('h').take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w')
  await world.clock.advance('3s')
  assert.is((await docOf(world)).state, 'queued')
  await world.publish(cancel)
  await world.clock.settled()
  assert.is((await docOf(world)).state, 'cancelled')
  assert.is(await owner.claim(j, 2, 'w2'), undefined)
  await world.publish({ to: j, event: { type: 'result', dispatch: 1, worker: 'w', outcome: 'ok' } })
  await world.clock.settled()
  assert.is((await docOf(world)).state, 'cancelled')
})

test('W4: cancelling is visible until the handler reacts, and it is told within a heartbeat', async () => {
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  let told = 0
  await workerOn(world, 'w', async ({ signal }) => {
    await new Promise<void>((done) => signal.addEventListener('abort', () => done()))
    told = world.clock.now()
    await world.clock.sleep(3000)
    throw signal.reason
  }).start()
  await world.publish(submit())
  await world.clock.advance('1s')
  const asked = world.clock.now()
  await world.publish(cancel)
  await world.clock.advance('2s')
  assert.ok(told - asked <= 500, `${told - asked} ms`)
  assert.is((await docOf(world)).state, 'cancelling')
  await world.clock.advance('2s')
  assert.is((await docOf(world)).state, 'cancelled')
  assert.is((await contextOf(world)).attempts.used, 0)
})

test('Q5 a worker is told to forget a result only when what came of it is on disk', async () => {
  // It was answered from what a turn had committed and not flushed: a full disk took that back, and the result was gone.
  const world = rulesWorld()
  const owner = await world.host('h').take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  await world.publish({ to: j, event: { type: 'result', dispatch: 1, worker: 'w1', outcome: 'ok' } })
  await world.clock.settled()
  const disk = gate()
  const store = { ...world.store, flush: () => disk.pass() }
  serveRuns({ bus: world.bus.connect('serving'), store, partitions: new Map([[0, owner]]), endsWithOwner: () => false }).answerFor(0)
  let answers: unknown
  const asked = world.bus.connect('asking').request('beat.0', { worker: 'w1', runs: [[j, 1, true]] }, 60_000)
  void asked.then((told) => (answers = told))
  await world.clock.settled()
  assert.is(answers, undefined)
  disk.open()
  await world.clock.settled()
  assert.equal(answers, ['over'])
})

test.run()
