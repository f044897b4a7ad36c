import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms } from '../../actors/job.ts'
import type { Bus } from '../../src/bus/port.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { defineJob, type JobDefinition } from '../../src/definition.ts'
import type { ActorDocument } from '../../src/document.ts'
import { embedded } from '../../src/embedded.ts'
import type { Envelope } from '../../src/envelope.ts'
import { createFlow } from '../../src/host/flow.ts'
import { createHost, type Host } from '../../src/host/host.ts'
import { runHandler } from '../../src/host/run.ts'
import { Abort } from '../../src/host/worker/run.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { burstIsHeldBack } from '../support/burst.ts'
import { comesTrue, gate, rulesWorld } from '../support/rules-world.ts'

/** Each spec fails if its rule is switched off: `npx tsx specs/rules/mutate.ts 'flow'`. */
const test = suite('results pass by what waits, and new work waits in the stream: R6 G1 Q7 P16 [memory]')

const j = 'job:j'
const submit = (to: string, more = {}): Envelope => ({
  to,
  event: { type: 'submit', job: 'work', input: { value: 1 }, terms: defaultTerms, ...more },
})
const result = (outcome: string): Envelope => ({ to: j, event: { type: 'result', dispatch: 1, worker: 'w1', outcome } })
/** A frame that fills a turn by itself. */
const large: Envelope = {
  to: 'group:g',
  event: {
    type: 'submit',
    options: {},
    members: Array.from({ length: 80 }, (_, i) => ({ key: `m${i}`, job: 'work', input: { value: 'x'.repeat(3000) }, terms: defaultTerms })),
  },
}

/** A job that runs; then its host has no room for new work. `wrap`: the host's bus. */
async function busyHost(wrap = (bus: Bus) => bus) {
  const world = rulesWorld()
  const host = world.host('h', { bus: wrap })
  let room = true
  Object.assign(host.parts, { flow: createFlow(world.clock, { hasRoom: () => room }), offerSize: () => 2 })
  const owner = await host.take(0)
  await world.publish(submit(j))
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  room = false
  return { world, host, owner }
}
const eventsOf = (doc: ActorDocument | undefined) => doc!.history.map(({ event }) => event.type)

test('a result passes by new work, and what it has passed by is not taken for a duplicate', async () => {
  // The place of the result in the stream, kept as that of the last frame, made older frames ones that had been applied.
  const { world } = await busyHost()
  await world.publish(submit(j, { input: { value: 2 }, schedule: 'cell:s' }))
  await world.publish(result('ok'))
  await world.clock.settled()
  assert.equal(eventsOf(await world.doc(j)), ['submit', 'claim', 'result'])
  await world.clock.advance('5s')
  assert.equal(eventsOf(await world.doc(j)), ['submit', 'claim', 'result', 'submit'], 'refused, and its schedule was told')
})

test('a result passes by nothing else', async () => {
  const { world, host } = await busyHost()
  const all = gate()
  host.parts.confirm = all.pass
  await world.publish(large)
  await world.publish({ to: j, event: { type: 'cancel' } })
  await world.publish(result('fail'))
  await comesTrue(async () => (await world.outside.lastSequence(0)) === 4, 'all is in the stream')
  for (let turn = 0; turn < 10; turn++) await new Promise((done) => setImmediate(done))
  all.open()
  await world.clock.settled()
  assert.equal(eventsOf(await world.doc(j)), ['submit', 'claim', 'cancel', 'result'])
})

test('a stream is applied when its oldest frames are, whatever has passed by', async () => {
  // With the newest frame acknowledged the older ones counted as applied: an actor could be removed before what was sent to it had come.
  const { world, owner } = await busyHost((bus) => ({ ...bus, lastSequence: async () => 3 }))
  await world.publish(submit('job:k'))
  await world.publish(result('ok'))
  await world.clock.settled()
  assert.is(await world.doc('job:k'), undefined)
  await owner.drained()
  assert.is((await world.doc('job:k'))?.state, 'queued')
})

test('a result that comes again after a crash changes nothing', async () => {
  const world = rulesWorld()
  const first = world.host('first')
  const owner = await first.take(0)
  await world.publish(submit(j))
  await world.clock.settled()
  await owner.claim(j, 1, 'w1')
  // Applied, and the frame not acknowledged.
  owner.acknowledge = () => {}
  await world.publish({ to: j, event: { type: 'result', dispatch: 1, worker: 'w1', outcome: 'ok', output: { value: 1 } } })
  await world.clock.settled()
  await world.host('second').take(0)
  await world.clock.settled()
  const doc = (await world.doc(j))!
  assert.is(doc.state, 'succeeded')
  assert.equal(
    doc.history.filter(({ superseded }) => !superseded).map(({ event }) => event.type),
    ['submit', 'claim', 'result'],
  )
})

test('a burst of short jobs is created as slots become free: two writes each; a cancel behind them is not held up', async () => {
  const { refused, state } = await burstIsHeldBack(embedded(':memory:'), { writes: 2.5, started: 1000 })
  assert.is(refused, undefined)
  assert.is(state, 'cancelled')
})

test('what a run has waited for before its handler was entered does not make its job a long one', async () => {
  // On a busy machine that was 20 ms and more, so that nothing of a burst was held back: three writes each.
  const clock = virtualClock(0)
  const handler = defineJob({ name: 'quick', timeout: '1h' }).handler(() => clock.advance(7))
  const grant = { address: 'job:x' as const, job: 'quick', dispatch: 1, worker: 'w', attempt: 1, input: { value: 1 } }
  let asked = false
  const begin = () => {
    if (asked) return true
    asked = true
    return clock.advance(500).then(() => true)
  }
  const ended = await runHandler({ clock } as never, handler, grant, new Abort(), begin).ended
  assert.equal(ended, { outcome: 'ok', output: undefined, size: 0, job: 'quick', ms: 7 })
})

test('while a handler takes long nothing is held back: it may wait for what it has submitted', async () => {
  // Slots were free, and all of a burst waited for 4 s.
  let later = 0
  let looks = 0
  const clock: Clock = {
    ...systemClock,
    monotonic: () => later || systemClock.monotonic(),
    at(at, fire) {
      // The flow looks again after so long when it holds something back.
      if (later && at - systemClock.now() === 100) looks++
      return systemClock.at(at, fire)
    },
  }
  const [quick, slow] = [defineJob({ name: 'quick' }), defineJob({ name: 'slow' })]
  const began = gate()
  const end = gate()
  const handlers = [
    quick.handler(async () => {}),
    slow.handler(() => {
      began.open()
      return end.pass()
    }),
  ]
  const host = await createHost({ on: embedded(':memory:', { partitions: 1 }), clock, slots: 100, handlers })
  await host.client.submit(quick, undefined).then((job) => job.result())
  await host.client.submit(slow, undefined)
  await began.pass()
  later = systemClock.monotonic() + 200
  const jobs = await Promise.all(Array.from({ length: 2000 }, () => host.client.submit(quick, undefined)))
  assert.is(looks, 0, 'held back')
  for (const job of jobs) await job.result()
  end.open()
  await host.stop()
})

test('handlers of a burst that wait for what they submit get it', async () => {
  // What they had submitted waited behind the burst, of which more and more waited likewise, until they had all slots.
  const folder = mkdtempSync(join(tmpdir(), 'stellwerk-flow-'))
  const [quick, child] = [defineJob({ name: 'quick' }), defineJob({ name: 'child' })]
  const handlers = [
    child.handler(async () => {}),
    quick.handler(async (i) => {
      if ((i as number) % 20 === 0) await (await host.client.submit(child, undefined)).result()
    }),
  ]
  const host: Host = await createHost({ on: embedded(folder), slots: 50, handlers })
  const all = (definition: JobDefinition, inputs: number[]) =>
    Promise.all(inputs.map(async (input) => (await host.client.submit(definition, input)).result()))
  await all(child, Array(200).fill(1))
  await all(quick, Array(300).fill(1))
  await all(
    quick,
    Array.from({ length: 3000 }, (_, i) => i),
  )
  await host.stop()
  rmSync(folder, { recursive: true })
})

test.run()
