import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ActorDocument } from '../src/document.ts'
import { type FolderStore, openFolder } from '../src/store/embedded.ts'
import { openTables } from '../src/store/folder/tables.ts'
import { memoryStore } from '../src/store/memory.ts'
import type { Store } from '../src/store/port.ts'
import { aDocument, baseOf, change, creation, plain, upTo } from './contracts/store/world.ts'
import { seededRandom, seedOf } from './support/random.ts'

/** A folder answers at any time as one memory would, whatever of it is in the tables, in the log, on its way there or nowhere yet. */
const test = suite('a folder and a memory: the same answers')
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-model-'))
const random = seededRandom(seedOf())
/** So large that the log is full after ten of them. */
const text = 'x'.repeat(200_000)

test('after any of 600 random steps', async () => {
  const model = memoryStore()
  const known = new Map<string, ActorDocument>()
  let store: FolderStore = await openFolder(folder)
  const ids = upTo(12).map((i) => `job:m/${i}`)
  const pageIds = upTo(12).map((i) => `page-${i}`)
  const draw = (below: number) => random.between(0, below - 1)
  const fields = () => ({
    wakeAt: random.chance(0.7) ? draw(20) : undefined,
    partition: 1 + draw(2),
    status: random.chance(0.3) ? ('done' as const) : ('active' as const),
    history: random.chance(0.5) ? [{ v: 1, at: 0, event: { type: 'x', text } }] : [],
  })
  const both = async <T>(ask: (of: Store) => Promise<T>) => {
    const expected = await ask(model)
    assert.equal(plain(await ask(store)), plain(expected))
    return expected
  }
  const steps: (() => unknown)[] = [
    async () => {
      const id = random.pick(ids)!
      const present = known.get(id)
      const write = present ? change(present, fields()) : creation(aDocument(id, fields()))
      assert.equal(await both((of) => of.commit([write])), [true])
      known.set(id, write.doc)
    },
    async () => {
      const write = change(aDocument(random.pick(ids)!))
      assert.equal(await both((of) => of.commit([write])), [false])
    },
    async () => {
      const present = known.get(random.pick(ids)!)
      if (!present) return
      await both((of) => of.remove(present._id, baseOf(present)))
      known.delete(present._id)
    },
    async () => {
      const i = draw(pageIds.length)
      await both((of) => of.putPages([{ _id: pageIds[i]!, owner: ids[i]!, body: text }]))
    },
    async () => {
      const page = random.pick(pageIds)!
      await both((of) => of.removePages([page]))
    },
    async () => {
      const owner = random.pick(ids)!
      await both((of) => of.removePagesOf([owner]))
    },
    async () => {
      const [value, expected] = [draw(3), draw(3)]
      await both((of) => of.setFact('f', value, expected || undefined))
    },
    () => store.flush(),
    () => void store.flush(),
    () => new Promise(setImmediate),
  ]
  for (const step of upTo(600)) {
    await random.pick(steps)!()
    if (step % 250 === 249) {
      await store.close()
      store = await openFolder(folder)
    }
    const [partition, from, until] = [1 + draw(2), draw(20), draw(20)]
    const some = [random.pick(ids)!, random.pick(ids)!]
    const page = random.pick(pageIds)!
    await both((of) => of.load(some))
    await both((of) => of.waking(partition, until, from))
    await both((of) => of.countWaking(partition, until, from))
    await both((of) => of.find({}, some[0], 2))
    await both((of) => of.getPages([page]))
  }
  await store.close()
  const tables = await openTables(folder)
  assert.ok(tables.mark!.sequence > 50, `${tables.mark!.sequence} flushes`)
  await tables.close()
})

test.after(() => rmSync(folder, { recursive: true, force: true }))
test.run()
