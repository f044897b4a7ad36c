import * as assert from 'uvu/assert'
import type { Write } from '../../../src/store/port.ts'
import { aDocument, baseOf, change, creation, loaded, plain, type StoreFactory, stored, storeSuite, type Test, upTo } from './world.ts'

export const writeSpecs = (factory: StoreFactory): void => storeSuite(factory, 'compare-and-set', compareAndSet)

function compareAndSet(test: Test) {
  test('a creation inserts, once', async ({ store }) => {
    const first = aDocument('job:insert')
    const second = aDocument('job:insert')
    assert.equal(await store.commit([creation(first)]), [true])
    assert.equal(await store.commit([creation(second)]), [false])
    assert.equal((await loaded(store, 'job:insert'))?.commit, first.commit)
  })

  test('a change needs the version and the commit that it was decided on', async ({ store }) => {
    const doc = aDocument('job:cas')
    await stored(store, doc)
    const { doc: next } = change(doc)
    assert.equal(await store.commit([{ doc: next, base: { version: 2, commit: doc.commit } }]), [false])
    assert.equal(await store.commit([{ doc: next, base: { version: 1, commit: 'another' } }]), [false])
    assert.equal(await loaded(store, 'job:cas'), doc)
    assert.equal(await store.commit([{ doc: next, base: baseOf(doc) }]), [true])
    assert.equal(await store.commit([change(doc)]), [false])
    assert.equal(await loaded(store, 'job:cas'), next)
  })

  test('a change of what is not there makes nothing', async ({ store }) => {
    assert.equal(await store.commit([change(aDocument('job:absent'))]), [false])
    assert.equal(await store.load(['job:absent']), [])
  })

  test('of two changes that race, one wins', async ({ store }) => {
    const doc = aDocument('job:race')
    await stored(store, doc)
    const [one, two] = [change(doc), change(doc)]
    const [[oneWon], [twoWon]] = await Promise.all([store.commit([one]), store.commit([two])])
    assert.is.not(oneWon, twoWon)
    assert.equal(await loaded(store, 'job:race'), (oneWon ? one : two).doc)
  })

  test('of many creations that race, one wins', async ({ store }) => {
    const docs = upTo(20).map(() => aDocument('job:born'))
    const answers = (await Promise.all(docs.map((doc) => store.commit([creation(doc)])))).flat()
    assert.is(answers.filter(Boolean).length, 1)
    assert.equal(await loaded(store, 'job:born'), docs[answers.indexOf(true)])
  })

  test('deleted and created again with the same version, it is another one', async ({ store }) => {
    const first = aDocument('job:aba')
    await stored(store, first)
    assert.ok(await store.remove('job:aba', baseOf(first)))
    const second = aDocument('job:aba')
    await stored(store, second)
    assert.equal(await store.commit([change(first)]), [false])
    assert.equal(await store.commit([change(second)]), [true])
  })

  test('the base is what was flushed last: changed, ended, deleted, created again', async ({ store }) => {
    const first = aDocument('job:flushed', { wakeAt: 7 })
    await stored(store, first)
    const second = change(first, { wakeAt: 8 })
    const ended = change(second.doc, { status: 'done', wakeAt: undefined })
    const again = change(ended.doc, { status: 'active' })
    const versions = [first, second.doc, ended.doc, again.doc]
    for (const write of [second, ended, again]) {
      for (const doc of versions) if (doc.version !== write.base.version) assert.equal(await store.commit([change(doc)]), [false])
      assert.equal(await store.commit([write]), [true])
      await store.flush()
      assert.equal(await loaded(store, 'job:flushed'), plain(write.doc))
    }
    assert.is(await store.remove('job:flushed', baseOf(ended.doc)), false)
    assert.ok(await store.remove('job:flushed', baseOf(again.doc)))
    await store.flush()
    assert.equal(await store.commit([change(again.doc)]), [false])
    assert.equal(await store.waking(0, 100), [])
    await stored(store, aDocument('job:flushed'))
  })

  test('a batch is answered write by write', async ({ store }) => {
    const docs = upTo(6).map((i) => aDocument(`job:mixed/${i}`))
    await stored(store, ...docs)
    const writes: Write[] = [
      change(docs[0]!),
      creation(aDocument('job:mixed/1')),
      { ...change(docs[2]!), base: { version: 1, commit: 'another' } },
      creation(aDocument('job:mixed/new')),
      change(docs[4]!),
      change(aDocument('job:mixed/none')),
    ]
    assert.equal(await store.commit(writes), [true, false, false, true, true, false])
    assert.equal(await store.commit([]), [])
  })

  test('a late change and a good one of the same document keep apart in a batch', async ({ store }) => {
    const docs = upTo(6).map((i) => aDocument(`job:apart/${i}`))
    await stored(store, ...docs)
    const late = { ...change(docs[2]!), base: { version: 1, commit: 'another' } }
    const good = change(docs[2]!)
    const others = [0, 1, 3, 4, 5].map((i) => change(docs[i]!))
    assert.equal(await store.commit([late, good, ...others]), [false, true, true, true, true, true, true])
    assert.equal(await loaded(store, docs[2]!._id), good.doc)
  })

  test('a later version of the same document may follow before a flush', async ({ store }) => {
    const doc = aDocument('job:twice')
    const second = change(doc)
    const third = change(second.doc)
    assert.equal(await store.commit([creation(doc)]), [true])
    assert.equal(await store.commit([second]), [true])
    assert.equal(await store.commit([third]), [true])
    await store.flush()
    assert.equal(await loaded(store, 'job:twice'), third.doc)
  })

  test('many commits at a time keep their answers apart', async ({ store }) => {
    const docs = upTo(400).map((i) => aDocument(`job:many/${i}`))
    await Promise.all(upTo(40).map((i) => stored(store, ...docs.slice(i * 10, i * 10 + 10))))
    const stale = (i: number) => i % 7 === 0
    const write = (i: number) => ({ ...change(docs[i]!), ...(stale(i) && { base: { version: 1, commit: 'another' } }) })
    const answers = await Promise.all(upTo(40).map((k) => store.commit(upTo(10).map((i) => write(k * 10 + i)))))
    assert.equal(
      answers.flat(),
      upTo(400).map((i) => !stale(i)),
    )
    const versions = (await store.load(docs.map(({ _id }) => _id))).map(({ version }) => version)
    assert.equal(
      versions,
      upTo(400).map((i) => (stale(i) ? 1 : 2)),
    )
  })
}
