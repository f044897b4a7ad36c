import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { embeddedBus } from '../../src/bus/embedded.ts'
import { createClient } from '../../src/client.ts'
import { UnavailableError } from '../../src/errors.ts'
import { createSender } from '../../src/sender.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { type VirtualWorld, virtualWorld, work } from '../support/virtual-world.ts'

/** What a client does while its server is away: it waits as long as it is asked to, says what is away, and holds no more than it can. */
const test = suite('a client without its server: E9 [memory]')

/** A bus that takes no frames while it is away; what it tried is counted. */
function interrupted({ bus }: VirtualWorld, name: string) {
  const own = bus.connect(name)
  const line = { away: true, tried: 0, bus: own }
  line.bus = {
    ...own,
    async publish(frames) {
      line.tried++
      if (line.away) throw new UnavailableError('There is no connection to NATS at far.away.')
      return own.publish(frames)
    },
  }
  return line
}

async function world() {
  const made = virtualWorld()
  await made.host()
  const line = interrupted(made, 'cut off')
  return { ...made, line, away: createClient({ bus: line.bus, clock: made.clock, name: 'cut off' }) }
}

const failed = (call: Promise<unknown>) => {
  const found = { error: undefined as (Error & { code?: string }) | undefined, done: false }
  call.then(
    () => (found.done = true),
    (error) => (found.error = error),
  )
  return found
}

test('E9: submits wait for the server, and are done once when it is back', async () => {
  const { line, away, clock, until, startsOf } = await world()
  const ids = ['a', 'b', 'c']
  const calls = ids.map((id) => failed(away.submit(work, { ms: 1 }, { id, ack: id === 'b' ? 'queued' : 'committed' })))
  await clock.advance('30s')
  assert.ok(calls.every(({ done, error }) => !done && !error))
  line.away = false
  await until('they are done', () => calls.every(({ done }) => done))
  await until('they run', () => ids.every((id) => startsOf(id).length === 1))
})

for (const ack of ['committed', 'queued'] as const)
  test(`E9: after a minute a submit that is to be ${ack} fails, and names what is away`, async () => {
    const { away, clock } = await world()
    const call = failed(away.submit(work, { ms: 1 }, { id: 'a', ack }))
    await clock.advance('55s')
    assert.is(call.error, undefined)
    await clock.advance('10s')
    assert.is(call.error?.code, 'UNAVAILABLE')
    assert.match(call.error!.message, /not answered within 60000 ms. There is no connection to NATS at far.away. It may still be applied/)
  })

test('E9: who closes the client is told what may have become of a submit that waits', async () => {
  const { away, clock } = await world()
  const call = failed(away.submit(work, { ms: 1 }, { id: 'a' }))
  await clock.step('1s')
  await away.close()
  await clock.settled()
  assert.match(call.error!.message, /submit of job:a was not answered before the client was closed\. .*It may still be applied/)
})

test('E9: a client that was closed waits for nothing, and says so', async () => {
  const { away, clock } = await world()
  await away.close()
  const calls = [
    failed(away.job('a').result()),
    failed(away.group('a').result()),
    failed(away.watch('job:a')[Symbol.asyncIterator]().next()),
  ]
  await clock.settled()
  for (const { error } of calls) assert.equal([error?.code, error?.message], ['UNAVAILABLE', 'This client was closed.'])
})

test('E9: a submit waits no longer than its signal says', async () => {
  const { away, clock, line, until, startsOf, doc } = await world()
  const abort = new AbortController()
  const call = failed(away.submit(work, { ms: 1 }, { id: 'a', signal: abort.signal }))
  await clock.step('1s')
  abort.abort(new Error('enough'))
  await clock.settled()
  assert.match(call.error!.message, /before its signal aborted. There is no connection to NATS at far.away./)
  assert.is((call.error!.cause as Error).message, 'enough')
  line.away = false
  const again = failed(away.submit(work, { ms: 1 }, { id: 'a' }))
  await until('it is done', () => again.done)
  await until('its end', async () => (await doc('job:a')).state === 'succeeded')
  assert.is(startsOf('a').length, 1)
})

/** Time that nobody waits for: only what is counted matters. */
const timeless = { ...virtualClock(), at: () => () => {} }

/** A sender whose bus takes nothing until it is told to. */
function cutOff() {
  let take = () => {}
  const taking = new Promise<void>((done) => (take = done))
  const bus = embeddedBus({ clock: timeless }).connect('program')
  return { take, sender: createSender({ ...bus, publish: () => taking }, timeless, 'program') }
}

test('E9: a client holds no more commands than it can, and takes others when there is room', async () => {
  const { sender, take } = cutOff()
  const send = (i: number) => sender.send(`job:j${i}`, { type: 'cancel' }, 'queued')
  const calls = Array.from({ length: 100_000 }, (_, i) => send(i))
  const refused: { code: string; message: string } = await send(-1).catch((error) => error)
  assert.is(refused.code, 'UNAVAILABLE')
  assert.match(refused.message, /^100000 commands of this client wait for an answer, and no more are taken/)
  take()
  await Promise.all(calls)
  await send(-1)
})

test('E9: nor larger ones', async () => {
  const { sender, take } = cutOff()
  const input = { value: 'x'.repeat(500_000) }
  const calls = Array.from({ length: 300 }, (_, i) => failed(sender.send(`job:j${i}`, { type: 'submit', input }, 'queued')))
  await new Promise((done) => setImmediate(done))
  const refused = calls.filter(({ error }) => error)
  assert.ok(refused.length > 20 && refused.length < 60, `${refused.length} of ${calls.length}`)
  take()
})

test('E9: many are read only as fast as they are taken', async () => {
  const { away, line, clock } = await world()
  let read = 0
  function* inputs() {
    for (; read < 20_000; read++) yield { ms: 0 }
  }
  const all = failed(away.submitMany(work, inputs()))
  await clock.advance('2s')
  assert.ok(read > 1000 && read <= 5001, `${read} were read`)
  await clock.advance('90s')
  assert.is(all.error?.code, 'UNAVAILABLE', 'one that failed ends it')
  assert.ok(read < 6000, `${read} were read`)
  assert.ok(line.tried > 0)
})

test.run()
