import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobContext, Suspend } from '../../actors/job.ts'
import { given } from '../../src/testing/given.ts'
import { cancel, claim, lost, result, retry, stopping, submit } from '../machines/events.ts'

/** Each spec fails if its rule is switched off: `npx tsx specs/rules/mutate.ts Q3`. */
const test = suite('suspend: E6 W1 W5 Q8 Q13 Q30 to Q35')

const declared = { callbacks: ['bank', 'stock'] }
const callback = (name: string, value: unknown, more: Record<string, unknown> = {}) => ({ type: 'resume', name, value: { value }, ...more })
const suspend = (dispatch: number, more: Partial<Suspend> = {}, worker = 'w') =>
  result('suspend' as never, dispatch, worker, { suspend: { until: ['bank', 'stock'], need: 2, ...more } })
const rounds = (context: unknown) => (context as JobContext).rounds!

const queued = given('job', { address: 'job:j' }).events([submit(declared)])
const running = queued.events([claim()])
const waiting = running.events([suspend(1)])
const both = [callback('bank', 1), callback('stock', 2)]

test('Q30 a callback is kept from the submit on, whatever the job does', () => {
  const planned = given('job', { address: 'job:j' }).events([submit(declared, { startAt: 50 })])
  const backoff = running.events([result('fail')])
  const held = given('job', { address: 'job:j' }).events([submit({ ...declared, onLost: 'hold' }), claim(), lost()])
  for (const before of [planned, queued, running, backoff, held, waiting])
    before.when(callback('bank', 1)).then(({ context, rejected }) => {
      assert.is(rejected, undefined)
      assert.equal(rounds(context).values, { bank: { value: 1 } })
    })
})

test('Q30 the first for each name and round wins', () => {
  queued
    .events([callback('bank', 1)])
    .when(callback('bank', 2))
    .then({ rejected: { code: 'CONFLICT' }, context: { rounds: { values: { bank: { value: 1 } } } } })
})

test('Q31 the round ends when the claim of the resume is granted: what comes before that is for this entry', () => {
  const any = running.events([suspend(1, { need: 1 }), callback('bank', 1), callback('stock', 2)])
  any
    .when(claim(2))
    .then({ grants: [{ round: 2, given: { bank: { value: 1 }, stock: { value: 2 } } }] })
    .and.when(callback('stock', 3, { round: 1 }))
    .then({ rejected: { code: 'SUPERSEDED' } })
    .and.when(callback('stock', 3))
    .then({ rejected: undefined, context: { rounds: { round: 2, values: { stock: { value: 3 } } } } })
})

test('Q32 a repeated entry gets the same, and not what came meanwhile', () => {
  const entered = waiting.events([...both, claim(2)])
  const same = { grants: [{ round: 2, given: { bank: { value: 1 }, stock: { value: 2 } } }] }
  const more = callback('bank', 9)
  entered
    .events([more, result('fail', 2)])
    .whenPasses('2s')
    .and.when(claim(3))
    .then(same)
  entered
    .events([more, lost(2)])
    .when(claim(3))
    .then(same)
  entered
    .events([more, result('back', 2)])
    .when(claim(3))
    .then(same)
  entered
    .events([result('fail', 2, 'w', { terminal: true }), retry])
    .when(claim(3))
    .then(same)
})

test('Q33 a suspend tests at once whether what it waits for is there', () => {
  running
    .events(both)
    .when(suspend(1))
    .then({ state: 'queued', offers: [{ dispatch: 2 }], timers: [] })
    .and.when(claim(2))
    .then({ grants: [{ round: 2, given: { bank: { value: 1 }, stock: { value: 2 } } }] })
})

test('Q34 the deadline belongs to its suspend: it goes with it', () => {
  const timed = running.events([suspend(1, { deadline: 1000, fallback: { stock: { value: 'none' } } })])
  timed.when(callback('bank', 1)).then(({ document }) => assert.is(document.timers.length, 1))
  timed
    .events(both)
    .when(cancel)
    .then(({ document }) => assert.equal(document.timers, []))
  timed
    .events([callback('bank', 1)])
    .whenPasses('1s')
    .and.when(claim(2))
    .then({ grants: [{ given: { bank: { value: 1 }, stock: { value: 'none' } } }] })
  // Resumed in time: the fallback is not used, and the old timer does not touch the next suspend, nor its fallback.
  timed
    .events([...both, claim(2), suspend(2, { deadline: 5000 })])
    .whenPasses('4s')
    .then({ state: 'suspended' })
    .and.whenPasses('1s')
    .then({ state: 'queued' })
    .and.when(claim(3))
    .then({ grants: [{ given: {} }] })
})

test('Q8 a suspend that comes after its loss counts while nothing newer was granted', () => {
  const afterLoss = running.events([lost()])
  afterLoss
    .when(suspend(1))
    .then({ state: 'suspended', superseded: false })
    .and.when(claim(2))
    .then({ state: 'suspended', grants: [], refused: [2] })
  afterLoss
    .events(both)
    .when(suspend(1))
    .then({ state: 'queued', offers: [{ dispatch: 3 }] })
  afterLoss
    .events([claim(2, 'v')])
    .when(suspend(1))
    .then({ state: 'running', superseded: true })
  given('job', { address: 'job:j' })
    .events([submit({ ...declared, onLost: 'hold' }), claim(), lost()])
    .when(suspend(1))
    .then({ state: 'suspended' })
})

test('E6 a suspend ends the run without using an attempt, and counts once', () => {
  waiting
    .when(suspend(1))
    .then({ state: 'suspended', superseded: true })
    .then(({ context }) => assert.equal((context as never as JobContext).attempts, { used: 0, unbegun: 0 }))
})

test('W5 a run that is told to stop may suspend, and uses no attempt', () => {
  running
    .events([stopping()])
    .when(suspend(1, { deadline: 1000 }))
    .then({ state: 'suspended', timers: [{ at: 1000 }], context: { attempts: { used: 0, unbegun: 0 }, run: undefined } })
    .and.events(both)
    .when(claim(2, 'v'))
    .then({ state: 'running', grants: [{ worker: 'v', round: 2, given: { bank: { value: 1 }, stock: { value: 2 } } }] })
})

test('W1 a suspended job has no units: they go back with its run, or with a suspend that comes late; the resume asks anew', () => {
  const granted = (permit: number) => ({ type: 'granted', gate: 'pool:p', permit })
  const release = (permit: number) => ({ to: 'pool:p', event: { type: 'release', job: 'job:j', permit } })
  const runs = given('job', { address: 'job:j' }).events([submit({ ...declared, pool: 'p', needs: { printer: 1 } }), granted(1), claim()])
  runs
    .when(suspend(1))
    .then({ state: 'suspended', sends: [release(1)], context: { places: undefined } })
    .and.events([callback('bank', 1)])
    .when(callback('stock', 2))
    .then({ state: 'waiting', offers: [], sends: [{ to: 'pool:p', event: { type: 'request', permit: 2 } }] })
    .and.events([granted(2)])
    .when(claim(2))
    .then({ state: 'running', grants: [{ round: 2 }] })
  // Thought lost, it has asked for other units: granted or not, they go back.
  runs
    .events([lost(), granted(2)])
    .when(suspend(1))
    .then({ state: 'suspended', sends: [release(2)], context: { places: undefined } })
  runs
    .events([lost()])
    .when(suspend(1))
    .then({ state: 'suspended', sends: [{ to: 'pool:p', event: { type: 'withdraw', permit: 2 } }], context: { asked: undefined } })
})

test('Q13 a suspend of a run that is being cancelled: cancelled', () => {
  running.events([cancel]).when(suspend(1)).then({ state: 'cancelled' })
  running
    .events([cancel])
    .when(callback('bank', 1))
    .then({ state: 'cancelling', rejected: { code: 'SUPERSEDED' } })
  waiting.when(cancel).then({ state: 'cancelled', status: 'done' })
})

// ---- the correlation id ---------------------------------------------------------------------------------------------------

const id = given('correlation', { address: 'correlation:x' })
const register = (job = 'job:j', round = 1) => ({ type: 'register', job, round })

test('Q35 a correlation id keeps what comes before it is registered', () => {
  id.events([callback('bank', 1), callback('stock', 2)])
    .when(register())
    .then({
      state: 'registered',
      sends: [
        { to: 'job:j', event: { type: 'resume', name: 'bank', value: { value: 1 }, round: 1, via: 'correlation:x' } },
        { to: 'job:j', event: { type: 'resume', name: 'stock', value: { value: 2 }, round: 1 } },
      ],
    })
    .and.when(register('job:j', 2))
    .then({ state: 'registered', sends: [] })
})

test('Q35 and passes on what comes later with the round that it was registered for', () => {
  id.events([register('job:j', 3)])
    .when(callback('bank', 1))
    .then({ sends: [{ to: 'job:j', event: { type: 'resume', round: 3 } }] })
})

test('Q35 the job registers it at its suspend, for this round, and releases it at its end, or for another one', () => {
  const registered = running.when(suspend(1, { as: 'x' }))
  registered.then({ sends: [{ to: 'correlation:x', event: { type: 'register', job: 'job:j', round: 1 } }] })
  registered.and.when(cancel).then({ sends: [{ to: 'correlation:x', event: { type: 'release', job: 'job:j' } }] })
  const next = registered.and.events([...both, claim(2)])
  next.when(suspend(2, { as: 'y' })).then({
    sends: [
      { to: 'correlation:x', event: { type: 'release' } },
      { to: 'correlation:y', event: { type: 'register', round: 2 } },
    ],
  })
  next.when(suspend(2, { as: 'x' })).then({ sends: [{ to: 'correlation:x', event: { type: 'register', round: 2 } }] })
  next
    .events([suspend(2)])
    .when(cancel)
    .then({ sends: [{ to: 'correlation:x', event: { type: 'release' } }] })
})

test('Q35 one job at a time: another one that registers it is told, and fails while it waits for it', () => {
  const mine = id.events([register()])
  mine.when(register('job:k')).then({ sends: [{ to: 'job:k', event: { type: 'notRegistered', as: 'x', round: 1, by: 'job:j' } }] })
  mine.when({ type: 'release', job: 'job:k' }).then({ state: 'registered' })
  mine
    .events([{ type: 'release', job: 'job:j' }])
    .when(register('job:k'))
    .then({ state: 'registered', sends: [], context: { job: 'job:k' } })
  const refused = { type: 'notRegistered', as: 'x', round: 1, by: 'job:i' }
  const asked = running.events([suspend(1, { as: 'x' })])
  asked.when(refused).then({ state: 'failed', context: { error: { code: 'CONFLICT' } } })
  asked.events(both).when(refused).then({ state: 'queued' })
  asked
    .events([...both, claim(2), suspend(2, { as: 'y' })])
    .when(refused)
    .then({ state: 'suspended' })
})

test('Q35 what is kept is bounded', () => {
  let full = id
  for (let i = 0; i < 32; i++) full = full.events([callback(`n${i}`, i)])
  full.when(callback('more', 1)).then({ state: 'unclaimed', rejected: { code: 'NOT_ALLOWED' } })
  full.whenPasses('1d').then({ state: 'expired', status: 'done', context: { kept: [] } })
})

test.run()
