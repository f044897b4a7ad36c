import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { defaultTerms } from '../../actors/job.ts'
import { defineJob } from '../../src/definition.ts'
import type { Envelope } from '../../src/envelope.ts'
import type { RetentionOptions } from '../../src/host/retention.ts'
import { refused } from '../support/refused.ts'
import { gate, type RulesWorld, rulesWorld, slowFrames } from '../support/rules-world.ts'
import { deed } from '../support/two-actors.ts'
import { once, placed, virtualWorld, work } from '../support/virtual-world.ts'

/** Each spec fails if its rule is switched off: `npx tsx specs/rules/mutate.ts`. */
const test = suite('what is removed stays removed: G7 E11 P15 P16 P17 F12 F20 [memory]')

const a = 'job:a'
const submit = { type: 'submit', job: 'work', input: { value: 1 }, terms: defaultTerms }
const from = (n: number) => ({ from: 'client', inc: 'client', n })
/** Everything goes as soon as it may. */
const atOnce: RetentionOptions = { finished: { age: 0 }, tombstones: { age: 0 } }

const longest = defineJob({ name: 'longest', input: z.object({ text: z.string() }), retry: { attempts: 1 } })

async function endedJob(world: RulesWorld): Promise<void> {
  await world.publish({ to: a, event: submit, ...from(1) })
  await world.publish({ to: a, event: { type: 'cancel' }, ...from(2) })
  await world.clock.settled()
  assert.is((await world.doc(a))!.state, 'cancelled')
}

test('F12 P16 a frame that waits in the stream does not begin again what was removed', async () => {
  const world = rulesWorld()
  const slow = gate()
  let frames = 0
  await world.host('h', { retention: atOnce, bus: (bus) => slowFrames(bus, slow, () => ++frames <= 2) }).take(0)
  await endedJob(world)
  // The client had no answer, and has said it again.
  await world.publish({ to: a, event: submit, ...from(1) })
  await world.clock.advance('5m')
  slow.open()
  await world.clock.advance('5m')
  assert.is(await world.doc(a), undefined)
  assert.equal(await world.store.find({}, undefined, 10), [])
})

test('P15 P16 what a late owner may still send has come before the id is free', async () => {
  const world = rulesWorld()
  await world.host('h', { retention: atOnce }).take(0)
  await endedJob(world)
  await world.clock.advance('55s')
  assert.ok((await world.doc(a))!.removedAt)
  await world.clock.advance('30s')
  assert.is(await world.doc(a), undefined)
})

test('F12 P16 an id stays reserved while its creator has still stored the event that creates it', async () => {
  const world = virtualWorld()
  const stepped = defineJob({ name: 'stepped', input: once.input, retry: { attempts: 1 }, onEnd: work as never })
  const retention = { finished: { age: '20s' }, failed: { age: '1h' }, tombstones: { age: '20s' } }
  const handlers = [stepped as never, work]
  const first = await world.host({ retention, handlers })
  await world.client.submit(stepped, { fails: 1 }, { id: 'a' })
  await world.until('the step has ended', async () => (await world.docs()).length === 2)
  await world.clock.advance('5m')
  assert.is((await world.doc('job:a')).outbox.length, 1)
  first.die()
  // A new owner knows nothing of what was delivered.
  await world.host({ retention, handlers })
  await world.clock.advance('10s')
  await world.client
    .job('a')
    .cancel()
    .catch(() => {})
  await world.clock.advance('10s')
  assert.is(world.startsOf('a/onEnd-1').length, 1)
})

test('G7 a member is not removed while its group is there, nor anything of a group before it', async () => {
  const world = virtualWorld()
  await world.host({ retention: { finished: { age: '1s' }, tombstones: { age: '1s' } } })
  const group = await world.client.submitGroup({ id: 'g', members: [work.with({}, { key: 'm' })], seal: false })
  await world.clock.advance('3m')
  assert.is((await world.doc('job:g/m')).state, 'succeeded')
  await group.seal()
  await world.clock.advance('3m')
  assert.equal(await world.docs(), [])
})

test('P16 what is sent again to what has been removed is no dead letter', async () => {
  const world = virtualWorld({ partitions: 4 })
  const options = {
    retention: { finished: { age: '10s' }, failed: { age: '15m' }, tombstones: { age: '10s' } },
    pools: { printers: { slots: 1, printer: 1 } },
  }
  const first = await world.host(options)
  await world.client.submit(work, {}, { id: 'a', lane: 'l' })
  await world.client.submit(once, { fails: 1 }, { id: 'b', lane: 'l' })
  await world.client.submit(work, {}, { id: 'after', after: ['job:b'] })
  await world.client.pool('printers').pause()
  const waits = await world.client.submit(placed, {}, { id: 'c' })
  await world.clock.advance('1s')
  await waits.cancel()
  await world.clock.advance('5m')
  const left = (await world.docs()).map(({ _id, outbox }) => [_id, ...outbox.map((entry) => entry.kind === 'event' && entry.event.type)])
  assert.equal(left, [
    ['job:b', 'release', 'predecessorEnded'],
    ['pool:printers', 'withdrawn'],
  ])
  // A new owner does not know that they were delivered.
  first.die()
  const made = world.start(options).made
  await world.clock.advance('1m')
  await made
  await world.client.pool('printers').resume()
  await world.clock.advance('20m')
  assert.equal(
    (await world.docs()).map(({ _id, outbox }) => [_id, ...outbox]),
    [['pool:printers']],
  )
  assert.equal(world.bus.deadLetters, [])
})

test('F12 what belonged to a removed group is not begun anew under its id', async () => {
  const world = virtualWorld()
  await world.host({ retention: { finished: { age: '10s' }, tombstones: { age: '1h' } } })
  await world.client.submitGroup({ id: 'g', members: [work.with({}, { key: 'm' })] })
  await world.clock.advance('3m')
  const error = await world.client.submit(work, {}, { id: 'g/m' }).catch((refused) => refused)
  assert.is(error.code, 'CONFLICT')
  await world.clock.advance('1m')
  assert.is(world.startsOf('g/m').length, 1)
})

test('F12 what follows a job that was removed with its group does not wait for it', async () => {
  const world = virtualWorld({ partitions: 4 })
  await world.host({ retention: { finished: { age: '10s' }, tombstones: { age: '1h' } } })
  await world.client.submitGroup({ id: 'g', members: [work.with({}, { key: 'm' })] })
  await world.clock.advance('3m')
  await world.client.submit(work, {}, { id: 'a', after: ['job:g/m'] })
  await world.client.submit(work, {}, { id: 'b', after: ['job:g/m'], when: 'all-finished' })
  await world.clock.advance('1s')
  const stored = await world.store.load(['job:a', 'job:b', 'job:g/m'])
  assert.equal(Object.fromEntries(stored.map(({ _id, state }) => [_id, state])), {
    'job:a': 'cancelled',
    'job:b': 'succeeded',
    'job:g/m': 'cancelled',
  })
  const { cancelReason } = await world.client.job('a').view()
  assert.is(cancelReason, 'job:g/m, after which it was to begin, is cancelled: it was removed with its group')
  await world.clock.advance('3m')
  assert.equal(await world.docs(), [])
  assert.equal([world.startsOf('g/m').length, world.bus.deadLetters], [1, []])
})

test('G7 large values of what is refused do not stay', async () => {
  const world = virtualWorld()
  const pages = new Set<string>()
  const { putPages } = world.store
  world.store.putPages = async (written) => {
    for (const { _id } of written) pages.add(_id)
    await putPages(written)
  }
  await world.host()
  const large = (ms: number) => ({ ms, how: 'error' as const, text: 'x'.repeat(20_000) }) as never
  const program = world.bus.connect('program')
  const submitted = (to: string, input: object, n: number) =>
    program.publish([
      { partition: 0, id: `x${n}`, events: [{ to, event: { type: 'submit', job: 'work', input: { value: input }, terms: defaultTerms } }] },
    ])
  await submitted('job:g/a', large(1), 1)
  await world.clock.advance('1s')
  const kept = pages.size
  const member = (key: string, ms: number) => ({ key, job: 'work', input: { value: large(ms) }, terms: defaultTerms })
  const group = { type: 'submit', options: {}, members: [member('a', 2), member('b', 3)], seal: true }
  await program.publish([
    {
      partition: 0,
      id: 'g',
      events: [
        { to: 'group:g', event: group },
        { to: 'job:none', event: { type: 'update', input: { value: large(4) } } },
      ],
    },
  ])
  await world.clock.advance('1s')
  assert.is(pages.size, kept + 3)
  // That of the job which exists goes with it.
  const left = (await world.store.getPages([...pages])).map(({ owner }) => owner)
  assert.equal([...new Set(left)], ['job:g/a'])
})

test('G7 large values of a group that is submitted again after its removal do not stay', async () => {
  const world = virtualWorld()
  const pages = new Set<string>()
  const { putPages } = world.store
  world.store.putPages = async (written) => {
    for (const { _id } of written) pages.add(_id)
    await putPages(written)
  }
  await world.host({ retention: { finished: { age: '10s' }, tombstones: { age: '5m' } } })
  const large = { text: 'x'.repeat(20_000) }
  const named = (name: string) => defineJob({ name, input: z.any() })
  const options = { id: 'g', members: [named('work').with(large, { key: 'm' })], output: named('bind').with(large) }
  await world.client.submitGroup(options)
  await world.clock.advance('1m')
  assert.equal([pages.size, await world.store.getPages([...pages])], [2, []])
  await world.client.submitGroup(options)
  await world.clock.advance('1s')
  assert.equal(await world.store.getPages([...pages]), [])
  assert.is(world.startsOf('g/m').length, 1)
})

test('G7 a large value that was accepted before stays, also for an output that is not there yet', async () => {
  const world = virtualWorld()
  const host = await world.host({ more: [longest.handler(({ text }) => text.length)] })
  const members = [work.with({ ms: 60_000 }, { key: 'm' })]
  const group = { id: 'g', members, output: longest.with({ text: 'x'.repeat(20_000) }) }
  await host.client.submitGroup(group)
  await refused('CONFLICT', /exists with other options/, () => host.client.submitGroup({ ...group, concurrency: 7 }))
  await world.clock.advance('2m')
  assert.is((await world.doc('group:g')).state, 'succeeded')
})

test('F12 a step after a job is not taken for a job of a removed group', async () => {
  const world = virtualWorld()
  const stepped = defineJob({ name: 'stepped', input: work.input, onEnd: work as never }) as never as typeof work
  await world.host({ retention: { finished: { age: '10s' }, tombstones: { age: '1h' } }, handlers: [stepped, work] })
  await world.client.submitGroup({ id: 'a', members: [work.with({}, { key: 'm' })] })
  await world.clock.advance('3m')
  await world.client.submit(stepped, {}, { id: 'a' })
  await world.clock.advance('1m')
  assert.is(world.startsOf('a/onEnd-1').length, 1)
})

test('F20 P17 marks of many commands are forgotten by the time of the stream', async () => {
  const world = rulesWorld()
  await world.host('h').take(0)
  const cell = 'cell:a'
  const command = (i: number, note?: string): Envelope => ({ to: cell, event: deed(note), from: 'command', inc: `command:${i}`, n: 1 })
  const marks = async () => (await world.doc(cell))!.inbox
  await world.publish(command(0, 'first'))
  for (let i = 1; i < 1000; i++) await world.publish(command(i))
  await world.clock.settled()
  // All within the hour: a repeat is known.
  await world.publish(command(0, 'first'))
  await world.clock.settled()
  assert.equal(await world.log(cell), ['first'])
  // Two hours on there are as many as came since.
  for (const hour of [1, 2, 3]) {
    await world.clock.advance('61m')
    for (let i = 0; i < 300; i++) await world.publish(command(hour * 1000 + i))
    await world.publish(command(hour * 1000, 'once more'))
    await world.clock.settled()
  }
  assert.equal(await world.log(cell), ['first'])
  const { marks: now, earlier } = await marks()
  assert.ok(Object.keys(now).length + Object.keys(earlier!.marks).length < 700)
  assert.not.ok('command:0' in now || 'command:0' in earlier!.marks)
})

test('P17 marks of the commands of one hour leave room in their document; the newest thousand are known however long their ids are', async () => {
  const world = rulesWorld()
  await world.host('h').take(0)
  const cell = 'cell:a'
  const command = (i: number, note?: string): Envelope => {
    const inc = `command:${String(i).padStart(200, '-')}`
    return { to: cell, event: deed(note), from: 'command', inc, n: 1 }
  }
  const size = async () => JSON.stringify((await world.doc(cell))!.inbox).length
  await world.publish(command(0, 'first'))
  for (let i = 1; i < 12_000; i += 250) await world.publish(...Array.from({ length: 250 }, (_, j) => command(i + j)))
  await world.clock.settled()
  assert.ok((await size()) < 600_000, `${await size()} characters`)
  for (let i = 11_001; i < 12_000; i += 250) await world.publish(...Array.from({ length: 250 }, (_, j) => command(i + j, 'again')))
  await world.clock.settled()
  assert.equal(await world.log(cell), ['first'])
})
test.run()
