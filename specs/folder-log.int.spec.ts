import { mkdtempSync, rmSync } from 'node:fs'
import { cp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isStellwerkError } from '../src/errors.ts'
import { openFolder } from '../src/store/embedded.ts'
import { type Mark, openLog } from '../src/store/folder/log.ts'
import { type Operation, operationsIn, pending, textsOf } from '../src/store/folder/operation.ts'
import { aDocument, baseOf, change, creation, stored, upTo } from './contracts/store/world.ts'
import { seededRandom, seedOf } from './support/random.ts'

/** What was flushed is in the log before it is in the tables. */
const test = suite('the log of a folder: E9')
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-log-'))
const path = join(folder, 'log')
const random = seededRandom(seedOf())
test.before.each(() => writeFile(path, ''))
test.after(() => rmSync(folder, { recursive: true, force: true }))

const none: Mark = { sequence: 0, position: 0 }
const noRoom = async () => assert.unreachable('there is room')

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  )

test('what it got is read again, in order, from the record on that the tables have not', async () => {
  const { log } = await openLog(path, none)
  const written = ['one', '', 'größer als — 𝄞', 'x'.repeat(100_000)]
  for (const text of written) await log.append([text], noRoom)
  await log.close()
  for (const applied of [none, log.end]) {
    const again = await openLog(path, applied)
    assert.equal(again.texts, applied === none ? written : [])
    assert.equal(again.log.end, log.end)
    assert.is(again.log.end.sequence, 4)
    await again.log.close()
  }
})

test('a record that is not whole is none, and the next one takes its place', async () => {
  const { log } = await openLog(path, none)
  for (const text of ['first', 'second', 'the last one']) await log.append([text], noRoom)
  await log.close()
  const bytes = await readFile(path)
  const start = bytes.length - 16 - 'the last one'.length
  for (let at = start; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 0x55
    for (const damaged of [bytes.subarray(0, at), changed]) {
      await writeFile(path, damaged)
      const { log, texts } = await openLog(path, none)
      assert.equal(texts, ['first', 'second'])
      await log.append(['another'], noRoom)
      await log.close()
      const again = await openLog(path, none)
      assert.equal(again.texts, ['first', 'second', 'another'])
      await again.log.close()
    }
  }
})

test('what the tables lack is there, wherever in the ring it begins, and nothing else', async () => {
  let { log } = await openLog(path, none)
  let applied = none
  /** What the tables lack. */
  const written: { text: string; end: Mark }[] = []
  let waited = 0
  let turns = 0
  const take = async () => {
    if (!written.length) return
    applied = written.splice(0, random.between(1, written.length)).at(-1)!.end
    log.release(applied)
  }
  const largest = () => (random.chance(0.02) ? 9_000_000 : random.chance(0.3) ? 1_500_000 : 50_000)
  for (const i of upTo(400)) {
    const text = `${i} ${'x'.repeat(random.between(0, largest()))}`
    const before = log.end.position
    await log.append([text], async () => {
      waited++
      await take()
    })
    if (log.end.position < before) turns++
    written.push({ text, end: log.end })
    if (random.chance(0.1)) await take()
    if (random.chance(0.1)) await log.trim()
    if (random.chance(0.1)) {
      await log.close()
      const again = await openLog(path, applied)
      assert.equal(
        again.texts,
        written.map(({ text }) => text),
      )
      assert.equal(again.log.end, log.end)
      log = again.log
    }
  }
  await log.close()
  assert.ok(turns > 20, `${turns} turns`)
  assert.ok(waited > 5, `waited ${waited} times until there was room`)
})

test('a file that one large record has made large is cut when the tables have it, and not before', async () => {
  const { log } = await openLog(path, none)
  const sizeOf = async () => (await stat(path)).size
  await log.append(['x'.repeat(20_000_000)], noRoom)
  await log.trim()
  assert.ok((await sizeOf()) > 20_000_000)
  log.release(log.end)
  await log.trim()
  assert.ok((await sizeOf()) < 5_000_000)
  const applied = log.end
  await log.append(['next'], noRoom)
  await log.close()
  const again = await openLog(path, applied)
  assert.equal(again.texts, ['next'])
  await again.log.close()
})

test('one that is damaged before its last record is refused: what follows was reported', async () => {
  const { log } = await openLog(path, none)
  for (const i of upTo(4)) await log.append([`record ${i}`], noRoom)
  await log.close()
  const bytes = await readFile(path)
  for (const at of upTo(3 * (16 + 'record 0'.length))) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 0x55
    await writeFile(path, changed)
    const error = await refusal(openLog(path, none))
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'), `byte ${at}`)
    assert.match(error.message, /Or is it damaged\?/)
  }
})

test('a log that was taken away before the tables had anything is missed, too', async () => {
  const young = join(folder, 'young')
  const store = await openFolder(young)
  await stored(store, aDocument('job:a'))
  await store.flush()
  const left = join(folder, 'left')
  await cp(young, left, { recursive: true, filter: (name) => !/turn|log$/.test(name) })
  await store.close()
  assert.match((await refusal(openFolder(left))).message, /log is missing/)
})

test('older tables are refused, also after the file was cut', async () => {
  const { log } = await openLog(path, none)
  await log.append(['first'], noRoom)
  const old = log.end
  for (const text of ['x'.repeat(9_000_000), 'second']) {
    await log.append([text], noRoom)
    log.release(log.end)
  }
  await log.trim()
  await log.append(['third'], noRoom)
  await log.close()
  assert.match((await refusal(openLog(path, old))).message, /Was only a part of the folder put back\?/)
})

test('a log whose beginning the tables lack is refused', async () => {
  const { log } = await openLog(path, none)
  const marks = [none]
  for (const i of upTo(7)) {
    await log.append(['x'.repeat(1_000_000 - i)], noRoom)
    log.release(log.end)
    marks.push(log.end)
  }
  await log.close()
  // The sixth begins the second turn: it and the seventh lie over the first two.
  const lacking = (count: number) => openLog(path, marks[count]!)
  for (const count of [0, 1]) {
    const error = await refusal(lacking(count))
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'))
    assert.match(error.message, /Was only a part of the folder put back\?/)
  }
  for (const count of [2, 5, 6, 7]) {
    const { log, texts } = await lacking(count)
    assert.is(texts.length, 7 - count)
    await log.close()
  }
})

test('a log that was taken away is missed, and an empty one in its place is taken for one', async () => {
  const { log } = await openLog(path, none)
  await log.append(['one'], noRoom)
  await log.close()
  await rm(path)
  const error = await refusal(openLog(path, log.end))
  assert.ok(isStellwerkError(error, 'UNAVAILABLE'))
  assert.match(error.message, /log is missing, .* Put the folder back whole/)
  await writeFile(path, '')
  const again = await openLog(path, log.end)
  assert.equal([again.texts, again.log.end], [[], log.end])
  await again.log.close()
})

test('operations are text and back', () => {
  const operations = [
    { table: 'documents', key: 'job:a/ü', value: '{"text":"zwölf\n𝄞"}' },
    { table: 'wakes', key: [1, 2.5, 'job:a'], value: undefined },
    { table: 'pages', key: 'p', value: '' },
    { table: 'wakes', key: [1, 0, 'job:a'], value: '1' },
  ]
  assert.equal(operationsIn(textsOf(operations).join('')), operations)
  assert.equal(operationsIn(textsOf([]).join('')), [])
})

test('what came and went before the tables had it does not go there; what they have is removed, whatever came meanwhile', () => {
  const after = (...operations: Operation[]) => {
    const behind = pending()
    for (const operation of operations) behind.add([operation])
    return Array.from(behind.operations, ({ value }) => value)
  }
  const put: Operation = { table: 't', key: 'a', value: '1', isNew: true }
  const remove: Operation = { table: 't', key: 'a', value: undefined }
  assert.equal(after(put), ['1'])
  assert.equal(after(put, remove), [])
  assert.equal(after(put, remove, put), ['1'])
  assert.equal(after(remove, put), ['1'])
  assert.equal(after(remove, put, remove), [undefined])
  assert.equal(after({ ...put, isNew: undefined }, remove), [undefined])
})

test('what was flushed is there if the process ends before the tables have it, and if they had it although the log did not know', async () => {
  const home = join(folder, 'store')
  const store = await openFolder(home)
  const copies = { before: join(folder, 'before'), between: join(folder, 'between') }
  await stored(store, aDocument('job:a', { wakeAt: 5 }))
  await store.putPages([{ _id: 'page', owner: 'job:a', body: 1 }])
  await store.flush()
  await cp(home, copies.before, { recursive: true, filter: (name) => !name.includes('turn') })
  const log = await readFile(join(home, 'log'))
  await store.close()
  await cp(home, copies.between, { recursive: true, filter: (name) => !name.includes('turn') })
  await writeFile(join(copies.between, 'log'), log)
  for (const copy of [copies.before, copies.between]) {
    const again = await openFolder(copy)
    assert.equal(
      (await again.waking(0, 10)).map(({ _id }) => _id),
      ['job:a'],
    )
    assert.is((await again.getPages(['page'])).length, 1)
    await stored(again, aDocument('job:b'))
    await again.close()
    const third = await openFolder(copy)
    assert.is((await third.load(['job:a', 'job:b'])).length, 2)
    await third.close()
  }
})

test('the base of a write is what the tables have got: created, ended, begun again, removed, created again', async () => {
  const store = await openFolder(join(folder, 'bases'))
  const caughtUp = async () => {
    for (const _ of upTo(2)) {
      await store.putPages([{ _id: 'large', owner: 'job:other', body: 'x'.repeat(2 ** 21) }])
      await store.flush()
    }
  }
  const created = aDocument('job:a')
  const ended = change(created, { status: 'done' })
  const again = change(ended.doc, { status: 'active' })
  assert.equal(await store.load(['job:a']), [])
  for (const write of [creation(created), ended, again]) {
    assert.equal(await store.commit([write]), [true])
    await caughtUp()
    assert.equal(await store.commit([creation(created)]), [false])
  }
  assert.is(await store.remove('job:a', baseOf(again.doc)), true)
  await caughtUp()
  assert.equal(await store.load(['job:a']), [])
  assert.equal(await store.commit([again, creation(created)]), [false, true])
  await store.close()
})

test('a key that the tables could not take is refused before it is in the log, also when nothing was found of it before', async () => {
  const store = await openFolder(join(folder, 'keys'))
  for (const _id of [`job:${'x'.repeat(1000)}`, 'job:a\0b']) {
    assert.equal(await store.load([_id]), [])
    assert.ok(isStellwerkError(await refusal(store.commit([creation(aDocument('job:a', { _id }))])), 'VALIDATION'))
  }
  await store.close()
})

test.run()
