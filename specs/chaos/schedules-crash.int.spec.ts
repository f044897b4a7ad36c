import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { partitionOf } from '../../src/address.ts'
import type { Chaos } from '../../src/testing/chaos.ts'
import { virtualWorld, work } from '../support/virtual-world.ts'

/** One that starts every two seconds, and one by an event. A host dies at each of its calls, and the next one goes on: each time, and the event, has started once. */
const schedules = { often: { every: 2000, starts: work.with({ ms: 10 }) }, arrived: { on: 'arrived', starts: work.with({ ms: 10 }) } }

async function play(dieAt?: number): Promise<{ first: Chaos; places: number; problems: string[] }> {
  const world = virtualWorld({ partitions: 4 })
  const began = world.clock.now()
  const bus = world.bus.connect('outside')
  const first = world.start({ dieAt, schedules }).faults
  let second = false
  let raised = false
  const left = () => 21_000 - (world.clock.now() - began)
  while (left() > 0) {
    await world.clock.step(Math.min(left(), 1000))
    if (first.dead && !second) second = !!world.start({ schedules })
    const [topic] = await world.store.load(['topic:arrived'])
    if (raised || !topic) continue
    raised = true
    const event = { type: 'raise', id: 'one', data: { value: null } }
    const events = [{ to: 'topic:arrived', event, from: 'outside', inc: 'outside', n: 1 }]
    void bus.publish([{ partition: partitionOf('arrived', 4), id: 'raised', events }])
  }
  const places = first.points
  await world.clock.advance('9100ms')

  const problems = [...(await world.problems())]
  if (world.bus.deadLetters.length) problems.push(`dead letters: ${JSON.stringify(world.bus.deadLetters[0])}`)
  const runs = new Map<string, number>()
  for (const { job } of world.starts) runs.set(job, (runs.get(job) ?? 0) + 1)
  if (!runs.has('arrived/one')) problems.push('the event has started nothing')
  // From the moment on at which the schedule is known; before that there is none that could start.
  const known = (await world.doc('schedule:often')).createdAt
  for (let at = known - (known % 2000) + 2000; at <= began + 20_000; at += 2000) {
    const id = `often/${new Date(at).toISOString().replace('.000Z', 'Z').replace(/[-:]/g, '')}`
    // While nobody was up the latest of those missed is made up for.
    const late = first.dead && !runs.has(id)
    if (!runs.has(id) && !late) problems.push(`${id} has not started`)
  }
  for (const doc of await world.docs()) if (doc.type === 'job' && doc.state !== 'succeeded') problems.push(`${doc._id} is ${doc.state}`)
  if (runs.size < 6) problems.push(`only ${runs.size} started`)
  return { first, places, problems }
}

const test = suite('crash harness of schedules: C4 [memory]')
test('a crash at each place', async () => {
  const { places, problems } = await play()
  assert.equal(problems, [])
  assert.ok(places > 30, `only ${places} places`)
  let bad = 0
  for (let at = 1; at <= places; at++) {
    const { first: died, problems: found } = await play(at)
    if (found.length && ++bad < 6) console.log(`crash ${at} (${died.trace[at - 1]}): ${found.join('; ')}`)
  }
  console.log(`# crash harness of schedules: ${places} places, each tried; ${bad} with problems`)
  assert.is(bad, 0)
})
test.run()
