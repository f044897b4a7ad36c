import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commandsDoc, examples } from '../scripts/commands-doc.ts'
import { parseCommand, replyOf } from '../src/command.ts'

const test = suite('commands as documents say: E1')

test('docs/commands.md is what scripts/commands-doc.ts makes', () => {
  const written = readFileSync(new URL('../docs/commands.md', import.meta.url), 'utf8')
  assert.is(written, commandsDoc(), 'run: npx tsx scripts/commands-doc.ts')
})

test('each example in it is a command', () => {
  for (const example of examples) assert.not.throws(() => parseCommand(example), JSON.stringify(example))
})

test('durations and times may be text', () => {
  const group = { to: 'group:a', type: 'submit' }
  assert.is((parseCommand({ ...group, sealBy: '10m' }) as { sealBy: number }).sealBy, 600_000)
  assert.is((parseCommand({ ...group, sealBy: 5 }) as { sealBy: number }).sealBy, 5)
  const job = { to: 'job:a', type: 'submit', job: 'x' }
  assert.is((parseCommand({ ...job, startAt: '2026-11-23T00:00:00+01:00' }) as { startAt: number }).startAt, Date.UTC(2026, 10, 22, 23))
  for (const startAt of ['2026-11-23T00:00:00', '2026-02-31T00:00:00Z', -1, 1e16, 'now', {}])
    assert.throws(() => parseCommand({ ...job, startAt }), /^startAt: must be a time/, String(startAt))
  for (const sealBy of [-1, 0.5, '5 minutes', '', 1e15, '1e3s'])
    assert.throws(() => parseCommand({ ...group, sealBy }), /^sealBy: must be milliseconds/, String(sealBy))
})

test('a reply goes to a subject that may be published to, and to nothing of the server', () => {
  for (const reply of ['_INBOX.abc', 'my.answers', '_INBOX.a-b/c']) assert.is(replyOf({ reply }).reply, reply)
  for (const reply of ['$JS.API.STREAM.DELETE.x', 'a.*', 'a.>', 'a b', 'a..b', '.a', '', 'ä', 7, { inbox: 'x' }])
    assert.is(replyOf({ reply }).reply, undefined, String(reply))
})

test('whatever it is, it is a command or a ValidationError with fields', () => {
  for (const body of [
    undefined,
    null,
    7,
    'x',
    [],
    {},
    { type: 'submit' },
    { type: {} },
    { type: { toString: 1 } },
    { to: { toString: 1 }, type: 'submit' },
    { to: 'job:a', type: 'submit', job: 'x', __proto__: null },
  ]) {
    try {
      parseCommand(body)
    } catch (error) {
      assert.is((error as { code: string }).code, 'VALIDATION')
      assert.ok((error as { issues: unknown[] }).issues.length > 0)
    }
  }
})

test('each field that there is not is named; a refusal names 20 fields at most, and is short', () => {
  const refusal = (more: object): { message: string; issues: { path: unknown[] }[] } => {
    try {
      parseCommand({ to: 'job:a', type: 'submit', job: 'x', ...more })
    } catch (error) {
      return error as never
    }
    throw new Error('it was taken')
  }
  assert.equal(
    refusal({ lanes: 1, prio: 2 }).issues.map(({ path }) => path),
    [['lanes'], ['prio']],
  )
  const labels = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`a${i}`, i]))
  for (const more of [{ labels }, { ['x'.repeat(1_000_000)]: 1 }, labels]) {
    const { message, issues } = refusal(more)
    assert.ok(issues.length <= 20 && JSON.stringify({ message, issues }).length < 30_000)
  }
  assert.match(refusal(labels).message, /; and 980 more$/)
})

test.run()
