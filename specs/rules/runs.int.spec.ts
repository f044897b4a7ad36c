import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms, type JobContext, type Outcome, type Terms } from '../../actors/job.ts'
import type { Bus, TakenOffer } from '../../src/bus/port.ts'
import type { Envelope } from '../../src/envelope.ts'
import { UnavailableError } from '../../src/errors.ts'
import type { OwnWorker } from '../../src/host/partition.ts'
import { serve, workerOn } from '../support/rules-worker.ts'
import { comesTrue, gate, type RulesWorld, rulesWorld, slowCommits, slowFrames } from '../support/rules-world.ts'

/** Each spec fails if its rule is switched off: `npx tsx specs/rules/mutate.ts`. */
const test = suite('runs: R1 R6 E3 E4 E8 F18 F21 Q1 to Q9 [memory]')

const j = 'job:j'
const submit = (terms: Partial<Terms> = {}): Envelope => ({
  to: j,
  event: { type: 'submit', job: 'work', input: { value: 1 }, terms: { ...defaultTerms, ...terms } },
})
const result = (dispatch: number, worker: string, outcome: Outcome, output?: unknown): Envelope => ({
  to: j,
  event: { type: 'result', dispatch, worker, outcome, output: output === undefined ? undefined : { value: output } },
})

async function stateOf(world: RulesWorld): Promise<string> {
  return (await world.doc(j))!.state
}
const contextOf = async (world: RulesWorld) => (await world.doc(j))!.snapshot.context as JobContext

test('F18 Q1 an offer that comes twice starts one run', async () => {
  // Without a claim each copy started the handler.
  const world = rulesWorld()
  const owner = await world.host('h').take(0)
  await world.publish(submit({ onLost: 'hold' }))
  await world.clock.settled()
  const [first, second] = await Promise.all([owner.claim(j, 1, 'w1'), owner.claim(j, 1, 'w2')])
  assert.is(first?.worker, 'w1')
  assert.equal(first?.input, { value: 1 })
  assert.is(second, undefined)
  assert.is((await owner.claim(j, 1, 'w1'))?.dispatch, 1, 'the holder is granted again')
  assert.is(await owner.claim(j, 1, 'w2'), undefined)
})

test('Q1 a grant is told once it is committed', async () => {
  // Told before, a crash between left a handler running that no document knew of: started again.
  const world = rulesWorld()
  const slow = gate()
  const host = world.host('h', { store: (store) => slowCommits(store, slow, ({ state }) => state === 'running') })
  const owner = await host.take(0)
  await world.publish(submit())
  await world.clock.settled()
  let told = false
  const claimed = owner.claim(j, 1, 'w1').then((grant) => {
    told = true
    return grant
  })
  await comesTrue(() => slow.waiting === 1, 'the commit is under way')
  assert.not(told)
  slow.open()
  assert.is((await claimed)?.dispatch, 1)
})

test('Q1 a late owner cannot grant what the owner has granted', async () => {
  const world = rulesWorld()
  const silent = gate()
  const late = world.host('late', { bus: (bus) => slowFrames(bus, silent, () => true) })
  const old = await late.take(0)
  await world.publish(submit())
  await world.clock.settled()
  const owner = await world.host('owner').take(0)
  assert.is((await owner.claim(j, 1, 'w1'))?.worker, 'w1')
  assert.is(old.cache.get(j)?.doc.state, 'queued')
  assert.is(await old.claim(j, 1, 'w2'), undefined)
})

/** A worker whose offers can be seen. */
function watchingOffers(offers: { taken: number; acknowledged: number }, repeat = false) {
  return (bus: Bus): Bus => ({
    ...bus,
    pull: (job, on) =>
      bus.pull(job, (offer) => {
        offers.taken++
        const seen: TakenOffer = {
          ...offer,
          acknowledge: () => {
            offers.acknowledged++
            offer.acknowledge()
          },
        }
        on(seen)
        if (repeat) on(seen)
      }),
  })
}

test('Q2 an offer is acknowledged once its claims are answered', async () => {
  // Acknowledged when it was taken, a worker that died before its claim left the job queued, and offered to nobody.
  const world = rulesWorld()
  const slow = gate()
  const host = world.host('h', { store: (store) => slowCommits(store, slow, ({ state }) => state === 'running') })
  await serve(world, host, 0)
  const offers = { taken: 0, acknowledged: 0 }
  const worker = workerOn(world, 'w', () => {}, { bus: watchingOffers(offers) })
  await worker.start()
  await world.publish(submit())
  await comesTrue(() => slow.waiting === 1, 'the claim is being granted')
  assert.equal(offers, { taken: 1, acknowledged: 0 })
  slow.open()
  await world.clock.settled()
  assert.equal(offers, { taken: 1, acknowledged: 1 })
  assert.is(await stateOf(world), 'succeeded')
})

test('Q2 a second copy of an offer at the same worker', async () => {
  // Claimed again, it was granted again to the holder, and started again.
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  let starts = 0
  const worker = workerOn(world, 'w', async () => void starts++, { bus: watchingOffers({ taken: 0, acknowledged: 0 }, true) })
  await worker.start()
  await world.publish(submit())
  await world.clock.advance('1s')
  assert.is(starts, 1)
  assert.is(await stateOf(world), 'succeeded')
})

test('Q3 a grant that comes too late is given back', async () => {
  // Its lease had ended on the way: a run that was recorded as lost, and granted anew, began.
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const runs: number[] = []
  let frozen: 'not yet' | 'now' | 'over' = 'not yet'
  const freezing = (bus: Bus): Bus => ({
    ...bus,
    async request(subject, data, timeout) {
      if (frozen === 'now') throw new Error('it stands still')
      const answer = await bus.request(subject, data, timeout)
      if (frozen === 'not yet' && subject.startsWith('claim')) {
        frozen = 'now'
        await world.clock.sleep(3000)
        frozen = 'over'
      }
      return answer
    },
  })
  const worker = workerOn(world, 'w', ({ run }) => void runs.push(run), { bus: freezing })
  await worker.start()
  await world.publish(submit())
  await world.clock.advance('10s')
  assert.equal(runs, [2])
  assert.is((await contextOf(world)).attempts.used, 0)
})

test('Q3 a run that was granted at once, and learnt of too late', async () => {
  // The owner stood still between its write and the start: lost and granted anew meanwhile, the old run began all the same.
  const world = rulesWorld()
  const runs: string[] = []
  const slow = gate()
  const own = workerOn(world, 'own', ({ run }) => void runs.push(`own ${run}`), { slots: 1 })
  await own.start()
  const late = world.host('late', {
    worker: () => own as OwnWorker,
    store: (store) => ({
      ...store,
      async commit(writes) {
        const answers = await store.commit(writes)
        await slow.pass()
        return answers
      },
    }),
  })
  await late.take(0)
  await world.publish(submit())
  await comesTrue(() => slow.waiting === 1, 'it is granted')
  assert.is(await stateOf(world), 'running')
  late.pause()
  await serve(world, world.host('owner'), 0)
  const other = workerOn(world, 'other', ({ run }) => void runs.push(`other ${run}`))
  await other.start()
  await world.clock.advance('5s')
  assert.equal(runs, ['other 2'])
  late.goOn()
  slow.open()
  await world.clock.advance('5s')
  assert.equal(runs, ['other 2'])
})

const pagedSubmit = (terms: Partial<Terms> = {}): Envelope => {
  const { to, event } = submit(terms)
  return { to, event: { ...event, input: { page: `${j}#value-x`, bytes: 3 } } }
}
/** Each read of its input takes so long. */
const slowReads = (world: RulesWorld, read: () => Promise<unknown>): RulesWorld => ({
  ...world,
  store: {
    ...world.store,
    async getPages(ids) {
      await read()
      return ids.map((_id) => ({ _id, owner: j, body: '"x"' }))
    },
  },
})

test('Q3 an input that takes longer to read than the lease: it begins only if its actor says again that it may', async () => {
  // Lost and granted anew meanwhile, the old run began beside the new one.
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const runs: string[] = []
  let cut = false
  const unheard = (bus: Bus): Bus => ({
    ...bus,
    request: (...asked) => (cut ? Promise.reject(new Error('cut off')) : bus.request(...asked)),
  })
  const reading = gate()
  const old = workerOn(slowReads(world, reading.pass), 'old', ({ run }) => void runs.push(`old ${run}`), { bus: unheard, slots: 1 })
  await old.start()
  await world.publish(pagedSubmit())
  await comesTrue(() => reading.waiting === 1, 'its input is being read')
  cut = true
  const other = workerOn(
    slowReads(world, async () => {}),
    'other',
    async ({ run }) => {
      runs.push(`other ${run}`)
      await world.clock.sleep(10_000)
    },
  )
  await other.start()
  await world.clock.advance('4s')
  cut = false
  reading.open()
  await world.clock.advance('20s')
  assert.equal(runs, ['other 2'])
  assert.is(await stateOf(world), 'succeeded')
})

test('Q3 an input that takes longer to read than the lease, while the lease is renewed: the same run begins', async () => {
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const runs: number[] = []
  const worker = workerOn(
    slowReads(world, () => world.clock.sleep(5000)),
    'w',
    ({ run }) => void runs.push(run),
  )
  await worker.start()
  await world.publish(pagedSubmit({ onLost: 'hold' }))
  await world.clock.advance('20s')
  assert.equal(runs, [1])
  assert.is(await stateOf(world), 'succeeded')
})

test('Q3 a claim that is granted again begins its lease again', async () => {
  // The worker counts from the request that was answered: its run began after the owner had taken it for lost.
  const world = rulesWorld()
  const owner = await world.host('h').take(0)
  await world.publish(submit({ onLost: 'hold' }))
  await world.clock.settled()
  await owner.claim(j, 1, 'w')
  await world.clock.advance('1900ms')
  await owner.claim(j, 1, 'w')
  await world.clock.advance('1900ms')
  assert.is(await stateOf(world), 'running')
  await world.clock.advance('200ms')
  assert.is(await stateOf(world), 'held')
})

test('Q4 a run that was claimed and will not begin is given back', async () => {
  // Held, or an attempt used, though nothing had begun.
  const world = rulesWorld()
  const slow = gate()
  const host = world.host('h', { store: (store) => slowCommits(store, slow, ({ state }) => state === 'running') })
  await serve(world, host, 0)
  let starts = 0
  const worker = workerOn(world, 'w', () => void starts++)
  await worker.start()
  await world.publish(submit({ onLost: 'hold' }))
  await comesTrue(() => slow.waiting === 1, 'the claim is being granted')
  const stopped = worker.stop(1000)
  slow.open()
  await world.clock.advance('500ms')
  assert.is(starts, 0)
  assert.is(await stateOf(world), 'queued')
  assert.equal((await contextOf(world)).attempts, { used: 0, unbegun: 0 })
  await world.clock.advance('5s')
  await stopped
  assert.is(await stateOf(world), 'queued')
})

test('Q5 every queueing has a number of its own', async () => {
  // With the same number, an old offer was good for the new queueing, and the old result for the new run.
  const world = rulesWorld()
  const owner = await world.host('h').take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  await world.publish(result(1, 'w1', 'back'))
  await world.clock.settled()
  assert.is(await stateOf(world), 'queued')
  assert.is(await owner.claim(j, 1, 'w2'), undefined)
  assert.is((await owner.claim(j, 2, 'w2'))?.dispatch, 2)
})

test("Q5 a refused claimant's give-back", async () => {
  // Without the worker's name it ended the run of the one who was granted.
  const world = rulesWorld()
  const owner = await world.host('h').take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  await world.publish(result(1, 'w2', 'unbegun'))
  await world.clock.settled()
  assert.is(await stateOf(world), 'running')
})

test('F21 Q8 an old result after the next run was granted, to the same worker', async () => {
  // Told apart by attempt, the old result ended the new run.
  const world = rulesWorld()
  const owner = await world.host('h').take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  await world.clock.advance('3s')
  assert.is(await stateOf(world), 'queued')
  await owner.claim(j, 2, 'w1')
  await world.publish(result(1, 'w1', 'ok', 'old'))
  await world.clock.settled()
  assert.is(await stateOf(world), 'running')
  await world.publish(result(2, 'w1', 'ok', 'new'))
  await world.clock.settled()
  assert.equal((await contextOf(world)).output, { value: 'new' })
})

test('Q6 a new owner gives every open run a full lease', async () => {
  // Measured from the grant, a healthy run was lost with every takeover.
  const world = rulesWorld()
  const first = world.host('first')
  const owner = await first.take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  for (let i = 0; i < 5; i++) {
    await world.clock.advance('1s')
    assert.is(owner.leases.renew('w1', j, 1, true), 'go')
  }
  await owner.stop()
  const next = await world.host('second').take(0)
  await world.clock.advance('1900ms')
  assert.is(await stateOf(world), 'running')
  next.leases.renew('w1', j, 1, true)
  await world.clock.advance('1900ms')
  assert.is(await stateOf(world), 'running')
  await world.clock.advance('200ms')
  assert.is(await stateOf(world), 'queued')
})

test('Q6 a claimed run that has not begun is listed as well', async () => {
  // Not listed, its lease ended while the claim was answered late.
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const listed: unknown[] = []
  const asking = gate()
  const watching = (bus: Bus): Bus => ({
    ...bus,
    async request(subject, data, timeout) {
      if (subject.startsWith('beat')) listed.push(...(data as { runs: unknown[] }).runs)
      else await asking.pass()
      return bus.request(subject, data, timeout)
    },
  })
  const worker = workerOn(world, 'w', () => {}, { bus: watching })
  await worker.start()
  await world.publish(submit())
  await world.clock.advance('600ms')
  assert.equal(listed, [[j, 1, false]])
  asking.open()
  await world.clock.advance('1s')
  assert.is(await stateOf(world), 'succeeded')
})

test('Q6 while the owner hears nothing, leases stand still', async () => {
  // After an outage every healthy run was recorded as lost.
  const world = rulesWorld()
  let steadySince = Number.NEGATIVE_INFINITY
  const owner = await world.host('h', { steadyFor: () => Math.max(0, world.clock.now() - steadySince) }).take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  steadySince = 31_900 // just before its lease, as it was last renewed, ends
  await world.clock.advance('32s')
  assert.is(await stateOf(world), 'running')
  await world.clock.advance('1s')
  owner.leases.renew('w1', j, 1, true)
  await world.clock.advance('1900ms')
  assert.is(await stateOf(world), 'running')
  await world.clock.advance('10s')
  assert.is(await stateOf(world), 'queued')
})

test('Q7 a result that is in the stream when the lease ends', async () => {
  // Recorded as lost, the job ran again though its result was there.
  const world = rulesWorld()
  const slow = gate()
  const host = world.host('h', { bus: (bus) => slowFrames(bus, slow, ({ sequence }) => sequence === 1) })
  const owner = await host.take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  await world.clock.advance('1s')
  await world.publish(result(1, 'w1', 'ok'))
  await world.clock.advance('10s')
  assert.is(await stateOf(world), 'running')
  slow.open()
  await world.clock.advance('10s')
  assert.is(await stateOf(world), 'succeeded')
  assert.is(host.parts.counts.lost, 0)
})

for (const [onLost, state] of [
  ['retry', 'queued'],
  ['hold', 'held'],
] as const)
  test(`Q8 a success after its loss was recorded, nothing newer granted: ${state}`, async () => {
    // Thrown away, the work was done again.
    const world = rulesWorld()
    const owner = await world.host('h').take(0)
    await world.publish(submit({ onLost }))
    await world.clock.settled()
    await owner.claim(j, 1, 'w1')
    await world.clock.advance('3s')
    assert.is(await stateOf(world), state)
    await world.publish(result(1, 'w1', 'ok', 'late'))
    await world.clock.settled()
    assert.is(await stateOf(world), 'succeeded')
    assert.is(await owner.claim(j, 2, 'w2'), undefined)
  })

test('Q8 a failure after its loss was recorded uses no further attempt', async () => {
  const world = rulesWorld()
  const owner = await world.host('h').take(0)
  await world.publish(submit())
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  owner.leases.renew('w1', j, 1, true)
  await world.clock.advance('3s')
  assert.is((await contextOf(world)).attempts.used, 1)
  await world.publish(result(1, 'w1', 'fail'))
  await world.clock.settled()
  assert.is(await stateOf(world), 'queued')
  assert.is((await contextOf(world)).attempts.used, 1)
})

test('Q9 a result that cannot be published is kept', async () => {
  // Given up, a handler that had returned was run again.
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  let starts = 0
  let away = 5
  const broken = (bus: Bus): Bus => ({
    ...bus,
    publish: (frames) => (away-- > 0 ? Promise.reject(new UnavailableError('the broker is away')) : bus.publish(frames)),
  })
  const worker = workerOn(world, 'w', () => void starts++, { bus: broken })
  await worker.start()
  await world.publish(submit())
  await world.clock.advance('20s')
  assert.is(await stateOf(world), 'succeeded')
  assert.is(starts, 1)
})

test('Q9 a result that was lost on its way is sent again', async () => {
  // The heartbeats kept the run alive, and nobody ever told of its end: running for ever.
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  let lose = 1
  const worker = workerOn(world, 'w', () => 'done', {
    bus: (bus) => ({ ...bus, publish: (frames) => (lose-- > 0 ? Promise.resolve() : bus.publish(frames)) }),
  })
  await worker.start()
  await world.publish(submit())
  await world.clock.advance('20s')
  assert.is(await stateOf(world), 'succeeded')
})

/** Claims go out, and answers to heartbeats come in, when their gates are opened. */
function crossing() {
  const asking = gate()
  const answering = gate()
  const crossed = (bus: Bus): Bus => ({
    ...bus,
    async request(subject, data, timeout) {
      if (subject.startsWith('claim')) await asking.pass()
      const answer = await bus.request(subject, data, timeout)
      if (subject.startsWith('beat')) await answering.pass()
      return answer
    },
  })
  return { asking, answering, crossed }
}

test('Q9 a heartbeat that was answered before the grant', async () => {
  // "over" was said of a claim that was not granted yet: it ended the run that was granted meanwhile, and its result was never sent.
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const { asking, answering, crossed } = crossing()
  const aborted: unknown[] = []
  const worker = workerOn(
    world,
    'w',
    async ({ signal }) => {
      signal.addEventListener('abort', () => aborted.push(signal.reason))
      await world.clock.sleep(1000)
    },
    { bus: crossed },
  )
  await worker.start()
  await world.publish(submit())
  await world.clock.advance('600ms')
  asking.open()
  await world.clock.settled()
  assert.is(await stateOf(world), 'running')
  answering.open()
  await world.clock.advance('5s')
  assert.equal(aborted, [])
  assert.is(await stateOf(world), 'succeeded')
})

test('Q9 "over" said of a claim, and heard after its grant, while the input is read', async () => {
  // It was dropped without a word: lost though nothing had begun, and held.
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const { asking, answering, crossed } = crossing()
  const reading = gate()
  const worker = workerOn(slowReads(world, reading.pass), 'w', () => 'done', { bus: crossed })
  await worker.start()
  await world.publish(pagedSubmit({ onLost: 'hold' }))
  await world.clock.advance('600ms')
  asking.open()
  await comesTrue(() => reading.waiting === 1, 'it is granted')
  answering.open()
  await world.clock.settled()
  reading.open()
  await world.clock.advance('5s')
  assert.is(await stateOf(world), 'succeeded')
})

test.run()
