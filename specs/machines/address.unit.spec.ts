import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addressOf, checkId, idOf, isAddress, isId, maxIdLength, partitionOf, rootOf, typeOf } from '../../src/address.ts'
import { isStellwerkError } from '../../src/errors.ts'
import { chanceOf, seedOf } from './events.ts'

const test = suite('addresses and partitions: E1 E10')

test('an address and its parts', () => {
  const address = addressOf('job', 'a1/17')
  assert.equal([address, typeOf(address), idOf(address), rootOf(address)], ['job:a1/17', 'job', 'a1/17', 'a1'])
  assert.is(rootOf('group:a1'), 'a1')
})

test('ids: segments of letters, digits, _ and -, joined by /', () => {
  for (const id of ['a', 'A-1_b', 'a/b/c', '0', 'x'.repeat(maxIdLength)]) assert.ok(isId(id), id)
  for (const id of [
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    'a b',
    'a.b',
    'a:b',
    'ä',
    'a*',
    'a>',
    'a\n',
    'x'.repeat(maxIdLength + 1),
    7,
    null,
    undefined,
  ])
    assert.not.ok(isId(id), String(id))
  assert.ok(isAddress('job:a/b'))
  for (const address of ['job', 'job:', ':a', 'Job:a', 'job:a b', 'job:a/', 'a', 7]) assert.not.ok(isAddress(address), String(address))
})

test('an id that is none is refused by name', () => {
  assert.is(checkId('a/b', 'id'), 'a/b')
  try {
    checkId('a b', 'members.key')
    assert.unreachable()
  } catch (error) {
    assert.ok(isStellwerkError(error, 'VALIDATION'))
    assert.match((error as Error).message, 'members.key: "a b" is not an id')
  }
})

test('partitions: fnv1a32 modulo their number, as the mapping of NATS computes it', () => {
  // published vectors of FNV-1a, 32 bits
  for (const [text, hash] of [
    ['a', 0xe40c292c],
    ['b', 0xe70c2de5],
    ['foobar', 0xbf9cf968],
  ] as const)
    for (const partitions of [1, 2, 7, 16, 1024]) assert.is(partitionOf(text, partitions), hash % partitions)
})

test('all actors of one root are in one partition, and roots spread', () => {
  const seed = seedOf('partitions')
  const chance = chanceOf(seed)
  const counts = new Array<number>(16).fill(0)
  for (let i = 0; i < 20_000; i++) {
    const root = `r${chance.below(1e9)}-${i}`
    const partition = partitionOf(rootOf(`job:${root}/k${i}`), 16)
    assert.is(partition, partitionOf(rootOf(`group:${root}`), 16))
    counts[partition]!++
  }
  for (const count of counts) assert.ok(count > 1000 && count < 1500, `seed ${seed}: ${counts.join()}`)
})

test.run()
