import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bus } from '../../src/bus/port.ts'
import { UnavailableError } from '../../src/errors.ts'
import { rulesWorld } from '../support/rules-world.ts'

const test = suite('a full stream, in which the oldest frame of each partition sends to the other: E9 G2 [memory]')

/** A stream that holds so many frames, and refuses more. */
function limited(most: number) {
  let held = 0
  const taken = { refused: 0 }
  return {
    taken,
    fill: (count: number) => {
      held += count
    },
    bus: (bus: Bus): Bus => ({
      ...bus,
      async publish(frames) {
        if (held + frames.length > most) {
          taken.refused++
          throw new UnavailableError('NATS refused a message for the stream: maximum messages exceeded.', { refused: true })
        }
        await bus.publish(frames)
        held += frames.length
      },
      async consume(partition, owner, on) {
        const consumer = await bus.consume(partition, owner, on)
        return {
          ...consumer,
          acknowledge(sequences) {
            held -= sequences.length
            consumer.acknowledge(sequences)
          },
        }
      },
    }),
  }
}

test('room is made, and each event comes once and in order', async () => {
  const world = rulesWorld({ partitions: 2 })
  const a = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `cell:${name}`)
  const [left, right] = [0, 1].map((partition) => a.find((address) => world.partitionOf(address) === partition)!) as [string, string]
  const stream = limited(20)
  for (let i = 0; i < 10; i++) {
    const say = (note: string) => ({ type: 'do', note })
    await world.publish({ to: left, event: { ...say(`own ${i}`), send: [{ to: right, event: say(`from left ${i}`) }] } })
    await world.publish({ to: right, event: { ...say(`own ${i}`), send: [{ to: left, event: say(`from right ${i}`) }] } })
  }
  stream.fill(20)
  const host = world.host('h', { bus: stream.bus, again: true })
  await host.take(0)
  await host.take(1)
  await world.clock.advance('2m')
  assert.ok(stream.taken.refused > 0, 'it was full')
  const numbers = Array.from({ length: 10 }, (_, i) => i)
  for (const [address, other] of [
    [left, 'right'],
    [right, 'left'],
  ] as const) {
    const log = await world.log(address)
    assert.equal(
      log.filter((line) => line.startsWith('own')),
      numbers.map((i) => `own ${i}`),
    )
    assert.equal(
      log.filter((line) => line.startsWith('from')),
      numbers.map((i) => `from ${other} ${i}`),
    )
    assert.equal((await world.doc(address))!.outbox, [])
  }
})
test.run()
