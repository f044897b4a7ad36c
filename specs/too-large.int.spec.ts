import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import type { Bus } from '../src/bus/port.ts'
import { embedded } from '../src/embedded.ts'
import { ValidationError } from '../src/errors.ts'
import { createHost, defineJob } from '../src/index.ts'
import type { Store } from '../src/store/port.ts'
import type { World } from '../src/world.ts'
import { refused } from './support/refused.ts'

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

test.run()
