import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { orderOf } from '../bench/turns.ts'

const test = suite('bench')

test('in as many rounds as there are sides, each comes once at every place; in twice as many, twice behind every other', () => {
  for (const sides of [
    ['a', 'b'],
    ['a', 'b', 'c'],
    ['a', 'b', 'c', 'd'],
  ]) {
    const orders = Array.from({ length: 2 * sides.length }, (_, round) => orderOf(sides, round))
    for (const place of sides.keys()) {
      const there = orders.slice(0, sides.length).map((order) => order[place])
      assert.equal(there.sort(), sides, `${sides.length} sides, place ${place}`)
    }
    const pairs = orders.flatMap((order) => order.slice(1).map((side, i) => `${order[i]}${side}`))
    const every = sides.flatMap((one) => sides.filter((other) => other !== one).map((other) => one + other))
    assert.equal(pairs.sort(), [...every, ...every].sort(), `${sides.length} sides`)
  }
})

test.run()
