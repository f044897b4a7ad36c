import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms } from '../../actors/job.ts'
import type { FrameListener } from '../../src/bus/port.ts'
import type { Clock } from '../../src/clock.ts'
import { UnavailableError } from '../../src/errors.ts'
import { comesTrue, gate, type RulesWorld, rulesWorld, slowCommits, slowFrames, slowPublishes, withCrash } from '../support/rules-world.ts'
import { cellIn, type Deed, deed } from '../support/two-actors.ts'

/** Each spec fails if its rule is switched off: `npx tsx specs/rules/mutate.ts`. */
const test = suite('timers, and what a late owner leaves: G1 G5 G6 E3 E10 F4 F16 F17 P12 P13 P14 Q6 [memory]')

const a = 'cell:a'

test('F4 a timer has fired, its write is committed, and the host dies before the publish', () =>
  // The timer was gone from the document, no frame would come again, and nobody looked at the outbox: stranded.
  withCrash(/before publish do/, async (dieAt) => {
    const world = rulesWorld({ partitions: 2 })
    const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
    const first = world.host('first', { dieAt })
    await first.take(0)
    const fires = deed('fired', { send: [{ to, event: deed('told') }] })
    await world.publish({ to: from, event: deed('set', { later: [{ id: 't', delay: 1000, event: fires }] }) })
    await world.clock.advance('2s')
    const second = world.host('second')
    await second.take(0)
    await second.take(1)
    await world.clock.advance('1s')
    assert.equal(await world.log(from), ['set', 'fired'])
    assert.equal(await world.log(to), ['told'])
    const { wakeAt, outbox, timers } = (await world.doc(from))!
    assert.equal({ wakeAt, outbox, timers }, { wakeAt: undefined, outbox: [], timers: [] })
    return first
  }))

test('F4 the same, for an actor that the first one reached in the same turn', () =>
  withCrash(/before publish do/, async (dieAt) => {
    const world = rulesWorld({ partitions: 2 })
    const [from, next, to] = [cellIn(0, 2, 'a'), cellIn(0, 2, 'b'), cellIn(1, 2, 'x')]
    const first = world.host('first', { dieAt })
    await first.take(0)
    const fires = deed('fired', { send: [{ to: next, event: deed('passed', { send: [{ to, event: deed('told') }] }) }] })
    await world.publish({ to: from, event: deed('set', { later: [{ id: 't', delay: 1000, event: fires }] }) })
    await world.clock.advance('2s')
    const second = world.host('second')
    await second.take(0)
    await second.take(1)
    await world.clock.advance('1s')
    assert.equal(await world.log(next), ['passed'])
    assert.equal(await world.log(to), ['told'])
    return first
  }))

test('P4 a timer that was set anew does not fire as the old one', async () => {
  const world = rulesWorld()
  const slow = gate()
  const late = world.host('late', { store: (store) => slowCommits(store, slow, ({ version }) => version > 1) })
  await late.take(0)
  const set = (delay: number, event: Deed) => ({ later: [{ id: 't', delay, event }] })
  await world.publish({ to: a, event: deed(undefined, set(1000, deed('once', set(100_000, deed('again'))))) })
  await world.clock.settled()
  late.pause()
  await world.clock.advance('1s')
  assert.is(slow.waiting, 1)
  await world.host('owner').take(0)
  await world.clock.advance('1s')
  assert.equal(await world.log(a), ['once'])
  late.goOn()
  slow.open()
  await world.clock.advance('1s')
  assert.equal(await world.log(a), ['once'])
})

test('P13 timers that are overdue fire in the order of their times', async () => {
  const world = rulesWorld()
  const first = await world.host('first').take(0)
  const later = [3000, 1000, 2000].map((delay) => ({ id: `${delay}`, delay, event: deed(`${delay}`) }))
  await world.publish({ to: a, event: deed(undefined, { later }) })
  await world.clock.settled()
  await first.stop()
  await world.clock.advance('10s')
  await world.host('second').take(0)
  await world.clock.advance('1s')
  assert.equal(await world.log(a), ['1000', '2000', '3000'])
})

test('P13 a timer that has fired is not too early by a clock that goes back before its event is decided', async () => {
  const world = rulesWorld()
  let back = 0
  const goesBack = (clock: Clock): Clock => ({
    ...clock,
    now: () => clock.now() - back,
    at: (at, fire) =>
      clock.at(at + back, () => {
        fire()
        if (at === 5000) back = 3000
      }),
  })
  await world.host('h', { clock: goesBack }).take(0)
  const terms = { ...defaultTerms, deadline: 5000 }
  await world.publish({ to: 'job:j', event: { type: 'submit', job: 'work', input: { value: 1 }, terms } })
  await world.clock.advance('10m')
  const { state, endedAt } = (await world.doc('job:j'))!
  assert.equal([back, state, endedAt], [3000, 'failed', 5000])
})

/** A late owner's write of a timer lands after the new owner has read its due times; the frame behind it comes much later. */
async function lateTimer(known: boolean) {
  const world = rulesWorld()
  const slow = gate()
  const away = gate()
  const late = world.host('late', { store: (store) => slowCommits(store, slow, ({ timers }) => timers.length > 0) })
  await late.take(0)
  if (known) {
    await world.publish({ to: a, event: deed('before') })
    await world.clock.settled()
  }
  await world.publish({ to: a, event: deed('set', { later: [{ id: 't', delay: 5000, event: deed('fired') }] }) })
  await comesTrue(() => slow.waiting === 1, 'its write is under way')
  late.pause()
  const owner = world.host('owner', { bus: (bus) => slowFrames(bus, away) })
  const partition = await owner.take(0)
  if (known) {
    partition.push({ envelope: { to: a, event: { type: 'fragile' } }, timer: { id: 'none', generation: 0 } })
    await world.clock.settled()
    assert.is(partition.cache.get(a)?.doc.version, 1)
  }
  late.goOn()
  slow.open()
  await world.clock.advance('50s')
  const log = await world.log(a)
  away.open()
  await world.clock.advance('1s')
  assert.equal(await world.log(a), log)
  return log
}

test("F16 a late owner's timer lands after the scan", async () => {
  // With one scan, at the takeover, nobody knew of it: it never fired.
  assert.equal(await lateTimer(false), ['set', 'fired'])
})

test("F16 a late owner's timer lands on a document that the new owner has in memory", async () => {
  // What was in memory had no timer, and was believed.
  assert.equal(await lateTimer(true), ['before', 'set', 'fired'])
})

test("F16 a late owner's grant lands after the scan, and its worker is gone", async () => {
  // Nobody had a lease for the run: running for ever.
  const world = rulesWorld()
  const slow = gate()
  const late = world.host('late', { store: (store) => slowCommits(store, slow, ({ state }) => state === 'running') })
  const old = await late.take(0)
  await world.publish({
    to: 'job:j',
    event: { type: 'submit', job: 'work', input: { value: 1 }, terms: { ...defaultTerms, onLost: 'abort' } },
  })
  await world.clock.settled()
  const claimed = old.claim('job:j', 1, 'gone').catch(() => undefined)
  await comesTrue(() => slow.waiting === 1, 'the grant is under way')
  late.pause()
  await world.host('owner').take(0)
  late.goOn()
  slow.open()
  await claimed
  await world.clock.settled()
  assert.is((await world.doc('job:j'))!.state, 'running')
  await world.clock.advance('50s')
  assert.is((await world.doc('job:j'))!.state, 'aborted')
})

/** A host whose scan forgets this actor in the middle of a turn: whenever the turn has read, in the moments that follow. */
function forgetting(world: RulesWorld, address: string, when: (read: readonly string[]) => boolean) {
  const host = world.host('forgets', {
    store: (store) => ({
      ...store,
      async load(addresses) {
        const docs = await store.load(addresses)
        if (when(addresses)) {
          when = () => false
          let moments = Promise.resolve()
          for (let i = 0; i < 10; i++) moments = moments.then(() => host.partition(0).cache.evict(address))
        }
        return docs
      },
    }),
  })
  return host
}
const submitJob = (id: string, more = {}) => ({
  to: `job:${id}`,
  event: { type: 'submit', job: 'work', input: { value: 1 }, terms: defaultTerms, ...more },
})

test('F16 what a scan forgets after a turn has read it is there all the same', async () => {
  // It was taken for one that does not exist: its event was refused, or a dead letter.
  const world = rulesWorld()
  const first = world.host('first')
  await first.take(0)
  await world.publish(submitJob('j'))
  await world.clock.settled()
  await first.partition(0).stop()
  await forgetting(world, 'job:j', (read) => read.includes('job:j')).take(0)
  await world.publish({ to: 'job:j', event: { type: 'cancel' } })
  await world.clock.settled()
  assert.is((await world.doc('job:j'))!.state, 'cancelled')
})

test('F16 what a scan forgets after a turn has created it is there all the same', async () => {
  // The turn had looked for it and not found it, and did not look again: what it waited for had ended, and was not told to it.
  const world = rulesWorld()
  const first = world.host('first')
  await first.take(0)
  await world.publish(submitJob('k'))
  await world.publish({ to: 'job:k', event: { type: 'cancel' } })
  await world.clock.settled()
  await first.partition(0).stop()
  await forgetting(world, 'job:j', (read) => read.includes('job:k')).take(0)
  await world.publish(submitJob('j', { after: ['job:k'], afterWhen: 'all-finished' }))
  await world.clock.settled()
  assert.is((await world.doc('job:j'))!.state, 'queued')
})

test('P13 a scan that was under way while a document was written does not bring its old time back', async () => {
  const world = rulesWorld()
  const slow = gate()
  let scans = 0
  const host = world.host('h', {
    store: (store) => ({
      ...store,
      async *allWaking(partition, until) {
        const parts = []
        for await (const part of store.allWaking(partition, until)) parts.push(part)
        if (++scans === 2) await slow.pass()
        yield* parts
      },
    }),
  })
  await host.take(0)
  const set = (id: string, delay: number) => ({ to: a, event: deed(undefined, { later: [{ id, delay, event: deed(id) }] }) })
  await world.publish(set('late', 80_000))
  while (scans < 2 && world.clock.now() < 60_000) await world.clock.advance('1s')
  await world.publish(set('early', 1000))
  await world.clock.settled()
  slow.open()
  await world.clock.advance('2s')
  assert.equal(await world.log(a), ['early'])
})

test('E10 what is open is read in parts, and nothing of it acts before the last', async () => {
  // All was one call, for which a store has its time: of a million queued jobs nobody ever became the owner.
  const world = rulesWorld()
  const first = await world.host('first').take(0)
  await world.publish({ to: a, event: deed(undefined, { later: [{ id: 't', delay: 1000, event: deed('fired') }] }) })
  for (const id of ['run', 'waits']) await world.publish(submitJob(id))
  await world.clock.settled()
  await first.claim('job:run', 1, 'w')
  await first.stop()
  const slow = gate()
  const host = world.host('second', {
    store: (store) => ({
      ...store,
      async *allWaking(partition, until) {
        for await (const part of store.allWaking(partition, until)) for (const one of part) yield [one]
        await slow.pass()
      },
    }),
  })
  const taking = host.take(0)
  await comesTrue(() => slow.waiting === 1, 'all but the end is read')
  await world.clock.advance('5s')
  assert.equal(await world.log(a), [])
  slow.open()
  const owner = await taking
  await world.clock.advance('1s')
  assert.equal(await world.log(a), ['fired'])
  // Its lease is a full one.
  assert.is((await world.doc('job:run'))!.state, 'running')
  assert.is((await owner.claim('job:waits', 1, 'w'))?.dispatch, 1)
  await world.clock.advance('2s')
  assert.is((await world.doc('job:run'))!.state, 'queued')
})

test('F17 an acknowledgement of an earlier owner', async () => {
  // It reached the queue of the new owner: what was not yet delivered there was removed.
  const world = rulesWorld({ partitions: 2 })
  const [from, to] = [cellIn(0, 2, 'a'), cellIn(1, 2, 'x')]
  const slow = gate()
  const silent = gate()
  const late = world.host('late', {
    bus: (bus) =>
      slowPublishes(
        slowFrames(bus, silent, () => true),
        slow,
      ),
  })
  await late.take(0)
  await world.publish({ to: from, event: deed('1', { send: [{ to, event: deed('1') }] }) })
  await comesTrue(() => slow.waiting === 1, 'its publish is under way')
  late.pause()
  const owner = world.host('owner', { bus: (bus) => slowFrames(bus, silent) })
  await owner.take(0)
  slow.open()
  late.goOn()
  await world.clock.settled()
  assert.is(await world.outside.lastSequence(0), 1)
  silent.open()
  await world.clock.settled()
  assert.is(await world.outside.lastSequence(0), 0)
})

test('P14 a consumer that is gone stops its partition', async () => {
  const world = rulesWorld()
  let listener: FrameListener | undefined
  const host = world.host('h', {
    again: true,
    bus: (bus) => ({
      ...bus,
      consume: (partition, owner, on) => {
        listener = on
        return bus.consume(partition, owner, on)
      },
    }),
  })
  const partition = await host.take(0)
  await world.publish({ to: a, event: deed('1') })
  await world.clock.settled()
  listener!.lost('gap')
  partition.push({ envelope: { to: a, event: deed('never') } })
  await world.publish({ to: a, event: deed('2') })
  await world.clock.settled()
  assert.equal(await world.log(a), ['1'])
  await world.clock.advance('1s')
  assert.equal(await world.log(a), ['1', '2'])
  assert.is(host.errors.length, 1)
})

test('P14 a consumer that is gone before the takeover is complete', async () => {
  // The partition was stopped, and held as if it ran: nobody worked on it.
  const world = rulesWorld()
  let listener: FrameListener | undefined
  const host = world.host('h', {
    bus: (bus) => ({
      ...bus,
      consume: (partition, owner, on) => {
        listener = on
        return bus.consume(partition, owner, on)
      },
    }),
    store: (store) => ({
      ...store,
      allWaking: (partition, until) => {
        listener!.lost('gap')
        return store.allWaking(partition, until)
      },
    }),
  })
  const taken = await host.take(0).catch((error: Error) => error)
  assert.instance(taken, UnavailableError)
})

test('P13 a takeover that fails leaves nothing behind that acts', async () => {
  const world = rulesWorld()
  await world.publish({ to: a, event: deed('1') })
  let stopped = 0
  const host = world.host('h', {
    bus: (bus) => ({
      ...bus,
      async consume(partition, owner, on) {
        const consumer = await bus.consume(partition, owner, on)
        return { ...consumer, stop: () => consumer.stop().then(() => void stopped++) }
      },
    }),
    store: (store) => ({
      ...store,
      // biome-ignore lint/correctness/useYield: it fails before
      async *allWaking() {
        throw new UnavailableError('the store is away')
      },
    }),
  })
  const taken = await host.take(0).catch((error: Error) => error)
  assert.instance(taken, UnavailableError)
  assert.is(stopped, 1)
  await world.clock.advance('2m')
  assert.equal(await world.log(a), [])
})

test.run()
