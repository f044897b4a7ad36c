import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { given } from '../../src/testing/given.ts'
import { cancel, claim, lost, memberOf, result, retry, submit } from './events.ts'

const test = suite('a dead letter is redriven or dropped: E13 G1 Q42')

const redrive = (end?: number, value?: unknown, job = 'work') => ({
  type: 'redrive',
  end,
  ...(value === undefined ? {} : { input: { value }, job }),
})
const drop = (end?: number) => ({ type: 'drop', end })
const fresh = given('job', { address: 'job:j' })
const failed = fresh.events([submit({ attempts: 1 }), claim(), result('fail')])
const member = fresh.events([submit({ attempts: 1 }, { member: memberOf('j', 3) }), claim(), result('fail')])
const ofMember = { to: 'group:g', event: { type: 'retry', key: 'j', index: 3, round: 0, state: 'failed' } }

test('failed, aborted → queued: d + 1, attempts anew, its input stays', () => {
  const again = { state: 'queued', offers: [{ dispatch: 2 }], context: { attempts: { used: 0 }, input: { value: 1 }, error: undefined } }
  failed.when(redrive(1)).then(again)
  failed.when(redrive()).then(again)
  fresh
    .events([submit({ onLost: 'abort' }), claim(), lost()])
    .when(redrive(1))
    .then(again)
})
test('with an edited input: the run gets it; submitted as at first it is still the same job', () => {
  const edited = failed.events([redrive(1, 2)])
  edited.when(claim(2)).then({ grants: [{ input: { value: 2 }, attempt: 1 }] })
  edited.when(submit({ attempts: 1 })).then({ rejected: undefined })
})
test('asked twice it runs once, also when it has failed again', () => {
  const once = failed.events([redrive(1)])
  for (const now of [once, once.events([claim(2)]), once.events([claim(2), result('fail', 2)]), once.events([claim(2), result('ok', 2)])])
    now.when(redrive(1)).then(({ rejected, offers }) => assert.equal([rejected, offers], [undefined, []]))
  once
    .events([claim(2), result('fail', 2)])
    .when(redrive(2))
    .then({ state: 'queued', offers: [{ dispatch: 3 }] })
})
test('asked again with another input: a conflict; with the same, or with none, it is the same', () => {
  for (const now of [failed.events([redrive(1, 2)]), failed.events([redrive(1, 2), claim(2), result('fail', 2)])]) {
    now.when(redrive(1, 3)).then({ rejected: { code: 'CONFLICT' }, offers: [] })
    now.when(redrive(1, 2)).then({ rejected: undefined, offers: [] })
    now.when(redrive(1)).then({ rejected: undefined, offers: [] })
  }
})
test('what is no dead letter: refused', () => {
  for (const events of [[submit()], [submit(), claim()], [submit(), claim(), result('ok')], [submit(), cancel]])
    for (const event of [redrive(), redrive(1), drop()])
      fresh
        .events(events)
        .when(event)
        .then({ rejected: { code: 'NOT_ALLOWED' }, offers: [] })
  failed.when(redrive(7)).then({ state: 'failed', rejected: { code: 'NOT_ALLOWED' } })
})
test('an input of another definition, or of what was suspended and resumed: refused', () => {
  failed.when(redrive(1, 2, 'other')).then({ state: 'failed', rejected: { code: 'VALIDATION' } })
  const suspend = { until: ['bank'], need: 1 }
  const resumed = fresh.events([
    submit({ attempts: 1, callbacks: ['bank'] }),
    claim(),
    result('suspend', 1, 'w', { suspend }),
    { type: 'resume', name: 'bank', value: { value: 1 } },
    claim(2),
    result('fail', 2),
  ])
  resumed.when(redrive(2, 5)).then({ state: 'failed', rejected: { code: 'NOT_ALLOWED' } })
  resumed.when(redrive(2)).then({ state: 'queued' })
})
test('a member asks its group, and keeps its edited input until that has decided', () => {
  const asked = member.when(redrive(1, 2)).then({ state: 'failed', sends: [ofMember] }).and
  asked.when(redrive(1, 3)).then({ rejected: { code: 'CONFLICT' }, sends: [] })
  asked.when(redrive(1, 2)).then({ state: 'failed', sends: [ofMember] })
  asked.when({ type: 'again', round: 1 }).then({ state: 'queued', context: { input: { value: 2 } } })
  const refused = asked.when({ type: 'notAgain', code: 'NOT_ALLOWED', message: 'closed' }).then({ rejected: { code: 'NOT_ALLOWED' } }).and
  refused.when({ type: 'again', round: 1 }).then({ state: 'queued', context: { input: { value: 1 } } })
  refused.when(redrive(1, 3)).then({ sends: [ofMember] })
})
test('an end that there was not, or that it has run since, is refused, and the last one is told', () => {
  const message = (type: string, end: number) =>
    `${type} is not possible: job:j did not end as @${end}, or has run again since; at last it ended as job:j@`
  for (const asked of [redrive(5), drop(5)])
    failed.when(asked).then({ state: 'failed', rejected: { code: 'NOT_ALLOWED', message: `${message(asked.type, 5)}1.` } })
  failed
    .events([redrive(1), claim(2), result('fail', 2)])
    .when(drop(1))
    .then({ state: 'failed', rejected: { code: 'NOT_ALLOWED', message: `${message('drop', 1)}2.` } })
})
test('dropped: as it ended, and not redriven any more; a retry runs it all the same', () => {
  failed.when(drop(7)).then({ rejected: { code: 'NOT_ALLOWED' } })
  const dropped = failed.when(drop(1)).then({ state: 'failed', context: { dropped: true } }).and
  dropped.when(drop(1)).then({ rejected: undefined, context: { dropped: true } })
  dropped.when(redrive(1)).then({ state: 'failed', rejected: { code: 'NOT_ALLOWED' } })
  dropped
    .events([retry])
    .when(claim(2))
    .then({ context: { dropped: undefined } })
})
test.run()
