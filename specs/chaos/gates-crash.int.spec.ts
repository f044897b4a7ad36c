import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GateContext } from '../../actors/gate.ts'
import type { JobContext } from '../../actors/job.ts'
import type { Chaos } from '../../src/testing/chaos.ts'
import { placed, virtualWorld, work } from '../support/virtual-world.ts'

/**
 * Jobs in a lane and in a pool with one unit, one that fails once, one after others and one that is cancelled while it waits: a host dies at each of its
 * calls, the next one goes on. Whatever dies where: all end as they should, one at a time, and no gate keeps anything.
 */
async function play(dieAt?: number): Promise<{ first: Chaos; problems: string[] }> {
  const world = virtualWorld({ partitions: 4 })
  const pools = { printers: { printer: 1 } }
  const { client } = world
  const first = world.start({ slots: 3, pools, dieAt }).faults
  const submits = [
    client.submit(placed, { ms: 300 }, { id: 'lane-a/1', lane: 'a' }),
    client.submit(placed, { ms: 300, fails: 1 }, { id: 'lane-a/2', lane: 'a' }),
    client.submit(work, { ms: 300 }, { id: 'lane-a/3', lane: 'a' }),
    client.submit(placed, { ms: 300 }, { id: 'free', priority: 9 }),
    client.submit(work, { ms: 300 }, { id: 'after', after: ['job:lane-a/2', 'job:free'] }),
    client.submit(placed, {}, { id: 'lane-a/cancelled', lane: 'a' }).then((job) => job.cancel()),
  ]
  let answered = false
  void Promise.all(submits).then(() => (answered = true))
  const jobs = async () => (await world.docs()).filter(({ type }) => type === 'job')
  const open = async () => !answered || (await jobs()).some(({ status }) => status !== 'done')
  let second = false
  while ((await open()) && world.clock.now() < Date.parse('2026-11-23T00:05:00Z')) {
    await world.clock.step('1s')
    if (first.dead && !second) second = !!world.start({ slots: 3, pools })
  }
  await world.clock.advance('10s')

  const problems = [...(await world.problems()), ...world.overlaps]
  for (const doc of await world.docs()) {
    if (doc.type === 'job') {
      const { asked, leaving, places } = doc.snapshot.context as JobContext
      if (asked || leaving || places?.length)
        problems.push(`${doc._id} is not free of its gates: ${JSON.stringify([asked, leaving, places])}`)
      const expected = doc._id.endsWith('cancelled') ? 'cancelled' : 'succeeded'
      if (doc.state !== expected) problems.push(`${doc._id} is ${doc.state}`)
    } else {
      const { held, queues } = doc.snapshot.context as GateContext
      if (Object.keys(held).length || Object.keys(queues).length) problems.push(`${doc._id} keeps ${JSON.stringify([held, queues])}`)
    }
  }
  if (world.bus.deadLetters.length) problems.push(`dead letters: ${JSON.stringify(world.bus.deadLetters[0])}`)
  const last = world.startsOf('after')[0]?.at ?? 0
  if (['lane-a/2', 'free'].some((id) => world.startsOf(id).some(({ at }) => at >= last))) problems.push('"after" began too early')
  return { first, problems }
}

const test = suite('crash harness of lanes, pools and jobs after others: W1 W7 E2 Q20 to Q25 [memory]')

test('a crash at each place', async () => {
  const { first, problems } = await play()
  assert.equal(problems, [])
  assert.ok(first.points > 50, `only ${first.points} places`)
  let bad = 0
  for (let at = 1; at <= first.points; at++) {
    const { first: died, problems: found } = await play(at)
    if (found.length && ++bad < 6) console.log(`crash ${at} (${died.trace[at - 1]}): ${found.join('; ')}`)
  }
  console.log(`# crash harness of gates: ${first.points} places, each tried; ${bad} with problems`)
  assert.is(bad, 0)
})
test.run()
