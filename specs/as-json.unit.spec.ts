import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { payloadOf } from '../src/client/prepare.ts'
import { isStellwerkError } from '../src/errors.ts'

const test = suite('what JSON would lose is refused, by its field: E1')
class Money {
  #cents = 5
  get cents() {
    return this.#cents
  }
}
const lost: [path: string, value: unknown][] = [
  ['input', new Map([[1, 2]])],
  ['input.a', { a: new Set([1]) }],
  ['input.rows.1', { rows: [1, Promise.resolve(2)] }],
  ['input.n', { n: Number.NaN }],
  ['input.n', { n: Number.POSITIVE_INFINITY }],
  ['input.f', { f: () => 1 }],
  ['input.s', { s: Symbol('s') }],
  ['input.r', { r: /x/ }],
  ['input.e', { e: new Error('x') }],
  ['input.b', { b: new Uint8Array(3) }],
  ['input.m', { m: new Money() }],
  ['input', { toJSON: () => undefined }],
]
for (const [path, value] of lost)
  test(`${path}: ${String(value)}`, () => {
    try {
      payloadOf(value, 'input')
    } catch (error) {
      assert.ok(isStellwerkError(error, 'VALIDATION'))
      assert.is((error as Error).message.split(':')[0], path)
      return
    }
    assert.unreachable('it was taken')
  })
test('what JSON holds, and what says itself what it is there, is taken', () => {
  const bare = Object.assign(Object.create(null), { a: 1 })
  class Point {
    x = 1
  }
  const value = {
    a: [],
    o: {},
    u: undefined,
    at: new Date(0),
    url: new URL('https://a.example/'),
    bytes: Buffer.from('a'),
    bare,
    p: new Point(),
  }
  assert.equal(payloadOf(value, 'input').value, JSON.parse(JSON.stringify(value)))
  assert.equal(payloadOf(undefined, 'input'), { value: null })
})
test.run()
