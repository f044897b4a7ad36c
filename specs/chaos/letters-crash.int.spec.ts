import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ActorDocument } from '../../src/document.ts'
import { historyOf } from '../../src/host/history.ts'
import type { Chaos } from '../../src/testing/chaos.ts'
import { bind, virtualWorld, work } from '../support/virtual-world.ts'

/**
 * All dead letters are redriven while a host dies at each of its calls; whoever asked asks again until it is done. A job, a member of an open group,
 * and a command that came too early: each is redriven once, none is lost, and no letter is left.
 */
async function play(dieAt?: number): Promise<{ first: Chaos; problems: string[] }> {
  const world = virtualWorld({ partitions: 4 })
  const { client, clock, store } = world
  const before = await world.host()
  const failing = { ms: 50, fails: 1, how: 'terminal' } as const
  await client.submit(work, failing, { id: 'job' })
  await client.submitGroup({ id: 'g', members: [work.with(failing, { key: 'm' })], output: bind.with({}), seal: false })
  const envelope = { to: 'job:late', event: { type: 'cancel' }, from: 'x', inc: 'x', n: 1, letter: true as const }
  const { partitionOf } = await import('../../src/address.ts')
  await world.bus.connect('outside').publish([{ partition: partitionOf('late', 4), id: 'early', events: [envelope] }])
  await clock.advance('1s')
  await client.submit(work, {}, { id: 'late', startAt: clock.now() + 3_600_000 })
  await clock.advance('1s')
  before.die()
  await clock.advance('10s')

  const first = world.start({ dieAt }).faults
  let redriven = 0
  let over = false
  const insist = async () => {
    while (!over) {
      try {
        const { redriven: count, refused } = await client.deadLetters.redrive({})
        redriven += count
        const left: string[] = []
        for await (const { id } of client.deadLetters.list()) left.push(id)
        over = !left.length && !refused.length
      } catch {}
      await clock.sleep('300ms')
    }
    await client.group('g').seal()
  }
  void insist()
  const doc = async (address: string): Promise<ActorDocument | undefined> => (await store.load([address]))[0]
  let second = false
  const end = clock.now() + 300_000
  while ((await doc('group:g'))!.state !== 'succeeded' && clock.now() < end) {
    await clock.step('500ms')
    if (first.dead && !second) second = !!world.start()
  }
  over = true
  await clock.advance('5s')

  const problems = await world.problems()
  const count = async (address: string, type: string) =>
    (await historyOf(store, (await doc(address))!)).filter(({ event }) => event.type === type).length
  for (const [address, state, event] of [
    ['job:job', 'succeeded', 'redrive'],
    ['job:g/m', 'succeeded', 'again'],
    ['job:late', 'cancelled', 'cancel'],
  ] as const) {
    const found = (await doc(address))!.state
    if (found !== state) problems.push(`${address} is ${found}`)
    if ((await count(address, event)) !== 1) problems.push(`${address}: ${event} ${await count(address, event)} times`)
  }
  if (world.bus.deadLetters.length) problems.push(`left: ${JSON.stringify(world.bus.deadLetters[0])}`)
  if (redriven < 3 && !first.dead) problems.push(`only ${redriven} redriven`)
  return { first, problems }
}

const test = suite('crash harness of dead letters: E13 G1 [memory]')

test('a crash at each place', async () => {
  const { first, problems } = await play()
  assert.equal(problems, [])
  assert.ok(first.points > 40, `only ${first.points} places`)
  let bad = 0
  for (let at = 1; at <= first.points; at++) {
    const { first: died, problems: found } = await play(at)
    if (found.length && ++bad < 6) console.log(`crash ${at} (${died.trace[at - 1]}): ${found.join('; ')}`)
  }
  console.log(`# crash harness of dead letters: ${first.points} places, each tried; ${bad} with problems`)
  assert.is(bad, 0)
})
test.run()
