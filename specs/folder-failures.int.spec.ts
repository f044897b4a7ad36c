import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../src/clock.ts'
import { embedded } from '../src/embedded.ts'
import { isStellwerkError } from '../src/errors.ts'
import { openFolder } from '../src/store/embedded.ts'
import type { Operation } from '../src/store/folder/operation.ts'
import type { Tables } from '../src/store/folder/tables.ts'
import { openWriter, type Part } from '../src/store/folder/writer.ts'
import { aDocument, creation, stored, upTo } from './contracts/store/world.ts'
import { until } from './support/until.ts'

const test = suite('a folder in which something fails, or ends meanwhile: E9 G1')
const home = mkdtempSync(join(tmpdir(), 'stellwerk-failures-'))
test.after(() => rmSync(home, { recursive: true, force: true }))

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  )
const large = (name: string) => ({ _id: name, owner: 'job:other', body: 'x'.repeat(2 ** 21) })

test('what was reported while it was closed is there when it is opened again', async () => {
  // The log was begun again under what was appended while the tables caught up.
  for (const round of upTo(10)) {
    const folder = join(home, `closing-${round}`)
    const store = await openFolder(folder)
    await store.putPages([large('p')])
    const reported: string[] = []
    const writing = (async () => {
      for (let i = 0; ; i++) {
        const doc = aDocument(`job:c/${i}`)
        await store.commit([creation(doc)])
        await store.flush()
        reported.push(doc._id)
      }
    })().catch(() => {})
    for (let passes = 0; passes < round; passes++) await new Promise(setImmediate)
    await store.close()
    await writing
    const again = await openFolder(folder)
    assert.is((await again.load(reported)).length, reported.length)
    await again.close()
  }
})

/** A writer whose flushes fail while it is broken. */
async function breaking(name: string) {
  let broken = false
  let fresh: Operation[] = []
  const tables = {
    open: () => assert.unreachable() as never,
    mark: undefined,
    written: 0,
    write: async () => void tables.written++,
    close: async () => {},
  } satisfies Tables & { written: number }
  const folder = join(home, name)
  await mkdir(folder)
  const writer = await openWriter(folder, tables, () => () => true)
  const part: Part = {
    dirty: () => fresh.length > 0,
    cut(operations) {
      // No text: it cannot be written.
      if (broken) operations.push({ table: 't', key: 'a', value: 1 as never })
      else operations.push(...fresh)
      fresh = []
    },
    ...{ landed() {}, settling() {}, settled() {}, unsettled() {} },
    dropped() {
      fresh = []
    },
  }
  writer.add(part)
  return {
    writer,
    tables,
    change: () => void fresh.push({ table: 't', key: 'a', value: '1' }),
    breakDown: (isBroken: boolean) => void (broken = isBroken),
  }
}

test('a flush that waits behind one that fails is refused, also if the event loop stands still meanwhile', async () => {
  // By the time it was asked for, what it was to write had been given up, and nothing was left to do: it resolved.
  const { writer, change, breakDown } = await breaking('behind')
  breakDown(true)
  change()
  const first = outcome(writer.flush())
  await new Promise(setImmediate)
  change()
  const behind = outcome(writer.flush())
  assert.ok(isStellwerkError(await first, 'UNAVAILABLE'))
  for (const end = performance.now() + 700; performance.now() < end; );
  assert.ok(isStellwerkError(await behind, 'UNAVAILABLE'))
  breakDown(false)
  while (await outcome(Promise.resolve().then(() => writer.check()))) await new Promise((again) => setTimeout(again, 20))
  change()
  assert.is(await outcome(writer.flush()), undefined)
  await writer.end()
})

test('what is in the log gets to the tables when nothing else is to do, also if a flush has failed meanwhile', async () => {
  const { writer, change, tables, breakDown } = await breaking('idle')
  change()
  await writer.flush()
  await new Promise((passed) => setTimeout(passed, 700))
  breakDown(true)
  change()
  assert.ok(isStellwerkError(await outcome(writer.flush()), 'UNAVAILABLE'))
  breakDown(false)
  await until('the tables have it', () => tables.written > 0)
  await writer.end()
})

test('one that was closed after a flush has failed stays closed', async () => {
  const { writer, change, breakDown } = await breaking('closed')
  breakDown(true)
  change()
  assert.ok(isStellwerkError(await outcome(writer.flush()), 'UNAVAILABLE'))
  await writer.end()
  await new Promise((passed) => setTimeout(passed, 700))
  assert.match((await outcome(Promise.resolve().then(() => writer.check())))!.message, /is closed/)
})

test('its log removed, it writes nothing more and says so', async () => {
  const folder = join(home, 'without-log')
  const store = await openFolder(folder)
  await stored(store, aDocument('job:before'))
  await rm(join(folder, 'log'))
  await store.commit([creation(aDocument('job:after'))])
  assert.match((await outcome(store.flush()))!.message, /was removed or replaced/)
  await store.close()
})

test('while the tables catch up each document is counted once', async () => {
  const store = await openFolder(join(home, 'counted'))
  const docs = upTo(20_000).map((i) => aDocument(`job:n/${i}`, { partition: 1, wakeAt: i }))
  await store.commit(docs.map(creation))
  const flushed = store.flush()
  let done = false
  const caughtUp = flushed.then(() => stored(store, aDocument('job:next'))).then(() => (done = true))
  const counts = new Set<number>()
  while (!done) {
    counts.add(await store.countWaking(1, 30_000, 0))
    await new Promise(setImmediate)
  }
  await caughtUp
  assert.equal([...counts], [docs.length])
  await store.close()
})

test('a file in the place of its tables that is none is refused, and stays as it was', async () => {
  for (const content of ['hello', Buffer.alloc(10_000), Buffer.alloc(10_000, 'x')]) {
    const folder = join(home, `foreign-${content.length}-${String(content[0])}`)
    await mkdir(folder)
    const path = join(folder, 'data.mdb')
    await writeFile(path, content)
    const error = await openFolder(folder).catch((thrown) => thrown)
    assert.is(error.code, 'UNAVAILABLE')
    assert.match(error.message, /data\.mdb is no database, or a damaged one/)
    assert.equal(await readFile(path), Buffer.from(content))
  }
})

test('one that could not be opened can be tried again by the same process', async () => {
  const folder = join(home, 'again')
  const connect = () => embedded(folder).connect({ name: 'h', clock: systemClock, log: () => {} })
  await mkdir(join(folder, 'log'), { recursive: true })
  assert.ok(isStellwerkError(await outcome(connect()), 'UNAVAILABLE'))
  await rm(join(folder, 'log'), { recursive: true })
  await (await connect()).close()
})

test.run()
