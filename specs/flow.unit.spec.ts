import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createFlow, newsOf } from '../src/host/flow.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'

const test = suite('how fast new work is taken in [pure]')

/** One partition, whose host has room for so many jobs. */
function flowWith(room: number | undefined) {
  const clock = virtualClock(0)
  const here = { room, queued: { usual: 0, others: 0 }, awaited: false, looks: 0 }
  const flow = createFlow(clock, {
    hasRoom: (jobs, coming) => (here.room === undefined ? undefined : coming + jobs <= here.room),
  })
  const partition = flow.join({ look: () => void here.looks++, isAwaited: () => here.awaited, queued: () => here.queued })
  for (let i = 0; i < 5; i++) partition.came(ten)
  return { clock, here, flow, partition }
}
const ten = { jobs: 10, job: 'short', plain: true, came: 0 }

test('as many as there are slots for, and not while others are queued', () => {
  const { here, partition } = flowWith(25)
  assert.ok(partition.admits(ten))
  partition.taken(10)
  assert.ok(partition.admits(ten))
  partition.taken(10)
  assert.not(partition.admits(ten), 'those that are being created have their slots')
  partition.over()
  assert.ok(partition.admits(ten))
  here.queued.usual = 1
  assert.not(partition.admits(ten), 'it would have to queue behind it')
  here.queued.others = 1
  assert.ok(partition.admits(ten), 'which of them is first is a matter of priority')
})

test('slots are those of all partitions of the host', () => {
  const { flow, partition } = flowWith(25)
  const other = flow.join({ look() {}, isAwaited: () => false, queued: () => ({ usual: 0, others: 0 }) })
  other.came({ ...ten, jobs: 20 })
  other.taken(20)
  assert.not(partition.admits(ten))
  other.over()
  other.leave()
  assert.ok(partition.admits(ten))
})

test('who had to wait is told when there may be room', async () => {
  const { clock, here, flow, partition } = flowWith(0)
  flow.look()
  assert.is(here.looks, 0)
  partition.admits(ten)
  flow.look()
  flow.look()
  assert.is(here.looks, 1)
  partition.admits(ten)
  await clock.advance(100)
  assert.is(here.looks, 2, 'and after a while, should nobody say so')
  partition.admits(ten)
  partition.leave()
  flow.look()
  await clock.advance(100)
  assert.is(here.looks, 2)
})

test('nothing waits behind what is in a hurry, for who waits for the stream, or where it is not for it to wait', () => {
  const { here, partition } = flowWith(0)
  assert.not(partition.admits(ten))
  assert.ok(partition.admits({ ...ten, plain: false }))
  here.awaited = true
  assert.ok(partition.admits(ten))
  here.awaited = false
  here.room = undefined
  assert.ok(partition.admits(ten))
})

test('all is taken in, until none waits, as soon as anything else comes', () => {
  for (const other of [
    { ...ten, plain: false },
    { ...ten, job: 'another' },
  ]) {
    const { partition } = flowWith(0)
    assert.not(partition.admits(ten))
    partition.came(other)
    for (let i = 0; i < 6; i++) {
      assert.ok(partition.admits(ten))
      partition.taken(10)
    }
    partition.came({ ...ten, job: 'another' })
    assert.not(partition.admits(ten), 'it waits for none of another definition')
  }
})

test('when nothing could be taken in for 300 ms all is, until none waits; but not while some are being created', async () => {
  const { clock, partition } = flowWith(0)
  const waits = async (looks: number, why?: string) => {
    for (let i = 0; i < looks; i++) {
      assert.not(partition.admits(ten), why)
      await clock.advance(100)
    }
  }
  await waits(2)
  partition.taken(10)
  await waits(5, 'a turn that takes long leads to the next')
  partition.over()
  await waits(3)
  for (let i = 0; i < 4; i++) {
    assert.ok(partition.admits(ten))
    partition.taken(10)
  }
  partition.came(ten)
  assert.not(partition.admits(ten))
})

test('after 4 s all is taken in, until none waits', async () => {
  const { clock, partition } = flowWith(0)
  await clock.advance(3999)
  assert.not(partition.admits(ten))
  await clock.advance(1)
  const late = { ...ten, came: 4000 }
  assert.ok(partition.admits(ten))
  assert.ok(partition.admits(late))
  for (let i = 0; i < 5; i++) partition.taken(10)
  partition.came(ten)
  assert.not(partition.admits(late))
})

test('only new work of short jobs, of the usual priority, is in no hurry', () => {
  const terms = (priority: number) => ({ priority })
  const news = (...events: { type: string; [field: string]: unknown }[]) =>
    newsOf({ items: events.map((event) => ({ envelope: { to: 'job:a', event } })), letters: [], refused: [], size: 0 }, (job) =>
      job.startsWith('short'),
    )
  assert.equal(news({ type: 'submit', job: 'short', terms: terms(5) }, { type: 'submit', job: 'short', terms: terms(5) }), {
    jobs: 2,
    job: 'short',
    plain: true,
  })
  assert.equal(news({ type: 'submit', members: Array.from({ length: 3 }, () => ({ job: 'short', terms: terms(5) })) }), {
    jobs: 3,
    job: 'short',
    plain: true,
  })
  for (const reply of [
    { inbox: 'inbox.h1.api', call: 1 },
    { inbox: 'their.inbox', call: 'c', outside: true as const },
  ]) {
    const asked = { envelope: { to: 'job:a' as const, event: { type: 'submit', job: 'short', terms: terms(5) }, reply } }
    assert.is(newsOf({ items: [asked], letters: [], refused: [], size: 0 }, () => true).plain, false, 'a request does not wait for long')
  }
  assert.is(news({ type: 'seal' }).plain, false, 'it may be all that its group waits for')
  assert.is(news({ type: 'submit', job: 'short', terms: { priority: 5, deadline: 1000 } as never }).plain, false)
  assert.is(news({ type: 'submit', job: 'short', terms: terms(6) }).plain, false)
  assert.is(news({ type: 'submit', job: 'short', terms: terms(4) }).plain, false)
  assert.is(news({ type: 'submit', job: 'long', terms: terms(5) }).plain, false)
  assert.is(news({ type: 'submit', members: [{ job: 'short', terms: terms(6) }] }).plain, false)
  assert.is(news({ type: 'submit', job: 'short', terms: terms(5) }, { type: 'submit', job: 'shortest', terms: terms(5) }).plain, false)
  assert.is(news({ type: 'submit', job: 'short', terms: terms(5), startAt: 1 }).plain, false)
  assert.is(news({ type: 'submit', job: 'short', terms: terms(5), overdueAt: 1 }).plain, false)
  assert.is(news({ type: 'add', members: [{ job: 'short', terms: terms(5) }] }).plain, false, 'its group may be sealed by a timer')
  assert.is(news({ type: 'submit', job: 'short', terms: terms(5) }, { type: 'cancel' }).plain, false)
})

test.run()
