import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type GroupContext, group } from '../../actors/group.ts'
import { contentOf } from '../../actors/job.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import { given, type Result } from '../../src/testing/given.ts'
import { cancel, chanceOf, ended, member, members, outputEnded, seedOf, submitGroup } from './events.ts'

const test = suite('group, row by row: R1 R2 R3 R4 R7 Q40 Q41 Q42 Q43 Q44 Q45 Q46')

const fresh = given('group', { address: 'group:g' })
const open = (count: number, options = {}, seal = false) => fresh.events([submitGroup(members(count), options, seal)])
const sealed = (count: number, options = {}) => open(count, options, true)
const known = (...keys: string[]) => Object.fromEntries(keys.map((key) => [`job:g/${key}`, peer()]))
const peer = (value: unknown = 1, isMember = true) => ({ content: contentOf('work', { value }), member: isMember })

/** What it sends, in short: `submit job:g/k0`. */
const sent = ({ sends }: Pick<Result, 'sends'>) => sends.map(({ to, event }) => `${event.type} ${to}`)
const counts = ({ context }: Result) => (context as unknown as GroupContext).members.counts
const why = ({ document }: Result) => group.why(document.snapshot, 0).map(({ code }) => code)

// ---- none, awaited ----------------------------------------------------------------------------------------------------

test('none: ended(k) → awaited, stuck until it is submitted (R4, R7, Q41)', () => {
  const result = fresh.when(ended('k0', undefined)).then({ state: 'awaited', context: { early: { k0: 'succeeded' } } })
  assert.equal(why(result), ['GROUP_UNKNOWN'])
})
test('awaited: submit → open; each member is submitted, and the one that has ended says so again (Q41)', () => {
  const before = fresh.events([ended('k0', undefined)]).knowing({ 'job:g/k0': peer(1, false) })
  const result = before.when(submitGroup(members(2)))
  assert.equal([result.state, sent(result)], ['open', ['submit job:g/k0', 'submit job:g/k1']])
  result.and.when(ended('k0', 0)).then({ state: 'open' }).and.when(ended('k1', 1)).then({ state: 'output' })
})
test('awaited: add and seal are refused, not swallowed', () => {
  for (const event of [{ type: 'add', members: [member('k1')] }, { type: 'seal' }])
    fresh
      .events([ended('k0', undefined)])
      .when(event)
      .then({ state: 'awaited', rejected: { code: 'NOT_ALLOWED' } })
})
test('none: the end of a member with a place begins no group: its group was deleted', () => {
  fresh.when(ended('k0', 0)).then({ rejected: { code: 'NOT_ALLOWED' } })
})
test('none: submit → open, one submit for each member, with its place', () => {
  const result = fresh.when(submitGroup(members(2), {}, false)).then({
    state: 'open',
    timers: [],
    sends: [{ to: 'job:g/k0', event: { member: { group: 'group:g', key: 'k0', index: 0, round: 0 }, window: undefined } }, {}],
  })
  assert.equal(why(result), ['NOT_SEALED', 'MEMBERS'])
})
test('none: submit with sealBy → open, with a timer', () => {
  fresh.when(submitGroup(members(1), { sealBy: 5000 }, false)).then({ state: 'open', timers: [{ at: 5000 }] })
})
test('none: submit of no members, sealed → at once output, succeeded or cancelled (R3)', () => {
  fresh.when(submitGroup([])).then({ state: 'output', sends: [{ to: 'job:g/output', event: { type: 'submit', group: { total: 0 } } }] })
  fresh.when(submitGroup([], { output: undefined })).then({ state: 'succeeded', sends: [] })
  fresh.when(submitGroup([], { when: 'all-succeeded' })).then({ state: 'output' })
  fresh
    .events([submitGroup([], {}, false)])
    .when(cancel)
    .then({ state: 'cancelled', sends: [] })
})
test('none: submit with a key that is taken by other work → refused, nothing is created', () => {
  fresh
    .knowing({ 'job:g/k1': peer(2) })
    .when(submitGroup(members(2)))
    .then({ rejected: { code: 'CONFLICT' }, sends: [] })
})

// ---- open: add --------------------------------------------------------------------------------------------------------

test('open: only the last of several pieces seals', () => {
  const first = fresh.when({ type: 'submit', options: {}, members: members(2) }).then({ context: { sealed: false } }).and
  const second = first.when({ type: 'add', members: members(2, 2) }).then({ context: { sealed: false }, rejected: undefined }).and
  second.when({ type: 'add', members: members(1, 4), seal: true }).then({ context: { sealed: true, members: { total: 5 } } })
})
test('open: add(k), key known → the same answer, nothing follows (Q40, R7)', () => {
  for (const before of [open(2), sealed(2)])
    before
      .knowing(known('k0', 'k1'))
      .when({ type: 'add', members: members(2) })
      .then({ state: 'open', rejected: undefined, sends: [], context: { members: { total: 2 } } })
})
test('add(k), key known → the same answer in every later state', () => {
  for (const events of [[], [outputEnded()], [outputEnded('failed')], [outputEnded('cancelled')]])
    sealed(1)
      .events([ended('k0', 0), ...events])
      .knowing(known('k0'))
      .when({ type: 'add', members: members(1), seal: true })
      .then({ rejected: undefined, sends: [] })
})
test('open: the same submit again → the same group; other options → conflict', () => {
  const before = sealed(2).knowing(known('k0', 'k1'))
  before.when(submitGroup(members(2))).then({ rejected: undefined, sends: [], context: { members: { total: 2 } } })
  before.when(submitGroup(members(2), { when: 'all-succeeded' })).then({ rejected: { code: 'CONFLICT' }, sends: [] })
})
test('open: add(k), key known with other content → conflict, nothing of it is added', () => {
  open(1)
    .knowing({ 'job:g/k0': peer() })
    .when({ type: 'add', members: [member('new'), member('k0', 2)] })
    .then({ rejected: { code: 'CONFLICT' }, sends: [], context: { members: { total: 1 } } })
})
test('open: a key twice in one piece: the same content is one member, other content a conflict', () => {
  const twice = open(0)
    .when({ type: 'add', members: [member('a'), member('a')] })
    .then({ context: { members: { total: 1 } } })
  assert.equal(sent(twice), ['submit job:g/a'])
  open(0)
    .when({ type: 'add', members: [member('a'), member('a', 2)] })
    .then({ rejected: { code: 'CONFLICT' }, sends: [] })
})
test('open: add(k), sealed → refused (Q40)', () => {
  sealed(1)
    .knowing(known('k0'))
    .when({ type: 'add', members: members(2) })
    .then({ rejected: { code: 'NOT_ALLOWED' }, sends: [] })
})
test('open: add(k) after cancel-rest → recorded as cancelled: it never starts (Q44)', () => {
  const result = open(2, { onMemberFailure: 'cancel-rest' })
    .events([ended('k0', 0, 'failed')])
    .when({ type: 'add', members: [member('late')] })
    .then({ sends: [{ event: { type: 'submit', window: true } }, { event: { type: 'cancel' } }] })
  assert.equal(sent(result), ['submit job:g/late', 'cancel job:g/late'])
  // and its job: waiting, never offered, cancelled
  const [submit, stop] = result.sends
  given('job', { address: 'job:g/late' })
    .when(submit!.event)
    .then({ state: 'waiting', offers: [] })
    .and.when(stop!.event)
    .then({ state: 'cancelled', offers: [] })
})
test('open: add(k), else → wait, started by the window (Q45)', () => {
  const result = open(1, { concurrency: 2 }).when({ type: 'add', members: members(3, 1) })
  assert.equal(sent(result), ['submit job:g/k1', 'submit job:g/k2', 'submit job:g/k3', 'begin job:g/k1'])
})

// ---- open: ends, window, cancel --------------------------------------------------------------------------------------

test('open: ended(k) → open, and the window goes on (Q45)', () => {
  const before = sealed(4, { concurrency: 2 })
  const result = before.when(ended('k1', 1))
  assert.equal([result.state, sent(result), counts(result).succeeded], ['open', ['begin job:g/k2'], 1])
})
test('open: ends told as one do what they do one after the other', () => {
  const chance = chanceOf(seedOf('ends told as one'))
  for (let i = 0; i < 200; i++) {
    const count = 1 + chance.below(12)
    const options = {
      concurrency: chance.pick([undefined, 1, 3]),
      onMemberFailure: chance.pick(['continue', 'cancel-rest']),
      when: chance.pick(['all-finished', 'all-succeeded']),
    }
    const before = open(count, options, chance.pick([true, false])).events([
      ended('k0', 0, 'failed'),
      { type: 'retry', key: 'k0', index: 0 },
    ])
    const ends = Array.from({ length: 2 + chance.below(count) }, () => {
      const place = chance.below(count)
      return ended(`k${place}`, place, chance.pick(['succeeded', 'failed', 'cancelled', 'aborted']), chance.below(2))
    })
    let oneByOne = before.when(ends[0]!)
    const sends = [...oneByOne.sends]
    for (const end of ends.slice(1)) {
      oneByOne = oneByOne.and.when(end)
      sends.push(...oneByOne.sends)
    }
    const asOne = before.when(group.joined!.as(ends))
    assert.equal([asOne.state, asOne.context, asOne.sends], [oneByOne.state, oneByOne.context, sends], JSON.stringify({ options, ends }))
  }
})
test('only ends of members are told as one: that of the output is looked for, and one without a place may begin a group', () => {
  const may = (event: ActorEvent) => group.joined!.may(event)
  assert.equal([ended('k0', 0), outputEnded(), ended('k0', undefined), cancel].map(may), [true, false, false, false])
})
test('ends told as one mean nothing where each of them means nothing', () => {
  const ends = group.joined!.as([ended('k0', 0), ended('k1', 1)])
  sealed(0).when(ends).then({ state: 'output', rejected: undefined, sends: [] })
  sealed(0).events([outputEnded()]).when(ends).then({ state: 'succeeded', rejected: undefined, sends: [] })
  fresh.when(ends).then({ rejected: { code: 'NOT_ALLOWED' } })
})
test('open: an end said twice, or of an earlier round, changes nothing', () => {
  const before = sealed(2).events([ended('k0', 0, 'failed')])
  for (const event of [ended('k0', 0), ended('k0', 0, 'failed')])
    assert.equal(counts(before.when(event)), { succeeded: 0, failed: 1, cancelled: 0 })
  const again = before.events([{ type: 'retry', key: 'k0', index: 0 }])
  assert.equal(counts(again.when(ended('k0', 0, 'failed', 0))), { succeeded: 0, failed: 0, cancelled: 0 })
  assert.equal(counts(again.when(ended('k0', 0, 'succeeded', 1))), { succeeded: 1, failed: 0, cancelled: 0 })
})
test('open: ended(k) failed and cancel-rest → the others are cancelled, once (Q46)', () => {
  const before = sealed(4, { concurrency: 2, onMemberFailure: 'cancel-rest' })
  const result = before.when(ended('k1', 1, 'failed'))
  assert.equal(sent(result), ['cancel job:g/k0', 'cancel job:g/k2', 'cancel job:g/k3'])
  assert.equal(sent(result.and.when(ended('k0', 0, 'failed'))), [])
})
test('open: cancelled members do not set off cancel-rest', () => {
  assert.equal(sent(sealed(3, { onMemberFailure: 'cancel-rest' }).when(ended('k0', 0, 'cancelled'))), [])
})
test('open: retry(k), k failed, not cancelling → unfinished again, by the window (Q42)', () => {
  const result = sealed(2)
    .events([ended('k0', 0, 'failed')])
    .when({ type: 'retry', key: 'k0', index: 0 })
  assert.equal(sent(result), ['again job:g/k0'])
  result.and
    .events([ended('k1', 1)])
    .when(ended('k0', 0, 'succeeded', 1))
    .then({ state: 'output' })

  const full = sealed(3, { concurrency: 1 }).events([ended('k0', 0, 'failed')])
  const waits = full.when({ type: 'retry', key: 'k0', index: 0 }).then({ sends: [{ event: { type: 'again', round: 1, window: true } }] })
  assert.equal(sent(waits.and.when(ended('k1', 1))), ['begin job:g/k0'], 'retried ones go first')
})
/** What the member is told, for whoever asked it to run again. */
const refusal = (message: RegExp) => (result: Result) => {
  const [{ to, event }] = result.sends as [Result['sends'][number]]
  assert.equal([result.sends.length, to, event.type, event.code], [1, 'job:g/k0', 'notAgain', 'NOT_ALLOWED'])
  assert.match(event.message as string, message)
}
test('open: retry(k) of one that did not fail, or while the rest is cancelled → refused (Q42)', () => {
  sealed(2)
    .events([ended('k0', 0, 'cancelled')])
    .when({ type: 'retry', key: 'k0', index: 0, round: 0, state: 'cancelled' })
    .then(refusal(/job:g\/k0 is not run again: it is cancelled, and only failed members run again\. Submit the same work/))
  sealed(3, { onMemberFailure: 'cancel-rest' })
    .events([ended('k0', 0, 'failed')])
    .when({ type: 'retry', key: 'k0', index: 0, round: 0, state: 'failed' })
    .then(refusal(/the rest of group:g is being cancelled/))
})
test('open: retry(k) of one that is to run again already, or said again later → its present round: nothing new', () => {
  const asked = { type: 'retry', key: 'k0', index: 0, round: 0, state: 'failed' }
  const before = sealed(3)
    .events([ended('k0', 0, 'failed'), asked])
    .when(asked)
    .then({ sends: [{ to: 'job:g/k0', event: { type: 'again', round: 1 } }], context: { members: { counts: { failed: 0 } } } }).and
  before
    .events([ended('k0', 0, 'failed', 1)])
    .when(asked)
    .then({ sends: [{ event: { type: 'again', round: 1 } }], context: { members: { counts: { failed: 1 } } } })
})
test('output and final: retry(k) of a member → refused: its output is made', () => {
  const before = sealed(1).events([ended('k0', 0, 'failed')])
  for (const events of [[], [outputEnded()], [outputEnded('failed')], [outputEnded('cancelled')]])
    before
      .events(events)
      .when({ type: 'retry', key: 'k0', index: 0, round: 0, state: 'failed' })
      .then(refusal(/group:g no longer waits for its members\. Submit the same work under another id/))
})
test('open: a member whose id is taken by other work counts as failed (G6)', () => {
  const result = sealed(1)
    .when(ended('k0', 0, 'refused'))
    .then({ state: 'output' })
  assert.is(counts(result).failed, 1)
})
test('open: seal, sealBy → open, or as complete', () => {
  open(1)
    .when({ type: 'seal' })
    .then({ state: 'open', context: { sealed: true } })
  open(1)
    .events([ended('k0', 0)])
    .when({ type: 'seal' })
    .then({ state: 'output' })
  open(1, { sealBy: 5000 })
    .events([ended('k0', 0)])
    .whenPasses('5s')
    .then({ state: 'output' })
  open(1, { sealBy: 5000 })
    .when({ type: 'seal' })
    .then(({ untimed }) => assert.is(untimed.length, 1))
    .and.whenPasses('1h')
    .then({ state: 'open', context: { sealed: true } })
  sealed(1).when({ type: 'seal' }).then({ state: 'open', rejected: undefined })
})
test('open: cancel → sealed, cancelled, as cancel-rest', () => {
  const result = open(3, { concurrency: 1, sealBy: 100 })
    .events([ended('k0', 0)])
    .when(cancel)
    .then({ state: 'open', context: { sealed: true, cancelled: true } })
  assert.equal(sent(result), ['cancel job:g/k1', 'cancel job:g/k2'])
  assert.equal(sent(result.and.when(cancel)), [])
  result.and
    .when({ type: 'add', members: [member('late')] })
    .then({ rejected: { code: 'NOT_ALLOWED' } })
    .and.events([ended('k1', 1, 'cancelled')])
    .when(ended('k2', 2))
    .then({ state: 'cancelled', status: 'done', sends: [] })
})

// ---- complete ---------------------------------------------------------------------------------------------------------

test('complete: output is created in the write that applies the last end (Q43), with the counts', () => {
  const before = sealed(3).events([ended('k0', 0), ended('k1', 1, 'failed')])
  const result = before.when(ended('k2', 2, 'cancelled')).then({
    state: 'output',
    sends: [
      {
        to: 'job:g/output',
        event: {
          type: 'submit',
          job: 'bind',
          member: { group: 'group:g', key: 'output', index: -1, round: 0 },
          group: { id: 'g', total: 3, succeeded: 1, failed: 1, cancelled: 1 },
        },
      },
    ],
  })
  assert.equal(why(result), ['OUTPUT'])
})
test('complete: cancelled → cancelled; all-succeeded and one did not → failed; without output → succeeded', () => {
  sealed(1, { when: 'all-succeeded' })
    .when(ended('k0', 0, 'failed'))
    .then({ state: 'failed', sends: [] })
  sealed(1, { when: 'all-succeeded' })
    .when(ended('k0', 0, 'cancelled'))
    .then({ state: 'failed', sends: [] })
  sealed(1, { when: 'all-succeeded' }).when(ended('k0', 0)).then({ state: 'output' })
  sealed(1, { output: undefined })
    .when(ended('k0', 0, 'failed'))
    .then({ state: 'succeeded', sends: [] })
  sealed(1).events([cancel]).when(ended('k0', 0)).then({ state: 'cancelled', sends: [] })
})
test('complete is never before the seal', () => {
  open(1).when(ended('k0', 0)).then({ state: 'open', sends: [] })
})

// ---- output -----------------------------------------------------------------------------------------------------------

const making = sealed(1).events([ended('k0', 0)])
test('output: output ended → as it ended', () => {
  for (const [state, as] of [
    ['succeeded', 'succeeded'],
    ['failed', 'failed'],
    ['aborted', 'failed'],
    ['cancelled', 'cancelled'],
    ['refused', 'failed'],
  ])
    making.when(outputEnded(state)).then({ state: as, status: 'done', context: { outputEnded: { state } } })
})
test('output: an end of a member, a seal, a page change nothing', () => {
  for (const event of [ended('k0', 0, 'failed'), { type: 'seal' }, { type: 'page', for: 'cancel', first: 0, body: [] }])
    making.when(event).then({ state: 'output', sends: [], rejected: undefined })
})
test('output: cancel → its output is cancelled', () => {
  assert.equal(sent(making.when(cancel).then({ state: 'output' })), ['cancel job:g/output'])
})
test('failed or cancelled by its output: an operator retries the output, and the group ends as that ends', () => {
  for (const state of ['failed', 'cancelled', 'aborted']) {
    const again = making
      .events([outputEnded(state)])
      .when({ type: 'retry', key: 'output', index: -1 })
      .then({ state: 'output', status: 'active', sends: [{ to: 'job:g/output', event: { type: 'again', round: 1 } }] }).and
    again
      .when({ type: 'retry', key: 'output', index: -1, round: 0, state })
      .then({ state: 'output', sends: [{ event: { type: 'again', round: 1 } }] })
    again.when(outputEnded(state, 0)).then({ state: 'output' })
    again.when(outputEnded('succeeded', 1)).then({ state: 'succeeded' })
    again
      .events([outputEnded('failed', 1)])
      .when({ type: 'retry', key: 'output', index: -1 })
      .then({ state: 'output', sends: [{ event: { round: 2 } }] })
  }
})
test('an old retry of the output, heard again → its present round: nothing new', () => {
  const asked = { type: 'retry', key: 'output', index: -1, round: 0, state: 'failed' }
  const again = making.events([outputEnded('failed'), asked])
  for (const state of ['succeeded', 'failed'])
    again
      .events([outputEnded(state, 1)])
      .when(asked)
      .then({ state, sends: [{ to: 'job:g/output', event: { type: 'again', round: 1 } }] })
})
test('final: cancel is not possible, and says so', () => {
  making
    .events([outputEnded()])
    .when(cancel)
    .then({ state: 'succeeded', rejected: { code: 'NOT_ALLOWED' } })
})

test.run()
