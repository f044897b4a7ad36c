import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createLiveness, type Liveness } from '../../src/host/liveness.ts'
import { createOwnership } from '../../src/host/ownership.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { type Random, seededRandom, seedOf } from '../support/random.ts'
import { slowNetwork } from '../support/slow-network.ts'

/**
 * Hosts that start, end, die and are cut off at random moments, on a network where each of them hears of the same things at another
 * time. However it went: when nothing more happens, each partition is served by one host, and no host that lives is left without work.
 */
const test = suite('each partition finds its owner: P13 E5 R6 [memory]')
const partitions = 12
const seed = seedOf()

interface Running {
  name: string
  serving: Set<number>
  cut(): void
  kill(): void
  mend(): void
  stop(): Promise<void>
}

function world(random: Random) {
  const clock = virtualClock(0)
  const network = slowNetwork(clock, random, partitions)
  const slowly = (most: number) => clock.sleep(random.between(0, most))

  async function start(name: string): Promise<Running> {
    const { bus, ...line } = network.connect(name)
    const serving = new Set<number>()
    const liveness = createLiveness({ bus, clock, name, beat: 1200, ttl: 2500, changed: () => ownership.settle() })
    const ownership = createOwnership({
      bus,
      clock,
      name,
      liveness,
      async take(partition) {
        await slowly(40)
        if (random.chance(0.1)) throw new Error('could not be taken')
        serving.add(partition)
        if (random.chance(0.05)) clock.at(clock.now() + random.between(0, 50), () => ownership.lost(partition))
      },
      async drop(partition) {
        await slowly(40)
        serving.delete(partition)
      },
      onError: () => {},
    })
    await ownership.start()
    liveness.start()
    const stop = async () => {
      liveness.leave()
      await ownership.stop()
      liveness.stop()
    }
    return { name, serving, ...line, stop }
  }
  return { clock, start }
}

/** Each partition by one of them, and each of them with some. */
function assertServed(hosts: readonly Running[], schedule: string): void {
  const owners = Array.from({ length: partitions }, (_, p) => hosts.filter(({ serving }) => serving.has(p)).map(({ name }) => name))
  for (const [p, names] of owners.entries())
    assert.is(names.length, 1, `partition ${p} is served by ${names.join(' and ') || 'nobody'}; ${schedule}`)
}

test('four hosts that start in one moment', async () => {
  for (let i = 0; i < 40; i++) {
    const random = seededRandom(seed + i)
    const { clock, start } = world(random)
    const hosts: Running[] = []
    for (const name of ['A', 'B', 'C', 'D']) clock.at(random.between(0, 30), () => void start(name).then((host) => hosts.push(host)))
    await clock.advance(3000)
    assertServed(hosts, `seed ${seed + i}`)
  }
})

test('hosts that come and go', async () => {
  for (let i = 0; i < 25; i++) {
    const random = seededRandom(seed + i)
    const { clock, start } = world(random)
    const hosts: Running[] = []
    const log: string[] = []
    let named = 0
    for (let step = 0; step < 12; step++) {
      const victim = random.pick(hosts)
      const what = hosts.length < 2 || (hosts.length < 5 && random.chance(0.5)) ? 'start' : random.pick(['stop', 'kill', 'cut'])
      log.push(`${clock.now()} ${what} ${what === 'start' ? `h${named}` : victim?.name}`)
      if (what === 'start') void start(`h${named++}`).then((host) => hosts.push(host))
      else if (what === 'cut') {
        victim!.cut()
        clock.at(clock.now() + random.between(0, 6000), () => victim!.mend())
      } else {
        hosts.splice(hosts.indexOf(victim!), 1)
        if (what === 'stop') void victim!.stop()
        if (what === 'kill' || random.chance(0.3)) clock.at(clock.now() + random.between(0, 60), () => victim!.kill())
      }
      await clock.advance(random.pick([5, 30, 200, 2000])!)
    }
    await clock.advance(20_000)
    assertServed(hosts, `seed ${seed + i}: ${log.join(', ')}`)
  }
})

test('a step that fails is tried again after a pause, however much is heard meanwhile', async () => {
  // Once a millisecond, each with a line in the log.
  const clock = virtualClock(0)
  const { bus } = slowNetwork(clock, seededRandom(seed), partitions).connect('A')
  const liveness = { ...({} as Liveness), hosts: ['A'], mayAct: () => true }
  let failures = 0
  const away = async () => {
    throw new Error('away')
  }
  const onError = () => void failures++
  const ownership = createOwnership({ bus, clock, name: 'A', liveness, take: away, drop: away, onError })
  await ownership.start()
  for (let ms = 0; ms < 1000; ms++) {
    ownership.settle()
    await clock.advance(1)
  }
  assert.ok(failures > partitions && failures <= 4 * partitions, `${failures} times`)
})

test.run()
