import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseCommand } from '../../src/command.ts'
import { ms } from '../../src/duration.ts'
import {
  ConflictError,
  isStellwerkError,
  JobFailedError,
  NotAllowedError,
  RetryAt,
  StellwerkError,
  TerminalError,
  UnavailableError,
  ValidationError,
} from '../../src/errors.ts'

const test = suite('durations, commands, errors: E1')

const issuesOf = (body: unknown): string[] => {
  try {
    parseCommand(body)
    return []
  } catch (error) {
    assert.ok(isStellwerkError(error, 'VALIDATION'), String(error))
    return (error as ValidationError).issues.map(({ path }) => path.join('.'))
  }
}

test('durations: whole milliseconds, or text with a unit', () => {
  const given = [0, 1.5, '250ms', '30s', '5m', '1h', '2d', '1.5h', '1.0007s']
  assert.equal(
    given.map((duration) => ms(duration, 'x')),
    [0, 2, 250, 30_000, 300_000, 3_600_000, 172_800_000, 5_400_000, 1001],
  )
})
test('durations: anything else is refused by name', () => {
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, '', '5', '5 minutes', '-5m', '1e3ms', 'm', '5M', null, undefined, {}])
    try {
      ms(wrong as never, 'sealBy')
      assert.unreachable(String(wrong))
    } catch (error) {
      assert.ok(isStellwerkError(error, 'VALIDATION'))
      assert.match((error as Error).message, /^sealBy: /)
    }
})

test('commands: each that the client has', () => {
  for (const body of [
    { to: 'job:a', type: 'submit', job: 'work', input: { n: 1 } },
    { to: 'job:a', type: 'submit', job: 'work', startAt: '2026-11-23T16:00:00+01:00', priority: 9, labels: { a: 'b' }, id: '1' },
    { to: 'group:a', type: 'submit', members: [{ key: 'k', job: 'work' }], output: { job: 'bind' }, concurrency: 2, seal: false },
    { to: 'group:a', type: 'add', members: [{ key: 'k', job: 'work', input: 1 }], seal: true },
    { to: 'group:a', type: 'seal' },
    { to: 'group:a', type: 'cancel', reason: 'no longer needed' },
    { to: 'job:a/output', type: 'cancel' },
    { to: 'job:a/output', type: 'retry' },
  ])
    assert.equal(issuesOf(body), [], JSON.stringify(body))
})
test('commands: what is wrong is named, field by field', () => {
  assert.equal(issuesOf({ to: 'job:a b', type: 'submit', job: 'work' }), ['to'])
  assert.equal(issuesOf({ to: 'job:a', type: 'submit', job: 'work', priority: 10 }), ['priority'])
  assert.equal(issuesOf({ to: 'group:a', type: 'submit', members: [{ key: 'output', job: 'work' }] }), ['members.0.key'])
  assert.equal(issuesOf({ to: 'group:a', type: 'add', members: [{ key: 'a/b', job: 'work' }] }), ['members.0.key'])
  for (const body of [undefined, null, 7, 'submit', [], {}, { type: 'grant', to: 'job:a' }, { type: 'again', to: 'job:a', round: 1 }])
    assert.ok(issuesOf(body).length, JSON.stringify(body))
})

test('errors: a code, a name, a cause, and a test that needs no instanceof', () => {
  const cause = new Error('below')
  const all = [
    [new ValidationError('x', [{ path: ['a'], message: 'm' }]), 'VALIDATION', 'ValidationError'],
    [new ConflictError('x'), 'CONFLICT', 'ConflictError'],
    [new NotAllowedError('x'), 'NOT_ALLOWED', 'NotAllowedError'],
    [new JobFailedError('x', { cause }), 'JOB_FAILED', 'JobFailedError'],
    [new UnavailableError('x', { cause, nobody: true }), 'UNAVAILABLE', 'UnavailableError'],
    [new TerminalError('x'), 'TERMINAL', 'TerminalError'],
    [new RetryAt('2026-11-23T16:00:00Z'), 'RETRY_AT', 'RetryAt'],
  ] as const
  for (const [error, code, name] of all) {
    assert.equal([error.code, error.name], [code, name])
    assert.ok(error instanceof StellwerkError && isStellwerkError(error) && isStellwerkError(error, code))
    assert.not.ok(isStellwerkError(error, 'SHUTDOWN'))
    // of another copy of the package
    assert.ok(isStellwerkError(Object.assign(new Error('x'), { name, code }), code))
  }
  assert.is(all[3][0].cause, cause)
  assert.is(new RetryAt('2026-11-23T16:00:00Z').at, Date.UTC(2026, 10, 23, 16))
  for (const other of [new Error('x'), { code: 'CONFLICT' }, undefined, null, 'x']) assert.not.ok(isStellwerkError(other))
})

test.run()
