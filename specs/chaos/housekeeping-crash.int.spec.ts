import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { defineJob } from '../../src/definition.ts'
import type { Chaos } from '../../src/testing/chaos.ts'
import { bind, virtualWorld, work } from '../support/virtual-world.ts'

/**
 * A group with a member and an output, a job with a large output and a step after it, one in a lane and one after it: all have ended, and the
 * host dies at each call by which they are removed. Another one goes on: nothing runs again, and nothing is left.
 */
const retention = { finished: { age: '5s' }, failed: { age: '10s' }, tombstones: { age: '5s' } }
const large = defineJob({ name: 'large', output: z.string(), onEnd: work as never })

async function play(dieAfter?: number): Promise<{ first: Chaos; ended: number; problems: string[] }> {
  const world = virtualWorld({ partitions: 2 })
  const pages = new Set<string>()
  const { putPages } = world.store
  world.store.putPages = async (written) => {
    for (const { _id } of written) pages.add(_id)
    await putPages(written)
  }
  const options = { retention, more: [large.handler(async () => 'x'.repeat(20_000))] }
  const { faults: first } = world.start({ ...options, dieAt: dieAfter })
  const submits = [
    world.client.submitGroup({ id: 'g', members: [work.with({}, { key: 'm' })], output: bind.with({}) }),
    world.client.submit(large, null, { id: 'a' }),
    world.client.submit(work, {}, { id: 'b', lane: 'l' }),
    world.client.submit(work, {}, { id: 'c', after: ['job:b'] }),
  ]
  await world.clock.advance('4s')
  await Promise.all(submits)
  const ended = first.points
  let second = false
  const end = world.clock.now() + 300_000
  while ((await world.docs()).length && world.clock.now() < end) {
    await world.clock.step('1s')
    if (first.dead && !second) second = !!world.start(options)
  }
  await world.clock.advance('5s')

  const problems: string[] = []
  for (const id of ['g/m', 'g/output', 'a/onEnd-1', 'b', 'c'])
    if (world.startsOf(id).length !== 1) problems.push(`${id} was started ${world.startsOf(id).length} times`)
  for (const { _id, state } of await world.docs()) problems.push(`${_id} is left, ${state}`)
  for (const { _id } of await world.store.getPages([...pages])) problems.push(`page ${_id} is left`)
  if (!pages.size) problems.push('no pages')
  if (world.bus.deadLetters.length) problems.push(`dead letters: ${JSON.stringify(world.bus.deadLetters[0])}`)
  return { first, ended, problems }
}

const test = suite('crash harness of housekeeping: G7 E11 P16 [memory]')

test('a crash at each place', async () => {
  const { first, ended, problems } = await play()
  assert.equal(problems, [])
  const places = first.points - ended
  assert.ok(places > 50, `only ${places} places`)
  let bad = 0
  for (let at = 1; at <= places; at++) {
    const { first: died, problems: found } = await play(ended + at)
    if (found.length && ++bad < 6) console.log(`crash ${at} (${died.trace[ended + at - 1]}): ${found.join('; ')}`)
  }
  console.log(`# crash harness of housekeeping: ${places} places, each tried; ${bad} with problems`)
  assert.is(bad, 0)
})
test.run()
