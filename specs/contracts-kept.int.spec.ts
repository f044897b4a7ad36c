import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { defineJob, type Handler } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { createHost, type Host } from '../src/host/host.ts'
import { openFolder } from '../src/store/embedded.ts'
import { until } from './support/until.ts'

/** What a job is, is known as long as its folder: also while nobody with its code is up. */
const test = suite('contracts survive a restart: E1 [embedded]')
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-contracts-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))

const double = defineJob({ name: 'double', input: z.object({ n: z.number() }) })
const handler = double.handler(({ n }) => 2 * n)
async function up(handlers: readonly Handler[], work: (host: Host) => Promise<void>): Promise<void> {
  await using host = await createHost({ on: embedded(folder), handlers, log: () => {} })
  await work(host)
}

test('a job is submitted by name after a restart, before its handler is there', async () => {
  await up([handler], async () => {})
  await up([], async ({ client }) => {
    assert.is((await client.submit('double', { n: 'two' }).catch((thrown) => thrown)).code, 'VALIDATION')
    await client.submit('double', { n: 21 }, { id: 'by-name' })
    assert.is((await client.job('by-name').view()).state, 'queued')
  })
  await up([handler], async ({ client }) => assert.is(await client.job('by-name').result(), 42))
})

test('a contract that has changed is the newest one after a restart; who owned what is forgotten', async () => {
  const changed = defineJob({ name: 'double', input: z.object({ n: z.string() }) }).handler(({ n }) => n + n)
  for (const handlers of [[handler], [changed]])
    await up(handlers as Handler[], async (host) => {
      await until('it owns the partition', () => host.partitions.length === 1)
    })
  await up([], async ({ client }) => assert.is((await client.submit('double', { n: 1 }).catch((thrown) => thrown)).code, 'VALIDATION'))
  const store = await openFolder(folder)
  assert.equal(
    (await store.records('')).map(({ key }) => key),
    ['contract.double'],
  )
  await store.close()
})

test.run()
