import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms, type JobContext } from '../../actors/job.ts'
import type { Bus } from '../../src/bus/port.ts'
import { ValidationError } from '../../src/errors.ts'
import { inlineLimit } from '../../src/payload.ts'
import { serve, workerOn } from '../support/rules-worker.ts'
import { comesTrue, type RulesWorld, rulesWorld } from '../support/rules-world.ts'

/** What answers a claim travels in messages, and no message is without a limit. */
const test = suite('claims: G6 Q1 Q2 [memory]')

/** Jobs whose inputs are as large as a document holds them, at three bytes a character. */
async function publishLarge(world: RulesWorld, count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_, i) => `job:j/${i}`)
  const input = { value: '€'.repeat(inlineLimit - 2) }
  for (const to of jobs) await world.publish({ to, event: { type: 'submit', job: 'work', input, terms: defaultTerms } })
  await world.clock.settled()
  return jobs
}

/** As NATS takes them: an answer that is larger is an error in its place, and so each time. */
function answersUpTo(bytes: number, seen: { jobs: number; told: number }[] = []) {
  return (bus: Bus): Bus => ({
    ...bus,
    serve: (subject, answer, queue) =>
      bus.serve(
        subject,
        async (data, from) => {
          const answered = await answer(data, from)
          const size = Buffer.byteLength(JSON.stringify(answered))
          if (size > bytes) throw new ValidationError(`The answer to ${subject} has ${size} bytes; at most ${bytes} are taken.`)
          if (subject.startsWith('claim'))
            seen.push({ jobs: (data as { jobs: unknown[] }).jobs.length, told: (answered as unknown[]).length })
          return answered
        },
        queue,
      ),
  })
}

const statesOf = async (world: RulesWorld, jobs: string[]) => new Set((await world.store.load(jobs)).map(({ state }) => state))

test('Q1 many large inputs are claimed at once: each answer brings what fits, and all begin', async () => {
  // The answer was one message, larger than any that is taken: asked again it was the same, and all slots were taken for ever.
  const world = rulesWorld()
  const seen: { jobs: number; told: number }[] = []
  await serve(world, world.host('h', { bus: answersUpTo(4 * 1024 * 1024 - 1024, seen) }), 0)
  const jobs = await publishLarge(world, 250)
  let starts = 0
  await workerOn(world, 'w', () => void starts++, { slots: 250 }).start()
  await world.clock.advance('10s')
  assert.is(starts, 250)
  assert.equal(await statesOf(world, jobs), new Set(['succeeded']))
  assert.ok(
    seen.some(({ jobs, told }) => told < jobs),
    'some were to be asked for again',
  )
  assert.ok(
    seen.every(({ jobs }) => jobs <= 50),
    'what is asked for again is granted again: that is a write, and they are bounded',
  )
})

test('G6 a grant that no message takes ends its run, and those beside it begin', async () => {
  const world = rulesWorld()
  await serve(world, world.host('h', { bus: answersUpTo(8 * 1024) }), 0)
  const small = { to: 'job:small', event: { type: 'submit', job: 'work', input: { value: 1 }, terms: defaultTerms } }
  await world.publish(small)
  const [large] = await publishLarge(world, 1)
  let starts = 0
  const worker = workerOn(world, 'w', () => void starts++)
  await worker.start()
  await comesTrue(async () => (await world.doc(large!))!.state === 'failed', 'it has failed')
  await comesTrue(async () => (await world.doc('job:small'))!.state === 'succeeded', 'the other has run')
  assert.is(starts, 1)
  assert.match(((await world.doc(large!))!.snapshot.context as JobContext).error!.message, 'The answer to claim.0')
  assert.is(await worker.stop(1000), true)
})

test.run()
