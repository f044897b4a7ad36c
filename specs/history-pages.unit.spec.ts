import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { group } from '../actors/group.ts'
import { emptyDocument } from '../src/decide.ts'
import { historyOf, historyPages, spillHistory } from '../src/host/history.ts'
import { memoryStore } from '../src/store/memory.ts'

const test = suite('where a long history is: G7 [memory]')

test('the end of a million members: the document stays small, and nothing of its history is lost', async () => {
  const store = memoryStore()
  const doc = emptyDocument('group:a-group-with-a-name-of-some-length', group, 0, 0)
  let ids = 0
  let longest = 0
  let pages = 0
  const total = 1_000_000
  for (let v = 1; v <= total; v++) {
    const event = { type: 'ended', key: `member-${v}`, index: v, round: 0, state: 'failed', error: 'it has failed' }
    doc.history.push({ v, at: 1_795_000_000_000, event, from: `job:a-group-with-a-name-of-some-length/member-${v}`, state: 'open' })
    if (v % 30) continue
    const written = spillHistory(doc, () => `host-with-a-name.${ids++}`)
    if (!written.length) continue
    pages += written.length
    await store.putPages(written)
    longest = Math.max(longest, JSON.stringify(doc.historyPages).length)
  }
  console.log(`# history of 1,000,000 ends: ${pages} pages; at most ${longest} characters of their ids in the document`)
  assert.ok(longest < 16 * 1024)
  const all = await historyOf(store, doc)
  assert.is(all.length, total)
  assert.ok(all.every((entry, i) => entry.v === i + 1))
})

test('pages that were listed once stay where they are', async () => {
  const store = memoryStore()
  const doc = emptyDocument('job:a', group, 0, 0)
  let ids = 0
  let before: string[] = []
  for (let v = 1; v <= 400; v++) {
    doc.history.push({ v, at: 0, event: { type: 'add', members: ['x'.repeat(20_000)] } })
    await store.putPages(spillHistory(doc, () => `${ids++}`))
    const now = await historyPages(store, doc)
    assert.is(now.length, v)
    assert.equal(now.slice(0, before.length), before)
    before = now
  }
})

test.run()
