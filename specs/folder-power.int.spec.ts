import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation } from '../src/store/folder/operation.ts'
import type { Tables } from '../src/store/folder/tables.ts'
import { openWriter, type Part } from '../src/store/folder/writer.ts'
import { fragileDisk } from './support/fragile-disk.ts'
import { seededRandom, seedOf } from './support/random.ts'

const test = suite('a folder whose machine loses power: E9')
const random = seededRandom(seedOf())
const disk = fragileDisk(random)
test.before(() => disk.mount())
test.after(() => disk.unmount())

type Content = ReadonlyMap<string, string>

const passes = async (count: number) => {
  for (; count > 0; count--) await new Promise(setImmediate)
}

/** Tables that have all of a transaction or nothing, also if the power goes before they could say so. */
function tablesWith(content: Content, sequence: number) {
  let isOn = true
  let present = { content, sequence }
  let underWay = present
  const tables: Tables = {
    open: () => {
      throw new Error('nobody reads here')
    },
    get sequence() {
      return present.sequence
    },
    async write(operations, sequence) {
      const content = new Map(present.content)
      for (const { key, value } of operations) value === undefined ? content.delete(String(key)) : content.set(String(key), value)
      underWay = { content, sequence }
      await passes(random.between(1, 5))
      if (isOn) present = underWay
      else await new Promise(() => {})
    },
    close: async () => {},
  }
  return {
    tables,
    get content() {
      return present.content
    },
    losePower() {
      isOn = false
      if (random.chance(0.5)) present = underWay
      return present
    },
  }
}

/** Changes random keys, and one that tells the number of the flush. `states`: what was there after each. */
function changing(states: Content[]) {
  const present = new Map(states.at(-1))
  let fresh: Operation[] = []
  const set = (key: string, value: string | undefined) => {
    fresh.push({ table: 't', key, value })
    if (value === undefined) present.delete(key)
    else present.set(key, value)
  }
  const part: Part = {
    dirty: () => fresh.length > 0,
    cut() {
      const operations = fresh
      fresh = []
      states.push(new Map(present))
      return operations
    },
    landed() {},
    settled() {},
    dropped() {},
  }
  const change = () => {
    set('n', String(states.length))
    for (let count = random.between(1, 4); count > 0; count--) {
      const text = `${random.next()} ü`.repeat(random.between(1, 15_000))
      set(`k${random.between(1, 30)}`, random.chance(0.2) ? undefined : text)
    }
  }
  return { part, change }
}

test('what was flushed is there, and nothing by halves, whenever it happens and whatever of the rest was written', async () => {
  let caughtUp = 0
  for (let folder = 0; folder < 20; folder++) {
    const states: Content[] = [new Map()]
    let left = { content: states[0]!, sequence: 0 }
    let safe = 0
    for (let life = 0; life < 4; life++) {
      const store = tablesWith(left.content, left.sequence)
      const writer = await openWriter(`/nowhere/${folder}`, store.tables, () => true)
      const n = Number(store.content.get('n') ?? 0)
      assert.ok(n >= safe && n < states.length, `${n} of ${states.length} flushes, of which ${safe} were reported`)
      assert.equal(store.content, states[n], `as it was after flush ${n}`)
      states.length = n + 1
      safe = n
      const { part, change } = changing(states)
      writer.add(part)
      let isOn = true
      const work = async () => {
        while (isOn) {
          change()
          await writer.flush()
          if (isOn) safe = states.length - 1
        }
      }
      void work()
      await passes(random.between(5, 150))
      isOn = false
      if (store.tables.sequence > left.sequence) caughtUp++
      left = store.losePower()
      disk.losePower()
    }
  }
  assert.ok(caughtUp > 10, `in ${caughtUp} lives the tables caught up`)
})

test.run()
