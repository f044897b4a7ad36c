import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Address } from '../../src/address.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import { type RulesWorld, rulesWorld, type TestHost } from '../support/rules-world.ts'
import { standStill } from '../support/stand-still.ts'
import { cellIn, deed } from '../support/two-actors.ts'

/**
 * Actors in two partitions that send to each other there and back, in memory and through the stream, by events and by timers. At each
 * place where a host can die it dies, and at each where it can stand still it does and comes back late: whatever happens, each actor has
 * written down the same, each sender's notes in their order, none twice, none missing.
 */
const test = suite('delivery, with a death and a late host at every place: G1 G2 G3 G5 E9 F1 to F10 F14 P1 to P14 [memory]')

const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name) => cellIn(0, 2, name)) as [Address, Address, Address, Address, Address]
const [x, y] = [cellIn(1, 2, 'x'), cellIn(1, 2, 'y')]
const everyone = [a, b, c, d, e, x, y]

const send = (to: Address, note: string, then: { to: Address; event: ActorEvent }[] = []) => ({ to, event: deed(note, { send: then }) })

/** There and back, within a partition and across. To c leads nothing else, so nothing else brings to light what is stranded there. */
const round = (i: number) =>
  deed(`in ${i}`, {
    send: [
      send(b, `a${i}`, [send(a, `b${i}`, [send(x, `a${i} via b`)]), send(y, `b${i}`)]),
      send(c, `a${i}`, [send(a, `c${i}`), send(x, `c${i}`)]),
      send(x, `a${i}`, [send(a, `x${i}`), send(y, `x${i}`, [send(b, `y${i}`)])]),
    ],
  })

/** A timer of d reaches e, and through it the other partition. */
const timer = deed('timer', { send: [send(e, 'd timer', [send(d, 'e timer'), send(x, 'e timer')]), send(y, 'd timer')] })

async function rounds(world: RulesWorld): Promise<void> {
  await world.publish({ to: d, event: deed('set', { later: [{ id: 't', delay: 1000, event: timer }] }) })
  for (let i = 0; i < 4; i++) {
    await world.publish({ to: a, event: round(i) })
    await world.clock.settled()
  }
  await world.publish({ to: y, event: { type: 'fragile', note: '' } })
  await world.clock.advance('1500ms')
}

async function both(host: TestHost): Promise<void> {
  await host.take(0)
  await host.take(1)
}

interface Seen {
  logs: Record<Address, string[]>
  left: string[]
}

/** By sender: what one sender's notes were is in their order, what two senders' notes were to each other is not said. */
async function seen(world: RulesWorld): Promise<Seen> {
  const logs: Seen['logs'] = {}
  const left: string[] = []
  for (const address of everyone) {
    const log = await world.log(address)
    for (const note of log) (logs[`${address} ${note.replace(/\d+/, '')}`] ??= []).push(note)
    const doc = await world.doc(address)
    if (doc?.wakeAt !== undefined) left.push(`${address} is due at ${doc.wakeAt}`)
  }
  for (const partition of [0, 1]) if (await world.outside.lastSequence(partition)) left.push(`frames in partition ${partition}`)
  return { logs, left }
}

const sorted = ({ logs, left }: Seen) => JSON.stringify([Object.entries(logs).sort(), left])

/** Hosts one after the other: as soon as one has died the next one starts. The last one lives. */
async function withDeaths(deaths: readonly (number | undefined)[]): Promise<{ seen: string; hosts: TestHost[] }> {
  const world = rulesWorld({ partitions: 2 })
  const hosts: TestHost[] = []
  const start = () => {
    const host = world.host(`h${hosts.length}`, { dieAt: deaths[hosts.length] })
    hosts.push(host)
    return both(host)
  }
  void start()
  await world.clock.settled()
  const working = rounds(world)
  for (let i = 0; i < 6; i++) {
    await working
    if (hosts.at(-1)!.chaos.dead) void start()
    await world.clock.advance('1s')
  }
  return { seen: sorted(await seen(world)), hosts }
}

/** The first host stands still; another takes all, and does what there is to do; then the first goes on. */
async function withLateHost(at: number | undefined): Promise<{ seen: string; places: readonly string[] }> {
  const world = rulesWorld({ partitions: 2 })
  const still = standStill(at, () => late.pause())
  const late = world.host('late', { bus: still.bus, store: still.store })
  void both(late)
  await world.clock.settled()
  await rounds(world)
  if (at !== undefined) await both(world.host('owner'))
  await world.clock.advance('2s')
  late.goOn()
  still.gate.open()
  await world.clock.advance('30s')
  return { seen: sorted(await seen(world)), places: still.places }
}

test('a death at each place', async () => {
  const { seen: expected, hosts } = await withDeaths([undefined])
  const places = hosts[0]!.chaos.points
  assert.ok(places > 60, `only ${places} places`)
  assert.ok(expected.includes('e timer') && expected.endsWith(',[]]'), expected)
  for (let at = 1; at <= places; at++) {
    const { seen, hosts } = await withDeaths([at])
    assert.is(seen, expected, `death ${at}: ${hosts[0]!.chaos.trace[at - 1]}`)
  }
  console.log(`# delivery: a death at each of ${places} places`)
})

test('a second death at some places of the second host', async () => {
  const { seen: expected, hosts } = await withDeaths([undefined])
  let pairs = 0
  for (let first = 1; first <= hosts[0]!.chaos.points; first += 5) {
    const second = (await withDeaths([first])).hosts[1]?.chaos.points ?? 0
    for (let at = 1 + (first % 6); at <= second; at += 6) {
      const { seen, hosts } = await withDeaths([first, at])
      pairs++
      assert.is(seen, expected, `deaths ${first} (${hosts[0]!.chaos.trace[first - 1]}), ${at} (${hosts[1]?.chaos.trace[at - 1]})`)
    }
  }
  console.log(`# delivery: ${pairs} pairs of deaths`)
})

test('a host that stands still at each place, and comes back late', async () => {
  const { seen: expected, places } = await withLateHost(undefined)
  assert.ok(places.length > 60, `only ${places.length} places`)
  for (let at = 1; at <= places.length; at++) {
    const { seen } = await withLateHost(at)
    assert.is(seen, expected, `stands still at ${at}: ${places[at - 1]}`)
  }
  console.log(`# delivery: a late host at each of ${places.length} places`)
})

test.run()
