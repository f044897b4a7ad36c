import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sparingLog } from '../src/host/sparing-log.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'

const logs = suite('a log that is read: what repeats is said once a minute: E9')
logs('the same of all partitions is one line, and how often it was is said with the next', async () => {
  const clock = virtualClock('2026-11-23T00:00:00Z')
  const lines: string[] = []
  const log = sparingLog((line) => lines.push(line), clock)
  for (let i = 0; i < 16; i++) log(`partition ${i} begins again: MongoDB is away`)
  for (let i = 0; i < 16; i++) log(`partition ${i} begins again: connection ${2 * i} to 127.0.0.1 closed`)
  log('partition 3 begins again: NATS is away')
  await clock.advance('50s')
  log('partition 1 begins again: MongoDB is away')
  assert.equal(lines.splice(0), [
    'partition 0 begins again: MongoDB is away',
    'partition 0 begins again: connection 0 to 127.0.0.1 closed',
    'partition 3 begins again: NATS is away',
  ])
  await clock.advance('10s')
  log('partition 5 begins again: MongoDB is away')
  log('partition 6 begins again: MongoDB is away')
  assert.equal(lines.splice(0), ['partition 5 begins again: MongoDB is away (and 16 times since 2026-11-23T00:00:00.000Z)'])
  await clock.advance('2m')
  log('partition 3 begins again: NATS is away')
  assert.equal(lines, ['partition 3 begins again: NATS is away'])
})
logs('lines that differ are all said', () => {
  const lines: string[] = []
  const log = sparingLog((line) => lines.push(line), virtualClock())
  for (let i = 0; i < 100; i++) log(`job:${i} failed`)
  assert.is(lines.length, 100)
})
logs.run()
