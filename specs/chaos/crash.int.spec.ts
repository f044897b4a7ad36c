import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { embeddedBus } from '../../src/bus/embedded.ts'
import { createClient } from '../../src/client.ts'
import { defineJob } from '../../src/definition.ts'
import { historyOf } from '../../src/host/history.ts'
import { createHost } from '../../src/host/host.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { type Chaos, chaos } from '../../src/testing/chaos.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { type Effect, notAllowed } from '../support/effects.ts'
import { seededRandom, seedOf } from '../support/random.ts'

/**
 * Every place where a host can die (chaos.ts says which calls are none), one after the other, then pairs of them: two groups (one with a retry and two partitions apart),
 * each with an output. Whatever dies where: each enters one final state and does not leave it, no start that is not allowed, each output once.
 */
const work = defineJob({ name: 'work', input: z.object({ fail: z.boolean().optional() }), retry: { attempts: 4, backoff: 100 } })
const bind = defineJob({ name: 'bind', retry: { attempts: 4, backoff: 100 } })

interface Scenario {
  groups: Record<string, string[]>
  partitions: number
}
const full: Scenario = { groups: { a: ['1', 'fails-once'], b: ['1', '2'] }, partitions: 2 }
const small: Scenario = { groups: { a: ['1'] }, partitions: 1 }

interface Outcome {
  hosts: Chaos[]
  problems: string[]
}

/** Hosts one after the other: as soon as one has died at its place the next one starts; the last one lives. */
async function play({ groups, partitions }: Scenario, deaths: readonly (number | undefined)[]): Promise<Outcome> {
  const clock = virtualClock(0)
  const store = memoryStore()
  const shared = embeddedBus({ clock, partitions })
  const effects: Effect[] = []
  const hosts: Chaos[] = []

  function start(dieAt?: number): void {
    const where = `h${hosts.length}`
    let connection = ''
    const faults = chaos({ dieAt, onDeath: () => shared.disconnect(connection) })
    hosts.push(faults)
    const log = (what: 'start' | 'end', { id, run, attempt }: { id: string; run: number; attempt: number }) => {
      if (!faults.dead) effects.push({ job: id, run, attempt, what, where })
    }
    void createHost({
      name: where,
      clock: faults.clock(clock),
      slots: 2,
      log: () => {},
      handlers: [
        work.handler(async ({ fail }, ctx) => {
          log('start', ctx)
          await clock.sleep(30)
          log('end', ctx)
          if (fail && ctx.attempt === 1) throw new Error('once')
          return ctx.key
        }),
        bind.handler(async (_, ctx) => {
          log('start', ctx)
          const keys: string[] = []
          for await (const { key, state } of ctx.group!.members()) keys.push(`${key} ${state}`)
          await clock.sleep(30)
          log('end', ctx)
          return keys
        }),
      ],
      on: {
        async connect({ name }) {
          connection = name
          const bus = shared.connect(name)
          return { bus: faults.bus(bus), store: faults.store(store), close: () => bus.close() }
        },
      },
    })
  }

  const client = createClient({ bus: shared.connect('client'), clock, name: 'client' })
  const outputs = new Map<string, unknown>()
  start(deaths[0])
  for (const [id, keys] of Object.entries(groups)) {
    const members = keys.map((key) => work.with({ fail: key.startsWith('fails') }, { key }))
    void client
      .submitGroup({ id, members, output: bind.with({}) })
      .then((group) => group.result())
      .then((output) => outputs.set(id, output))
      .catch((error) => outputs.set(id, error))
  }
  const ids = Object.keys(groups)
  while (outputs.size < ids.length && clock.now() < 240_000) {
    await clock.step('1s')
    if (hosts.at(-1)!.dead && hosts.length < deaths.length + 1) start(deaths[hosts.length])
  }
  await clock.advance('5s')

  const problems: string[] = []
  const docs = await store.find({}, undefined, 1000)
  const all = await Promise.all(docs.map(async (doc) => ({ doc, history: await historyOf(store, doc) })))
  problems.push(...notAllowed(effects, all))
  for (const [id, keys] of Object.entries(groups)) {
    const expected = keys.map((key) => `${key} succeeded`).sort()
    const output = outputs.get(id)
    if (JSON.stringify(output) !== JSON.stringify(expected))
      problems.push(`${id}: output is ${output instanceof Error ? output.message : JSON.stringify(output)}`)
  }
  for (const { doc } of all) if (doc.state !== 'succeeded') problems.push(`${doc._id} is ${doc.state}`)
  const count = ids.length + ids.reduce((sum, id) => sum + groups[id]!.length + 1, 0)
  if (docs.length !== count) problems.push(`${docs.length} documents instead of ${count}`)
  if (shared.deadLetters.length) problems.push(`dead letters: ${JSON.stringify(shared.deadLetters[0])}`)
  return { hosts, problems }
}

const test = suite('crash harness: R1 R2 E9 G1 to G5')

test('a run without a crash', async () => {
  const { problems } = await play(full, [])
  assert.equal(problems, [])
})

test('a crash at each place', async () => {
  const { hosts } = await play(full, [])
  const places = hosts[0]!.points
  assert.ok(places > 50, `only ${places} places`)
  let bad = 0
  for (let at = 1; at <= places; at++) {
    const { hosts, problems } = await play(full, [at])
    if (problems.length) bad++
    if (problems.length && bad < 6) console.log(`crash ${at} (${hosts[0]!.trace[at - 1]}): ${problems.join('; ')}`)
  }
  console.log(`crash harness: ${places} places, each tried; ${bad} with problems`)
  assert.is(bad, 0)
})

test('a crash at each pair of places', async () => {
  const first = (await play(small, [])).hosts[0]!.points
  let pairs = 0
  let bad = 0
  for (let a = 1; a <= first; a++) {
    const second = (await play(small, [a])).hosts[1]!.points
    for (let b = 1; b <= second; b++) {
      const { hosts, problems } = await play(small, [a, b])
      pairs++
      if (problems.length) bad++
      if (problems.length && bad < 6)
        console.log(`crashes ${a} (${hosts[0]!.trace[a - 1]}), ${b} (${hosts[1]?.trace[b - 1]}): ${problems.join('; ')}`)
    }
  }
  console.log(`crash harness: ${pairs} pairs of places, each tried; ${bad} with problems`)
  assert.is(bad, 0)
})

test('a crash at pairs of places by chance, in two partitions', async () => {
  const random = seededRandom(seedOf())
  const first = (await play(full, [])).hosts[0]!.points
  let pairs = 0
  let bad = 0
  for (let sample = 0; sample < 50; sample++) {
    const a = random.between(1, first)
    const second = (await play(full, [a])).hosts[1]!.points
    for (let nth = 0; nth < 3; nth++) {
      const b = random.between(1, second)
      const { hosts, problems } = await play(full, [a, b])
      pairs++
      if (problems.length && ++bad < 6)
        console.log(`crashes ${a} (${hosts[0]!.trace[a - 1]}), ${b} (${hosts[1]?.trace[b - 1]}): ${problems.join('; ')}`)
    }
  }
  console.log(`# crash harness: ${pairs} pairs of ${first} places by chance; ${bad} with problems`)
  assert.is(bad, 0)
})

test.run()
