import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createFlow, newsOf } from '../src/host/flow.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'

const test = suite('how fast new work is taken in [pure]')

/** One partition, whose host has room for so many jobs. */
function flowWith(room: number | undefined) {
  const clock = virtualClock(0)
  const here = { room, queued: { usual: 0, others: 0 }, awaited: false, stuck: false, looks: 0 }
  const flow = createFlow(clock, {
    hasRoom: (jobs, coming) => (here.room === undefined ? undefined : coming + jobs <= here.room),
    isStuck: () => here.stuck,
  })
  const partition = flow.join({ look: () => void here.looks++, isAwaited: () => here.awaited, queued: () => here.queued })
  for (let i = 0; i < 5; i++) partition.came(10)
  return { clock, here, flow, partition }
}
const ten = { jobs: 10, plain: true, came: 0 }

test('as many as there are slots for, and not while others are queued', () => {
  const { here, partition } = flowWith(25)
  assert.ok(partition.admits(ten, false))
  partition.taken(10)
  assert.ok(partition.admits(ten, false))
  partition.taken(10)
  assert.not(partition.admits(ten, false), 'those that are being created have their slots')
  partition.over()
  assert.ok(partition.admits(ten, false))
  here.queued.usual = 1
  assert.not(partition.admits(ten, false), 'it would have to queue behind it')
  here.queued.others = 1
  assert.ok(partition.admits(ten, false), 'which of them is first is a matter of priority')
})

test('slots are those of all partitions of the host', () => {
  const { flow, partition } = flowWith(25)
  const other = flow.join({ look() {}, isAwaited: () => false, queued: () => ({ usual: 0, others: 0 }) })
  other.came(20)
  other.taken(20)
  assert.not(partition.admits(ten, false))
  other.over()
  other.leave()
  assert.ok(partition.admits(ten, false))
})

test('who had to wait is told when there may be room', async () => {
  const { clock, here, flow, partition } = flowWith(0)
  flow.look()
  assert.is(here.looks, 0)
  partition.admits(ten, false)
  flow.look()
  flow.look()
  assert.is(here.looks, 1)
  partition.admits(ten, false)
  await clock.advance(50)
  assert.is(here.looks, 2, 'and after a while, should nobody say so')
  partition.admits(ten, false)
  partition.leave()
  flow.look()
  await clock.advance(50)
  assert.is(here.looks, 2)
})

test('nothing waits behind what is in a hurry, for who waits for the stream, or where it is not for it to wait', () => {
  const { here, partition } = flowWith(0)
  assert.not(partition.admits(ten, false))
  assert.ok(partition.admits(ten, true))
  here.awaited = true
  assert.ok(partition.admits(ten, false))
  here.awaited = false
  here.room = undefined
  assert.ok(partition.admits(ten, false))
})

test('after 4 s all is taken in, until none waits', async () => {
  const { clock, partition } = flowWith(0)
  await clock.advance(3999)
  assert.not(partition.admits(ten, false))
  await clock.advance(1)
  const late = { ...ten, came: 4000 }
  assert.ok(partition.admits(ten, false))
  assert.ok(partition.admits(late, false))
  for (let i = 0; i < 5; i++) partition.taken(10)
  partition.came(10)
  assert.not(partition.admits(late, false))
})

test('so it is when handlers keep all slots', async () => {
  const { clock, here, partition } = flowWith(0)
  assert.not(partition.admits(ten, false))
  here.stuck = true
  await clock.advance(50)
  assert.ok(partition.admits(ten, false))
})

test('only new work of short jobs, of the usual priority, is in no hurry', () => {
  const terms = (priority: number) => ({ priority })
  const news = (...events: { type: string; [field: string]: unknown }[]) =>
    newsOf(
      { items: events.map((event) => ({ envelope: { to: 'job:a', event } })), letters: [], refused: [], size: 0 },
      (job) => job === 'short',
    )
  assert.equal(news({ type: 'submit', job: 'short', terms: terms(5) }, { type: 'submit', job: 'short', terms: terms(5) }), {
    jobs: 2,
    plain: true,
  })
  assert.equal(news({ type: 'submit', members: Array.from({ length: 3 }, () => ({ job: 'short', terms: terms(5) })) }), {
    jobs: 3,
    plain: true,
  })
  assert.equal(news({ type: 'seal' }), { jobs: 0, plain: true })
  assert.is(news({ type: 'submit', job: 'short', terms: terms(6) }).plain, false)
  assert.is(news({ type: 'submit', job: 'short', terms: terms(4) }).plain, false)
  assert.is(news({ type: 'submit', job: 'long', terms: terms(5) }).plain, false)
  assert.is(news({ type: 'add', members: [{ job: 'short', terms: terms(6) }] }).plain, false)
  assert.is(news({ type: 'submit', job: 'short', terms: terms(5) }, { type: 'cancel' }).plain, false)
})

test.run()
