import * as assert from 'uvu/assert'
import { type BusFactory, busSuite, frame, frames, newestIs, read, unique, until } from './world.ts'

/** Frames come in order, once, and only when asked for. */
export function frameSpecs(factory: BusFactory): void {
  const test = busSuite(factory, 'frames')

  test('frames of a partition come in the order of the publishes, singly and in masses', async ({ a, b }) => {
    const zero = await read(a, 0, unique('o'))
    const one = await read(b, 1, unique('o'))
    for (let i = 0; i < 20; i++) await a.publish([frame(0, `s${i}`)])
    await a.publish([...frames(0, 'm', 700), ...frames(1, 'n', 30)])
    await Promise.all(Array.from({ length: 50 }, (_, i) => a.publish([frame(0, `c${i}`), frame(1, `d${i}`)])))
    const labels = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`)
    await until('all frames', () => zero.frames.length === 770 && one.frames.length === 80)
    assert.equal(zero.labels(), [...labels('s', 20), ...labels('m', 700), ...labels('c', 50)])
    assert.equal(one.labels(), [...labels('n', 30), ...labels('d', 50)])
    const sequences = zero.frames.map(({ sequence }) => sequence)
    assert.equal(
      sequences,
      [...sequences].sort((x, y) => x - y),
    )
    assert.is(zero.frames[0]!.epoch, a.epoch)
  })

  test('nothing comes before it was asked for; then what waits, and later ones', async ({ a, b }) => {
    const reading = await read(a, 2, unique('o'), 'asked')
    await b.publish(frames(2, 'w', 3))
    await newestIs(a, 2, await b.lastSequence(2))
    assert.is(reading.frames.length, 0)
    reading.consumer.more()
    await until('what waits', () => reading.frames.length === 3)
    reading.consumer.more()
    await b.publish([frame(2, 'w3')])
    await until('a later one', () => reading.frames.length === 4)
  })

  test('the reader sets the pace: one request is answered by a bounded number of frames', async ({ a }) => {
    await a.publish(frames(3, 'p', 1000))
    const reading = await read(a, 3, unique('o'), 'asked')
    reading.consumer.more()
    await until('some', () => reading.frames.length > 0)
    await a.publish([frame(4, 'fence')])
    assert.ok(reading.frames.length < 1000)
    await until('the rest, if asked for again and again', () => {
      reading.consumer.more()
      return reading.frames.length === 1000
    })
  })

  test('a frame that is sent again under its id comes once', async ({ a, b }) => {
    const reading = await read(a, 5, unique('o'))
    const [x, y, z] = frames(5, unique('again'), 3) as [never, never, never]
    await a.publish([x])
    await a.publish([x])
    await b.publish([x, y])
    await b.publish([y, z, z, x])
    await a.publish([frame(5, unique('end'), 'end')])
    await until('the end', () => reading.labels().includes('end'))
    assert.equal(
      reading.labels().slice(0, -1),
      [x, y, z].map(({ id }: { id: string }) => id),
    )
  })

  test('the newest sequence of a partition is that of the newest frame still there', async ({ a, b }) => {
    assert.is(await a.lastSequence(6), 0)
    await b.publish(frames(6, 'l', 5))
    await b.publish(frames(7, 'other', 2))
    const reading = await read(a, 6, unique('o'))
    await until('all', () => reading.frames.length === 5)
    const sequences = reading.frames.map(({ sequence }) => sequence)
    assert.is(await b.lastSequence(6), sequences[4])
    reading.consumer.acknowledge([sequences[4]!, sequences[2]!])
    await newestIs(b, 6, sequences[3]!)
    reading.consumer.acknowledge(sequences)
    await newestIs(b, 6, 0)
    assert.ok((await b.lastSequence(7)) > 0)
  })

  test('many events travel in one frame, as they are', async ({ a, b }) => {
    const reading = await read(a, 8, unique('o'))
    const events = Array.from({ length: 500 }, (_, n) => ({
      to: `job:ä/${n}`,
      event: { type: 'told', text: 'ü"\n', n },
      from: 'job:y',
      inc: 'i',
      n,
    }))
    await b.publish([{ partition: 8, id: unique('f'), events }])
    await until('it', () => reading.frames.length === 1)
    assert.equal(reading.frames[0]!.body, events)
    assert.is(reading.frames[0]!.root, undefined)
  })

  test('a frame of more than a megabyte comes too', async ({ a, b }) => {
    const text = 'x'.repeat(3_000_000)
    await b.publish([frame(9, unique('big'), text), frame(9, unique('small'), 'small')])
    const reading = await read(a, 9, unique('o'))
    await until('both', () => reading.frames.length === 2)
    assert.is(reading.labels()[0], text)
    assert.is(reading.labels()[1], 'small')
  })

  test('no frames is no work', async ({ a }) => {
    await a.publish([])
  })

  test.run()
}
