import * as assert from 'uvu/assert'
import type { Page } from '../../../src/store/port.ts'
import { aDocument, baseOf, change, creation, loaded, type StoreFactory, stored, storeSuite, type Test, upTo } from './world.ts'

export function sideSpecs(factory: StoreFactory): void {
  storeSuite(factory, 'pages', pages)
  storeSuite(factory, 'remove', removing)
  storeSuite(factory, 'facts', facts)
  storeSuite(factory, 'JSON', roundTrip)
}

const aPage = (id: string, owner: string): Page => ({ _id: id, owner, body: { of: id } })

function pages(test: Test) {
  test('are there once put, and may be put again', async ({ store }) => {
    const [one, two] = [aPage('one', 'job:p'), aPage('two', 'job:p')]
    await store.putPages([one])
    await store.putPages([one, two])
    await store.flush()
    assert.equal(await store.getPages(['two', 'none', 'one']), [two, one])
    await store.putPages([{ ...one, body: 'another' }])
    assert.equal(await store.getPages(['one']), [{ ...one, body: 'another' }])
    assert.equal(await store.getPages([]), [])
  })

  test('many at a time', async ({ store }) => {
    const many = upTo(300).map((i) => aPage(`many/${i}`, 'job:many'))
    await Promise.all(upTo(30).map((i) => store.putPages(many.slice(i * 10, i * 10 + 10))))
    assert.equal(await store.getPages(many.map(({ _id }) => _id)), many)
  })
}

function removing(test: Test) {
  test('removes a document that is still this one, with its pages', async ({ store }) => {
    const doc = aDocument('job:end')
    await stored(store, doc)
    await store.putPages([aPage('end/1', doc._id), aPage('end/2', doc._id), aPage('other', 'job:end/1')])
    await store.flush()
    await store.putPages([aPage('end/3', doc._id)])
    assert.not(await store.remove(doc._id, { version: 1, commit: 'another' }))
    assert.not(await store.remove(doc._id, { version: 2, commit: doc.commit }))
    assert.is((await store.getPages(['end/1', 'end/2', 'end/3'])).length, 3)
    assert.ok(await store.remove(doc._id, baseOf(doc)))
    assert.is(await loaded(store, doc._id), undefined)
    assert.equal(await store.getPages(['end/1', 'end/2', 'end/3', 'other']), [aPage('other', 'job:end/1')])
    await store.flush()
    assert.is(await loaded(store, doc._id), undefined)
    assert.equal(await store.getPages(['end/1', 'end/2', 'end/3', 'other']), [aPage('other', 'job:end/1')])
  })

  test('removes nothing that is gone or has changed', async ({ store }) => {
    const doc = aDocument('job:kept')
    await stored(store, doc)
    const next = change(doc)
    await store.commit([next])
    assert.not(await store.remove(doc._id, baseOf(doc)))
    assert.is((await loaded(store, doc._id))?.version, 2)
    assert.not(await store.remove('job:never', baseOf(doc)))
  })

  test('pages go by their names, or with all of their owner; the owner stays', async ({ store }) => {
    const doc = aDocument('job:paged')
    await stored(store, doc)
    const page = (name: string, owner: string) => ({ _id: `${owner}#${name}`, owner, body: name })
    const [a, b, c, other] = [page('a', doc._id), page('b', doc._id), page('c', doc._id), page('a', 'job:other')]
    await store.putPages([a, b, other])
    await store.flush()
    await store.putPages([c])
    const left = async () => (await store.getPages([a, b, c, other].map(({ _id }) => _id))).map(({ _id }) => _id)
    await store.removePages([a._id, 'nothing'])
    assert.equal(await left(), [b._id, c._id, other._id])
    await store.removePagesOf([doc._id, 'job:nobody'])
    await store.flush()
    assert.equal(await left(), [other._id])
    assert.equal((await store.load([doc._id])).length, 1)
    await store.removePagesOf([])
  })

  test('keeps the answers apart', async ({ store }) => {
    const docs = upTo(30).map((i) => aDocument(`job:ends/${i}`))
    await stored(store, ...docs)
    const base = (i: number) => (i % 3 ? baseOf(docs[i]!) : { version: 1, commit: 'another' })
    const answers = await Promise.all(upTo(30).map((i) => store.remove(docs[i]!._id, base(i))))
    assert.equal(
      answers,
      upTo(30).map((i) => i % 3 > 0),
    )
    assert.is((await store.load(docs.map(({ _id }) => _id))).length, 10)
  })
}

function facts(test: Test) {
  test('are written if the present one is the expected', async ({ store }) => {
    assert.is(await store.fact('partitions'), undefined)
    assert.is(await store.setFact('partitions', 16, 8), undefined)
    assert.is(await store.setFact('partitions', 16, undefined), 16)
    assert.is(await store.setFact('partitions', 32, undefined), 16)
    assert.is(await store.setFact('partitions', 32, 16), 32)
    assert.is(await store.fact('partitions'), 32)
    assert.is(await store.setFact('partitions', undefined, 32), undefined)
    assert.is(await store.fact('partitions'), undefined)
  })

  test('are compared as JSON', async ({ store }) => {
    const value = { hosts: [{ id: 'a', weight: 0.1 }], at: null }
    assert.equal(await store.setFact('shape', value, undefined), value)
    const other = { hosts: [] }
    assert.equal(await store.setFact('shape', other, { at: null, hosts: [{ weight: 0.1, id: 'a', gone: undefined }] }), other)
    assert.equal(await store.setFact('null', null, undefined), null)
    assert.equal(await store.setFact('null', 1, null), 1)
  })

  test('of many that race, exactly one wins', async ({ store }) => {
    const answers = await Promise.all(upTo(20).map((i) => store.setFact('leader', { host: i }, undefined)))
    const winner = await store.fact('leader')
    assert.equal(
      answers,
      upTo(20).map(() => winner),
    )
    const next = await Promise.all(upTo(20).map((i) => store.setFact('leader', { host: 100 + i }, winner)))
    assert.is(new Set(next.map((value) => JSON.stringify(value))).size, 1)
    assert.equal(await store.fact('leader'), next[0])
  })
}

const nasty = JSON.parse(
  `{
  "$ref": 1, "$set": { "$inc": { "a.b": 1 } }, "a.b": { "c.d": [] }, ".": 1, "$": 2, "": "empty key", "__proto__": { "polluted": true },
  "constructor": 1, "toJSON": "text", "_id": "mine", "null": null, "deep": [[[[{ "x": [null, true, false, {}] }]]]],
  "numbers": [0, 1, -1, 2147483647, 2147483648, -2147483649, 4294967296, 9007199254740991, -9007199254740991, 0.1, 1e300, 5e-324, 1.5],
  "texts": ["", "ä€𝄞", "\\u0000", "\\ud800 alone", "line\\nbreak", "\u2028", "2026-11-23T00:00:00.000Z"]
}`.replaceAll('\\\\', '\\'),
) as unknown

function roundTrip(test: Test) {
  const doc = aDocument('job:nasty', {
    snapshot: { status: 'active', value: { a: 'b' }, context: nasty },
    inbox: { epoch: 1, sequence: 2 ** 40, marks: { 'a.b': 1, $c: 2 } },
    outbox: [{ n: 1, kind: 'event', to: 'job:x', event: { type: 'x', nasty } }],
    history: [{ v: 1, at: 1_795_000_000_000.5, event: { type: 'x', nasty } }],
    labels: { 'a.b': '1', $c: '2' },
  })

  test('comes back exactly as it was, whatever its keys', async ({ store }) => {
    const text = JSON.stringify(nasty)
    await stored(store, doc)
    await store.putPages([{ _id: 'nasty', owner: doc._id, body: nasty }])
    await store.setFact('nasty', nasty, undefined)
    const back = (await store.load([doc._id]))[0]!
    assert.is(JSON.stringify(back.snapshot.context), text)
    assert.is(JSON.stringify(back.history), JSON.stringify(doc.history))
    assert.is(JSON.stringify(back.outbox), JSON.stringify(doc.outbox))
    assert.equal([back.inbox, back.labels], [doc.inbox, doc.labels])
    assert.is(JSON.stringify((await store.getPages(['nasty']))[0]!.body), text)
    assert.is(JSON.stringify(await store.fact('nasty')), text)
    assert.is(({} as { polluted?: boolean }).polluted, undefined)
  })

  test('fields that are undefined are not there', async ({ store }) => {
    const bare = aDocument('job:bare', { labels: undefined, group: undefined, wakeAt: undefined, endedAt: undefined })
    bare.snapshot.context = { gone: undefined, kept: [undefined] }
    await store.commit([creation(bare)])
    await store.flush()
    const back = (await loaded(store, bare._id))!
    assert.equal(back.snapshot.context, { kept: [null] })
    assert.equal(
      Object.keys(back).filter((key) => ['labels', 'group', 'wakeAt', 'endedAt', 'work'].includes(key)),
      [],
    )
  })

  test('a large document comes back whole', async ({ store }) => {
    const large = aDocument('job:large', { history: upTo(2000).map((v) => ({ v, at: v, event: { type: 'x', text: 'ä€𝄞'.repeat(10) } })) })
    await stored(store, large)
    assert.equal(await loaded(store, large._id), large)
  })
}
