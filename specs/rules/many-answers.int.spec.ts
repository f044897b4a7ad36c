import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms } from '../../actors/job.ts'
import type { Bus } from '../../src/bus/port.ts'
import { unfit, ValidationError } from '../../src/errors.ts'
import { type Contracts, openFrame } from '../../src/host/door.ts'
import type { Reply } from '../../src/host/replies.ts'
import { rulesWorld } from '../support/rules-world.ts'

/** What a turn tells, to those who wait and in the feed, travels in messages, and no message is without a limit. */
const test = suite('many answers of one turn: G6 [memory]')

const noContracts = { get: () => undefined } as unknown as Contracts

/** As NATS takes signals: what is larger is an error, and so each time. */
const signalsUpTo =
  (bytes: number) =>
  (bus: Bus): Bus => ({
    ...bus,
    signal(subject, data) {
      const size = Buffer.byteLength(JSON.stringify(data))
      if (size > bytes) throw new ValidationError(`A signal to ${subject} has ${size} bytes; at most ${bytes} are taken.`)
      bus.signal(subject, data)
    },
  })

test('refusals with many long reasons: all who wait are told, and the partition goes on', async () => {
  // They were one message, the turn failed by it, and with it all that came after it, for ever.
  const world = rulesWorld()
  const host = world.host('h', { bus: signalsUpTo(4_000_000), again: true })
  await host.take(0)
  const told: Reply[] = []
  world.outside.listen('inbox.c', (replies) => void told.push(...(replies as Reply[])))
  const reason = '€'.repeat(500)
  const issues = Array.from({ length: 20 }, () => ({ path: [reason], message: reason }))
  host.parts.contracts.get = () => ({ callbackIssues: () => issues }) as never
  await world.publish({
    to: 'job:j',
    event: { type: 'submit', job: 'work', input: { value: 1 }, terms: { ...defaultTerms, callbacks: ['bank'] } },
  })
  await world.clock.settled()
  const count = 200
  const resume = (n: number) => ({
    to: 'job:j',
    event: { type: 'resume', name: 'bank', value: { value: 1 } },
    inc: 'c',
    n,
    reply: { inbox: 'inbox.c', call: n },
  })
  await world.publish(...Array.from({ length: count }, (_, i) => resume(i + 1)))
  await world.clock.advance('5s')
  assert.equal(host.errors, [])
  assert.equal(
    told.map(({ call, ok }) => [call, ok]),
    Array.from({ length: count }, (_, i) => [i + 1, false]),
  )
})

test('a group of very many members is cancelled: the feed tells of all, and the partition goes on', async () => {
  const world = rulesWorld()
  const host = world.host('h', { bus: signalsUpTo(1_000_000), again: true })
  await host.take(0)
  let told = 0
  world.outside.listen(
    'feed.job.g',
    (changes) => void (told += (changes as { state: string }[]).filter(({ state }) => state === 'cancelled').length),
  )
  const terms = { ...defaultTerms, attempts: 1 }
  const name = 'x'.repeat(200)
  const members = (from: number) =>
    Array.from({ length: 500 }, (_, i) => ({ key: `${name}${from + i}`, job: 'work', input: { value: 1 }, terms }))
  const output = { job: 'bind', input: { value: null }, terms }
  await world.publish({ to: 'group:g', event: { type: 'submit', options: { output }, members: members(0), seal: false } })
  const count = 4000
  for (let at = 500; at < count; at += 500) {
    await world.publish({ to: 'group:g', event: { type: 'add', members: members(at) } })
    await world.clock.settled()
  }
  await world.publish({ to: 'group:g', event: { type: 'cancel' } })
  await world.clock.advance('5s')
  assert.equal(host.errors, [])
  assert.is(told, count)
})

test('the answer to what is refused at the door is no message of the size that came', () => {
  // Larger by its reason than what came, it was more than a message may be: the frame came again, for ever.
  const body = { type: 'cancel', to: `job:${'x'.repeat(8_000_000)}`, reply: 'me' }
  const here = { contracts: noContracts, partitions: 1, now: 0 }
  const { refused, letters } = openFrame(here, 0, { epoch: 1, sequence: 1, published: 0, root: 'x', body })
  assert.ok(JSON.stringify(refused).length < 10_000)
  assert.is(letters.length, 1)
})

test('a reason names deep fields in short', () => {
  const path = Array(200).fill('x'.repeat(100))
  assert.ok(unfit(Array(20).fill({ path, message: 'no' })).message.length < 50_000)
})

test.run()
