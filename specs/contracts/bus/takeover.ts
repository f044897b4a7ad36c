import * as assert from 'uvu/assert'
import { type BusFactory, busSuite, frame, frames, newestIs, read, unique, until } from './world.ts'

/** A new owner starts with the oldest unacknowledged frame, and an earlier one can do nothing any more. */
export function takeoverSpecs(factory: BusFactory): void {
  const test = busSuite(factory, 'takeover')

  test('a new owner gets what was not acknowledged, in order, and nothing that was', async ({ a, b }) => {
    await a.publish(frames(0, 't', 10))
    const first = await read(a, 0, unique('o'))
    await until('all', () => first.frames.length === 10)
    const sequences = first.frames.map(({ sequence }) => sequence)
    first.consumer.acknowledge([0, 1, 4, 9].map((i) => sequences[i]!))
    await newestIs(a, 0, sequences[8]!)

    const second = await read(b, 0, unique('o'))
    await a.publish([frame(0, 't10')])
    await until('the rest and the new one', () => second.frames.length === 7)
    assert.equal(second.labels(), ['t2', 't3', 't5', 't6', 't7', 't8', 't10'])
    assert.equal(
      second.frames.map(({ sequence }) => sequence).slice(0, -1),
      [2, 3, 5, 6, 7, 8].map((i) => sequences[i]),
    )
  })

  test('an earlier owner is told, gets nothing more, and what it acknowledges does not count', async ({ a, b }) => {
    await a.publish(frames(1, 'e', 5))
    const early = await read(a, 1, unique('o'))
    await until('all', () => early.frames.length === 5)

    const late = await read(b, 1, unique('o'))
    await until('it is told', () => early.lost.length === 1)
    early.acknowledge(5)
    early.consumer.more()
    await a.publish([frame(1, 'e5')])
    await until('all and the new one', () => late.frames.length === 6)
    late.consumer.acknowledge([late.frames[5]!.sequence])
    await newestIs(b, 1, late.frames[4]!.sequence)

    const third = await read(a, 1, unique('o'))
    await until('all that nobody acknowledged', () => third.frames.length === 5)
    assert.equal(third.labels(), ['e0', 'e1', 'e2', 'e3', 'e4'])
    assert.is(early.frames.length, 5)
    assert.is(early.lost.length, 1)
  })

  test('one that has stopped hears nothing more; the next one goes on', async ({ a, b }) => {
    const first = await read(a, 2, unique('o'))
    await a.publish(frames(2, 'x', 2))
    await until('both', () => first.frames.length === 2)
    first.acknowledge(2)
    await newestIs(a, 2, 0)
    await first.consumer.stop()
    await a.publish([frame(2, 'x2')])
    const second = await read(b, 2, unique('o'))
    await until('the next', () => second.frames.length === 1)
    assert.equal(second.labels(), ['x2'])
    assert.is(first.frames.length, 2)
    assert.is(first.lost.length, 0)
  })

  test('partitions are taken over one by one', async ({ a, b }) => {
    const three = await read(a, 3, unique('o'))
    const four = await read(a, 4, unique('o'))
    const thirteen = await read(a, 13, unique('o'))
    await read(b, 3, unique('o'))
    await until('the loss', () => three.lost.length === 1)
    await b.publish([frame(4, 'y'), frame(13, 'z')])
    await until('the others', () => four.frames.length === 1 && thirteen.frames.length === 1)
    assert.equal([...four.lost, ...thirteen.lost], [])
  })

  test.run()
}
