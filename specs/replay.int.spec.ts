import { writeFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { job } from '../actors/job.ts'
import { assertReplays, type Recorded, replay } from '../src/testing/replay.ts'
import { recordScenario } from './support/recorded-scenario.ts'
import { refused } from './support/refused.ts'

const test = suite('replay of recorded histories: R6 R7 E3 E4 W5 Q8 [memory]')

/** Kept in specs/histories, and replayed there from then on, when this is run with RECORD=1. */
const kept = [
  'group:retried',
  'job:retried/fails-once-1',
  'group:cancelled',
  'job:cancelled/takes-long-0',
  'group:output-failed',
  'job:output-failed/output',
  'group:rest',
  'group:open',
  'job:lost/is-lost-once-0',
  'job:held',
  'job:planned',
  'job:given-back',
]

/** Stacks name places on the machine that recorded. */
const withoutStack = (key: string, value: unknown) => (key === 'stack' ? undefined : value)

let recorded: Recorded[] = []
const of = (address: string): Recorded => recorded.find((one) => one.address === address)!

test('a scenario with groups, retries, losses, cancels, shutdowns, retries by an operator: every history replays the same', async () => {
  recorded = await recordScenario({ many: 1300 })
  const met = new Map<string, number>()
  let entries = 0
  for (const one of recorded) {
    const { snapshots, effects } = assertReplays(one)
    assert.is(snapshots.length, one.history.length)
    assert.is(effects.length, one.history.length)
    assert.equal(JSON.parse(JSON.stringify(snapshots.at(-1))), one.snapshot)
    entries += one.history.length
    for (const { event } of one.history) met.set(event.type.split('.')[0]!, (met.get(event.type.split('.')[0]!) ?? 0) + 1)
  }
  console.log(`# replayed ${recorded.length} histories, ${entries} entries: ${[...met].map(([type, n]) => `${type} ${n}`).join(', ')}`)
  for (const type of ['submit', 'add', 'claim', 'result', 'lost', 'cancel', 'retry', 'again', 'ended', 'begin', 'page', 'xstate'])
    assert.ok(met.has(type), `${type} is in no history`)
  if (process.env.RECORD)
    for (const address of kept)
      await writeFile(`specs/histories/${address.replaceAll(/[:/]/g, '.')}.json`, `${JSON.stringify(of(address), withoutStack, 1)}\n`)
})

test('the scenario did what its recordings are kept for', () => {
  const states = (address: string) => of(address).history.map(({ state }) => state)
  assert.equal(states('job:retried/fails-once-1'), ['queued', 'running', 'backoff', 'queued', 'running', 'succeeded'])
  assert.ok(states('job:held').includes('held'))
  assert.is(states('job:held').at(-1), 'succeeded')
  assert.equal(states('group:output-failed').slice(-3), ['failed', 'output', 'succeeded'])
  assert.is(states('group:cancelled').at(-1), 'cancelled')
  assert.is(states('group:lost').at(-1), 'succeeded')
  assert.is(states('group:open').at(-1), 'succeeded')
  assert.is(states('group:many').at(-1), 'succeeded')
  assert.ok(of('job:given-back').history.some(({ event }) => event.outcome === 'back'))
  assert.is(states('job:given-back').at(-1), 'succeeded')
})

test('a machine that decides otherwise: the first entry that differs, in words', () => {
  const guards = { failedWithAttemptLeft: () => false }
  const changed = { ...job, machine: job.machine.provide({ guards } as never) }
  const { ok, differences } = replay(of('job:retried/fails-once-1'), changed)
  assert.not.ok(ok)
  assert.equal(
    differences.slice(0, 1).map(({ entry, event, field, expected, actual }) => ({ entry, event, field, expected, actual })),
    [{ entry: 3, event: 'result', field: 'state', expected: 'backoff', actual: 'failed' }],
  )
  assert.throws(
    () => assertReplays(of('job:retried/fails-once-1'), changed),
    /job:retried\/fails-once-1, recorded with job@1, does not replay the same:\n {2}entry 3 \(result, version \d+, 2026-11-23T.*\): state: expected "backoff", actual "failed"/,
  )
})

test('what is no recording, or of a machine that there is not, is refused by name', async () => {
  const one = of('job:retried/fails-once-1')
  for (const odd of [undefined, null, 5, [], {}, 'job', { ...one, address: 'x' }, { ...one, history: {} }, { ...one, machine: undefined }])
    for (const run of [replay, assertReplays])
      await refused('VALIDATION', /^recorded: must be what .*history\(\) answers/, () => run(odd as never))
  const history = [one.history[0]!, {} as never]
  await refused('VALIDATION', /^recorded.history.1: is no entry/, () => replay({ ...one, history }))
  for (const machine of ['job@99', 'job@1.5', 'job@'])
    await refused('VALIDATION', /^type: there is no .* here\. .*job@1/, () => replay({ ...one, machine }))
  await refused('VALIDATION', /^type: there is no actor "nobody@1" here/, () => replay({ ...one, machine: 'nobody@1' }))
  assert.ok(replay({ ...one, machine: 'job@99' }, 'job').ok, 'to see what would change')
})

test('a recording that was tampered with, or lacks its beginning, does not replay', () => {
  const one = of('job:retried/fails-once-1')
  const snapshot = { ...one.snapshot, context: { ...(one.snapshot.context as object), job: 'other' } }
  assert.match(JSON.stringify(replay({ ...one, snapshot }).differences), 'snapshot.context.job')
  assert.is(replay({ ...one, history: one.history.slice(1) }).differences[0]!.entry, 1)
  assert.is(replay({ ...one, history: one.history.slice(2) }).differences[0]!.field, 'history')
  const without = one.history.filter(({ event }) => !event.type.startsWith('xstate'))
  assert.is(replay({ ...one, history: without }).ok, false)
})

test.run()
