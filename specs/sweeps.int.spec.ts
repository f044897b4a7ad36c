import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { embedded } from '../src/embedded.ts'
import { createHost } from '../src/index.ts'
import { openFolder } from '../src/store/embedded.ts'
import { limited } from './support/limited-store.ts'
import { refused } from './support/refused.ts'
import { once, type VirtualWorld, virtualWorld } from './support/virtual-world.ts'

/** What one actor has to say to very many: a piece a turn, whatever happens between two pieces. */
const test = suite('many members are cancelled: R3 R7 G6 G7 [memory]')

const largest = 256 * 1024
const id = 'x'.repeat(200)
const group = `group:${id}`
const short = id.slice(0, 100)

/** The first fails once it has run, the others wait for it. */
const members = (count: number, key = 'k') =>
  Array.from({ length: count }, (_, i) => once.with({ ms: 1000, fails: i ? 0 : 1 }, { key: `${key}${i}` }))
const submit = ({ client }: VirtualWorld, count: number, more = {}) =>
  client.submitGroup({ id, members: members(count), concurrency: 1, ...more })

async function states({ store }: VirtualWorld, of = group): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const { state } of await store.find({ group: of }, undefined, 100_000)) found[state] = (found[state] ?? 0) + 1
  return found
}

const isOver = (world: VirtualWorld) => world.until('the group has ended', async () => (await world.doc(group)).status === 'done', 60_000)

test('2,000 that wait: each is reached, no document becomes large, and others are answered in between', async () => {
  const world = virtualWorld()
  const seen = limited(world.store, largest)
  const host = await world.host()
  const handle = await submit(world, 2000)
  await handle.cancel()
  await world.client.submit(once, {}, { id: 'other' })
  await isOver(world)
  await host.stop()
  assert.equal(await states(world), { cancelled: 2000 })
  assert.is((await world.doc(group)).state, 'cancelled')
  assert.equal(world.bus.deadLetters, [])
  assert.ok(seen.longest <= largest, `${seen.longest} characters`)
  const last = seen.written.lastIndexOf(`job:${id}/k1999`)
  assert.ok(seen.written.indexOf('job:other') < last, 'another job had to wait for all of them')
  assert.is(seen.written.filter((address) => address === `job:${id}/k1999`).length, 2, 'added, and cancelled')
})

test('the first failure cancels 2,000: the same', async () => {
  const world = virtualWorld()
  const seen = limited(world.store, largest)
  const host = await world.host()
  await submit(world, 2000, { onMemberFailure: 'cancel-rest' })
  await isOver(world)
  await host.stop()
  assert.equal(await states(world), { failed: 1, cancelled: 1999 })
  assert.equal(world.bus.deadLetters, [])
  assert.ok(seen.longest <= largest, `${seen.longest} characters`)
})

/** Some in pages, some at hand, several pieces of both: the owner dies at this place, another one goes on. */
async function cancelled(dieAt?: number) {
  const world = virtualWorld()
  const { faults: first, made } = world.start({ dieAt })
  await made
  const handle = await world.client.submitGroup({ id: short, members: members(330, 'y'.repeat(100)), concurrency: 1 })
  const from = first.points
  void handle.cancel()
  await world.clock.settled()
  for (
    let second = false;
    world.clock.now() < Date.parse('2026-11-23T00:01:00Z') && (await world.doc(`group:${short}`)).status !== 'done';
  ) {
    await world.clock.step('1s')
    if (first.dead && !second) second = !!world.start()
  }
  await world.clock.advance('5s')
  const problems = await world.problems()
  const { state, outbox, wakeAt } = await world.doc(`group:${short}`)
  if (state !== 'cancelled' || outbox.length || wakeAt === 0)
    problems.push(`the group is ${state}, ${outbox.length} to send, due ${wakeAt}`)
  const found = JSON.stringify(await states(world, `group:${short}`))
  if (found !== '{"cancelled":330}') problems.push(found)
  if (world.bus.deadLetters.length) problems.push(`dead letter: ${JSON.stringify(world.bus.deadLetters[0])}`)
  return { first, from, problems }
}

test('the owner dies in the middle, at each of its calls: the next one goes on', async () => {
  const { first, from, problems } = await cancelled()
  assert.equal(problems, [])
  const places = first.trace.slice(from)
  assert.ok(places.filter((place) => place.startsWith(`before commit group`)).length > 8, places.join('\n'))
  let bad = 0
  for (let at = from + 1; at <= first.points; at++) {
    const { first: died, problems: found } = await cancelled(at)
    if (found.length && ++bad < 6) console.log(`crash ${at} (${died.trace[at - 1]?.slice(0, 200)}): ${found.join('; ')}`)
  }
  console.log(`# many cancelled: ${places.length} places, each tried; ${bad} with problems`)
  assert.is(bad, 0)
})

test('in a folder: the same, and nothing is left to be sent', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stellwerk-sweeps-'))
  const host = await createHost({ on: embedded(folder), log: () => {} })
  try {
    const handle = await host.client.submitGroup({ id, members: members(3000), concurrency: 1 })
    await handle.cancel()
    await refused('JOB_CANCELLED', /./, () => handle.result({ signal: AbortSignal.timeout(60_000) }))
  } finally {
    await host.stop()
  }
  const store = await openFolder(folder)
  const [doc] = await store.load([group])
  const found = await store.find({ group, state: 'cancelled' }, undefined, 100_000)
  await store.close()
  rmSync(folder, { recursive: true, force: true })
  assert.equal({ state: doc!.state, outbox: doc!.outbox, due: doc!.wakeAt === 0 }, { state: 'cancelled', outbox: [], due: false })
  assert.is(found.length, 3000)
})

test.run()
