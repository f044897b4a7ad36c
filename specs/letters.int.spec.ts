import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { letterBox, lettersInMemory } from '../src/bus/embedded/letters.ts'
import { embedded } from '../src/embedded.ts'

const test = suite('dead letters go by age and by count: E11 E13 [memory]')

const letter = (n: number, at: number) => ({ id: `l${n}`, at, reason: { code: 'NOT_FOUND', message: 'no' }, body: n })
const hour = 3_600_000

test('by age: not shown any more, and removed when the next comes', async () => {
  let now = 0
  const table = lettersInMemory()
  const box = letterBox(table, () => now, { age: 10 * hour, count: 100 })
  await box.add([letter(1, 0), letter(2, 5 * hour)])
  now = 11 * hour
  const left = await box.list(undefined, 10)
  assert.equal(
    left.map(({ id }) => id),
    ['l2'],
  )
  assert.is(await box.get('0000000000000000.l1'), undefined)
  assert.is(table.present.length, 2)
  await box.add([letter(3, now)])
  assert.equal(
    table.present.map(({ id }) => id),
    ['l2', 'l3'],
  )
})
test('by count: the oldest first, also of those that an earlier process kept', async () => {
  const table = lettersInMemory()
  await letterBox(table, () => 0).add([letter(1, 1), letter(2, 2), letter(3, 3)])
  const box = letterBox(table, () => 0, { age: hour, count: 2 })
  await box.add([letter(3, 9), letter(4, 4)])
  assert.equal(
    table.present.map(({ id, at }) => [id, at]),
    [
      ['l3', 3],
      ['l4', 4],
    ],
  )
})
test('what cannot be kept is kept when it is said again', async () => {
  const table = lettersInMemory()
  let fails = true
  const box = letterBox({ ...table, add: async (letters) => (fails ? Promise.reject(new Error('disk')) : table.add(letters)) }, () => 0)
  await box.add([letter(1, 1)]).catch(() => {})
  fails = false
  await box.add([letter(1, 1)])
  assert.is(table.present.length, 1)
})
test('limits are checked', () => {
  assert.throws(() => embedded(':memory:', { deadLetters: { age: 'soon' } }), /^deadLetters\.age: "soon" is not a duration/)
  assert.throws(() => embedded(':memory:', { deadLetters: { count: 0 } }), /^deadLetters\.count: must be a whole number/)
})
test.run()
