import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UnavailableError } from '../../src/errors.ts'
import { createSender } from '../../src/sender.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { limited } from '../support/limited-store.ts'
import { gate, rulesWorld, slowFrames, withCrash } from '../support/rules-world.ts'
import { cellIn, deed } from '../support/two-actors.ts'

/** Each spec fails if its rule is switched off: `npx tsx specs/rules/mutate.ts`. */
const test = suite('what was decided arrives, in its order: G1 G2 G3 F3 F5 F6 F7 F10 P6 P7 P8 P9 P11 [memory]')

test('F3 an event for a partition that came to the same host meanwhile', async () => {
  // Sent in memory because both partitions were owned, the second event overtook the first, which was still in the stream: lost.
  const world = rulesWorld({ partitions: 2 })
  const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
  const slow = gate()
  const host = world.host('h', { bus: (bus) => slowFrames(bus, slow, (_, partition) => partition === 0) })
  await host.take(0)
  await world.publish({ to: from, event: deed(undefined, { send: [{ to, event: deed('1') }] }) })
  await world.clock.settled()
  await host.take(1)
  await world.publish({ to: from, event: deed(undefined, { send: [{ to, event: deed('2') }] }) })
  await world.clock.settled()
  slow.open()
  await world.clock.settled()
  assert.equal(await world.log(to), ['1', '2'])
})

/** An event to another partition, a death at this place, and the next event: both arrive, in order. */
const oneThenAnother = (place: RegExp) =>
  withCrash(place, async (dieAt) => {
    const world = rulesWorld({ partitions: 2 })
    const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
    const first = world.host('first', { dieAt })
    await first.take(0)
    await world.publish({ to: from, event: deed(undefined, { send: [{ to, event: deed('1') }] }) })
    await world.clock.settled()
    await world.publish({ to: from, event: deed(undefined, { send: [{ to, event: deed('2') }] }) })
    const second = world.host('second')
    await second.take(0)
    await second.take(1)
    await world.clock.settled()
    assert.equal(await world.log(to), ['1', '2'])
    return first
  })

test('F5 a document with something still to send, and a new event for it, in one turn', () =>
  // Sent after what the new event decided, the older event was below the receiver's mark: lost.
  oneThenAnother(/before publish do/))

test('F5 an event that was sent before, and goes out again with a newer one', () =>
  // The frame was named by its first event: the stream took the new frame for a repeat, and dropped the newer event with the old.
  oneThenAnother(/after publish do/))

test('F6 there and back in one turn, then a crash', () =>
  // The first one's entry was left out of its second write, in the same turn: after the crash nothing led to what the other had decided.
  withCrash(/before publish do/, async (dieAt) => {
    const world = rulesWorld({ partitions: 2 })
    const [there, back, other] = [cellIn(0, 2, 'a'), cellIn(0, 2, 'b'), cellIn(1, 2, 'x')]
    const first = world.host('first', { dieAt })
    await first.take(0)
    const reaction = deed('came', {
      send: [
        { to: there, event: deed('back') },
        { to: other, event: deed('told') },
      ],
    })
    await world.publish({ to: there, event: deed('sent', { send: [{ to: back, event: reaction }] }) })
    await world.clock.settled()
    const second = world.host('second')
    await second.take(0)
    await second.take(1)
    await world.clock.settled()
    assert.equal(await world.log(there), ['sent', 'back'])
    assert.equal(await world.log(back), ['came'])
    assert.equal(await world.log(other), ['told'])
    return first
  }))

test('F7 two actors, each with something still to send to the other', async () => {
  // Whoever was met sent all that it had again, which made the other send again: a turn without an end.
  const world = rulesWorld()
  const to = { a: 'cell:a', b: 'cell:b' }
  await world.host('first').take(0)
  await world.publish({ to: to.a, event: deed('1', { send: [{ to: to.b, event: deed('from a') }] }) })
  await world.publish({ to: to.b, event: deed('1', { send: [{ to: to.a, event: deed('from b') }] }) })
  await world.clock.settled()
  let routed = 0
  const counting = () => {
    if (++routed > 100) throw new Error('it never ends')
    return 1
  }
  const second = world.host('second', { bus: (bus) => Object.defineProperty({ ...bus }, 'partitions', { get: counting }) })
  await second.take(0)
  assert.is((await world.doc(to.a))!.outbox.length, 1)
  assert.is((await world.doc(to.b))!.outbox.length, 1)
  const before = second.parts.counts.turns
  second.partition(0).push({ envelope: { to: to.a, event: deed('2') } })
  await world.clock.settled()
  assert.is(second.parts.counts.turns, before + 1)
  assert.equal(second.errors, [])
  assert.equal((await world.log(to.a)).sort(), ['1', '2', 'from b'])
  assert.equal(await world.log(to.b), ['1', 'from a'].sort())
})

test('F10 a publish fails, and the next one would not', async () => {
  // Going on after it, the later event overtook the one that failed: below the mark when it came, and lost.
  const world = rulesWorld({ partitions: 2 })
  const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
  let fail = 1
  const host = world.host('h', {
    again: true,
    bus: (bus) => ({
      ...bus,
      async publish(frames) {
        if (fail-- > 0) throw new UnavailableError('the broker is away')
        return bus.publish(frames)
      },
    }),
  })
  await host.take(0)
  await host.take(1)
  for (const note of ['1', '2']) {
    await world.publish({ to: from, event: deed(note, { send: [{ to, event: deed(note) }] }) })
    await world.clock.settled()
  }
  await world.clock.advance('1s')
  assert.equal(await world.log(from), ['1', '2'])
  assert.equal(await world.log(to), ['1', '2'])
  assert.is(host.errors.length, 1)
})

test("F10 a client's publish fails, and the next command is already waiting", async () => {
  // Behind the later one, the command that failed first was below the client's mark: answered as done, and never applied.
  const world = rulesWorld()
  await world.host('h').take(0)
  const own = world.bus.connect('client')
  let fail = 1
  const sender = createSender(
    {
      ...own,
      async publish(frames) {
        await own.lastSequence(0)
        if (fail-- > 0) throw new UnavailableError('the broker is away')
        return own.publish(frames)
      },
    },
    world.clock,
    'client',
  )
  const answers = [sender.send('cell:a', deed('1'), 'committed')]
  await Promise.resolve()
  await Promise.resolve()
  answers.push(sender.send('cell:a', deed('2'), 'committed'))
  await world.clock.advance('1s')
  await Promise.all(answers)
  assert.equal(await world.log('cell:a'), ['1', '2'])
  sender.stop()
})

test('P6 what is known delivered is left out of the next write, and not sent again', async () => {
  const world = rulesWorld({ partitions: 2 })
  const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
  const host = world.host('h')
  await host.take(0)
  for (const note of ['1', '2', '3']) {
    await world.publish({ to: from, event: deed(note, { send: [{ to, event: deed(note) }] }) })
    await world.clock.settled()
    assert.equal(
      (await world.doc(from))!.outbox.map(({ n }) => n),
      [Number(note)],
    )
  }
})

test('G6 too large only together with what was sent in the same turn: decided in the next one', async () => {
  // The largest event was given up: what an actor had said to itself, or another one had, and nobody says again.
  const play = async (most: number) => {
    const store = memoryStore()
    const seen = limited(store, most)
    const world = rulesWorld({ store })
    await world.host('h').take(0)
    const [there, back, far] = ['cell:b', 'cell:a', 'cell:c'] as const
    const answer = deed('y'.repeat(500), { send: [{ to: far, event: deed('far') }] })
    const ask = deed('x'.repeat(1000), { send: [{ to: back, event: answer }] })
    await world.publish({ to: back, event: deed(undefined, { send: [{ to: there, event: ask }] }) })
    await world.clock.advance('1s')
    assert.equal(world.bus.deadLetters, [])
    assert.equal(await world.log(back), ['y'.repeat(500)])
    assert.equal(await world.log(far), ['far'])
    for (const address of [there, back]) assert.is((await world.doc(address))!.wakeAt, undefined, 'nothing is due any more')
    return seen.longest
  }
  const longest = await play(Number.POSITIVE_INFINITY)
  await play(longest - 1)
})

test('P11 an acknowledgement goes out only after the publish', () =>
  // Acknowledged first, a crash before the publish left the event in an outbox that nothing led to: lost.
  withCrash(/before publish do/, async (dieAt) => {
    const world = rulesWorld({ partitions: 2 })
    const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
    const first = world.host('first', { dieAt })
    await first.take(0)
    await world.publish({ to: from, event: deed('1', { send: [{ to, event: deed('1') }] }) })
    await world.clock.settled()
    const second = world.host('second')
    await second.take(0)
    await second.take(1)
    await world.clock.settled()
    assert.equal(await world.log(to), ['1'])
    return first
  }))

test.run()
