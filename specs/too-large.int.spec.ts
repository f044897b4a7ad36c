import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import type { Bus } from '../src/bus/port.ts'
import type { ActorDocument } from '../src/document.ts'
import { embedded } from '../src/embedded.ts'
import { ValidationError } from '../src/errors.ts'
import { createHost, defineJob } from '../src/index.ts'
import type { Store } from '../src/store/port.ts'
import type { World } from '../src/world.ts'
import { refused } from './support/refused.ts'
import { rulesWorld } from './support/rules-world.ts'
import { deed } from './support/two-actors.ts'

/** What a server will never take is one event's failure: nothing else waits behind it, and an operator hears of it. */
const test = suite('what can never be sent or stored: G6 R4 [memory]')

const say = defineJob({ name: 'say', input: z.object({ says: z.string() }), output: z.string() })
const huge = 'x'.repeat(5000)
const soon = () => ({ signal: AbortSignal.timeout(20_000) })

async function world(wrap: { bus?(bus: Bus): Bus; store?(store: Store): Store }) {
  const warnings: string[] = []
  const inner = embedded(':memory:', { partitions: 1 })
  const on: World = {
    async connect(options) {
      const opened = await inner.connect(options)
      return { ...opened, bus: wrap.bus?.(opened.bus) ?? opened.bus, store: wrap.store?.(opened.store) ?? opened.store }
    },
  }
  const echo = say.handler(({ says }) => (says === 'huge' ? huge : says))
  return { warnings, host: await createHost({ on, slots: 50, handlers: [echo], log: (line) => warnings.push(line) }) }
}

const tooLarge = (what: unknown) => JSON.stringify(what).includes(huge)

test('a result that no bus takes fails its run, and those sent with it arrive', async () => {
  const { host, warnings } = await world({
    bus: (bus) => ({
      ...bus,
      async publish(frames) {
        if (frames.some(({ events }) => events.some(({ event }) => event.type === 'result' && tooLarge(event))))
          throw new ValidationError('9 bytes; 8 are taken')
        return bus.publish(frames)
      },
    }),
  })
  const [bad, ...good] = await Promise.all(['huge', 'a', 'b', 'c'].map((says) => host.client.submit(say, { says }, { id: says })))
  assert.equal(await Promise.all(good.map((job) => job.result(soon()))), ['a', 'b', 'c'])
  await refused('JOB_FAILED', /9 bytes; 8 are taken/, () => bad!.result(soon()))
  assert.is(warnings.filter((line) => line.includes('job:huge')).length, 1, warnings.join('\n'))
  await host.stop()
})

test('a document that no store takes: the event that made it so is given up, and its partition goes on', async () => {
  const { host, warnings } = await world({
    store: (store) => ({
      ...store,
      async commit(writes) {
        const fit = writes.filter(({ doc }) => !tooLarge(doc))
        const answers = (await store.commit(fit)).values()
        return writes.map(({ doc }) => (tooLarge(doc) ? new ValidationError(`${doc._id} is too large`) : answers.next().value!))
      },
    }),
  })
  const { client } = host
  await refused('VALIDATION', /job:born is too large/, () => client.submit(say, { says: huge }, { id: 'born', ...soon() }))
  for await (const { id } of client.find({})) assert.unreachable(`${id} is there`)
  const [bad, ...good] = await Promise.all(['huge', 'a', 'b', 'c'].map((says) => client.submit(say, { says }, { id: says })))
  assert.equal(await Promise.all(good.map((job) => job.result(soon()))), ['a', 'b', 'c'])
  await refused('JOB_FAILED', /job:huge is too large/, () => bad!.result(soon()))
  const letters: string[] = []
  for await (const { code, to, message } of client.deadLetters.list()) if (code === 'TOO_LARGE') letters.push(`${to}: ${message}`)
  assert.equal(letters.sort(), ['job:born: job:born is too large', 'job:huge: job:huge is too large'])
  assert.ok(warnings.some((line) => line.includes('job:born is too large')))
  assert.not(
    warnings.some((line) => line.includes('begins again')),
    warnings.join('\n'),
  )
  await host.stop()
})

/** A cell whose timers and events are written, but for what would make it too large; how often that was tried. */
async function cellWorld() {
  const world = rulesWorld()
  const refusing = { notes: ['too much'], tries: 0 }
  const tooMuch = ({ snapshot }: ActorDocument) => refusing.notes.some((note) => (snapshot.context as { log: string[] }).log.includes(note))
  const host = world.host('h', {
    again: true,
    store: (store) => ({
      ...store,
      async commit(writes) {
        if (!writes.some(({ doc }) => tooMuch(doc))) return store.commit(writes)
        refusing.tries++
        return Promise.all(
          writes.map(async (write) => (tooMuch(write.doc) ? new ValidationError('it is too large') : (await store.commit([write]))[0]!)),
        )
      },
    }),
  })
  const warnings: string[] = []
  host.parts.warn = (line) => warnings.push(line)
  await host.take(0)
  const later = (id: string, delay: number, note: string) => ({ id, delay, event: deed(note) })
  const say = (note: string, timers: ReturnType<typeof later>[] = []) =>
    world.publish({ to: 'cell:a', event: deed(note, { later: timers }), from: 'client', inc: 'client', n: ++said })
  let said = 0
  return { world, host, refusing, warnings, later, say }
}

test('a timer of a document that no store takes is put off, again and again: its partition goes on, and nothing is lost', async () => {
  const { world, host, refusing, warnings, later, say } = await cellWorld()
  await say('set', [later('t', 1000, 'too much'), later('u', 1000, 'small'), later('v', 5000, 'later')])
  await world.clock.advance('20s')
  await say('then')
  await world.clock.advance('2h')
  assert.equal(await world.log('cell:a'), ['set', 'small', 'later', 'then'])
  assert.equal(host.errors, [])
  assert.ok(refusing.tries < 12, `${refusing.tries} tries`)
  assert.is(warnings.length, refusing.tries)
  assert.match(warnings[0]!, /it is too large.*put off/)
  refusing.notes = []
  await world.clock.advance('2h')
  assert.equal(await world.log('cell:a'), ['set', 'small', 'later', 'then', 'too much'])
  assert.equal((await world.doc('cell:a'))!.timers, [])
})

test('what comes with such a timer is not given up for it', async () => {
  const { world, say, later, host } = await cellWorld()
  await say('set', [later('t', 1000, 'too much')])
  await world.clock.settled()
  const { timers } = (await world.doc('cell:a'))!
  const { id, generation, event } = timers[0]!
  host.partition(0).push({ envelope: { to: 'cell:a', event }, timer: { id, generation } })
  host.partition(0).push({ envelope: { to: 'cell:a', event: deed('with it') } })
  await world.clock.settled()
  assert.equal(await world.log('cell:a'), ['set', 'with it'])
  assert.equal(world.bus.deadLetters, [])
})
test.run()
