import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addDays, dateAt } from '../src/calendar/dates.ts'
import { defineJob } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { createHost } from '../src/host/host.ts'
import { chain, on, saturdays, workdays, zone } from './support/chain-day.ts'
import { until } from './support/until.ts'

/** The wall clock of a machine is set, or has gone on while the machine was suspended: timers have not. */
const test = suite('a wall clock that jumps: E3 C1 [memory]')
const real = Date.now

test('E3 C1 what has become due by the jump begins within 5 s, and the plan of the date is made', async () => {
  const job = defineJob({ name: 'timed' })
  let starts = 0
  const handlers = [job.handler(() => void starts++), defineJob({ name: 'work' }).handler(() => {})]
  const host = await createHost({
    on: embedded(':memory:'),
    handlers,
    chains: [chain('daily', on(workdays), on(saturdays, { name: 'off' }))],
  })
  try {
    const tomorrow = addDays(dateAt(Date.now(), zone), 1)
    await host.client.submit(job, undefined, { id: 'j', startAt: Date.now() + 600_000 })
    Date.now = () => real() + 24 * 3_600_000
    const made = () =>
      host.client
        .actor(`plan:Europe-Zurich/${tomorrow}`)
        .view()
        .catch(() => undefined)
    await until('begun and made', async () => starts > 0 && (await made()), 5000)
    assert.is(starts, 1)
  } finally {
    Date.now = real
    await host.stop({ grace: 0 })
  }
})

test.run()
