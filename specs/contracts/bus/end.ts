import * as assert from 'uvu/assert'
import { isStellwerkError } from '../../../src/errors.ts'
import { type BusFactory, busSuite, frame, newestIs, offer, offers, read, take, unique, until } from './world.ts'

/** An orderly end: what was sent counts, what was taken goes to others, and nothing is heard any more. */
export function endSpecs(factory: BusFactory): void {
  const test = busSuite(factory, 'end')

  test('acknowledgements sent just before the end count', async ({ b, world }) => {
    const c = await world.connect('c1')
    await c.publish([frame(0, 'x')])
    const reading = await read(c, 0, unique('o'))
    await until('it', () => reading.frames.length === 1)
    reading.acknowledge(1)
    await c.close()
    await newestIs(b, 0, 0)
  })

  test('what was taken and not acknowledged goes to others at once', async ({ b, world }) => {
    const c = await world.connect('c3')
    const job = unique('held')
    const mine = await take(c, job)
    mine.pull.want(5)
    await b.offer(offers(job, 'w', 4))
    await until('all', () => mine.taken.length === 4)
    mine.taken[0]!.acknowledge()
    mine.taken[1]!.giveBack()
    await c.close()
    mine.taken[2]!.acknowledge()
    const others = await take(b, job)
    others.pull.want(5)
    await until('three', () => others.taken.length === 3)
    assert.equal(others.ids().sort(), ['w1', 'w2', 'w3'])
  })

  test('a closed bus refuses, is silent, and can be closed again', async ({ a, b, world }) => {
    const c = await world.connect('c2')
    const subject = unique('closed')
    const heard: unknown[] = []
    c.listen(subject, (data) => heard.push(data))
    c.serve(`${subject}.ask`, async () => 1)
    const reading = await read(c, 1, unique('o'))
    const { pull, taken } = await take(c, subject)
    pull.want(5)
    await c.close()
    await c.close()
    for (const call of [
      () => c.publish([frame(1, 'y')]),
      () => c.request(subject, 1, 1000),
      () => c.offer([offer(subject, 'w')]),
      () => c.records.get('x'),
      () => c.lastSequence(1),
    ])
      assert.ok(isStellwerkError(await call().catch((e: unknown) => e), 'UNAVAILABLE'))
    c.signal(subject, 1)
    reading.consumer.more()
    reading.consumer.acknowledge([1])
    pull.want(1)
    await reading.consumer.stop()
    await pull.stop()

    a.signal(subject, 2)
    await a.publish([frame(1, 'z')])
    await a.offer([offer(subject, 'w')])
    const other = await read(b, 1, unique('o'))
    const otherWork = await take(b, subject)
    otherWork.pull.want(1)
    await until('others go on', () => other.frames.length === 1 && otherWork.taken.length === 1)
    assert.ok(isStellwerkError(await a.request(`${subject}.ask`, 1, 1000).catch((e: unknown) => e), 'UNAVAILABLE'))
    assert.equal([heard, reading.frames, taken], [[], [], []])
  })

  test.run()
}
