import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createSlots } from '../../src/host/slots.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualWorld, work } from '../support/virtual-world.ts'

/** Runs are claimed a little ahead of the slots that will be free for them. */
const test = suite('claims ahead of free slots: R6 E5 Q1 Q5 [memory]')

test('nothing is claimed ahead until slots have become free quickly, and nothing any more when none does', async () => {
  const clock = virtualClock(0)
  const slots = createSlots(clock, 10)
  assert.is(slots.room, 10)
  for (let i = 0; i < 10; i++) slots.claim()
  assert.is(slots.room, 0)
  const leave = Array.from({ length: 10 }, () => slots.enter())
  for (let i = 0; i < 300; i++) {
    await clock.advance(1)
    leave.shift()!()
    slots.claim()
    leave.push(slots.enter())
  }
  assert.is(slots.room, 10, 'as many as there are slots')
  await clock.advance(20)
  assert.is(slots.room, 5, 'what should find a slot within 100 ms')
  await clock.advance(100)
  assert.is(slots.room, 0)
})

test('while none is taken it is as quick as it was: the next batch is only on its way', async () => {
  // What had been admitted by the time when it was to be granted found no slot, queued, and was offered.
  const clock = virtualClock(0)
  const slots = createSlots(clock, 10, () => 30)
  for (let batch = 0; batch < 20; batch++) {
    for (let i = 0; i < 10; i++) slots.claim()
    const leave = Array.from({ length: 10 }, () => slots.enter())
    await clock.advance(1)
    for (const one of leave) one()
    assert.ok(batch < 10 || slots.room === 40, `${slots.room} after batch ${batch}`)
    await clock.advance(30)
    assert.ok(batch < 10 || slots.room === 40, `${slots.room} before batch ${batch + 1}`)
  }
  await clock.advance(500)
  assert.is(slots.room, 10, 'what comes next may take long')
})

test('there are never more handlers than slots; all that was claimed ahead is run, and once', async () => {
  const world = virtualWorld()
  await world.host({ slots: 5 })
  const jobs = await Promise.all(Array.from({ length: 300 }, (_, i) => world.client.submit(work, { ms: 3 }, { id: `j${i}` })))
  await world.until('all have ended', async () => (await world.docs()).every(({ status }) => status === 'done'))
  assert.is(world.most, 5)
  assert.is(world.starts.length, jobs.length)
  assert.equal(await world.problems(), [])
})

test('what was claimed ahead and finds no slot goes to a host that has one, and uses no attempt', async () => {
  const world = virtualWorld()
  await world.host({ slots: 5 })
  for (let i = 0; i < 200; i++) void world.client.submit(work, { ms: 2 }, { id: `short${i}` })
  for (let i = 0; i < 10; i++) void world.client.submit(work, { ms: 20_000 }, { id: `long${i}` })
  const long = () => world.starts.filter(({ job }) => job.startsWith('long'))
  await world.until('the first host is full', () => long().length === 5)
  await world.host({ slots: 5 })
  await world.clock.advance(1000)
  assert.equal(
    long()
      .map(({ where }) => where)
      .sort(),
    [...Array(5).fill('h1'), ...Array(5).fill('h2')],
  )
  await world.until('all have ended', async () => (await world.docs()).every(({ status }) => status === 'done'))
  const claimedAhead = (await world.docs()).filter(({ history }) => history.some(({ event }) => event.outcome === 'unbegun'))
  assert.ok(claimedAhead.length > 0, 'none was claimed ahead')
  assert.ok(world.starts.every(({ attempt }) => attempt === 1))
  assert.is(new Set(world.starts.map(({ job }) => job)).size, world.starts.length)
  assert.equal(await world.problems(), [])
})

test.run()
