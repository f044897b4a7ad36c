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

test.after(() => rmSync(folder, { recursive: true, force: true }))
test.run()
