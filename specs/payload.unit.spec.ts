import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { aboutLength, mayBeLarge } from '../src/payload.ts'

const test = suite('about how long a value is as JSON')

const many = <T>(count: number, one: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => one(i))
const values: Record<string, unknown> = {
  text: 'x'.repeat(1000),
  numbers: many(1000, (i) => i),
  'lists of numbers': many(1000, (i) => [i, i]),
  objects: many(100, (i) => ({ id: `job-${i}`, at: 1_796_040_021_540 + i, parts: [{ ok: true, note: null }] })),
  'what is left out': many(100, () => ({ a: undefined, b: undefined, c: 'here' })),
}
for (const [name, value] of Object.entries(values))
  test(`${name}: half of it at least, and not twice`, () => {
    const ratio = aboutLength(value) / JSON.stringify(value).length
    assert.ok(ratio > 0.5 && ratio < 2, `${ratio}`)
  })

test('what is long is not looked at to its end', () => {
  let read = 0
  const one = {
    get text() {
      read++
      return 'x'.repeat(100)
    },
  }
  const value = many(1000, () => one)
  assert.ok(aboutLength(value, 1000) >= 1000)
  assert.ok(read < 20, `${read}`)
  assert.ok(mayBeLarge(value, 10_000))
  assert.not(mayBeLarge('x'.repeat(1000), 10_000))
})

test.run()
