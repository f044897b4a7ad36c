import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { cluster, connectClient } from '../src/cluster.ts'
import { defineJob } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { createHost } from '../src/host/host.ts'
import { outsider } from './support/outside.ts'
import { until } from './support/until.ts'

/** What only an operator ends is counted for a metric, in both worlds and over NATS; each has an action that ends it. */
const pay = defineJob({ name: 'pay', callbacks: { bank: z.number() } })
const handlers = [
  pay.handler((_, ctx) => {
    const { bank } = ctx.callbacks as { bank?: number }
    return bank ?? ctx.suspend({ until: ['bank'], ...(ctx.id === 'ends' ? { deadline: '1h' } : {}) })
  }),
]
const { NATS_URL: nats, MONGODB_URL: mongo } = process.env
const namespace = `stuck${Date.now().toString(36)}`
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-stuck-'))
const inServers = () => cluster({ nats: nats!, mongo: mongo!, namespace, partitions: 4 })
const worlds = { embedded: () => embedded(folder), ...(nats && mongo ? { 'nats, mongo': inServers } : {}) }
if (!nats || !mongo) console.log('skipped: what is stuck in a cluster (set NATS_URL and MONGODB_URL)')

for (const [name, make] of Object.entries(worlds)) {
  const test = suite(`what is stuck is counted: R4 [${name}]`)
  test.after(() => rmSync(folder, { recursive: true, force: true }))

  test('by type and state, until an operator has acted', async () => {
    await using host = await createHost({ on: make(), handlers, log: () => {} })
    const { client } = host
    assert.equal(await client.stuck(), [])
    for (const id of ['a', 'b', 'ends']) await client.submit(pay, null, { id })
    await client.submitGroup({ id: 'open', members: [], seal: false })
    await client.submitGroup({ id: 'sealed-by', members: [], seal: false, sealBy: '1h' })
    const counts = [
      { type: 'group', state: 'open', count: 1 },
      { type: 'job', state: 'suspended', count: 2 },
    ]
    await until('both are suspended', async () => JSON.stringify(await client.stuck()) === JSON.stringify(counts))
    if (nats && name !== 'embedded') {
      const outside = await outsider(nats, namespace)
      assert.equal(await outside.request('stuck', {}), { ok: true, stuck: counts })
      await outside.close()
      await using other = await connectClient({ nats, namespace })
      assert.equal(await other.stuck(), counts)
    }
    await client.job('a').resume('bank' as never, 1 as never)
    await client.job('b').cancel()
    await client.group('open').seal()
    await until('nothing is stuck', async () => (await client.stuck()).length === 0)
    for (const id of ['ends']) await client.job(id).cancel()
  })
  test.run()
}
