import * as assert from 'uvu/assert'
import type { DeadLetter, KeptLetter, StoredRecord } from '../../../src/bus/port.ts'
import { type BusFactory, busSuite, unique, until } from './world.ts'

/** Shared facts, and what could not be applied. */
export function recordSpecs(factory: BusFactory): void {
  const test = busSuite(factory, 'records')

  test('a record is written only onto the revision that was read', async ({ a, b }) => {
    const key = `${unique('one')}.job.name-1`
    assert.is(await a.records.get(key), undefined)
    const first = await a.records.put(key, { n: 1, nothing: undefined }, 0)
    assert.type(first, 'number')
    assert.is(await b.records.put(key, { n: 2 }, 0), undefined)
    assert.equal(await b.records.get(key), { value: { n: 1 }, revision: first })
    const second = await b.records.put(key, { n: 3 }, first!)
    assert.is(await a.records.put(key, { n: 4 }, first!), undefined)
    assert.equal(await a.records.get(key), { value: { n: 3 }, revision: second })
  })

  test('of many writers one is first, every time', async ({ a, b }) => {
    const key = unique('race')
    let revision = 0
    for (let round = 0; round < 5; round++) {
      const written = await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? a : b).records.put(key, n, revision)))
      const winners = written.flatMap((answer, n) => (answer === undefined ? [] : [{ answer, n }]))
      assert.is(winners.length, 1)
      assert.equal(await a.records.get(key), { value: winners[0]!.n, revision: winners[0]!.answer })
      revision = winners[0]!.answer
    }
  })

  test('keys may hold what names hold', async ({ a, b }) => {
    const root = unique('keys')
    const keys = ['Europe/Zurich', 'invoice.print', 'with space', 'ä*>', 'a=b', 'job:x'].map((name) => `${root}.${name}`)
    for (const key of keys) await a.records.put(key, key, 0)
    for (const key of keys) assert.is((await b.records.get(key))?.value, key)
    const seen: string[] = []
    const watching = await b.records.watch(`${root}.`, (key) => seen.push(key))
    assert.equal(seen.sort(), [...keys].sort())
    watching.stop()
  })

  test('who watches is told what is there, and then every change, in order', async ({ a, b }) => {
    const root = unique('watch')
    const one = await a.records.put(`${root}.one`, 1, 0)
    await a.records.put(`${root}x.other`, 1, 0)
    const seen: [string, StoredRecord][] = []
    const watching = await b.records.watch(`${root}.`, (key, record) => seen.push([key, record]))
    assert.equal(seen, [[`${root}.one`, { value: 1, revision: one }]])
    const two = await a.records.put(`${root}.one`, 2, one!)
    await a.records.put(`${root}.one`, 'too late', one!)
    const three = await a.records.put(`${root}.two.deep`, { deep: true }, 0)
    await until('both changes', () => seen.length === 3)
    assert.equal(seen.slice(1), [
      [`${root}.one`, { value: 2, revision: two }],
      [`${root}.two.deep`, { value: { deep: true }, revision: three }],
    ])
    watching.stop()
    await a.records.put(`${root}.one`, 3, two!)
    const again: unknown[] = []
    await b.records.watch(`${root}.`, (_, { value }) => again.push(value))
    assert.equal(again.length, 2)
    assert.is(seen.length, 3)
  })

  test('watching where nothing is begins at once', async ({ a, b }) => {
    const root = unique('none')
    const seen: unknown[] = []
    await a.records.watch(`${root}.`, (_, { value }) => seen.push(value))
    await b.records.put(`${root}.x`, 'there', 0)
    await until('it', () => seen.length === 1)
    assert.equal(seen, ['there'])
  })

  test('dead letters are kept, each once, and read and removed by place', async ({ a, b, world }) => {
    const at = Date.now()
    const letters: DeadLetter[] = [
      { id: 'd1', to: 'job:x/1', reason: { code: 'VALIDATION', message: 'no' }, body: { type: 'y' }, snapshot: { value: 'z' }, at },
      { id: 'd2', reason: { code: 'VALIDATION', message: 'no JSON', issues: [1] }, body: null, at: at + 1 },
      { id: 'd3', to: 'no address.. at * all', reason: { code: 'VALIDATION', message: 'no' }, body: 'x', at: at + 2 },
    ]
    await a.deadLetter(letters)
    await a.deadLetter([letters[1]!])
    assert.equal(await world.deadLetters(), letters)

    const first = await b.letters.list(undefined, 2)
    const rest = await b.letters.list(first[1]!.place, 2)
    const placeless = ({ place: _, ...letter }: KeptLetter): DeadLetter => letter
    assert.equal([...first, ...rest].map(placeless), letters)
    assert.equal(await b.letters.get(rest[0]!.place), rest[0])
    await b.letters.remove([first[1]!.place, first[1]!.place])
    await a.letters.remove([first[1]!.place, 'unknown'])
    assert.is(await a.letters.get(first[1]!.place), undefined)
    assert.is(await a.letters.get('unknown'), undefined)
    const places = (await a.letters.list(undefined, 100)).map(({ place }) => place)
    assert.equal(places, [first[0]!.place, rest[0]!.place])
    // A cursor may be that of one which is gone.
    assert.equal(await a.letters.list(first[1]!.place, 100), rest)
  })

  test.run()
}
