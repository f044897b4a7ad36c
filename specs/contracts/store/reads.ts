import * as assert from 'uvu/assert'
import { type ActorDocument, whenTakenOver } from '../../../src/document.ts'
import { onShelf } from '../../../src/shelves.ts'
import { byWakeAt } from '../../../src/store/match.ts'
import type { Query, Waking } from '../../../src/store/port.ts'
import { aDocument, baseOf, change, creation, loaded, plain, type StoreFactory, stored, storeSuite, type Test, upTo } from './world.ts'

export function readSpecs(factory: StoreFactory): void {
  storeSuite(factory, 'load', reading)
  storeSuite(factory, 'waking', waking)
  storeSuite(factory, 'find', finding)
}

function reading(test: Test) {
  test('load leaves out what is absent', async ({ store }) => {
    const docs = upTo(3).map((i) => aDocument(`job:load/${i}`))
    await stored(store, ...docs)
    assert.equal(await store.load([docs[2]!._id, 'job:nowhere', docs[0]!._id]), [docs[2], docs[0]])
    assert.equal(await store.load([]), [])
  })

  test('all readers see what was committed and not yet flushed', async ({ store }) => {
    const doc = aDocument('job:fresh', { partition: 901, wakeAt: 5 })
    await store.commit([creation(doc)])
    await store.putPages([{ _id: 'fresh-page', owner: doc._id, body: 1 }])
    assert.equal(await loaded(store, doc._id), doc)
    assert.equal(await store.waking(901, 10), [{ _id: doc._id, wakeAt: 5, version: 1 }])
    assert.equal(await store.find({ prefix: 'job:fresh' }, undefined, 10), [doc])
    assert.equal(await store.getPages(['fresh-page']), [{ _id: 'fresh-page', owner: doc._id, body: 1 }])

    const flushing = store.flush()
    const { doc: next } = change(doc, { wakeAt: undefined, partition: 901 })
    assert.equal(await store.commit([{ doc: next, base: baseOf(doc) }]), [true])
    assert.equal(await loaded(store, doc._id), plain(next))
    assert.equal(await store.waking(901, 10), [])
    await flushing
    assert.equal(await store.waking(901, 10), [])
    await store.flush()
    assert.equal(await store.waking(901, 10), [])
    assert.is((await loaded(store, doc._id))?.version, 2)
  })
}

function waking(test: Test) {
  test('gives those due in a partition, earliest first', async ({ store }) => {
    const work = { state: 'queued', job: 'print', priority: 5, dispatch: 1, at: 1 } as const
    await stored(
      store,
      aDocument('job:w/3', { partition: 902, wakeAt: 300 }),
      aDocument('job:w/1', { partition: 902, wakeAt: 100, work }),
      aDocument('job:w/0', { partition: 902, wakeAt: 0 }),
      aDocument('job:w/open', { partition: 902, wakeAt: whenTakenOver }),
      aDocument('job:w/none', { partition: 902 }),
      aDocument('job:w/other', { partition: 903, wakeAt: 100 }),
    )
    const ids = async (until: number) => (await store.waking(902, until)).map(({ _id }) => _id)
    assert.equal(await ids(0), ['job:w/0'])
    assert.equal(await ids(299), ['job:w/0', 'job:w/1'])
    assert.equal(await ids(300), ['job:w/0', 'job:w/1', 'job:w/3'])
    assert.equal(await ids(Number.POSITIVE_INFINITY), ['job:w/0', 'job:w/1', 'job:w/3', 'job:w/open'])
    assert.equal((await store.waking(902, 100))[1], { _id: 'job:w/1', wakeAt: 100, version: 1, work })
    assert.equal(await store.waking(904, Number.POSITIVE_INFINITY), [])
  })

  test('gives a range of them, at most so many, and counts it', async ({ store }) => {
    const at = [5, 10, 20, 20, 30, onShelf('finished', 7)]
    await stored(store, ...at.map((wakeAt, i) => aDocument(`job:range/${i}`, { partition: 907, wakeAt })))
    const times = async (...range: [until: number, from?: number, limit?: number]) =>
      (await store.waking(907, ...range)).map(({ wakeAt }) => wakeAt)
    assert.equal(await times(20, 10), [10, 20, 20])
    assert.equal(await times(whenTakenOver, 6, 2), [10, 20])
    assert.equal(await times(whenTakenOver), [5, 10, 20, 20, 30])
    assert.equal(await times(onShelf('finished', 8), onShelf('finished', 0)), [at[5]!])
    assert.is(await store.countWaking(907, 20, 10), 3)
    assert.is(await store.countWaking(907, onShelf('failed', 0), onShelf('finished', 0)), 1)
    assert.is(await store.countWaking(908, 100, 0), 0)
  })

  test('gives all of a partition in parts, each once, also while they become others', async ({ store }) => {
    const ids = upTo(1500).map((i) => `job:parts/${String(i).padStart(4, '0')}`)
    const docs = ids.map((id, i) => aDocument(id, { partition: 910, wakeAt: i % 3 ? whenTakenOver : i }))
    await stored(
      store,
      ...docs.slice(0, 1400),
      aDocument('job:parts/none', { partition: 910 }),
      aDocument('job:x', { partition: 911, wakeAt: 1 }),
    )
    // Not flushed.
    assert.ok((await store.commit(docs.slice(1400).map(creation))).every((written) => written === true))
    const found: string[] = []
    let first = true
    for await (const part of store.allWaking(910, whenTakenOver)) {
      found.push(...part.map(({ _id }) => _id))
      if (!first) continue
      first = false
      const shelved = { partition: 910, wakeAt: onShelf('finished', 7) }
      await store.commit([change(docs[0]!, shelved), creation(aDocument('job:shelved', shelved))])
      await store.flush()
    }
    assert.equal(found.filter((id) => id !== ids[0]).sort(), ids.slice(1))
    const due: Waking[] = []
    for await (const part of store.allWaking(910, 6)) due.push(...part)
    assert.equal(
      due.sort(byWakeAt),
      [3, 6].map((i) => ({ _id: ids[i]!, wakeAt: i, version: 1 })),
    )
    for await (const part of store.allWaking(912, whenTakenOver)) assert.equal(part, [])
  })

  test('follows the changes of wakeAt and partition, and forgets the removed', async ({ store }) => {
    let doc = aDocument('job:moves', { partition: 905, wakeAt: 10 })
    await stored(store, doc)
    const become = async (fields: Partial<ActorDocument>) => {
      const write = change(doc, fields)
      assert.equal(await store.commit([write]), [true])
      await store.flush()
      doc = write.doc
    }
    const wakes = async (partition: number) => (await store.waking(partition, Number.POSITIVE_INFINITY)).map(({ wakeAt }) => wakeAt)
    await become({ wakeAt: 20 })
    assert.equal(await wakes(905), [20])
    await become({ wakeAt: undefined })
    assert.equal(await wakes(905), [])
    await become({ wakeAt: 30 })
    await become({ partition: 906 })
    assert.equal([await wakes(905), await wakes(906)], [[], [30]])
    assert.ok(await store.remove(doc._id, baseOf(doc)))
    await store.flush()
    assert.equal(await wakes(906), [])
  })
}

function finding(test: Test) {
  const members = upTo(7).map((i) =>
    aDocument(`job:f/${i}`, {
      group: 'group:f',
      state: i % 2 ? 'running' : 'waiting',
      labels: { parity: String(i % 2), 'a.b': 'x=y', $odd: '1' },
    }),
  )
  const others = [
    aDocument('job:f-not'),
    aDocument('group:f', { state: 'open' }),
    aDocument('job:g/1', { group: 'group:g', state: 'running' }),
    aDocument('chain:f/1', { group: 'group:f', status: 'done' }),
    aDocument('job:f/removed', { group: 'group:f', removedAt: 5 }),
  ]
  const memberIds = members.map(({ _id }) => _id)
  const oddIds = memberIds.filter((_, i) => i % 2)

  test.before(({ store }) => stored(store, ...members, ...others))

  const finds: [what: string, query: Query, ids: string[]][] = [
    ['everything', {}, ['chain:f/1', 'group:f', 'job:f-not', ...memberIds, 'job:g/1']],
    ['by prefix', { prefix: 'job:f/' }, memberIds],
    ['by a prefix that is a whole address', { prefix: 'job:f/3' }, ['job:f/3']],
    ['by type', { type: 'job' }, ['job:f-not', ...memberIds, 'job:g/1']],
    ['by state', { state: 'running' }, [...oddIds, 'job:g/1']],
    ['by one of several states', { type: 'job', state: ['nothing', 'running'] }, [...oddIds, 'job:g/1']],
    ['by no state', { state: [] }, []],
    ['by status', { status: 'done' }, ['chain:f/1']],
    ['by group', { group: 'group:f' }, ['chain:f/1', ...memberIds]],
    ['by group and type', { group: 'group:f', type: 'job' }, memberIds],
    ['by label', { labels: { parity: '1' } }, oddIds],
    ['by labels with unusual keys', { labels: { 'a.b': 'x=y', $odd: '1', parity: '0' } }, memberIds.filter((_, i) => i % 2 === 0)],
    ['by all at once', { type: 'job', state: 'running', prefix: 'job:f/', group: 'group:f', labels: { parity: '1' } }, oddIds],
    ['nothing by a label of another value', { labels: { parity: '2' } }, []],
    ['nothing by a state of another type', { type: 'group', state: 'running' }, []],
  ]
  for (const [what, query, ids] of finds) {
    test(`finds ${what}, in order of address`, async ({ store }) => {
      const found = await store.find(query, undefined, 100)
      assert.equal(
        found.map(({ _id }) => _id),
        ids,
      )
    })
  }

  test('gives whole documents', async ({ store }) => {
    assert.equal(await store.find({ prefix: 'job:f/3' }, undefined, 1), [members[3]])
  })

  test('goes on after the cursor', async ({ store }) => {
    const pages: string[][] = []
    let cursor: string | undefined
    do {
      const page = (await store.find({ group: 'group:f', type: 'job' }, cursor, 3)).map(({ _id }) => _id)
      pages.push(page)
      cursor = page.at(-1)
    } while (cursor !== undefined)
    assert.equal(pages, [memberIds.slice(0, 3), memberIds.slice(3, 6), memberIds.slice(6), []])
    assert.equal(await store.find({ prefix: 'job:f/' }, 'job:z', 3), [])
    assert.is((await store.find({ prefix: 'job:f/' }, 'a', 3)).length, 3)
  })

  test('mixes what is flushed with what is not', async ({ store }) => {
    const docs = upTo(1200).map((i) => aDocument(`job:mix/${String(i).padStart(4, '0')}`))
    await stored(store, ...docs.filter((_, i) => i % 3 > 0))
    await store.commit(docs.filter((_, i) => i % 3 === 0).map(creation))
    await store.commit([change(docs[1]!, { state: 'gone' })])
    const found = await store.find({ prefix: 'job:mix/', state: 'waiting' }, 'job:mix/0000', 1000)
    assert.equal(
      found.map(({ _id }) => _id),
      docs.slice(2, 1002).map(({ _id }) => _id),
    )
  })
}
