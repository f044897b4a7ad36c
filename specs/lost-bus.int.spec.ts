import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineJob } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { UnavailableError } from '../src/errors.ts'
import { createHost } from '../src/host/host.ts'
import type { World } from '../src/world.ts'
import { until } from './support/until.ts'

const test = suite('a bus that can never be used again: E9 [memory]')

test('its host says so, ends, and throws the reason where nobody awaits it', async () => {
  let lose = (_: Error) => {}
  const lost = new Promise<Error>((done) => (lose = done))
  const memory = embedded(':memory:')
  const on: World = {
    async connect(options) {
      const connection = await memory.connect(options)
      return { ...connection, bus: { ...connection.bus, lost } }
    },
  }
  const job = defineJob({ name: 'j' })
  let reason: unknown
  const handler = job.handler(
    (_, ctx) => new Promise((_, fail) => ctx.signal.addEventListener('abort', () => fail((reason = ctx.signal.reason)))),
  )
  const said: string[] = []
  const host = await createHost({ on, handlers: [handler], log: (line) => said.push(line) })
  try {
    await host.client.submit(job, undefined, { id: 'j' })
    await until('it runs', async () => (await host.client.job('j').view()).state === 'running')
    const thrown = once(process, 'unhandledRejection')
    lose(new UnavailableError('The connection is closed for good.'))
    assert.is((await thrown)[0].message, 'The connection is closed for good.')
    assert.is((reason as { code: string }).code, 'SHUTDOWN')
    assert.ok(said.includes('stellwerk: The connection is closed for good. The host ends.'))
  } finally {
    await host.stop({ grace: 0 })
  }
})

test.run()
