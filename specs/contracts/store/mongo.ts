import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { whenTakenOver } from '../../../src/document.ts'
import { isStellwerkError } from '../../../src/errors.ts'
import { connectMongo } from '../../../src/store/mongo/server.ts'
import { tooOld } from '../../../src/store/mongo/version.ts'
import { mongoStore } from '../../../src/store/mongo.ts'
import type { Store, Waking } from '../../../src/store/port.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { until } from '../../support/until.ts'
import { newNamespace } from './factories.ts'
import { type BrokenLine, proxyTo } from './proxy.ts'
import { aDocument, change, creation, loaded, stored, upTo } from './world.ts'

/** What holds beyond the contract where a server and a line to it may fail. */
export function mongoSpecs(url: string): void {
  outage(url)
  many(url)
  several(url)
  refusals()
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error) => error,
  )

function outage(url: string) {
  const test = suite<{ proxy: BrokenLine; store: Store }>('store in MongoDB: a line that breaks')
  test.before.each(async (context) => {
    context.proxy = await proxyTo(url)
    context.store = await mongoStore({ url: context.proxy.url, namespace: newNamespace(), timeout: 1000 })
  })
  test.after.each(async ({ proxy, store }) => {
    await store.close()
    await proxy.close()
  })

  test('a creation whose answer was lost is known to be stored', async ({ proxy, store }) => {
    const doc = aDocument('job:born')
    proxy.loseAnswerTo(doc.commit)
    assert.equal(await store.commit([creation(doc)]), [true])
    assert.equal(await loaded(store, doc._id), doc)
  })

  test('a change whose answer was lost is known to be stored', async ({ proxy, store }) => {
    const doc = aDocument('job:changed')
    await stored(store, doc)
    const next = change(doc)
    proxy.loseAnswerTo(next.doc.commit)
    assert.equal(await store.commit([next]), [true])
    assert.equal(await loaded(store, doc._id), next.doc)
  })

  test('a change that did not arrive is answered as it is', async ({ proxy, store }) => {
    const doc = aDocument('job:lost')
    await stored(store, doc)
    const next = change(doc)
    proxy.loseRequest(next.doc.commit)
    const [answer] = await store.commit([next])
    assert.is((await loaded(store, doc._id))?.commit === next.doc.commit, answer)
  })

  test('what another one changed meanwhile is not taken for this attempt', async ({ proxy, store }) => {
    const doc = aDocument('job:taken')
    await stored(store, doc)
    const theirs = change(doc)
    assert.equal(await store.commit([theirs]), [true])
    const mine = change(doc)
    proxy.loseAnswerTo(mine.doc.commit)
    assert.equal(await store.commit([mine]), [false])
  })

  test('a document that is too large for it is answered by an error, and those beside it are stored', async ({ store }) => {
    const docs = upTo(6).map((i) => aDocument(`job:wide/${i}`))
    for (const doc of docs.slice(0, 3)) await stored(store, doc)
    const large = { large: 'x'.repeat(2_600_000) }
    const writes = docs.map((doc, i) => (i < 3 ? change : creation)(i % 3 === 1 ? { ...doc, labels: large } : doc))
    const answers = await store.commit(writes)
    const said = answers.map((answer) => (answer instanceof Error ? answer.message.slice(0, 34) : answer))
    assert.equal(said, [true, 'job:wide/1 is too large to be stor', true, true, 'job:wide/4 is too large to be stor', true])
  })

  test('without a server every call ends, and names it; later all is well again', async ({ proxy, store }) => {
    const doc = aDocument('job:away')
    await stored(store, doc)
    proxy.cut()
    const next = change(doc)
    const calls = [
      store.load([doc._id]),
      store.commit([next]),
      store.setFact('x', 1, undefined),
      store.waking(1, 1, 0, 1),
      store.allWaking(1, 1)[Symbol.asyncIterator]().next(),
      store.putPages([{ _id: 'p', owner: 'o', body: 1 }]),
    ]
    for (const error of await Promise.all(calls.map(failure))) {
      assert.ok(isStellwerkError(error, 'UNAVAILABLE'), String(error))
      assert.ok((error as Error).message.includes(new URL(proxy.url).host), String(error))
    }
    proxy.mend()
    assert.equal(await loaded(store, doc._id), doc)
    assert.equal(await store.commit([next]), [true])
  })

  test('writes that are larger than a line holds, and it goes silent: they end as well', async ({ proxy, store }) => {
    const large = 'x'.repeat(2_000_000)
    const docs = upTo(3).map((i) => aDocument(`job:large/${i}`))
    for (const doc of docs) await stored(store, doc)
    const changes = docs.map((doc) => change({ ...doc, labels: { large } }))
    await Promise.all(upTo(200).map((i) => store.fact(`line ${i}`))) // so many idle lines go silent, too
    proxy.silence()
    const page = { _id: 'large', owner: 'job:large', body: large.repeat(4) }
    const calls = Promise.all([store.commit(changes), store.putPages([page])])
    const ended = await Promise.race([calls, sleep(20_000, undefined, { ref: false })])
    assert.ok(ended, 'they end')
    const [answers] = ended!
    const present = await store.load(docs.map(({ _id }) => _id))
    assert.equal(
      changes.map(({ doc }) => present.some(({ commit }) => commit === doc.commit)),
      answers,
    )
    assert.equal(await store.getPages(['large']), [page], 'what is harmless to repeat is')
  })

  test('a bulk write whose server is given up is repeated: it wraps what it met', async ({ proxy }) => {
    const server = await connectMongo(proxy.url, 'stellwerk', 1500)
    try {
      const { client } = server.db as unknown as { client: MongoClient & { topology: { close(): void } } }
      let tries = 0
      const { insertedCount } = await server.insist(async () => {
        tries++
        if (tries > 1) await client.connect()
        const inserted = server.db.collection(newNamespace()).insertMany([{ a: 1 }], { ordered: false })
        if (tries === 1) client.topology.close()
        return await inserted
      })
      assert.equal({ tries, insertedCount }, { tries: 2, insertedCount: 1 })
    } finally {
      await server.close()
    }
  })

  test('what gets no line in time is repeated, as what gets no answer', async () => {
    const line = await tcpProxy(url)
    const server = await connectMongo(line.url, 'stellwerk', 1500)
    try {
      line.silence()
      const tries = [0, 0, 0, 0]
      const insert = (i: number) =>
        server.insist(() => {
          tries[i]!++
          return server.db.collection(newNamespace()).insertMany([{ i }])
        })
      const all = Promise.all([0, 1, 2, 3].map(insert))
      await Promise.race([all, until('all are tried again', () => tries.every((times) => times > 1))])
      line.goOn()
      await all
    } finally {
      await server.close()
      await line.close()
    }
  })

  test('all lines cut, again and again, while there is work on them: every host can reach it afterwards', async ({ proxy }) => {
    // The driver waited for ever for the answer to a heartbeat that it had sent at that moment, and sent no other.
    const servers = await Promise.all(upTo(24).map(() => connectMongo(proxy.url, 'stellwerk', 1500)))
    let out = 0
    for (const { db } of servers) {
      db.client.on('connectionCheckedOut', () => out++)
      db.client.on('connectionCheckedIn', () => out--)
    }
    let over = false
    const work = servers.flatMap(({ db, guard }) =>
      upTo(3).map(async () => {
        while (!over) await guard(() => db.collection('none').findOne({})).catch(() => sleep(100))
      }),
    )
    try {
      for (const round of upTo(6)) {
        await sleep(600)
        proxy.cut()
        await sleep(600)
        proxy.mend()
        for (const { db, insist } of servers)
          await until(`it is reached after cut ${round + 1}`, () => insist(() => db.command({ ping: 1 })).catch(() => false), 20_000)
      }
      over = true
      await Promise.all(work)
      await until('no line is kept from others', () => out === 0)
    } finally {
      over = true
      await Promise.all(work)
      await Promise.all(servers.map((server) => server.close()))
    }
  })
  test.run()
}

function many(url: string) {
  const test = suite<{ client: MongoClient }>('store in MongoDB: very many')
  test.before((context) => {
    context.client = new MongoClient(url)
  })
  test.after(({ client }) => client.close())

  test('what is open in a partition comes in parts, each by a call of its own', async ({ client }) => {
    const namespace = newNamespace()
    const store = await mongoStore({ url, namespace })
    try {
      const actors = client.db(new URL(url).pathname.slice(1) || 'stellwerk').collection<Waking>(`${namespace}_actors`)
      const docs = upTo(60_000).map((i) => ({ _id: `job:many/${i}`, partition: 1, wakeAt: whenTakenOver, version: 1 }))
      while (docs.length) await actors.insertMany(docs.splice(0, 20_000), { ordered: false })
      const sizes: number[] = []
      const found = new Set<string>()
      for await (const part of store.allWaking(1, whenTakenOver)) {
        sizes.push(part.length)
        for (const { _id } of part) found.add(_id)
      }
      assert.ok(sizes.length > 1 && Math.max(...sizes) <= 50_000, `${sizes}`)
      assert.is(found.size, 60_000)
    } finally {
      await store.close()
    }
  })
  test.run()
}

function several(url: string) {
  const test = suite<{ stores: Store[] }>('store in MongoDB: several hosts')
  test.before(async (context) => {
    const namespace = newNamespace()
    context.stores = await Promise.all(upTo(4).map(() => mongoStore({ url, namespace })))
  })
  test.after(async ({ stores }) => {
    await Promise.all(stores.map((store) => store.close()))
  })

  test('batches that overlap, in any order: each document has one winner, who knows it', async ({ stores }) => {
    const docs = upTo(100).map((i) => aDocument(`job:overlap/${i}`))
    const created = await Promise.all(stores.map((store) => store.commit(docs.map((doc) => creation(aDocument(doc._id))))))
    const present = await stores[0]!.load(docs.map(({ _id }) => _id))
    assert.equal(
      upTo(100).map((i) => created.filter((answers) => answers[i]).length),
      upTo(100).map(() => 1),
    )

    for (let round = 0, now = present; round < 10; round++) {
      const writes = stores.map((_, k) => (k % 2 ? [...now].reverse() : now).map((doc) => change(doc)))
      const answers = await Promise.all(stores.map((store, k) => store.commit(writes[k]!)))
      const won = writes.flatMap((list, k) => list.filter((_, i) => answers[k]![i])).map(({ doc }) => doc)
      now = await stores[0]!.load(docs.map(({ _id }) => _id))
      assert.equal(won.map(({ commit }) => commit).sort(), now.map(({ commit }) => commit).sort())
    }
  })

  test('of many that set a fact, exactly one wins', async ({ stores }) => {
    const answers = await Promise.all(upTo(20).map((i) => stores[i % 4]!.setFact('leader', { host: i }, undefined)))
    assert.is(new Set(answers.map((value) => JSON.stringify(value))).size, 1)
    assert.equal(await stores[1]!.fact('leader'), answers[0])
  })
  test.run()
}

function refusals() {
  const test = suite('store in MongoDB: refused in one line')

  test('a server that cannot be reached is named without credentials', async () => {
    const error = await failure(mongoStore({ url: 'mongodb://someone:secret@127.0.0.1:1/x', namespace: 'x', timeout: 300 }))
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'))
    const { message } = error as Error
    assert.ok(message.includes('127.0.0.1:1') && !message.includes('secret') && !message.includes('someone'), message)
  })

  test('a url that is none', async () => {
    const error = await failure(mongoStore({ url: 'mongo://someone:secret@host', namespace: 'x' }))
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'))
    assert.not.ok((error as Error).message.includes('secret'))
  })

  test('a server that is too old', () => {
    assert.is(
      tooOld({ version: '4.4.29', versionArray: [4, 4, 29, 0] }, 'h:1'),
      'MongoDB 4.4.29 at h:1 is too old: 5.0 or newer is needed.',
    )
    const old = { version: '7.0.42', versionArray: [7, 0, 42, 0], ferretdb: { version: 'v1.24.0' } }
    assert.is(tooOld(old, 'h:1'), 'FerretDB v1.24.0 at h:1 is too old: 2.0 or newer is needed.')
    assert.is(tooOld({ ...old, ferretdb: { version: 'v2.7.0' } }, 'h:1'), undefined)
    assert.is(tooOld({ version: '5.0.0', versionArray: [5, 0, 0, 0] }, 'h:1'), undefined)
  })
  test.run()
}
