import { mkdir, rename, rm } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isStellwerkError } from '../../../src/errors.ts'
import { type FolderStore, openFolder } from '../../../src/store/embedded.ts'
import { openTables } from '../../../src/store/folder/tables.ts'
import { type Child, startChild } from './child.ts'
import { newFolder } from './factories.ts'
import { aDocument, change, creation, stored, upTo } from './world.ts'

interface Context {
  folder: string
}

/** What holds beyond the contract for the store in a folder: it survives, as one whole a flush, what ends the process. */
export function folderSpecs(): void {
  for (const [what, register] of [
    ['after a crash', crashes],
    ['opened again', reopening],
    ['beside the documents', besides],
  ] as const) {
    const test = suite<Context>(`store in a folder: ${what}`)
    test.before.each(async (context) => {
      context.folder = await newFolder()
    })
    test.after.each(({ folder }) => rm(folder, { recursive: true }))
    register(test)
    test.run()
  }
}

type Test = ReturnType<typeof suite<Context>>

/** Each turn is there whole or not at all, none is missing before another, none that was reported is missing. Answers how many there are. */
async function checkTurns(store: FolderStore, name: string, reported: number): Promise<number> {
  const docs = await store.find({ prefix: `job:${name}/` }, undefined, 1_000_000)
  const frames = (await store.journal.all()).filter(({ id }) => id.startsWith(`${name}/`))
  const turns = frames.length
  assert.ok(turns >= reported, `${turns} of ${reported} turns of ${name}`)
  assert.equal(
    frames.map(({ sequence }) => sequence),
    upTo(turns).map((i) => i + 1),
  )
  assert.equal(
    docs.map(({ _id }) => _id).sort(),
    upTo(turns)
      .flatMap((i) => [`job:${name}/${i + 1}/receiver`, `job:${name}/${i + 1}/sender`])
      .sort(),
  )
  assert.is((await store.getPages(upTo(turns + 1).map((i) => `${name}/${i + 1}`))).length, turns)
  return turns
}

const reportedBy = (child: Child, name: string): number => child.lines.filter((line) => line.startsWith(`flushed ${name} `)).length

function crashes(test: Test) {
  for (const passes of [1, 20, 55, 150, 400, 1000, 2500, 10_000]) {
    test(`every turn is there whole or not at all, killed ${passes} passes of the event loop after the first`, async ({ folder }) => {
      const child = startChild(['turns', folder, String(passes)])
      assert.is(await child.ended, null)
      const store = await openFolder(folder)
      assert.is(await checkTurns(store, 'first', 1), 1)
      for (const k of upTo(4)) await checkTurns(store, `t-${k}`, reportedBy(child, `t-${k}`))
      await store.close()
    })
  }

  test('every turn is there whole or not at all, killed while the tables catch up with the log', async ({ folder }) => {
    let caughtUp = 0
    for (const turns of [3, 9, 10, 11, 12, 13, 14, 20, 21]) {
      const child = startChild(['large-turns', folder, String(turns)])
      assert.is(await child.ended, null)
      const tables = await openTables(folder)
      caughtUp = Math.max(caughtUp, tables.mark?.sequence ?? 0)
      await tables.close()
      const store = await openFolder(folder)
      await checkTurns(store, 'first', reportedBy(child, 'first'))
      await store.close()
      await rm(folder, { recursive: true })
    }
    assert.ok(caughtUp > 0, 'some caught up')
    await mkdir(folder)
  })

  test('what was not flushed is gone, and only that', async ({ folder }) => {
    const child = startChild(['unflushed', folder])
    assert.is(await child.line('seen'), 'seen 2')
    await child.crash()
    const store = await openFolder(folder)
    assert.equal(
      (await store.find({}, undefined, 10)).map(({ _id }) => _id),
      ['job:flushed'],
    )
    assert.equal(
      (await store.waking(1, 5)).map(({ _id }) => _id),
      ['job:flushed'],
    )
    assert.equal(await store.getPages(['unflushed']), [])
    await store.close()
  })

  test('a flush that fails is a crash of what was not on disk, and what is on disk is good', async ({ folder }) => {
    const child = startChild(['full', folder], 1024)
    assert.is(await child.line('failed'), 'failed true')
    assert.is(await child.line('refused'), 'refused 4')
    const left = /^left (\S*) (\d+) of (\d+)$/.exec(await child.line('left'))!
    assert.equal([left[1], left[2]], [`job:full/${Number(left[3]) - 1}/sender`, '0'])
    await child.line('closed')
    assert.is(await child.ended, 0)
    const store = await openFolder(folder)
    assert.is(await checkTurns(store, 'full', reportedBy(child, 'full')), reportedBy(child, 'full'))
    await stored(store, aDocument('job:goes-on'))
    await store.close()
  })
}

function reopening(test: Test) {
  test('everything is there', async ({ folder }) => {
    const docs = upTo(50).map((i) => aDocument(`job:r/${i}`, { partition: 3, ...(i % 2 && { wakeAt: i }) }))
    const first = await openFolder(folder)
    await stored(first, ...docs)
    const moved = change(docs[1]!, { wakeAt: 1000 })
    await first.commit([moved])
    await first.remove(docs[3]!._id, docs[3]!)
    await first.close()

    const second = await openFolder(folder)
    const expected = docs.filter((_, i) => i % 2 === 1 && i > 3).map(({ _id }) => _id)
    assert.equal(
      (await second.waking(3, Number.POSITIVE_INFINITY)).map(({ _id }) => _id),
      [...expected, 'job:r/1'],
    )
    assert.equal(await second.load(['job:r/1', 'job:r/3', 'job:r/4']), [moved.doc, docs[4]])
    assert.equal(await second.commit([change(docs[1]!), change(moved.doc), creation(docs[3]!)]), [false, true, true])
    await second.close()
  })

  test('one whose folder was removed, or replaced, says so and writes nothing more', async ({ folder }) => {
    for (const replaced of [false, true]) {
      const store = await openFolder(folder)
      await stored(store, aDocument(`job:before/${replaced}`))
      await store.flush()
      await rename(folder, `${folder}-moved`)
      if (replaced) await (await openFolder(folder)).close()
      await store.commit([creation(aDocument('job:after'))])
      for (const call of [() => store.flush(), () => store.load(['job:after']), () => store.journal.all()]) {
        const error = await call().then(
          () => undefined,
          (error) => error,
        )
        assert.ok(isStellwerkError(error, 'UNAVAILABLE'), String(error))
        assert.match(error.message, /was removed or replaced/)
      }
      await store.close()
      if (replaced) await rm(folder, { recursive: true })
      await rename(`${folder}-moved`, folder)
    }
    const store = await openFolder(folder)
    assert.is((await store.load(['job:before/false', 'job:before/true', 'job:after'])).length, 2)
    await store.close()
  })

  test('a closed store says so', async ({ folder }) => {
    const store = await openFolder(folder)
    await store.close()
    for (const call of [() => store.load(['job:x']), () => store.flush(), () => store.journal.all()]) {
      const error = await call().then(
        () => undefined,
        (error) => error,
      )
      assert.ok(isStellwerkError(error, 'UNAVAILABLE'))
    }
  })
}

function besides(test: Test) {
  test('the journal keeps frames in order until they are removed', async ({ folder }) => {
    const entry = (id: string, partition: number, sequence: number) => ({ id, partition, sequence, at: 0, frame: [{ to: id }] })
    const first = await openFolder(folder)
    await Promise.all([first.journal.put([entry('c', 2, 1), entry('b', 1, 20)]), first.journal.put([entry('a', 1, 3)])])
    const all = [entry('a', 1, 3), entry('b', 1, 20), entry('c', 2, 1)]
    assert.equal(await first.journal.all(), all)
    first.journal.remove(['b'])
    assert.equal(await first.journal.all(), [all[0], all[2]])
    await first.flush()
    await first.close()
    const second = await openFolder(folder)
    assert.equal(await second.journal.all(), [all[0], all[2]])
    await second.close()
  })

  test('records are compared by revision', async ({ folder }) => {
    const first = await openFolder(folder)
    const answers = await Promise.all(upTo(5).map((i) => first.putRecord('owner.1', { host: i }, 0)))
    assert.equal(answers, [1, undefined, undefined, undefined, undefined])
    assert.is(await first.putRecord('owner.1', 'next', 1), 2)
    assert.is(await first.putRecord('owner.2', 'other', 1), undefined)
    await first.putRecord('contract.x', {}, 0)
    await first.close()
    const second = await openFolder(folder)
    assert.equal(await second.getRecord('owner.1'), { value: 'next', revision: 2 })
    assert.is(await second.getRecord('owner.2'), undefined)
    assert.equal(await second.records('owner.'), [{ key: 'owner.1', value: 'next', revision: 2 }])
    await second.close()
  })

  test('dead letters are kept, oldest first', async ({ folder }) => {
    const letter = (id: string, at: number) => ({ id, at, to: 'job:x', reason: { code: 'THREW', message: 'no' }, body: { id } })
    const first = await openFolder(folder)
    await first.addDeadLetters([letter('b', 2), letter('a', 3)])
    await first.addDeadLetters([letter('c', 1)])
    await first.close()
    const second = await openFolder(folder)
    assert.equal(await second.deadLetters(), [letter('c', 1), letter('b', 2), letter('a', 3)])
    await second.removeDeadLetters(['b'])
    assert.equal(
      (await second.deadLetters()).map(({ id }) => id),
      ['c', 'a'],
    )
    await second.close()
  })
}
