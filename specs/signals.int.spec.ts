import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob } from '../src/index.ts'

const test = suite('one signal for many waits [memory]')

test('that many wait for it is no leak, and nobody is warned', async () => {
  const warnings: Error[] = []
  const note = (warning: Error) => void warnings.push(warning)
  process.on('warning', note)
  const waits = defineJob({ name: 'waits' })
  let go = () => {}
  const gate = new Promise<void>((open) => {
    go = open
  })
  await using host = await createHost({ on: embedded(':memory:'), slots: 1, handlers: [waits.handler(() => gate)] })
  const { signal } = new AbortController()
  const jobs = await Promise.all(Array.from({ length: 30 }, () => host.client.submit(waits, null, { signal })))
  const results = Promise.all(jobs.map((job) => job.result({ signal })))
  go()
  await results
  await new Promise(setImmediate)
  process.off('warning', note)
  assert.equal(warnings.map(String), [])
})

test.run()
