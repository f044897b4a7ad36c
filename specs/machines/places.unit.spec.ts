import { suite } from 'uvu'
import { given } from '../../src/testing/given.ts'
import { cancel, claim, lost, result, retry, submit, update } from './events.ts'

const test = suite('a job and its gates, and those after which it begins: E2 W1 W7 Q20 Q21 Q22 Q23 Q25')

const granted = (gate: string, permit: number) => ({ type: 'granted', gate, permit })
const ended = (of: string, state: string) => ({ type: 'predecessorEnded', of, state })
const sent = (type: string, gate: string, permit: number) => ({ to: gate, event: { type, job: 'job:j', permit } })

const fresh = given('job', { address: 'job:j' })
const pooled = { pool: 'p', needs: { printer: 2 } }
const inLane = fresh.events([submit({}, { lane: 'l' })])
const inPool = fresh.events([submit(pooled)])
const both = fresh.events([submit(pooled, { lane: 'l' })])
const running = both.events([granted('lane:l', 1), granted('pool:p', 1), claim()])

test('Q23 the lane first, then the pool, then it is queued', () => {
  fresh
    .when(submit(pooled, { lane: 'l' }))
    .then({ state: 'waiting', offers: [], sends: [{ to: 'lane:l', event: { type: 'request', permit: 1 } }] })
  both
    .when(granted('lane:l', 1))
    .then({
      state: 'waiting',
      offers: [],
      sends: [{ to: 'pool:p', event: { type: 'request', permit: 1, priority: 5, needs: { printer: 2 } } }],
    })
    .and.when(granted('pool:p', 1))
    .then({ state: 'queued', offers: [{ dispatch: 1 }], sends: [] })
})

test('Q20 a place of another permit is not the one that it asked for', () => {
  const again = inPool.events([granted('pool:p', 1), claim(), lost()])
  again.when(granted('pool:p', 1)).then({ state: 'waiting', offers: [], sends: [sent('release', 'pool:p', 1)] })
  again.when(granted('pool:p', 2)).then({ state: 'queued', offers: [{ dispatch: 2 }] })
})

test('Q21 a place that it no longer wants goes back, and so long the gate is kept in mind', () => {
  const gone = inLane.events([cancel])
  inLane.when(cancel).then({ state: 'cancelled', sends: [sent('withdraw', 'lane:l', 1)], context: { leaving: { 'lane:l': [1] } } })
  gone.when(granted('lane:l', 1)).then({ state: 'cancelled', sends: [sent('release', 'lane:l', 1)], context: { leaving: undefined } })
  gone.when({ type: 'withdrawn', gate: 'lane:l', permit: 1 }).then({ state: 'cancelled', sends: [], context: { leaving: undefined } })
})

test('Q21 each permit is kept in mind, until the gate has forgotten that one', () => {
  const moved = inPool.events([update({ priority: 7 }), update({ priority: 8 })])
  moved.when(cancel).then({ context: { leaving: { 'pool:p': [1, 2, 3] } } })
  moved
    .events([{ type: 'withdrawn', gate: 'pool:p', permit: 2 }])
    .when(cancel)
    .then({ context: { leaving: { 'pool:p': [1, 3] } } })
})

test('a place told once more stays its own', () => {
  inLane
    .events([granted('lane:l', 1)])
    .when(granted('lane:l', 1))
    .then({ state: 'queued', sends: [], context: { places: ['lane:l'] } })
})

test('Q22 the end of a run frees its units, not its lane; they are asked for anew', () => {
  running.when(result('fail')).then({ state: 'backoff', sends: [sent('release', 'pool:p', 1)], context: { places: ['lane:l'] } })
  running
    .when(lost())
    .then({ state: 'waiting', sends: [sent('release', 'pool:p', 1), { to: 'pool:p', event: { type: 'request', permit: 2 } }] })
  running.when(result('unbegun')).then({ state: 'waiting', context: { asked: 'pool:p', places: ['lane:l'] } })
})

test('Q25 the end of the job frees all that it has or asked for, in the same write', () => {
  running.when(result('ok')).then({ state: 'succeeded', sends: [sent('release', 'pool:p', 1), sent('release', 'lane:l', 1)] })
  both
    .events([granted('lane:l', 1)])
    .when(cancel)
    .then({ state: 'cancelled', sends: [sent('withdraw', 'pool:p', 1), sent('release', 'lane:l', 1)] })
})

test('what is thought lost and waits for its units may still succeed', () => {
  running
    .events([lost()])
    .when(result('ok'))
    .then({ state: 'succeeded', sends: [sent('withdraw', 'pool:p', 2), sent('release', 'lane:l', 1)] })
})

test('an operator asks anew', () => {
  running
    .events([result('fail', 1, 'w', { terminal: true })])
    .when(retry)
    .then({ state: 'waiting', sends: [{ to: 'lane:l', event: { type: 'request', permit: 2 } }] })
})

test('W7 changed while it waits: another priority is another request; a later time gives up its place in the queue', () => {
  inPool.when(update({ priority: 9 })).then({
    state: 'waiting',
    sends: [sent('withdraw', 'pool:p', 1), { to: 'pool:p', event: { type: 'request', permit: 2, priority: 9 } }],
  })
  inPool.when(update({ startAt: 5000 })).then({ state: 'planned', sends: [sent('withdraw', 'pool:p', 1)] })
  inPool
    .events([granted('pool:p', 1)])
    .when(update({ startAt: 5000 }))
    .then({ state: 'planned', sends: [sent('release', 'pool:p', 1)] })
})

test('W7 it follows others: each is told, and each must succeed', () => {
  const follows = fresh.events([submit({}, { after: ['job:a', 'group:b'] })])
  fresh.when(submit({}, { after: ['job:a', 'group:b'] })).then({
    state: 'waiting',
    sends: [
      { to: 'job:a', event: { type: 'follow', follower: 'job:j' } },
      { to: 'group:b', event: { type: 'follow', follower: 'job:j' } },
    ],
  })
  const one = follows.events([ended('job:a', 'succeeded')])
  one.when(ended('job:a', 'failed')).then({ state: 'waiting' })
  one.when(ended('group:b', 'succeeded')).then({ state: 'queued' })
  one.when(ended('group:b', 'failed')).then({ state: 'cancelled' })
  one.when(ended('job:c', 'failed')).then({ state: 'waiting' })
})

test('W7 it is followed: told at its end, at once when it has ended, and before it is submitted', () => {
  const follow = { type: 'follow', follower: 'job:f' }
  const told = (state: string) => ({ to: 'job:f', event: { type: 'predecessorEnded', of: 'job:j', state } })
  const queued = fresh.events([submit(), follow, follow])
  queued.when(cancel).then({ state: 'cancelled', sends: [told('cancelled')] })
  queued
    .events([claim()])
    .when(result('ok'))
    .then({ sends: [told('succeeded')] })
  fresh
    .events([submit(), claim(), result('ok')])
    .when(follow)
    .then({ state: 'succeeded', sends: [told('succeeded')] })
  fresh
    .when(follow)
    .then({ state: 'awaited' })
    .and.when(submit())
    .then({ state: 'queued' })
    .and.when(cancel)
    .then({ sends: [told('cancelled')] })
})
test.run()
