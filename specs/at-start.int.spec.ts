import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { virtualWorld, work } from './support/virtual-world.ts'

const test = suite('what a host finds when it starts: W2 at start, E3 E10 [memory]')

test('what is lost is dealt with, what is due is queued, slots go by priority, and what is planned has its time', async () => {
  const world = virtualWorld()
  const first = await world.host({ slots: 1 })
  const submit = (id: string, options: object = {}, ms = 1000) => world.client.submit(work, { ms }, { id, ...options })
  const at = (ms: number) => ({ startAt: new Date(world.clock.now() + ms) })
  await submit('was-running', { priority: 7 }, 60_000)
  await world.until('it runs', () => world.startsOf('was-running').length === 1)
  await submit('low', { priority: 1 })
  await submit('high', { priority: 9 })
  await submit('due', { ...at(5000), priority: 4 })
  await submit('later', at(600_000))
  first.die()
  await world.clock.advance('20s')
  assert.is(world.starts.length, 1)

  const second = await world.host({ slots: 1 })
  await world.clock.advance('90s')
  // The lost one comes in at its place once its lease has ended: its new owner gives it a whole one.
  const order = world.starts.slice(1).map(({ job }) => job)
  assert.is(order[0], 'high')
  assert.ok(order.indexOf('was-running') < order.indexOf('low') && order.indexOf('due') < order.indexOf('low'), order.join())
  assert.equal([...order].sort(), ['due', 'high', 'low', 'was-running'])
  assert.is(second.counts.lost, 1)
  const { timers, state } = await world.doc('job:later')
  assert.equal([state, timers.length], ['planned', 1])
  await world.clock.advance('10m')
  assert.is(world.startsOf('later').length, 1)
  assert.equal(await world.problems(), [])
})
test.run()
