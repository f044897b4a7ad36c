import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Envelope } from '../../src/envelope.ts'
import { createSender } from '../../src/sender.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/port.ts'
import { comesTrue, gate, rulesWorld, slowCommits, slowFrames, withCrash } from '../support/rules-world.ts'
import { cellIn, deed } from '../support/two-actors.ts'

/** Each spec fails if its rule is switched off: `npx tsx specs/rules/mutate.ts`. */
const test = suite('what is applied, and what is a duplicate: G1 G5 F1 F2 F8 F9 F11 F13 F14 F15 P2 P3 P4 P5 [memory]')

const a = 'cell:a'

test('F1 two events of one write, in two frames', async () => {
  // Marked by the version of the sender's document, the second one was taken for a repeat of the first: lost.
  const world = rulesWorld({ partitions: 2 })
  const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
  const host = world.host('h')
  await host.take(0)
  await host.take(1)
  const large = { type: 'do', padding: 'x'.repeat(700 * 1024) }
  const sent = [1, 2].map((i) => ({ to, event: { ...large, note: `event ${i}` } }))
  await world.publish({ to: from, event: deed('both', { send: sent }) })
  await world.clock.settled()
  assert.equal(await world.log(to), ['event 1', 'event 2'])
})

test('F2 two events of one frame for one actor', async () => {
  // Compared with the sequence event by event, the second had the sequence that the first had just set: lost.
  const world = rulesWorld()
  await world.host('h').take(0)
  await world.publish({ to: a, event: deed('1') }, { to: a, event: deed('2') })
  await world.publish({ to: a, event: deed('3') }, { to: a, event: deed('4') })
  await world.clock.settled()
  assert.equal(await world.log(a), ['1', '2', '3', '4'])
})

test('F8 a late owner refuses what the owner has accepted', async () => {
  // A refusal that is not written meets no compare-and-set: the late owner told the client that nothing was done, and it was.
  const world = rulesWorld()
  const slow = gate()
  const late = world.host('late', { bus: (bus) => slowFrames(bus, slow, ({ sequence }) => sequence === 1) })
  await late.take(0)
  await world.publish({ to: a, event: deed('shut', { later: [{ id: 'shut', delay: 0, event: { type: 'shut' } }] }) })
  await world.clock.advance(10)
  const told: { ok: boolean }[] = []
  world.outside.listen('inbox.client', (replies) => told.push(...(replies as { ok: boolean }[])))
  await world.publish({ to: a, event: deed('it'), reply: { inbox: 'inbox.client', call: 1 } })
  await world.clock.settled()

  const owner = await world.host('owner').take(0)
  owner.push({ envelope: { to: a, event: { type: 'open' } } })
  await world.clock.settled()
  assert.equal(await world.log(a), ['shut', 'it'])
  slow.open()
  await comesTrue(() => told.length > 1, 'both have answered')
  assert.equal(
    told.map(({ ok }) => ok),
    [true, true],
  )
  assert.equal(await world.log(a), ['shut', 'it'])
})

test('F9 an event that broke its target, and is delivered again', () =>
  // Not recorded as applied, it was a dead letter and was applied as well, when the state was another one.
  withCrash(/after deadLetter/, async (dieAt) => {
    const world = rulesWorld()
    const first = world.host('first', { dieAt })
    await first.take(0)
    await world.publish({ to: a, event: deed('shut', { later: [{ id: 'shut', delay: 1000, event: { type: 'shut' } }] }) })
    await world.clock.settled()
    await world.publish({ to: a, event: { type: 'fragile', note: 'applied' } })
    await world.clock.settled()

    const slow = gate()
    const second = world.host('second', { bus: (bus) => slowFrames(bus, slow) })
    await second.take(0)
    await world.clock.advance('2s')
    assert.is((await world.doc(a))!.state, 'shut')
    slow.open()
    await world.clock.settled()
    assert.is(world.bus.deadLetters.length, 1)
    assert.equal(await world.log(a), ['shut'])
    return first
  }))

test('F9 an event that breaks an actor that it would have created', async () => {
  // Nothing was written, and the frame was acknowledged: the event was neither applied nor a dead letter.
  const world = rulesWorld()
  await world.host('h').take(0)
  await world.publish({ to: a, event: { type: 'fragile', note: 'x' } })
  await world.clock.settled()
  assert.is(world.bus.deadLetters.length, 1)
  assert.is(world.bus.deadLetters[0]!.reason.code, 'MACHINE_THREW')
})

test('P5 an event after the one that creates its actor, in the same frame, is refused or breaks it', async () => {
  // The refusal of the second was taken for a refusal to be created: the first was lost with it.
  for (const bad of [{ type: 'fragile', note: 'x' }, { type: 'unknown' }]) {
    const world = rulesWorld()
    await world.host('h').take(0)
    await world.publish({ to: a, event: deed('1') }, { to: a, event: bad }, { to: a, event: deed('2') })
    await world.clock.settled()
    assert.equal(await world.log(a), ['1', '2'], bad.type)
  }
})

test('P5 what changes nothing is written as well: version, inbox and mark', async () => {
  const world = rulesWorld()
  await world.host('h').take(0)
  const from = { from: 'client', inc: 'client' }
  await world.publish({ to: a, event: deed('1'), ...from, n: 1 })
  await world.clock.settled()
  await world.publish({ to: a, event: { type: 'open' }, ...from, n: 2 })
  await world.clock.settled()
  const { version, inbox, history } = (await world.doc(a))!
  assert.is(version, 2)
  assert.equal(inbox, { epoch: 1, sequence: 2, marks: { client: 2 } })
  assert.is(history.length, 1)
})

test('P5 two dead letters of one frame without identity', async () => {
  const world = rulesWorld()
  await world.host('h').take(0)
  await world.publish({ to: a, event: { type: 'open' } }, { to: 'cell:b', event: { type: 'open' } })
  await world.clock.settled()
  assert.equal(
    world.bus.deadLetters.map(({ to }) => to),
    [a, 'cell:b'],
  )
})

test('F11 a command that is published again because its answer was lost', async () => {
  // Recognised by nothing but the message, the repeat was a new message: applied twice.
  const world = rulesWorld()
  await world.host('h').take(0)
  let deaf = true
  const own = world.bus.connect('client')
  const bus = { ...own, listen: (s: string, on: (data: unknown, subject: string) => void) => own.listen(s, (d, at) => deaf || on(d, at)) }
  const sender = createSender(bus, world.clock, 'client')
  const answered = sender.send(a, deed('once'), 'committed')
  await world.clock.advance('1s')
  assert.equal(await world.log(a), ['once'])
  deaf = false
  await world.clock.advance('10s')
  assert.is((await answered).error, undefined)
  assert.equal(await world.log(a), ['once'])
  sender.stop()
})

test('F13 an id that is used again', async () => {
  // Its events counted from 1 again, and were skipped where the earlier actor of this name had sent more.
  const world = rulesWorld({ partitions: 2 })
  const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
  const host = world.host('h')
  await host.take(0)
  await host.take(1)
  const tell = (note: string) => world.publish({ to: from, event: deed(note, { send: [{ to, event: deed(note) }] }) })
  await tell('1')
  await tell('2')
  await world.clock.settled()
  const { version, commit } = (await world.doc(from))!
  assert.ok(await world.store.remove(from, { version, commit }))
  await world.host('next').take(0)
  await tell('1 of the next')
  await world.clock.settled()
  assert.equal(await world.log(to), ['1', '2', '1 of the next'])
})

/** A store as one behind a network: it finds out by the commit's id whether a write that failed was its own. */
function readingBack(inner: Store): Store {
  return {
    ...inner,
    async commit(writes) {
      const answers = await inner.commit(writes)
      const stored = new Map((await inner.load(writes.map(({ doc }) => doc._id))).map((doc) => [doc._id, doc.commit]))
      return answers.map((mine, i) => mine || stored.get(writes[i]!.doc._id) === writes[i]!.doc.commit)
    },
  }
}

test('F14 a write that was given up lands late, before the next attempt of the same turn', async () => {
  // With one commit id a turn, the late first write was taken for the second: what was sent on was not what was stored.
  const world = rulesWorld({ partitions: 2 })
  const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
  let held: (() => Promise<unknown>) | undefined
  let commits = 0
  const doubtful = (inner: Store): Store => ({
    ...inner,
    async commit(writes) {
      if (writes[0]!.doc._id !== from) return inner.commit(writes)
      if (++commits === 1) {
        const copy = structuredClone(writes)
        held = () => inner.commit(copy)
        await world.clock.sleep(5)
        return [false]
      }
      await held?.()
      held = undefined
      return inner.commit(writes)
    },
  })
  const host = world.host('h', { store: (store) => doubtful(readingBack(store)) })
  await host.take(0)
  await host.take(1)
  host.pause() // its turn waits for time to pass
  await world.publish({ to: from, event: deed(undefined, { stamp: true, send: [{ to, event: deed('') }] }) })
  await world.clock.advance(10)
  host.goOn()
  await world.clock.settled()
  assert.equal(await world.log(from), ['0'])
  assert.equal(await world.log(to), ['0'])
})

test('F15 a late write meets a new actor of the same name and version', async () => {
  // By version alone the late write replaced the new actor with what the old one would have become.
  const world = rulesWorld()
  const slow = gate()
  const late = world.host('late', { store: (store) => slowCommits(store, slow, ({ version }) => version === 2) })
  await late.take(0)
  await world.publish({ to: a, event: deed('old 1') })
  await world.clock.settled()
  await world.publish({ to: a, event: deed('old 2') })
  await comesTrue(() => slow.waiting === 1, 'its second write is under way')
  late.pause()

  await world.host('owner').take(0)
  await world.clock.settled()
  const { version, commit } = (await world.doc(a))!
  assert.is(version, 2)
  assert.ok(await world.store.remove(a, { version, commit }))
  await world.host('next').take(0)
  await world.publish({ to: a, event: deed('new') })
  await world.clock.settled()
  assert.is((await world.doc(a))!.version, 1)
  late.goOn()
  slow.open()
  await world.clock.settled()
  assert.equal(await world.log(a), ['new'])
})

test('P3 a stream that was made anew counts from 1 again; a frame of the old one is applied', async () => {
  const store = memoryStore()
  const old = rulesWorld({ epoch: 1, store })
  await old.host('h').take(0)
  for (const note of ['1', '2', '3']) await old.publish({ to: a, event: deed(note) })
  await old.clock.settled()

  const fresh = rulesWorld({ epoch: 2, store })
  await fresh.host('h').take(0)
  await fresh.publish({ to: a, event: deed('4') })
  await fresh.clock.settled()
  assert.equal(await fresh.log(a), ['1', '2', '3', '4'])
  assert.equal((await fresh.doc(a))!.inbox, { epoch: 2, sequence: 1, marks: {} })

  const late = rulesWorld({ epoch: 1, store })
  for (let i = 0; i < 5; i++) await late.publish({ to: a, event: deed('late') })
  await late.host('h').take(0)
  await late.clock.settled()
  assert.equal(await late.log(a), ['1', '2', '3', '4'])
})

test('P4 a repeat and what follows it in one frame', async () => {
  const world = rulesWorld()
  await world.host('h').take(0)
  const of = (n: number): Envelope => ({ to: a, event: deed(String(n)), from: 'c', inc: 'c', n })
  await world.publish(of(1))
  await world.publish(of(1), of(2), of(2), of(3))
  await world.publish(of(2), of(3), of(4))
  await world.clock.settled()
  assert.equal(await world.log(a), ['1', '2', '3', '4'])
})

test.run()
