import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob } from '../src/index.ts'
import { openFolder } from '../src/store/embedded.ts'

/** What a turn has delivered within its own transaction is never written to the outbox. */
const test = suite('outboxes in a folder: P6 [embedded]')
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-outbox-'))
const report = defineJob({ name: 'report' })

test('a group is stored without the submits of its members, which are stored with it', async () => {
  const host = await createHost({ on: embedded(folder), log: () => {} })
  const members = Array.from({ length: 50 }, (_, i) => report.with(null, { key: `m${i}` }))
  await host.client.submitGroup({ id: 'g', members })
  await host.stop()
  const store = await openFolder(folder)
  const [group] = await store.load(['group:g'])
  assert.equal(group!.outbox, [])
  assert.is((await store.find({ group: 'group:g' }, undefined, 100)).length, 50)
  await store.close()
})

test('members are stored without their ends, which are in the history of the group as those of one turn', async () => {
  const host = await createHost({ on: embedded(folder), handlers: [report.handler(async () => {})], log: () => {} })
  const members = Array.from({ length: 40 }, (_, i) => report.with(null, { key: `m${i}` }))
  const group = await host.client.submitGroup({ id: 'h', members })
  await group.result()
  const told = (await group.history()).history.map(({ event }) => event)
  await host.stop()
  const ends = told.flatMap((event) => (event.type === 'ended' ? ((event.of as { key: unknown }[]) ?? [{ key: event.key }]) : []))
  assert.equal(ends.map(({ key }) => key).sort(), members.map(({ key }) => key).sort(), 'each once')
  assert.ok(
    told.some(({ of }) => of !== undefined),
    'they came together',
  )
  const store = await openFolder(folder)
  for (const { outbox } of await store.load(members.map(({ key }) => `job:h/${key}`))) assert.equal(outbox, [])
  await store.close()
})

test.after(() => rmSync(folder, { recursive: true, force: true }))
test.run()
