import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms, type JobContext, type Terms } from '../../actors/job.ts'
import { createTickets, giveBackTicket, hasBegun, isGivenBack, type Ticket } from '../../src/bus/nats/tickets.ts'
import type { Bus } from '../../src/bus/port.ts'
import { createHeart, type Heart, type Wearer } from '../../src/host/heart.ts'
import { serve, workerOn } from '../support/rules-worker.ts'
import { gate, type RulesWorld, rulesWorld } from '../support/rules-world.ts'

/** The event loop of a worker stands still while its heart beats in a thread: here both are in one, and what the loop hears waits at a gate. */
const test = suite('a blocked event loop: E4 R6 Q10 Q15 [memory]')

const submit = (terms: Partial<Terms> = {}) => ({
  to: 'job:j',
  event: { type: 'submit', job: 'work', input: { value: 1 }, terms: { ...defaultTerms, ...terms } },
})

/** A heart as in a cluster: it has a connection of its own, and tickets in shared memory. */
function threadLike(world: RulesWorld, name: string, isBlocked: () => boolean) {
  const { clock } = world
  const bus = world.bus.connect(`${name}.heart`)
  const cells = new Int32Array(new SharedArrayBuffer(64))
  const tickets = createTickets(cells)
  const issued = new Map<string, Ticket>()
  return (own: Wearer): Heart => {
    const heart = createHeart({
      ...own,
      monotonic: clock.monotonic,
      request: bus.request,
      after: (ms, then) => clock.at(clock.now() + ms, then),
      standIn: {
        blocked: isBlocked,
        hasBegun: ({ ticket }) => !!ticket && hasBegun(cells, ticket),
        isGivenBack: ({ ticket }) => !!ticket && isGivenBack(cells, ticket),
        giveBack: ({ ticket }) => !!ticket && giveBackTicket(cells, ticket),
        publish: (partition, event) => bus.publish([{ partition, id: `${name} ${clock.monotonic()}`, events: [event] }]),
      },
    })
    return {
      ...heart,
      set(key, run) {
        const ticket = issued.get(key) ?? tickets.issue()!
        issued.set(key, ticket)
        heart.set(key, { ...run, ticket })
      },
      begin: (key) => tickets.begin(issued.get(key)!),
      giveBack: (key) => giveBackTicket(cells, issued.get(key)!),
    }
  }
}

/** Answers to claims come only when the gate is opened. */
const deafTo =
  (hears: { pass(): Promise<void> }) =>
  (bus: Bus): Bus => ({
    ...bus,
    async request(subject, data, timeout) {
      const answer = await bus.request(subject, data, timeout)
      if (subject.startsWith('claim')) await hears.pass()
      return answer
    },
  })

test('Q15 what is granted to a worker whose loop is blocked is given back, and begins elsewhere, and only there', async () => {
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const hears = gate()
  const begun: [string, number, number][] = []
  const note = (name: string) => (ctx: { run: number; attempt: number }) => void begun.push([name, ctx.run, ctx.attempt])
  const blocked = workerOn(world, 'blocked', note('blocked'), {
    slots: 1,
    bus: deafTo(hears),
    heart: threadLike(world, 'blocked', () => true),
  })
  await blocked.start()
  await world.publish(submit({ onLost: 'hold' }))
  await world.clock.settled()
  assert.is((await world.doc('job:j'))!.state, 'running')
  await workerOn(world, 'other', note('other')).start()
  await world.clock.advance('600ms')
  // Within the lease of the grant: nothing but the ticket keeps it from beginning.
  hears.open()
  await world.clock.advance('5s')
  assert.equal(begun, [['other', 2, 1]])
  assert.is((await world.doc('job:j'))!.state, 'succeeded')
  assert.is(blocked.running, 0)
})

test('Q15 what has begun is not given back', async () => {
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const runs: number[] = []
  const handle = async ({ run }: { run: number }) => {
    runs.push(run)
    await world.clock.sleep(5000)
  }
  await workerOn(world, 'blocked', handle, { heart: threadLike(world, 'blocked', () => true) }).start()
  await world.publish(submit())
  await world.clock.advance('10s')
  assert.equal(runs, [1])
  assert.is((await world.doc('job:j'))!.state, 'succeeded')
})

test('Q15 what has returned is sent while the loop is blocked', async () => {
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const sends = gate()
  const stuck = (bus: Bus): Bus => ({
    ...bus,
    async publish(frames) {
      await sends.pass()
      return bus.publish(frames)
    },
  })
  await workerOn(world, 'blocked', () => 'done', { bus: stuck, heart: threadLike(world, 'blocked', () => true) }).start()
  await world.publish(submit())
  await world.clock.advance('3s')
  assert.is((await world.doc('job:j'))!.state, 'succeeded')
  sends.open()
  await world.clock.advance('3s')
  assert.is((await world.doc('job:j'))!.state, 'succeeded')
})

test('E4: a handler that blocks the loop is not run twice', async () => {
  // In this process the loop is not blocked: what is seen is that the run is listed all the same, whatever the worker does.
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  let starts = 0
  const handle = async () => {
    starts++
    await world.clock.sleep(60_000)
  }
  await workerOn(world, 'blocked', handle, { heart: threadLike(world, 'blocked', () => true) }).start()
  await workerOn(world, 'other', handle).start()
  await world.publish(submit())
  await world.clock.advance('70s')
  assert.is(starts, 1)
  assert.is((await world.doc('job:j'))!.state, 'succeeded')
})

test('Q10 a run that has gone on for longer than its timeout and its grace is no longer listed', async () => {
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  const stuck = new Promise<never>(() => {})
  // Its timers are as blocked as its loop: nothing but the heart can end it.
  const timeless = { ...world, clock: { ...world.clock, at: () => () => {} } }
  let starts = 0
  const handle = () => {
    starts++
    return stuck
  }
  await workerOn(timeless, 'blocked', handle, { heart: threadLike(world, 'blocked', () => true) }).start()
  await world.publish(submit({ timeout: 1000, attempts: 1 }))
  await world.clock.advance('8s')
  assert.is((await world.doc('job:j'))!.state, 'running')
  await world.clock.advance('10s')
  const { state, snapshot } = (await world.doc('job:j'))!
  assert.is(state, 'failed')
  assert.is((snapshot.context as JobContext).error?.code, 'LOST')
  assert.is(starts, 1)
})

test('Q10 a wall clock that is set forward, by more than a run may take, ends no run', async () => {
  const world = rulesWorld()
  await serve(world, world.host('h'), 0)
  let jump = 0
  const { clock } = world
  const set = { ...clock, now: () => clock.now() + jump, at: (at: number, fire: () => void) => clock.at(at - jump, fire) }
  let starts = 0
  const handle = async () => {
    starts++
    jump = 3_600_000
    await clock.sleep(60_000)
  }
  await workerOn({ ...world, clock: set }, 'A', handle, { heart: threadLike({ ...world, clock: set }, 'A', () => false) }).start()
  await workerOn(world, 'B', handle).start()
  await world.publish(submit({ timeout: 120_000 }))
  await clock.advance('70s')
  assert.is(starts, 1)
  assert.is((await world.doc('job:j'))!.state, 'succeeded')
})

test('a ticket is taken once, and a late taker of an old one finds nothing', () => {
  const cells = new Int32Array(new SharedArrayBuffer(4))
  const tickets = createTickets(cells)
  const first = tickets.issue()!
  assert.is(tickets.issue(), undefined, 'no place is left')
  assert.is(giveBackTicket(cells, first), true)
  assert.is(tickets.begin(first), false)
  tickets.release(first)
  const second = tickets.issue()!
  assert.is(second[0], first[0])
  assert.is(giveBackTicket(cells, first), false)
  assert.is(tickets.begin(second), true)
  assert.is(hasBegun(cells, second), true)
  assert.is(giveBackTicket(cells, second), false)
})

test.run()
