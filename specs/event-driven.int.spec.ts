import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Store } from '../src/store/port.ts'
import { virtualWorld, work } from './support/virtual-world.ts'

/** Nothing is looked for again and again: work begins in the instant in which it may, and until then nobody reads the store. */
const test = suite('purely event-driven: W3 [memory]')

/** Reads of the store by hosts, by what was called. */
function reads(store: Store): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of ['load', 'waking', 'allWaking', 'countWaking', 'find', 'getPages', 'fact'] as const) {
    const real = store[name] as (...args: unknown[]) => never
    Object.assign(store, {
      [name]: (...args: unknown[]) => {
        counts.set(name, (counts.get(name) ?? 0) + 1)
        return real.apply(store, args)
      },
    })
  }
  return counts
}

test('W3: a slot that is free is used at once; what was submitted after others begins at their end; a time at that time', async () => {
  const world = virtualWorld()
  await world.host({ slots: 1 })
  const { client, clock } = world
  const begin = clock.now()
  const ids = ['a', 'b', 'c']
  for (const id of ids) await client.submit(work, { ms: 10_000 }, { id })
  await client.submit(work, { ms: 10 }, { id: 'follows', after: ['job:c'] })
  await client.submit(work, { ms: 10 }, { id: 'timed', startAt: begin + 3_601_234 })
  await client.submit(work, { ms: 10 }, { id: 'moved', startAt: begin + 9_000_000 })
  await clock.advance('20m')
  await client.job('moved').update({ startAt: begin + 1_801_234 })
  await clock.advance('2h')
  const startOf = (id: string) => world.startsOf(id)[0]!.at
  // What begins when a worker has room is sent there first: some virtual milliseconds, and no interval.
  for (const [after, id] of [
    [startOf('a') + 10_000, 'b'],
    [startOf('b') + 10_000, 'c'],
    [startOf('c') + 10_000, 'follows'],
    [begin + 1_801_234, 'moved'],
    [begin + 3_601_234, 'timed'],
  ] as const) {
    const late = startOf(id) - after
    assert.ok(late >= 0 && late <= 20, `${id}: ${late} ms late`)
  }
  assert.equal(await world.problems(), [])
})

test('W3: a day in which nothing happens: the index of due times, once a minute for each partition, and nothing else', async () => {
  const partitions = 4
  const world = virtualWorld({ partitions })
  const counts = reads(world.store)
  await world.host()
  await world.client.submit(work, { ms: 10 }, { id: 'planned', startAt: world.clock.now() + 30 * 3_600_000 })
  await world.clock.advance('1h')
  counts.clear()
  await world.clock.advance('24h')
  const { allWaking = 0, ...others } = Object.fromEntries(counts)
  console.log(`# a day without events: ${allWaking} reads of the index of due times, others: ${JSON.stringify(others)}`)
  assert.equal(others, {})
  assert.ok(allWaking <= partitions * 24 * 60, `${allWaking}`)
  await world.clock.advance('6h')
  assert.is(world.startsOf('planned').length, 1)
})

test.run()
