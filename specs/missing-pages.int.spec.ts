import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Host } from '../src/host/host.ts'
import type { Page } from '../src/store/port.ts'
import { bind, placed, type VirtualWorld, virtualWorld, work } from './support/virtual-world.ts'

/** A store that was put back in part: who needs what is gone stands still, says so, and goes on when it is there again. */
const test = suite('a page that is gone: G6 R4 [memory]')

/** Pages that are lost as they are written. */
function losing({ store }: VirtualWorld, which: RegExp) {
  const { putPages } = store
  const lost: Page[] = []
  store.putPages = async (pages) => {
    lost.push(...pages.filter(({ _id }) => which.test(_id)))
    await putPages(pages.filter(({ _id }) => !which.test(_id)))
  }
  return {
    lost,
    async putBack() {
      store.putPages = putPages
      await putPages(lost)
    },
  }
}

/** All others of its partition go on, nothing goes round in circles, and an operator is told. */
async function standsStill(world: VirtualWorld, host: Host, address: string, lines: string[]): Promise<void> {
  const { client, clock } = world
  const runs = async (id: string) => {
    client.submit(work, {}, { id }).catch(() => {})
    await world.until(`${id} has run`, () => world.startsOf(id).length === 1, 10_000)
  }
  await runs('beside')
  await runs('beside-2')
  await clock.advance('1m')
  const before = host.counts.turns
  await clock.advance('10m')
  console.log(`# ${host.counts.turns - before} turns, ${lines.length} lines`)
  assert.ok(host.counts.turns - before < 100, `${host.counts.turns - before} turns`)
  assert.equal(
    lines.filter((line) => line.includes('begins again')),
    [],
  )
  assert.ok(lines.some((line) => line.includes(address) && line.includes('is not in the store')))
  const { conditions } = await client.actor(address).why()
  assert.ok(
    conditions.some(({ code, stuck }) => code === 'PAGE_MISSING' && stuck),
    JSON.stringify(conditions),
  )
  const stuck: string[] = []
  for await (const one of client.find({ stuck: true })) stuck.push(one.address)
  assert.equal(stuck, [address])
  await runs('last')
}

test('of a pool: its jobs wait, all others run; once it is back they run, also if the host is another by then', async () => {
  const world = virtualWorld()
  const lines: string[] = []
  const options = { pools: { printers: { printer: 1 } }, log: (line: string) => lines.push(line) }
  const { lost, putBack } = losing(world, /^pool:printers#queue-/)
  const host = await world.host(options)
  for (let i = 0; i < 200; i++) await world.client.submit(placed, {}, { id: `p${i}` })
  await world.until('a page is asked for', () => lines.some((line) => line.includes('queue-')), 60_000)
  assert.ok(lost.length)
  const ran = world.starts.length
  await standsStill(world, host, 'pool:printers', lines)
  assert.is(world.starts.length, ran + 3)
  host.die()
  await world.host(options)
  await world.clock.advance('1m')
  await putBack()
  await world.until('all have run', () => world.starts.length === 203, 300_000)
  await world.until('none of them waits', async () => !(await world.client.pool('printers').why()).conditions.length)
  assert.equal(await world.problems(), [])
})

test('of a group whose members run a few at a time', async () => {
  const world = virtualWorld()
  const lines: string[] = []
  const { putBack } = losing(world, /^group:g#keys-/)
  const host = await world.host({ log: (line) => lines.push(line) })
  const members = Array.from({ length: 1200 }, (_, i) => work.with({ ms: 1 }, { key: `k${i}` }))
  await world.client.submitGroup({ id: 'g', members, concurrency: 200, output: bind.with({}) })
  await world.until('a page is asked for', () => lines.some((line) => line.includes('#keys-')), 60_000)
  await standsStill(world, host, 'group:g', lines)
  await putBack()
  await world.until('its output is there', async () => (await world.doc('group:g')).state === 'succeeded', 300_000)
  assert.equal(await world.problems(), [])
})
test.run()
