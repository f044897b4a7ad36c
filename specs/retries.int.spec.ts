import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { backoff, defaultTerms, type JobContext } from '../actors/job.ts'
import { defineJob } from '../src/definition.ts'
import { virtualWorld, work } from './support/virtual-world.ts'

/** How attempts, backoff, timeout and deadline go together (each by itself: job.int, deadline.int). */
const test = suite('retries: attempts, backoff, jitter, timeout, deadline, TerminalError, RetryAt: R4 G6 E13 [memory]')

type Definition = typeof work
const define = (options: object) => defineJob({ name: 'work', input: work.input as never, ...options }) as Definition

async function play(definition: Definition, input: Parameters<Definition['with']>[0], options = {}) {
  const w = virtualWorld()
  await w.host()
  const from = w.clock.now()
  await w.client.submit(definition, input, { id: 'j', ...options })
  await w.until('its end', async () => (await w.doc('job:j')).status === 'done', 30 * 86_400_000)
  const doc = await w.doc('job:j')
  const { error } = doc.snapshot.context as JobContext
  return {
    ...w,
    state: doc.state,
    code: error?.code,
    ended: doc.endedAt! - from,
    starts: w.starts.map(({ at, attempt }) => [at - from, attempt]),
  }
}

test('so many attempts, each after its backoff; then it is a dead letter with all of their errors', async () => {
  const j = await play(define({ retry: { attempts: 4, backoff: 100, factor: 3, jitter: 0 } }), { ms: 0, fails: 99 })
  assert.equal(j.starts, [
    [0, 1],
    [100, 2],
    [400, 3],
    [1300, 4],
  ])
  const { runs } = await j.client.deadLetters.get('job:j')
  assert.equal(
    runs!.map(({ error }) => error.message),
    ['failure 1', 'failure 2', 'failure 3', 'failure 4'],
  )
})
test('backoff grows to a day at most, whatever the factor: no job waits without an end', () => {
  const day = 86_400_000
  const after = (used: number, given = {}) =>
    backoff({ self: 'job:j', terms: { ...defaultTerms, ...given }, attempts: { used, unbegun: 0 } })
  for (const used of [30, 60, 5000]) assert.is(after(used, { jitter: 0 }), day)
  assert.is(after(3, { jitter: 0, backoff: 2 * day }), 2 * day)
  for (const used of [1, 2, 1024, 1025, 5000]) assert.is(after(used, { backoff: 0 }), 0)
  assert.is(after(3, { backoff: 0, factor: 1e308 }), 0)
  for (let used = 1; used < 500; used++) {
    const waits = after(used, { jitter: 0.1 })
    const full = Math.min(day, 1000 * 2 ** (used - 1))
    assert.ok(waits >= 0.9 * full && waits <= 1.1 * full, `${waits} after ${used}`)
  }
})
test('timeout for each attempt, deadline for all of them', async () => {
  const definition = define({ retry: { attempts: 9, backoff: 1000, factor: 1, jitter: 0 }, timeout: '500ms' })
  const j = await play(definition, { ms: 5000 }, { deadline: '4s' })
  assert.equal(j.starts, [
    [0, 1],
    [1500, 2],
    [3000, 3],
  ])
  assert.equal([j.state, j.code, j.ended], ['failed', 'DEADLINE', 4000])
})
test('RetryAt after the deadline: failed at the deadline, not then', async () => {
  const at = Date.UTC(2026, 10, 24)
  const j = await play(work, { ms: 0, fails: 9, how: 'retry-at', at }, { deadline: '10s' })
  assert.equal([j.starts.length, j.code, j.ended], [1, 'DEADLINE', 10_000])
})
test('TerminalError: no further attempt, though some are left and the deadline is far', async () => {
  const j = await play(work, { ms: 0, fails: 9, how: 'terminal' }, { deadline: '1h' })
  assert.equal([j.starts.length, j.state, j.code], [1, 'failed', 'TERMINAL'])
})
test('redriven it has all its attempts again, and no deadline', async () => {
  const j = await play(define({ retry: { attempts: 2, backoff: 100, jitter: 0 } }), { ms: 0, fails: 3 }, { deadline: '150ms' })
  assert.is(j.state, 'failed')
  await j.client.deadLetters.redrive('job:j')
  await j.until('it succeeded', async () => (await j.doc('job:j')).state === 'succeeded')
  assert.is(j.startsOf('j').length, 4)
})
test.run()
