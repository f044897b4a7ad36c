import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openFrame } from '../src/host/door.ts'
import { isTooDeep } from '../src/nesting.ts'

const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
const test = suite('what is nested too deep does not get in: E1')

test('200 levels at most, however deep it is', () => {
  assert.not(isTooDeep(nested(200)))
  assert.ok(isTooDeep({ a: [nested(200)] }))
  assert.ok(isTooDeep(nested(100_000)))
  for (const flat of [null, undefined, 'x', 7, [], {}, Array(100_000).fill({})]) assert.not(isTooDeep(flat))
})

test('a command that is nested too deep is refused and answered, and what is kept of it can be written', () => {
  const deep = nested(100_000)
  const body = { to: 'job:a', type: 'submit', id: 'x', reply: 'answers', job: 'print', input: deep }
  const here = { contracts: {} as never, partitions: 1, now: 0 }
  const { letters, refused, items } = openFrame(here, 0, { epoch: 1, sequence: 1, root: 'a', body, published: 0 })
  assert.is(items.length, 0)
  assert.match(refused[0]!.error.message, /nested deeper than 200/)
  assert.is(refused[0]!.envelope.reply?.inbox, 'answers')
  assert.equal(JSON.parse(JSON.stringify(letters[0]!.body)), { to: 'job:a', type: 'submit', id: 'x', reply: 'answers', job: 'print' })
})

test.run()
