// A recorded history, run again: without servers, handlers or time. Every decision must come out as it was recorded; that is how
// you find out, before you deploy it, whether a changed machine would have decided otherwise for what runs in production.
import assert from 'node:assert/strict'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob } from '../src/index.ts'
import { assertReplays, replay } from '../src/testing/index.ts'

const flaky = defineJob({ name: 'flaky', retry: { attempts: 2, backoff: '20ms' } })
await using host = await createHost({
  on: embedded(':memory:'),
  handlers: [
    flaky.handler((_, { attempt }) => {
      if (attempt === 1) throw new Error('not at the first attempt')
      return 'done'
    }),
  ],
})
const job = await host.client.submit(flaky, {}, { id: 'flaky-1' })
await job.result()

// What production answers, as JSON: keep it in a file beside the spec.
const recorded = JSON.parse(JSON.stringify(await job.history()))
const { ok, snapshots } = replay(recorded)
console.log(`replayed ${snapshots.length} events of ${recorded.address}: ${ok ? 'every decision as recorded' : 'differs'}`)
assertReplays(recorded)

// Had the second attempt failed as well, the job would have failed: replay shows that this record does not fit.
const other = structuredClone(recorded)
other.history.findLast((entry: { event: { type: string } }) => entry.event.type === 'result').event.outcome = 'fail'
const [difference] = replay(other).differences
console.log(`another record: ${difference!.field} differs`)
assert.throws(() => assertReplays(other))
