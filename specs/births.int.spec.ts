import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { embeddedBus } from '../src/bus/embedded.ts'
import { defineJob } from '../src/definition.ts'
import { createHost } from '../src/host/host.ts'
import { memoryStore } from '../src/store/memory.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'
import { terms } from './machines/events.ts'

/** What happens around the first event of an actor: others in the same turn, refusals, repeats, and machines that throw. */
const test = suite('actors that begin: R7 G1 G6 Q40 [memory]')

const work = defineJob({ name: 'work', input: z.object({ n: z.number() }), retry: { attempts: 1 } })
const bind = defineJob({ name: 'bind' })

async function world() {
  const clock = virtualClock(0)
  const store = memoryStore()
  const shared = embeddedBus({ clock, partitions: 1 })
  const starting = createHost({
    clock,
    log: () => {},
    handlers: [work.handler(({ n }) => n), bind.handler(() => 'bound')],
    on: {
      async connect({ name }) {
        const bus = shared.connect(name)
        return { bus, store, close: () => bus.close() }
      },
    },
  })
  await clock.advance('5s')
  const host = await starting
  const bus = shared.connect('outside')
  return {
    clock,
    client: host.client,
    bus,
    get deadLetters() {
      return shared.deadLetters
    },
    /** As a program without this package might: past the checks of the client. What is published together is one turn's. */
    publish: (...events: [to: string, event: { type: string }][]) =>
      bus.publish([
        {
          partition: 0,
          id: events.join(),
          events: events.map(([to, event]) => ({ to, event, from: 'outside', inc: to, n: 1 })),
        },
      ]),
    /** What came of a call, in words; virtual time goes on meanwhile. */
    async soon(answer: Promise<unknown>): Promise<string> {
      const told = answer.then(
        () => 'done',
        (error) => error.code as string,
      )
      await clock.advance('1s')
      return told
    },
    async stop() {
      const stopped = host.stop()
      await clock.advance('5s')
      await stopped
    },
  }
}
type World = Awaited<ReturnType<typeof world>>
const stateOf = async ({ client }: World, id: string) => (await client.job(id).view()).state
const groupState = async ({ client }: World, id: string) => (await client.group(id).view()).state

test('the same new id twice in one turn, with different content: the first is made, the second is told', async () => {
  const here = await world()
  const answers = [here.client.submit(work, { n: 1 }, { id: 'x' }), here.client.submit(work, { n: 2 }, { id: 'x' })].map(here.soon)
  assert.equal(await Promise.all(answers), ['done', 'CONFLICT'])
  const { history } = await here.client.job('x').history()
  assert.equal(
    history.map(({ event, state }) => [event.type, state]),
    [
      ['submit', 'queued'],
      ['claim', 'running'],
      ['result', 'succeeded'],
    ],
  )
  assert.is(history[0]!.at, 5000, 'at once, not when it was sent again')
  await here.stop()
})

test('a group in several pieces, sealed by the last; and one that is sealed later', async () => {
  const here = await world()
  const members = (count: number) => Array.from({ length: count }, (_, n) => work.with({ n }, { key: `k${n}` }))
  assert.is(await here.soon(here.client.submitGroup({ id: 'large', members: members(800), output: bind.with({}) })), 'done')
  assert.is(await here.soon(here.client.submitGroup({ id: 'later', members: members(2), seal: false })), 'done')
  assert.is(await here.soon(here.client.group('later').add([work.with({ n: 9 }, { key: 'late' })])), 'done')
  assert.is(await groupState(here, 'later'), 'open')
  assert.is(await here.soon(here.client.group('later').seal()), 'done')
  await here.clock.advance('10s')
  assert.equal([await groupState(here, 'large'), await groupState(here, 'later')], ['succeeded', 'succeeded'])
  assert.is((await here.client.group('large').view()).members!.total, 800)
  await here.stop()
})

test('an addition that comes again after the seal is answered as it was the first time', async () => {
  const here = await world()
  await here.soon(here.client.submitGroup({ id: 'g', members: [], seal: false }))
  const told: unknown[] = []
  here.bus.listen('inbox.outside', (replies) => told.push(...(replies as { error?: unknown }[]).map(({ error }) => error)))
  const member = { key: 'k', job: 'work', input: { value: { n: 1 } }, terms: terms() }
  const add = (inc: string, key = 'k') => ({
    to: 'group:g',
    event: { type: 'add', members: [{ ...member, key }], seal: true },
    from: 'outside',
    inc,
    n: 1,
    reply: { inbox: 'inbox.outside', call: 1 },
  })
  for (const [id, envelope] of [
    ['1', add('a')],
    ['2', add('a')],
    ['3', add('b', 'other')],
    ['4', add('b', 'other')],
  ] as const) {
    await here.bus.publish([{ partition: 0, id, events: [envelope] }])
    await here.clock.advance('1s')
  }
  assert.equal(
    told.map((error) => (error as { code?: string } | undefined)?.code),
    [undefined, undefined, 'NOT_ALLOWED', 'NOT_ALLOWED'],
  )
  await here.stop()
})

test('a member or an output whose id is taken by other work: the group ends, and says so', async () => {
  const here = await world()
  const other = { type: 'submit', job: 'work', input: { value: { n: 7 } }, terms: terms() }
  await here.publish(['job:m/output', other])
  assert.is(await here.soon(here.client.submitGroup({ id: 'm', members: [], output: bind.with({}) })), 'done')
  assert.is(await groupState(here, 'm'), 'failed')
  // In one turn with it, so that the group cannot know.
  const members = [{ key: 'k', job: 'work', input: { value: { n: 1 } }, terms: terms() }]
  await here.publish(['group:t', { type: 'submit', options: {}, members, seal: true } as { type: string }], ['job:t/k', other])
  await here.clock.advance('1s')
  assert.equal([await groupState(here, 't'), await stateOf(here, 't/k')], ['succeeded', 'succeeded'])
  assert.is((await here.client.group('t').view()).members!.failed, 1)
  assert.equal(here.deadLetters, [])
  await here.stop()
})

test('an event that makes the machine throw as it creates the actor is a dead letter, not lost', async () => {
  const here = await world()
  const event = { type: 'submit', job: 'work', input: { value: 1 } } // without terms
  await here.publish(['job:broken', event])
  await here.clock.advance('1s')
  assert.equal(
    here.deadLetters.map(({ to, reason }) => [to, reason.code]),
    [['job:broken', 'MACHINE_THREW']],
  )
  assert.is(await here.soon(here.client.job('broken').view()), 'NOT_FOUND')
  await here.stop()
})

test.run()
