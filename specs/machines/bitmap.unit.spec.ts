import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addRange, type Bitmap, has, isEmpty, set, within } from '../../actors/bitmap.ts'
import { chanceOf, seedOf } from './events.ts'

const test = suite('bitmap against a Set: R2 R7 G7')

test('any sequence of changes is what a Set would be', () => {
  const seed = seedOf('bitmap')
  const chance = chanceOf(seed)
  for (let round = 0; round < 20; round++) {
    const size = chance.pick([10, 3071, 3072, 3073, 20_000])
    let map: Bitmap = []
    const model = new Set<number>()
    for (let i = 0; i < 200; i++) {
      const before = map
      const kept = JSON.stringify(before)
      if (chance.below(10) === 0) {
        const from = chance.below(size)
        const to = from + chance.below(size - from + 1)
        map = addRange(map, from, to)
        for (let n = from; n < to; n++) model.add(n)
      } else {
        const n = chance.below(size)
        const on = chance.below(2) === 0
        map = set(map, n, on)
        if (on) model.add(n)
        else model.delete(n)
        assert.is(has(map, n), on)
      }
      assert.is(JSON.stringify(before), kept, 'the old one is as it was')
      assert.is(isEmpty(map), model.size === 0)
    }
    const say = `seed ${seed}, round ${round}`
    const all = [...model].sort((a, b) => a - b)
    assert.equal(within(map, 0, size), all, say)
    const from = chance.below(size)
    const to = from + chance.below(size - from + 1)
    assert.equal(
      within(map, from, to),
      all.filter((n) => n >= from && n < to),
      say,
    )
    for (let i = 0; i < 100; i++) {
      const n = chance.below(size + 5000)
      assert.is(has(map, n), model.has(n), say)
    }
    assert.equal(within(JSON.parse(JSON.stringify(map)), 0, size), all, 'through JSON')
  }
})

test('what is not a place is not in it', () => {
  for (const n of [-1, Number.NaN, undefined as never, 1e9]) assert.is(has(addRange([], 0, 10), n), false)
})

test('a million members: 170 kB when all are in it, nothing when none is', () => {
  let map = addRange([], 0, 1_000_000)
  assert.ok(JSON.stringify(map).length < 175_000)
  for (let n = 0; n < 3072; n++) map = set(map, n, false)
  assert.is(map[0], '')
  assert.is(isEmpty(addRange([], 5, 5)), true)
})

test.run()
