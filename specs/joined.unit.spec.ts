import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { actorTypes } from '../actors/all.ts'
import type { Item } from '../src/host/intake.ts'
import type { Partition } from '../src/host/partition.ts'
import { joined, partsOf } from '../src/host/turn/joined.ts'

const test = suite('events told as one [pure]')

/** A partition in which these actors exist. */
const partitionWith = (...addresses: string[]) =>
  ({ actors: actorTypes, cache: { get: (address: string) => addresses.includes(address) || undefined } }) as unknown as Partition
const end = (to: string, key: string, index = Number(key.slice(1))): Item => ({
  envelope: { to, event: { type: 'ended', key, index, round: 0, state: 'succeeded' } },
  from: [`job:${to.slice(6)}/${key}`, 1],
})
const cancel = (to: string): Item => ({ envelope: { to, event: { type: 'cancel' } }, sequence: 7 })

/** What each actor is told, in short: `g: k0+k1`. */
const told = (items: Item[]) =>
  items.map((item) => {
    const { to, event } = item.envelope
    const keys = event.of ? (event.of as { key: string }[]).map(({ key }) => key).join('+') : (event.key ?? event.type)
    assert.is(partsOf(item).length, event.of ? (event.of as unknown[]).length : 1)
    return `${to.slice(6)}: ${keys}`
  })

test('ends of one group, whatever comes for others in between', () => {
  const items = ['k0', 'k1', 'k2'].flatMap((key) => [end('group:g', key), end('group:h', key)])
  assert.equal(told(joined(partitionWith('group:g', 'group:h'), items)), ['g: k0+k1+k2', 'h: k0+k1+k2'])
})

test('its own events keep their order', () => {
  const items = [
    end('group:g', 'k0'),
    end('group:g', 'k1'),
    cancel('group:g'),
    end('group:g', 'k2'),
    end('group:g', 'output', -1),
    end('group:g', 'k3'),
  ]
  assert.equal(told(joined(partitionWith('group:g'), items)), ['g: k0+k1', 'g: cancel', 'g: k2', 'g: output', 'g: k3'])
})

test('an end alone stays what it is; one that came by the stream has its place there, and a group that is not there is told each', () => {
  assert.equal(told(joined(partitionWith('group:g'), [end('group:g', 'k0')])), ['g: k0'])
  const byStream = { ...end('group:g', 'k1'), from: undefined, sequence: 3 }
  assert.equal(told(joined(partitionWith('group:g'), [end('group:g', 'k0'), byStream])), ['g: k0', 'g: k1'])
  assert.equal(told(joined(partitionWith(), [end('group:g', 'k0'), end('group:g', 'k1')])), ['g: k0', 'g: k1'])
})

test.run()
