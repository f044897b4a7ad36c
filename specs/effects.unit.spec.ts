import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { HistoryEntry } from '../src/document.ts'
import type { ActorEvent } from '../src/envelope.ts'
import { type Effect, notAllowed } from './support/effects.ts'

/** The judge of what happened under fire: what it must find in a history, and what it must not. */
type Entry = [event: ActorEvent, state?: string, more?: Partial<HistoryEntry>]

const submit = (attempts = 3, onLost = 'retry'): Entry => [{ type: 'submit', terms: { attempts, onLost } }, 'queued']
const claim = (dispatch: number, worker = 'w'): Entry => [{ type: 'claim', dispatch, worker }, 'running']
const result = (dispatch: number, outcome: string, state: string, more = {}): Entry => [
  { type: 'result', dispatch, worker: 'w', outcome, ...more },
  state,
]
const ok = (dispatch: number) => result(dispatch, 'ok', 'succeeded')
const fail = (dispatch: number, state = 'backoff') => result(dispatch, 'fail', state)
const lost = (dispatch: number, begun: boolean, state = 'queued'): Entry => [{ type: 'lost', dispatch, worker: 'w', begun }, state]
const word = (type: string, state: string): Entry => [{ type }, state]
const superseded = ([event]: Entry, state: string): Entry => [event, state, { superseded: true }]

/** Every granted run has started, as the attempt that is said. */
function judge(entries: readonly Entry[], attempts: readonly number[], type = 'job'): string[] {
  const history = entries.map(([event, state, more], i): HistoryEntry => ({ v: i + 1, at: i, event, state, ...more }))
  const runs = [...new Set(entries.flatMap(([event]) => (event.type === 'claim' ? [event.dispatch as number] : [])))]
  const effects = runs.map((run, i): Effect => ({ job: 'a', run, attempt: attempts[i] ?? 1, what: 'start', where: 'h1' }))
  return notAllowed(effects, [{ doc: { _id: `${type}:a`, type }, history }])
}
const stateless = (entries: readonly Entry[]) => entries.map(([event, , more]): Entry => [event, undefined, more])

const test = suite('the judge of starts and ends: R1 R2 E9')

const allowed: [name: string, entries: Entry[], attempts: number[]][] = [
  ['one run', [submit(), claim(1), ok(1)], [1]],
  ['a claim that is said again', [submit(), claim(1), claim(1), ok(1)], [1]],
  ['as often as there are attempts', [submit(), claim(1), fail(1), claim(2), lost(2, true), claim(3), ok(3)], [1, 2, 3]],
  [
    'given back and not begun',
    [submit(1), claim(1), result(1, 'back', 'queued'), claim(2), result(2, 'unbegun', 'queued'), claim(3), ok(3)],
    [],
  ],
  ['lost three times without having begun', [submit(1), ...[1, 2, 3].flatMap((n) => [claim(n), lost(n, false)]), claim(4), ok(4)], []],
  [
    'three times again, after a failure',
    [...[1, 2, 3].flatMap((n) => [claim(n), lost(n, false)]), claim(4), fail(4), claim(5), lost(5, false), claim(6), ok(6)],
    [1, 1, 1, 1, 2, 2],
  ],
  [
    'unseen once more than is free, with an attempt left',
    [submit(2), ...[1, 2, 3, 4].flatMap((n) => [claim(n), lost(n, false)]), claim(5), ok(5)],
    [1, 1, 1, 1, 2],
  ],
  ['a success that was thought lost', [submit(), claim(1), lost(1, true), ok(1)], [1]],
  ['a failure that was thought lost: one attempt', [submit(2), claim(1), lost(1, true), fail(1, 'queued'), claim(2), ok(2)], [1, 2]],
  ['a late result that changes nothing', [submit(), claim(1), lost(1, true), claim(2), superseded(ok(1), 'running'), ok(2)], [1, 2]],
  ['suspended and entered again', [submit(1), claim(1), result(1, 'suspend', 'suspended'), word('resume', 'queued'), claim(2), ok(2)], []],
  ['a success while it was being cancelled', [submit(), claim(1), word('cancel', 'cancelling'), ok(1)], [1]],
  [
    'a retry after a failure for good',
    [
      submit(1),
      claim(1),
      fail(1, 'failed'),
      word('retry', 'queued'),
      claim(2),
      fail(2, 'failed'),
      word('redrive', 'queued'),
      claim(3),
      ok(3),
    ],
    [],
  ],
  [
    'a member whose group says again',
    [submit(1), claim(1), fail(1, 'failed'), word('retry', 'failed'), word('again', 'queued'), claim(2), ok(2)],
    [],
  ],
  ['cancelled, and retried', [submit(), word('cancel', 'cancelled'), word('retry', 'queued'), claim(1), ok(1)], [1]],
  ['held, and retried', [submit(1, 'hold'), claim(1), lost(1, true, 'held'), word('retry', 'queued'), claim(2), ok(2)], []],
  ['held, and done by hand', [submit(1, 'hold'), claim(1), lost(1, true, 'held'), word('done', 'succeeded')], [1]],
  ['held, and its failure came after all', [submit(2, 'hold'), claim(1), lost(1, true, 'held'), fail(1), claim(2), ok(2)], [1, 2]],
  [
    'held, and its worker gave it back after all',
    [submit(1, 'hold'), claim(1), lost(1, true, 'held'), result(1, 'back', 'queued'), claim(2), ok(2)],
    [],
  ],
]
for (const [name, entries, attempts] of allowed)
  test(`allowed: ${name}`, () => {
    assert.equal(judge(entries, attempts), [])
    assert.equal(judge(stateless(entries), attempts), [], 'where only events are known')
  })

const wrong: [name: string, entries: Entry[], attempts: number[], says: RegExp][] = [
  ['a run while another is open', [submit(), claim(1), claim(2), ok(2)], [], /run 2 was granted while run 1 was open/],
  ['the same run for another worker', [submit(), claim(1), claim(1, 'v'), ok(1)], [], /run 1 was granted while run 1 was open/],
  ['the same run once more', [submit(), claim(1), lost(1, false), claim(1), ok(1)], [], /run 1 was granted again/],
  [
    'unseen, and free once more after an attempt',
    [submit(1), ...[1, 2, 3, 4].flatMap((n) => [claim(n), lost(n, false)]), claim(5)],
    [],
    /run 5 was granted, and its 1 attempts were used/,
  ],
  [
    'a run after a success',
    [submit(), claim(1), result(1, 'ok', 'queued'), claim(2), ok(2)],
    [],
    /run 2 was granted, and it had succeeded/,
  ],
  [
    'a retry after a success',
    [submit(), claim(1), ok(1), word('retry', 'queued'), claim(2), ok(2)],
    [],
    /run 2 was granted, and it had succeeded/,
  ],
  ['a run after a cancel', [submit(), word('cancel', 'cancelled'), claim(1)], [], /run 1 was granted, and it was cancelled/],
  [
    'a run after a cancel that it was told of',
    [submit(), claim(1), word('cancel', 'cancelling'), fail(1, 'queued'), claim(2), ok(2)],
    [1, 2],
    /run 2 was granted, and it was cancelled/,
  ],
  [
    'a retry that only asks its group',
    [submit(1), claim(1), fail(1, 'failed'), word('retry', 'failed'), claim(2), ok(2)],
    [1, 2],
    /run 2 was granted, and it was failed/,
  ],
  [
    'a run after its deadline',
    [submit(), claim(1), fail(1), word('xstate.after.untilOverdue.job.pending', 'failed'), claim(2), ok(2)],
    [1, 2],
    /run 2 was granted, and it was failed/,
  ],
  [
    'a run after what it must not try again',
    [submit(), claim(1), result(1, 'fail', 'backoff', { terminal: true }), claim(2), ok(2)],
    [1, 2],
    /run 2 was granted, and it had failed for good/,
  ],
  [
    'a held job that runs by itself',
    [submit(3, 'hold'), claim(1), lost(1, true), claim(2), ok(2)],
    [],
    /run 2 was granted, and it was held/,
  ],
  [
    'an aborted job that runs by itself',
    [submit(3, 'abort'), claim(1), lost(1, true), claim(2), ok(2)],
    [],
    /run 2 was granted, and it was aborted/,
  ],
  [
    'more failures than attempts',
    [submit(2), claim(1), fail(1), claim(2), fail(2), claim(3), ok(3)],
    [1, 2, 3],
    /run 3 was granted, and its 2 attempts were used/,
  ],
  [
    'more losses than attempts',
    [submit(2), claim(1), lost(1, true), claim(2), lost(2, true), claim(3), ok(3)],
    [1, 2, 3],
    /run 3 was granted, and its 2 attempts were used/,
  ],
  [
    'a fourth loss in a row without a beginning, for nothing',
    [submit(1), ...[1, 2, 3, 4].flatMap((n) => [claim(n), lost(n, false)]), claim(5), ok(5)],
    [1, 1, 1, 1, 2],
    /run 5 was granted, and its 1 attempts were used/,
  ],
  [
    'another attempt than it was told',
    [submit(), claim(1), fail(1), claim(2), ok(2)],
    [1, 1],
    /a 2 started as attempt 1, and is attempt 2/,
  ],
  ['a result that counts twice', [submit(), claim(1), ok(1), ok(1)], [], /the result of run 1 counted, and it was not the current one/],
  [
    'an old result that counts',
    [submit(), claim(1), lost(1, true), claim(2), ok(1)],
    [1, 2],
    /the result of run 1 counted, and it was not the current one/,
  ],
]
for (const [name, entries, attempts, says] of wrong) {
  test(`not allowed: ${name}`, () => assert.match(judge(entries, attempts).join('; '), says))
  if (entries.every(([event]) => !event.type.startsWith('xstate') && event.type !== 'retry'))
    test(`not allowed: ${name}, where only events are known`, () => assert.match(judge(stateless(entries), attempts).join('; '), says))
}

test('not allowed: a start twice, and one without a grant', () => {
  const start = (run: number): Effect => ({ job: 'a', run, attempt: 1, what: 'start', where: 'h1' })
  const [event] = claim(1)
  const docs = [{ doc: { _id: 'job:a', type: 'job' }, history: [{ v: 1, at: 0, event, state: 'running' }] }]
  assert.equal(notAllowed([start(1), start(1), start(2)], docs), ['a 1 started 2 times', 'a 2 started without a grant'])
})

test('not allowed: an end with a run open', () => {
  const entries = [submit(), claim(1), word('xstate.after.untilOverdue.job.pending', 'failed')]
  assert.equal(judge(entries, []), ['job:a: it is failed with run 1 open'])
})

test('one final state each, unless somebody says that it goes on', () => {
  const twice = [submit(), claim(1), ok(1), word('reconcile', 'queued')]
  assert.equal(judge(twice, []), ['job:a: it was succeeded, and is queued by reconcile'])
  const other = [submit(), word('cancel', 'cancelled'), word('predecessorEnded', 'failed')]
  assert.equal(judge(other, []), ['job:a: it was cancelled, and is failed by predecessorEnded'])
  const ended = (state: string) => word('ended', state)
  const group = [word('submit', 'open'), ended('output'), ended('failed')]
  assert.equal(judge([...group, ended('succeeded')], [], 'group'), ['group:a: it was failed, and is succeeded by ended'])
  assert.equal(judge([...group, word('retry', 'output'), ended('succeeded')], [], 'group'), [])
  const chain = [word('start', 'running'), ended('failed')]
  assert.equal(judge([...chain, ended('running'), ended('succeeded')], [], 'chain'), ['chain:a: it was failed, and is running by ended'])
  assert.equal(judge([...chain, word('restart', 'running'), ended('succeeded')], [], 'chain'), [])
})
test.run()
