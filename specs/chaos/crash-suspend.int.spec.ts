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

/**
 * A member of a group that waits for callbacks, and a host that dies at every place in turn: one callback comes by the correlation id
 * before there is any job, one while it is suspended again (it is entered for each), one never (the deadline's fallback), two too late.
 * Whatever dies where: each value is given to one round, each repeated entry gets the same, and one output says all of it.
 */
const callbacks = { bank: z.string(), stock: z.string(), mail: z.string() }
const pay = defineJob({ name: 'pay', callbacks, retry: { attempts: 4, backoff: 100 } })
const bind = defineJob({ name: 'bind', retry: { attempts: 4, backoff: 100 } })
type Got = Partial<Record<keyof typeof callbacks, string>>

async function play(partitions: number, deaths: readonly (number | undefined)[]): Promise<{ hosts: Chaos[]; problems: string[] }> {
  const clock = virtualClock(0)
  const store = memoryStore()
  const shared = embeddedBus({ clock, partitions })
  const effects: Effect[] = []
  const hosts: Chaos[] = []
  /** By round: what each entry was given. */
  const given = new Map<number, Set<string>>()

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
        pay.handler(async (_, ctx) => {
          log('start', ctx)
          if (!faults.dead)
            (given.get(ctx.round) ?? given.set(ctx.round, new Set()).get(ctx.round)!).add(JSON.stringify([ctx.callbacks, ctx.state]))
          await clock.sleep(30)
          log('end', ctx)
          const state: Got = { ...(ctx.state as Got), ...ctx.callbacks }
          const missing = (['bank', 'stock'] as const).filter((name) => !state[name])
          if (missing.length) return ctx.suspend({ until: missing, need: 'any', state, as: 'pay-1' })
          if (!state.mail) return ctx.suspend({ until: ['mail'], deadline: 500, fallback: { mail: 'none' }, state })
          return state
        }),
        bind.handler(async (_, ctx) => {
          log('start', ctx)
          for await (const { output } of ctx.group!.members()) return output
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
  const answers: Record<string, string> = {}
  const note = (what: string, answer: Promise<unknown>) =>
    answer.then(
      (value) => void (answers[what] = JSON.stringify(value) ?? 'ok'),
      (error) => void (answers[what] = error.code),
    )
  start(deaths[0])
  async function calls(): Promise<void> {
    await note('early', client.resume('pay-1', 'bank', 'paid'))
    const group = await client.submitGroup({ id: 'g', members: [pay.with({}, { key: 'a' })], output: bind.with({}) })
    while (!given.has(2)) await clock.sleep(10)
    await note('direct', client.job('g/a').resume('stock', 'here'))
    await note('again', client.job('g/a').resume('bank', 'other', { round: 1 }))
    await note('output', group.result())
    await note('late', client.resume('pay-1', 'bank', 'late'))
  }
  let over = false
  void calls().then(
    () => (over = true),
    (error) => {
      answers.threw = String(error)
      over = true
    },
  )
  while (!over && clock.now() < 240_000) {
    await clock.step('1s')
    if (hosts.at(-1)!.dead && hosts.length < deaths.length + 1) start(deaths[hosts.length])
  }
  await clock.advance('5s')

  const docs = await store.find({}, undefined, 1000)
  const all = await Promise.all(docs.map(async (doc) => ({ doc, history: await historyOf(store, doc) })))
  const problems = notAllowed(effects, all)
  const expected = {
    early: 'ok',
    direct: 'ok',
    again: 'SUPERSEDED',
    output: '{"bank":"paid","stock":"here","mail":"none"}',
    late: 'SUPERSEDED',
  }
  if (JSON.stringify(answers) !== JSON.stringify(expected)) problems.push(`answers: ${JSON.stringify(answers)}`)
  for (const [round, entries] of given)
    if (entries.size > 1) problems.push(`round ${round} was entered with different values: ${[...entries].join(' ')}`)
  const states = docs.map(({ _id, state }) => `${_id} ${state}`).sort()
  const wanted = ['correlation:pay-1 released', 'group:g succeeded', 'job:g/a succeeded', 'job:g/output succeeded']
  if (states.join() !== wanted.join()) problems.push(states.join())
  if (shared.deadLetters.length) problems.push(`dead letters: ${JSON.stringify(shared.deadLetters[0])}`)
  return { hosts, problems }
}

const test = suite('crash harness with callbacks: E6 R4 G1 to G5')

test('E6 a run without a crash', async () => {
  for (const partitions of [1, 2, 3]) assert.equal((await play(partitions, [])).problems, [])
})

test('E6 a crash at each place', async () => {
  for (const partitions of [1, 3]) {
    const places = (await play(partitions, [])).hosts[0]!.points
    assert.ok(places > 50, `only ${places} places`)
    let bad = 0
    for (let at = 1; at <= places; at++) {
      const { hosts, problems } = await play(partitions, [at])
      if (problems.length) bad++
      if (problems.length && bad < 6) console.log(`crash ${at} (${hosts[0]!.trace[at - 1]}): ${problems.join('; ')}`)
    }
    console.log(`crash harness with callbacks, ${partitions} partitions: ${places} places, each tried; ${bad} with problems`)
    assert.is(bad, 0)
  }
})

test.run()
