import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ActorDocument } from '../src/document.ts'
import { documents } from '../src/store/folder/documents.ts'
import { pages } from '../src/store/folder/pages.ts'
import { openTables, type Tables } from '../src/store/folder/tables.ts'
import { openWriter } from '../src/store/folder/writer.ts'
import { aDocument, baseOf, change, creation, upTo } from './contracts/store/world.ts'
import { seededRandom, seedOf } from './support/random.ts'

/**
 * The tables of a folder follow its log while more goes to the log. They may fail to, and have done it all the same. Whoever reads sees nothing of it,
 * neither meanwhile nor in the next process, and the indexes are those of the documents.
 */
const test = suite('a folder whose tables fail to follow: E9 G1')
const random = seededRandom(seedOf())
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-doubt-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))

/** Never twice in a row: a flush that waits for them gets there. They take their time, in passes of the event loop. */
function doubtful(tables: Tables) {
  const counts = { silent: 0, failed: 0, done: 0 }
  let failedLast = false
  const passes = async (most: number) => {
    for (let left = random.between(0, most); left > 0; left--) await new Promise(setImmediate)
  }
  return {
    counts,
    tables: {
      ...tables,
      get mark() {
        return tables.mark
      },
      async write(...given) {
        const fails = !failedLast && random.chance(0.5)
        failedLast = fails
        await passes(20)
        const isSilent = random.chance(0.5)
        if (!fails || isSilent) await tables.write(...given)
        await passes(20)
        counts[!fails ? 'done' : isSilent ? 'silent' : 'failed']++
        if (fails) throw new Error('the disk fails')
      },
    } satisfies Tables,
  }
}

const text = 'x'.repeat(250_000)
const partitions = [1, 2]
const shortly = (doc: ActorDocument | undefined) => doc && [doc._id, doc.commit, doc.version, doc.wakeAt, doc.partition, doc.history.length]

test('what is read is what was written, in this process and the next', async () => {
  const docs = new Map<string, ActorDocument>()
  const sides = new Map<string, string>()
  const ids = upTo(10).map((i) => `job:m/${i}`)
  let made = 0
  const sum = { silent: 0, failed: 0, done: 0 }
  for (const _ of upTo(6)) {
    const { tables, counts } = doubtful(await openTables(folder))
    // It is tried again if they could not say that they have caught up with what the last process has left.
    const writer = await openWriter(folder, tables).catch(() => openWriter(folder, tables))
    const [stored, paged] = [documents(tables, writer), pages(tables, writer)]
    const owned = (owner: string) => [...sides].filter(([, of]) => of === owner).map(([id]) => id)

    const write = () => {
      const id = random.pick(ids)!
      const present = docs.get(id)
      const fields = {
        wakeAt: random.chance(0.6) ? random.between(0, 5) : undefined,
        partition: random.pick(partitions)!,
        status: random.chance(0.3) ? ('done' as const) : ('active' as const),
        history: random.chance(0.5) ? [{ v: 1, at: 0, event: { type: 'x', text } }] : [],
      }
      if (present && random.chance(0.3)) {
        assert.ok(stored.remove(id, baseOf(present)))
        paged.removeOf(id)
        docs.delete(id)
        for (const page of owned(id)) sides.delete(page)
        return
      }
      const written = present ? change(present, fields) : creation(aDocument(id, fields))
      assert.ok(stored.commit(written))
      docs.set(id, written.doc)
      if (!random.chance(0.5)) return
      const page = `page-${++made}`
      paged.put({ _id: page, owner: id, body: text })
      sides.set(page, id)
    }
    const check = () => {
      for (const id of [random.pick(ids)!, random.pick(ids)!]) assert.equal(shortly(stored.get(id)), shortly(docs.get(id)))
      for (const partition of partitions) {
        const waking = [...docs.values()].filter((doc) => doc.partition === partition && doc.wakeAt !== undefined)
        assert.equal(
          stored
            .waking(partition, 5)
            .map(({ _id }) => _id)
            .sort(),
          waking.map(({ _id }) => _id).sort(),
        )
        assert.is(stored.countWaking(partition, 5, 0), waking.length)
      }
      const { rows } = stored.slice({ from: '' }, '~', 1000)
      assert.equal(
        rows.map(({ head }) => [head._id, head.version]),
        [...docs.values()].map(({ _id, version }) => [_id, version]).sort(),
      )
      for (let i = Math.max(1, made - 4); i <= made; i++) assert.is(paged.get(`page-${i}`)?.owner, sides.get(`page-${i}`))
    }

    let flushing = writer.flush()
    for (const _ of upTo(250)) {
      write()
      if (random.chance(0.8)) flushing = writer.flush()
      if (random.chance(0.5)) await flushing
      check()
    }
    await writer.end()
    await tables.close()
    for (const what of ['silent', 'failed', 'done'] as const) sum[what] += counts[what]
  }
  for (const [what, count] of Object.entries(sum)) assert.ok(count > 8, `${what} ${count}`)

  const tables = await openTables(folder)
  await (await openWriter(folder, tables)).end()
  const waking = [...docs.values()].filter(({ wakeAt }) => wakeAt !== undefined)
  assert.is(tables.open('wakes').getKeysCount(), waking.length, 'the index of due times')
  assert.is(tables.open('owners').getKeysCount(), sides.size, 'the index of pages')
  await tables.close()
})

test.run()
