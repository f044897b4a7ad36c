import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Mark, openLog } from '../src/store/folder/log.ts'
import type { Operation } from '../src/store/folder/operation.ts'
import type { Tables } from '../src/store/folder/tables.ts'
import { openWriter, type Part } from '../src/store/folder/writer.ts'
import { upTo } from './contracts/store/world.ts'
import { fragileDisk } from './support/fragile-disk.ts'
import { seededRandom, seedOf } from './support/random.ts'
import { until } from './support/until.ts'

const test = suite('a folder whose machine loses power: E9')
const random = seededRandom(seedOf())
const disk = fragileDisk(random)
test.before(() => disk.mount())
test.after(() => disk.unmount())

type Content = ReadonlyMap<string, string>
const none: Mark = { sequence: 0, position: 0 }
const noRoom = async () => assert.unreachable('there is room')

const passes = async (count: number) => {
  for (; count > 0; count--) await new Promise(setImmediate)
}

/** Tables that have all of a transaction or nothing, also if the power goes before they could say so. */
function tablesWith(content: Content, mark: Mark) {
  let isOn = true
  let present = { content, mark }
  let underWay = present
  const tables: Tables = {
    open: () => {
      throw new Error('nobody reads here')
    },
    get mark() {
      return present.mark
    },
    async write(operations, mark) {
      const content = new Map(present.content)
      for (const { key, value } of operations) value === undefined ? content.delete(String(key)) : content.set(String(key), value)
      underWay = { content, mark }
      await passes(random.between(1, 5))
      if (!isOn) await new Promise(() => {})
      const failed = random.chance(0.1)
      if (!failed || random.chance(0.5)) present = underWay
      if (failed) throw new Error('the disk fails')
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

/** Changes random keys, and one that tells the number of the flush. `states`: what was there after each; of one that failed, what would have been. */
function changing(states: Content[], first: number) {
  let landed = first
  let cuts = first
  let present = new Map(states[first])
  let fresh: Operation[] = []
  const set = (key: string, value: string | undefined) => {
    fresh.push({ table: 't', key, value })
    if (value === undefined) present.delete(key)
    else present.set(key, value)
  }
  const part: Part = {
    dirty: () => fresh.length > 0,
    cut(operations) {
      operations.push(...fresh)
      fresh = []
      states[++cuts] = new Map(present)
    },
    landed() {
      landed = cuts
    },
    ...{ settling() {}, settled() {}, unsettled() {} },
    dropped() {
      cuts = landed
      present = new Map(states[landed])
      fresh = []
    },
  }
  return {
    part,
    get landed() {
      return landed
    },
    /** Answers with which flush it will be there. */
    change(): number {
      set('n', String(cuts + 1))
      for (let count = random.between(1, 4); count > 0; count--) {
        const text = `${random.next()} ü`.repeat(random.between(1, 15_000))
        set(`k${random.between(1, 30)}`, random.chance(0.2) ? undefined : text)
      }
      return cuts + 1
    },
  }
}

test('what was flushed is there, and nothing by halves, whenever it happens, whatever of the rest was written, and whatever failed before', async () => {
  disk.fail(0.02)
  let caughtUp = 0
  let failed = 0
  let unsafe = 0
  for (let folder = 0; folder < 20; folder++) {
    const states: Content[] = [new Map()]
    let left = { content: states[0]!, mark: none }
    let safe = 0
    for (let life = 0; life < 4; life++) {
      const store = tablesWith(left.content, left.mark)
      const writer = await opened(() => openWriter(`/nowhere/${folder}`, store.tables, () => () => true))
      const n = Number(store.content.get('n') ?? 0)
      assert.ok(n >= safe && n < states.length, `${n} of ${states.length} flushes, of which ${safe} were reported`)
      assert.equal(store.content, states[n], `as it was after flush ${n}`)
      states.length = n + 1
      safe = n
      const data = changing(states, n)
      writer.add(data.part)
      let isOn = true
      const work = async () => {
        while (isOn) {
          const mine = data.change()
          try {
            await writer.flush()
            if (data.landed < mine) unsafe++
            if (isOn) safe = Math.max(safe, data.landed)
          } catch {
            failed++
            await passes(1)
          }
        }
      }
      void work()
      void work()
      await passes(random.between(5, 150))
      isOn = false
      if (random.chance(0.3)) void writer.end().catch(() => {})
      await passes(random.between(0, 5))
      if ((store.tables.mark?.sequence ?? 0) > left.mark.sequence) caughtUp++
      left = store.losePower()
      disk.losePower()
    }
  }
  assert.ok(caughtUp > 10, `in ${caughtUp} lives the tables caught up`)
  assert.is(unsafe, 0, 'what was reported has landed')
  assert.ok(failed > 10, `${failed} flushes failed`)
})

for (const [where, before] of [
  ['behind all others', []],
  ['over what was there', ['x'.repeat(3_000_000), 'x'.repeat(3_000_000)]],
] as const)
  test(`a record that failed ${where} leaves nothing behind: its place is free, and so is its room`, async () => {
    disk.fail(0)
    const path = `/nowhere/${where}`
    let { log } = await openLog(path, none)
    for (const text of before) await log.append([text], noRoom)
    log.release(log.end)
    const applied = log.end
    const good: string[] = []
    for (const round of upTo(100)) {
      await log.append([`good ${round}`], noRoom)
      good.push(`good ${round}`)
      const size = disk.sizeOf(path)
      disk.fail(0.5, 1)
      await log.append([`${round} ${'x'.repeat(1000)}`], noRoom).then(
        () => good.push(`${round} ${'x'.repeat(1000)}`),
        () => assert.is(disk.sizeOf(path), size),
      )
      disk.fail(0)
      // Nothing comes after it.
      disk.losePower()
      const again = await openLog(path, applied)
      assert.equal(again.texts, good)
      log = again.log
    }
  })

for (const [what, length] of [
  ['full', 3_000_000],
  ['idle', 3],
] as const)
  test(`tables that have caught up while their log was ${what}, and could not say so: what goes to the log then is read`, async () => {
    // It was behind what they had, where nothing was read.
    disk.fail(0)
    const content = new Map<string, string>()
    let mark = none
    let tried = 0
    let isOn = true
    const tables: Tables = {
      open: () => assert.unreachable() as never,
      get mark() {
        return mark
      },
      async write(operations, upTo) {
        const isFirst = tried++ === 0
        if (!isFirst) await passes(3)
        if (!isOn) await new Promise(() => {})
        for (const { key, value } of operations) content.set(String(key), value!)
        mark = upTo
        if (isFirst) throw new Error('the disk fails')
      },
      close: async () => {},
    }
    const open = () => openWriter(`/nowhere/${what}`, tables, () => () => true)
    const writer = await open()
    const fresh: Operation[] = []
    writer.add({
      dirty: () => fresh.length > 0,
      cut: (operations) => void operations.push(...fresh.splice(0)),
      ...{ landed() {}, settling() {}, settled() {}, unsettled() {} },
      dropped: () => void fresh.splice(0),
    })
    const flushed = (key: string, value: string) => {
      fresh.push({ table: 't', key, value })
      return writer.flush()
    }
    await flushed('first', 'x'.repeat(length))
    await until('the tables have it', () => tried > 0)
    await passes(3)
    await flushed('late', 'yes')
    isOn = false
    disk.losePower()
    await passes(5)
    isOn = true
    await open()
    assert.is(content.get('late'), 'yes')
  })

/** A disk may fail then as well. */
async function opened<T>(open: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await open()
    } catch (error) {
      assert.match((error as Error).message, /the disk fails/)
    }
  }
}

test.run()
