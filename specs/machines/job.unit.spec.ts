import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { backoff, ended as finals, type JobContext } from '../../actors/job.ts'
import { given } from '../../src/testing/given.ts'
import { cancel, chanceOf, claim, lost, memberOf, result, retry, seedOf, stopping, submit, suspend, update } from './events.ts'

const test = suite('job, row by row, and at random: R1 R5 R6 E3 E4 E6 E8 W2 W4 W5 Q1 Q4 Q5 Q8 Q11 Q12 Q13 Q14')

const fresh = given('job', { address: 'job:j' })
const queued = fresh.events([submit()])
const running = queued.events([claim()])
const inGroup = fresh.events([submit({}, { member: memberOf('j', 3) })])

// ---- from nothing ----------------------------------------------------------------------------------------------------

test('none: submit → queued: d 1, offer', () => {
  fresh.when(submit()).then({ state: 'queued', offers: [{ job: 'work', priority: 5, dispatch: 1 }], timers: [], sends: [] })
})
test('none: submit with startAt → planned, with a timer', () => {
  fresh.when(submit({}, { startAt: 5000 })).then({ state: 'planned', offers: [], timers: [{ at: 5000 }] })
})
test('none: submit with a startAt that has passed → queued', () => {
  given('job', { at: 9000 })
    .when(submit({}, { startAt: 5000 }))
    .then({ state: 'queued', timers: [] })
})
test('none: submit of a member of a group with a window → waiting, nothing offered', () => {
  fresh.when(submit({}, { member: memberOf('j', 0), window: true })).then({ state: 'waiting', offers: [] })
})
test('none: anything else is not possible', () => {
  for (const event of [claim(), result('ok'), lost(), cancel, retry])
    fresh.when(event).then(({ rejected, offers, sends, grants, state }) => {
      assert.ok(rejected || !['queued', 'running'].includes(state))
      assert.equal([offers, sends, grants], [[], [], []])
    })
})

// ---- planned, waiting ------------------------------------------------------------------------------------------------

test('planned: due → queued, offer', () => {
  const planned = fresh.events([submit({}, { startAt: 5000 })])
  planned.whenPasses('4999ms').then({ state: 'planned', offers: [] })
  planned.whenPasses('5s').then({ state: 'queued', offers: [{ dispatch: 1 }] })
})
test('planned: cancel → cancelled, its timer is taken back', () => {
  fresh
    .events([submit({}, { startAt: 5000 })])
    .when(cancel)
    .then({ state: 'cancelled', status: 'done', document: { timers: [] } } as never)
    .and.whenPasses('1h')
    .then({ state: 'cancelled', offers: [] })
})
test('waiting: begin → queued, offer', () => {
  fresh
    .events([submit({}, { member: memberOf('j', 0), window: true })])
    .when({ type: 'begin' })
    .then({ state: 'queued', offers: [{ dispatch: 1 }] })
})
test('waiting: cancel → cancelled, end to its group', () => {
  fresh
    .events([submit({}, { member: memberOf('j', 0), window: true })])
    .when(cancel)
    .then({ state: 'cancelled', sends: [{ to: 'group:g', event: { type: 'ended', key: 'j', index: 0, state: 'cancelled' } }] })
})

// ---- queued ----------------------------------------------------------------------------------------------------------

test('queued: claim(d, w) → running, grant', () => {
  queued
    .when(claim())
    .then({ state: 'running', grants: [{ address: 'job:j', dispatch: 1, worker: 'w', attempt: 1, input: { value: 1 } }], refused: [] })
})
test('queued: claim of another dispatch → refused, nothing changes', () => {
  queued.when(claim(2)).then({ state: 'queued', grants: [], refused: [2], context: { dispatch: 1 } })
})
test('queued: reconcile → the same offer again, with the same d', () => {
  queued.when({ type: 'reconcile' }).then({ state: 'queued', offers: [{ dispatch: 1 }], context: { dispatch: 1 } })
})
test('queued: cancel → cancelled at once (Q13); a claim is refused afterwards', () => {
  queued
    .when(cancel)
    .then({ state: 'cancelled' })
    .and.when(claim())
    .then({ state: 'cancelled', refused: [1], grants: [] })
})
test('queued: a result when nothing was ever granted → superseded', () => {
  queued.when(result('ok')).then({ state: 'queued', superseded: true })
})
test('queued after a loss: success of the last run → succeeded (Q8)', () => {
  const again = running.events([lost()])
  again.when(result('ok')).then({ state: 'succeeded', context: { output: { value: 'done' }, error: undefined } })
})
test('queued after a loss: failure and give-back change nothing (Q8), and settle the run', () => {
  for (const outcome of ['fail', 'back', 'unbegun'] as const)
    running
      .events([lost()])
      .when(result(outcome))
      .then({ state: 'queued', superseded: false, offers: [], context: { dispatch: 2, attempts: { used: 1 } } })
      .and.when(result('ok'))
      .then({ state: 'queued', superseded: true })
})
test('queued after a loss: the result no longer counts once another run is granted', () => {
  running
    .events([lost(), claim(2, 'v')])
    .when(result('ok'))
    .then({ state: 'running', superseded: true, context: { run: { dispatch: 2, worker: 'v' } } })
})
test('queued after a loss: cancel → cancelled at once; the late result is superseded (Q13)', () => {
  running.events([lost()]).when(cancel).then({ state: 'cancelled' }).and.when(result('ok')).then({ state: 'cancelled', superseded: true })
})

// ---- running ---------------------------------------------------------------------------------------------------------

test('running: claim(d, same w) → reply grant', () => {
  running.when(claim()).then({ state: 'running', grants: [{ dispatch: 1, worker: 'w' }] })
})
test('cancelling: claim(d, same w) → reply grant', () => {
  running
    .events([cancel])
    .when(claim())
    .then({ state: 'cancelling', grants: [{ dispatch: 1 }] })
})
test('any: other claim → refused; result of another worker or dispatch → superseded', () => {
  for (const before of [running, running.events([cancel]), running.events([result('ok')]), running.events([result('fail')])]) {
    before.when(claim(1, 'v')).then({ grants: [], refused: [1] })
    for (const other of [result('ok', 1, 'v'), result('fail', 2), result('unbegun', 1, 'v')])
      before.when(other).then(({ superseded, document, sends, offers }) => {
        assert.ok(superseded)
        assert.equal(document.history.at(-1)?.superseded, true)
        assert.equal([sends, offers], [[], []])
      })
  }
})
test('running: ok, holder, d → succeeded, end to group', () => {
  running.when(result('ok')).then({ state: 'succeeded', status: 'done', sends: [], context: { output: { value: 'done' } } })
  inGroup
    .events([claim()])
    .when(result('ok'))
    .then({ sends: [{ to: 'group:g', event: { type: 'ended', key: 'j', index: 3, round: 0, state: 'succeeded' } }] })
})
test('running: fail, attempts left → backoff with a timer, used + 1', () => {
  running.when(result('fail')).then({
    state: 'backoff',
    timers: [{ at: 1000 }],
    context: { attempts: { used: 1, unbegun: 0 }, error: { message: 'no' }, run: undefined },
  })
})
test('running: fail, none left → failed', () => {
  const last = fresh.events([submit({ attempts: 1 }), claim()])
  last.when(result('fail')).then({ state: 'failed', offers: [], timers: [] })
})
test('running: fail, terminal → failed, whatever is left', () => {
  running.when(result('fail', 1, 'w', { terminal: true })).then({ state: 'failed' })
})
test('running: fail with a time of its own → backoff until then', () => {
  running.when(result('fail', 1, 'w', { retryAt: 77_000 })).then({ state: 'backoff', timers: [{ at: 77_000 }] })
})
test('running: threw the shutdown reason, or never begun → queued: d + 1, no attempt used', () => {
  for (const outcome of ['back', 'unbegun'] as const)
    running
      .when(result(outcome))
      .then({ state: 'queued', offers: [{ dispatch: 2 }], context: { attempts: { used: 0 }, run: undefined } })
      .and.when(claim())
      .then({ refused: [1] })
})
test('running: loss, onLost retry → queued, d + 1, used + 1 if it was seen to begin', () => {
  running.when(lost()).then({ state: 'queued', offers: [{ dispatch: 2 }], context: { attempts: { used: 1 }, run: { lapsed: true } } })
  running.when(lost(1, 'w', false)).then({ state: 'queued', context: { attempts: { used: 0, unbegun: 1 } } })
})
test('running: losses unseen use no attempt, three in a row at most (Q12)', () => {
  let one = fresh.events([submit({ attempts: 1 })])
  for (let d = 1; d <= 3; d++) one = one.events([claim(d), lost(d, 'w', false)])
  one
    .events([claim(4)])
    .when(lost(4, 'w', false))
    .then({ state: 'failed' })
})
test('running: after three that were free each unseen loss uses an attempt, until something is seen (Q12)', () => {
  // It began with three free ones again after each: a handler that ends its process at once ran twelve times with three attempts.
  let one = fresh.events([submit({ attempts: 3 })])
  for (let d = 1; d <= 5; d++) one = one.events([claim(d), lost(d, 'w', false)])
  one
    .events([claim(6)])
    .when(lost(6, 'w', false))
    .then({ state: 'failed', context: { attempts: { used: 3 } } })
})
test('running: begun(w) is written down for the next owner; another run has not begun by it (Q12)', () => {
  const begun = (worker: string) => ({ type: 'begun' as const, dispatch: 1, worker })
  running.when(begun('w')).then({ state: 'running', context: { run: { dispatch: 1, worker: 'w', begun: true } } })
  running.when(begun('other')).then({ state: 'running', context: { run: { begun: undefined } } })
  running
    .events([begun('w'), lost(1, 'w', false), claim(2)])
    .when(begun('w'))
    .then({ state: 'running', context: { run: { dispatch: 2, begun: undefined } } })
})
test('running: loss, onLost retry, no attempt left → failed, with the reason', () => {
  fresh
    .events([submit({ attempts: 1 }), claim()])
    .when(lost())
    .then({ state: 'failed', context: { error: { code: 'LOST' } } })
})
test('running: loss, onLost hold → held, whatever is left; nothing is offered', () => {
  fresh
    .events([submit({ onLost: 'hold' }), claim()])
    .when(lost())
    .then({ state: 'held', offers: [] })
})
test('running: loss, onLost abort → aborted', () => {
  fresh
    .events([submit({ onLost: 'abort' }), claim()])
    .when(lost())
    .then({ state: 'aborted', status: 'done', offers: [] })
})
test('running: loss of another run → nothing', () => {
  for (const other of [lost(2), lost(1, 'v')])
    running.when(other).then(({ state, document }) => assert.equal([state, document.history.length], ['running', 0]))
})
test('running: cancel → cancelling; said again, the same', () => {
  running.when(cancel).then({ state: 'cancelling' }).and.when(cancel).then({ state: 'cancelling', rejected: undefined })
})
test('running: retry is not possible', () => {
  running.when(retry).then({ state: 'running', rejected: { code: 'NOT_ALLOWED' } })
})

test('running: stopping(w) → stopping, which ends as running does (W5)', () => {
  const stops = running.events([stopping()])
  stops.when(stopping()).then({ state: 'stopping' })
  stops.when(result('ok')).then({ state: 'succeeded' })
  stops.when(result('fail')).then({ state: 'backoff' })
  for (const event of [result('back'), result('unbegun')])
    stops.when(event).then({ state: 'queued', offers: [{ dispatch: 2 }], context: { attempts: { used: 0, unbegun: 0 } } })
  stops.when(lost()).then({ state: 'queued', context: { attempts: { used: 1, unbegun: 0 } } })
  stops.when(cancel).then({ state: 'cancelling' })
  stops.when(claim()).then({ state: 'stopping', grants: [{ dispatch: 1 }] })
  running.when(stopping(1, 'other')).then({ state: 'running' })
  running.events([cancel]).when(stopping()).then({ state: 'cancelling' })
})

// ---- cancelling, backoff, held ----------------------------------------------------------------------------------------

test('cancelling: ok → succeeded; anything else, loss → cancelled (Q13)', () => {
  const cancelling = running.events([cancel])
  cancelling.when(result('ok')).then({ state: 'succeeded' })
  for (const event of [result('fail'), result('back'), result('unbegun'), lost()])
    cancelling.when(event).then({ state: 'cancelled', offers: [], timers: [] })
})
test('cancelling: with onLost hold, a loss is cancelled too', () => {
  fresh
    .events([submit({ onLost: 'hold' }), claim(), cancel])
    .when(lost())
    .then({ state: 'cancelled' })
})
test('backoff: timer → queued, d + 1', () => {
  const waits = running.events([result('fail')])
  waits.whenPasses('999ms').then({ state: 'backoff' })
  waits.whenPasses('1s').then({ state: 'queued', offers: [{ dispatch: 2 }] })
})
test('backoff: cancel → cancelled; the timer is gone', () => {
  running
    .events([result('fail'), cancel])
    .whenPasses('1h')
    .then({ state: 'cancelled', offers: [] })
})
test('backoff: grows by the factor, spread by jitter, the same for each replay', () => {
  const at = (used: number, jitter = 0) =>
    backoff({
      self: 'job:j',
      terms: { attempts: 9, backoff: 100, factor: 3, jitter, priority: 5, onLost: 'retry' },
      attempts: { used, unbegun: 0 },
    })
  assert.equal([at(1), at(2), at(3)], [100, 300, 900])
  const spread = at(1, 0.5)
  assert.ok(spread >= 50 && spread <= 150)
  assert.is(at(1, 0.5), spread)
})

const held = fresh.events([submit({ onLost: 'hold' }), claim(), lost()])
test('held: late result of the lapsed run counts as if it ran (Q8)', () => {
  held.when(result('ok')).then({ state: 'succeeded' })
  held.when(result('fail')).then({ state: 'backoff', context: { attempts: { used: 1 } } })
  held.when(result('back')).then({ state: 'queued', offers: [{ dispatch: 2 }] })
  held.when(result('ok', 1, 'v')).then({ state: 'held', superseded: true })
})
test('held: operator retry → queued; the lost run still counts until another is granted (Q8)', () => {
  const again = held.when(retry).then({ state: 'queued', offers: [{ dispatch: 2 }], context: { attempts: { used: 0 } } }).and
  again.when(result('ok')).then({ state: 'succeeded' })
  again
    .events([claim(2, 'v')])
    .when(result('ok'))
    .then({ state: 'running', superseded: true })
})
test('held: cancel → cancelled', () => {
  held.when(cancel).then({ state: 'cancelled' })
})

// ---- final ------------------------------------------------------------------------------------------------------------

const failed = fresh.events([submit({ attempts: 1 }), claim(), result('fail')])
test('final: operator retry, no group → queued: d + 1, attempts anew, nothing of the old run counts', () => {
  const again = failed.when(retry).then({
    state: 'queued',
    status: 'active',
    offers: [{ dispatch: 2 }],
    context: { attempts: { used: 0 }, error: undefined, endedAs: undefined },
  }).and
  again.when(result('ok')).then({ superseded: true })
})
test('final after a loss: nothing of the lost run counts after a retry', () => {
  fresh
    .events([submit({ attempts: 1 }), claim(), lost(), retry])
    .when(result('ok'))
    .then({ state: 'queued', superseded: true })
})
test('final: cancelled and aborted can be retried; succeeded cannot', () => {
  queued.events([cancel]).when(retry).then({ state: 'queued' })
  fresh
    .events([submit({ onLost: 'abort' }), claim(), lost()])
    .when(retry)
    .then({ state: 'queued' })
  running
    .events([result('ok')])
    .when(retry)
    .then({ state: 'succeeded', rejected: { code: 'NOT_ALLOWED' } })
})
test('final: operator retry of a member → asks its group, stays (Q42)', () => {
  const member = fresh.events([submit({ attempts: 1 }, { member: memberOf('j', 3) }), claim(), result('fail')])
  member.when(retry).then({ state: 'failed', sends: [{ to: 'group:g', event: { type: 'retry', key: 'j', index: 3 } }] })
  member
    .when({ type: 'again', round: 1 })
    .then({ state: 'queued', context: { member: { round: 1 } } })
    .and.events([claim(2)])
    .when(result('ok', 2))
    .then({ sends: [{ event: { round: 1, state: 'succeeded' } }] })
  member.when({ type: 'again', round: 1, window: true }).then({ state: 'waiting', offers: [] })
  member.when({ type: 'again', round: 0 }).then({ state: 'failed', offers: [] })
})
test('final: cancel is not possible, and says so', () => {
  failed.when(cancel).then({ state: 'failed', rejected: { code: 'NOT_ALLOWED', message: 'cancel is not possible: job:j is failed.' } })
})
test('again for a job that is no member changes nothing', () => {
  failed.when({ type: 'again', round: 1 }).then({ state: 'failed', offers: [] })
})

// ---- the same job -----------------------------------------------------------------------------------------------------

test('any: the same submit is the same job; other content is a conflict', () => {
  for (const before of [queued, running, failed, running.events([result('ok')])]) {
    before.when(submit()).then(({ rejected, document, offers }) => assert.equal([rejected, document.history, offers], [undefined, [], []]))
    before.when(submit({}, { input: { value: 2 } })).then({ rejected: { code: 'CONFLICT' }, sends: [] })
  }
})
test('the order of fields is not content', () => {
  fresh
    .events([submit({}, { input: { value: { a: 1, b: { c: 2, d: 3 } } } })])
    .when(submit({}, { input: { value: { b: { d: 3, c: 2 }, a: 1 } } }))
    .then({ rejected: undefined })
})
test('submitted beside its group: joins it in any state, and one that has ended says so (R7)', () => {
  const asMember = submit({}, { member: memberOf('j', 4) })
  for (const before of [queued, running, running.events([cancel]), running.events([result('fail')])])
    before.when(asMember).then({ sends: [], context: { member: { index: 4 } } })
  running
    .events([result('ok')])
    .when(asMember)
    .then({ state: 'succeeded', sends: [{ to: 'group:g', event: { type: 'ended', key: 'j', index: 4, state: 'succeeded' } }] })
})
test('the id of a member is taken by other work: its group is told, and does not wait for ever (G6)', () => {
  const other = submit({}, { input: { value: 2 }, member: memberOf('j', 4) })
  for (const before of [queued, running, failed])
    before
      .when(other)
      .then({ rejected: { code: 'CONFLICT' }, sends: [{ to: 'group:g', event: { type: 'ended', index: 4, state: 'refused' } }] })
      .then({ context: { member: undefined } })
})

// ---- at random --------------------------------------------------------------------------------------------------------

test('any sequence of events: one run at a time, dispatch numbers only grow, each end is told once, finals are final', () => {
  const seed = seedOf('job at random')
  const chance = chanceOf(seed)
  const seen = new Map<string, number>()
  for (let round = 0; round < 300; round++) {
    const onLost = chance.pick(['retry', 'hold', 'abort'] as const)
    const member = chance.pick([undefined, memberOf('j', 0)])
    let now = fresh.events([submit({ attempts: 1 + chance.below(3), onLost, backoff: 10, callbacks: ['bank', 'stock'] }, { member })])
    let dispatch = 1
    let granted = new Set<string>()
    let ends = 0
    let asked = 0
    const trace: string[] = []
    for (let i = 0; i < 40; i++) {
      const d = 1 + chance.below(dispatch + 1)
      const w = chance.pick(['w', 'v'])
      const event = chance.pick([
        claim(d, w),
        claim(dispatch, w),
        result(chance.pick(['ok', 'fail', 'fail', 'back', 'unbegun'] as const), d, w),
        lost(d, w, chance.pick([true, false])),
        stopping(d, w),
        suspend(chance.pick([d, dispatch]), w, {
          until: ['bank', 'stock'],
          need: 1 + chance.below(2),
          deadline: chance.pick([undefined, 10]),
        }),
        { type: 'resume', name: chance.pick(['bank', 'stock']), value: { value: i }, round: chance.pick([undefined, 1]) },
        update({ startAt: chance.pick([undefined, undefined, 0, 1e15]), priority: chance.below(10), job: 'work' }),
        chance.pick([cancel, retry, { type: 'reconcile' }, { type: 'begin' }, submit(), { type: 'again', round: ends }]),
        undefined,
      ])
      const before = now.whenPasses(0)
      const after = event ? now.when(event) : now.whenPasses('10ms')
      trace.push(`${event ? JSON.stringify(event) : 'time'} → ${after.state}`)
      const say = `seed ${seed}, round ${round}:\n${trace.join('\n')}`
      const context = after.context as unknown as JobContext
      seen.set(after.state, (seen.get(after.state) ?? 0) + 1)
      assert.ok(context.dispatch >= dispatch, say)
      for (const offer of after.offers) assert.is(offer.dispatch, context.dispatch, say)
      for (const { dispatch: run, worker } of after.grants) {
        assert.is(run, context.dispatch, say)
        assert.equal([context.run!.dispatch, context.run!.worker], [run, worker], say)
        const others = [...granted].filter((one) => one.startsWith(`${run} `) && one !== `${run} ${worker}`)
        assert.equal(others, [], `two workers hold run ${run}\n${say}`)
        granted = new Set([...granted, `${run} ${worker}`])
      }
      if (['running', 'stopping', 'cancelling'].includes(after.state)) assert.ok(context.run && !context.run.lapsed, say)
      const { round: roundNow = 1, given, values, suspend: waitsFor, deadlineAt } = context.rounds ?? {}
      const { round: roundBefore = 1, given: givenBefore } = (before.context as unknown as JobContext).rounds ?? {}
      assert.ok(roundNow === roundBefore || roundNow === roundBefore + 1, say)
      if (roundNow === roundBefore) assert.equal(given ?? {}, givenBefore ?? {}, `what an entry was given stays\n${say}`)
      if (after.state === 'suspended') assert.ok(Object.keys(values!).length < waitsFor!.need, `it waits for nothing\n${say}`)
      const timed = ['backoff', 'planned'].includes(after.state) || (after.state === 'suspended' && deadlineAt !== undefined)
      if (timed) assert.is(after.document.timers.length, 1, say)
      else assert.is(after.document.timers.length, 0, say)
      if (context.attempts.used >= context.terms.attempts) assert.ok(finals.has(after.state) || after.state === 'held', say)
      if (after.superseded) assert.is(after.state, before.state, say)
      if (before.state === 'succeeded') assert.is(after.state, 'succeeded', say)
      if (finals.has(before.state) && after.state !== before.state) assert.ok(['retry', 'again'].includes(event!.type), say)
      const told = after.sends.filter(({ event }) => event.type === 'ended').length
      if (finals.has(after.state) && !finals.has(before.state)) ends++
      asked += told
      assert.is(asked, member ? ends : 0, say)
      dispatch = context.dispatch
      now = after.and
    }
  }
  for (const state of [
    'queued',
    'running',
    'stopping',
    'cancelling',
    'suspended',
    'backoff',
    'held',
    'succeeded',
    'failed',
    'cancelled',
    'aborted',
  ])
    assert.ok(seen.has(state), `never seen: ${state}`)
})

test.run()
