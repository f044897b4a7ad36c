import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addressOf } from '../../actors/chain/steps.ts'
import type { ChainContext } from '../../actors/chain.ts'
import { unpack } from '../../actors/plan/packed.ts'
import { keyOf, type PlannedRun } from '../../actors/plan/state.ts'
import { step as decided } from '../../actors/plan/step.ts'
import type { PlanContext } from '../../actors/plan.ts'
import { defineCalendar } from '../../src/calendar/calendar.ts'
import { weekdays } from '../../src/calendar/dates.ts'
import { type ChainDefinition, defineChain } from '../../src/chain/definition.ts'
import { type Step, step } from '../../src/chain/step.ts'
import type { ActorDocument } from '../../src/document.ts'
import type { RunOptions } from '../../src/plan/runs.ts'
import { notAllowed } from '../support/effects.ts'
import { keepHistories } from '../support/kept-histories.ts'
import { type Random, seededRandom, seedOf } from '../support/random.ts'
import { bind, once, virtualWorld, work } from '../support/virtual-world.ts'

/**
 * Two minutes of a date, by chance: chains of jobs, groups and made inputs that fail now and then, after each other and at times, while somebody
 * removes, restores, links, releases, restarts and cancels, and hosts die. When it is quiet again the plan, its chains and their jobs tell the same
 * story, nothing that could start has not, and whatever waits says why.
 * `SEEDS=n … --seed N` plays so many, from this one on.
 */
const date = '2026-11-23'
const self = `plan:UTC/${date}`
const always = defineCalendar({ name: 'always', timezone: 'UTC', days: [...weekdays] })

function randomChain(random: Random, n: number): ChainDefinition {
  const { chance, between, pick } = random
  const given = () => ({ ms: pick([1, 200, 3000, 9000])!, fails: pick([0, 0, 0, 1, 9])! })
  const steps: Record<string, Step> = {}
  for (const name of ['a', 'b', 'c', 'd'].slice(0, between(1, 4))) {
    const after = Object.keys(steps).filter(() => chance(0.6))
    const when = chance(0.4) ? ('all-finished' as const) : undefined
    const [job, input] = [pick([work, once])!, given()]
    const members = Array.from({ length: between(0, 3) }, (_, i) => pick([work, once])!.with(given(), { key: `m${i}` }))
    const done = pick([
      job.with(input),
      job.with(() => input),
      { members, output: chance(0.6) ? bind.with({ ms: 100 }) : undefined, when: pick(['all-finished', 'all-succeeded'] as const) },
      { members: () => members },
    ] as Step['work'][])!
    steps[name] = step(done as never, { after, when })
  }
  const time = () => (chance(0.5) ? `00:00:${between(1, 59).toString().padStart(2, '0')}` : undefined)
  const run = (name?: string): RunOptions => ({
    calendar: always,
    name,
    at: time(),
    withoutPredecessorsAt: time(),
    after: Array.from({ length: n }, (_, i) => `c${i}`).filter(() => chance(1.5 / (n + 1))),
    missed: pick(['run', 'skip'] as const),
  })
  return defineChain({ name: `c${n}`, runs: chance(0.2) ? [run('x'), run('y')] : [run()], steps })
}

async function play(seed: number): Promise<string[]> {
  const random = seededRandom(seed)
  const { chance, between } = random
  const one = <T>(of: readonly T[]): T => random.pick(of)!
  const chains = Array.from({ length: between(2, 6) }, (_, n) => randomChain(random, n))
  const world = virtualWorld({ partitions: one([1, 4]) })
  const { client, clock, store } = world
  const histories = keepHistories(store)
  // What goes early is in nobody's way.
  const retention = chance(0.3) ? { finished: { age: one([0, 2000]) }, failed: { age: one([1000, 20_000]) } } : undefined
  const hosts = [world.start({ chains, retention }).faults, world.start({ chains, retention }).faults]
  await clock.advance('1s')

  const problems: string[] = []
  const waiting = new Map<string, number>()
  let said = 0
  const allowed = new Set(['NOT_ALLOWED', 'NOT_FOUND', 'CONFLICT', 'VALIDATION'])
  const say = (what: string, command: () => Promise<unknown>) => {
    const name = `${what} (${++said})`
    waiting.set(name, clock.now())
    command()
      .catch((error) => allowed.has(error.code) || problems.push(`${name}: ${error.code} ${error.message}`))
      .finally(() => waiting.delete(name))
  }
  const plan = client.plan(date, { zone: 'UTC' })
  const runsOf = ({ terms: { runs } }: ChainDefinition) => runs.map(({ name }) => name)
  function command(): void {
    const chain = one(chains)
    const run = one(runsOf(chain))
    const target = one([chain.name, keyOf(chain.name, run)])
    const instance = client.chain(chain.name).run(`${date}/${run}`)
    const by = client.chain(chain.name).run(`by-hand-${between(0, 2)}`)
    const job = client.job(`${chain.name}/${date}/${run}/${one(['', '2/', 'input/'])}${one(['a', 'b', 'c'])}`)
    one([
      () => say(`remove ${target}`, () => plan.remove(target)),
      () => say(`deactivate ${target}`, () => plan.deactivate(target)),
      () => say(`restore ${target}`, () => plan.restore(target)),
      () => say(`restore ${target}`, () => plan.restore(target)),
      () =>
        say(`link ${target}`, () =>
          plan.link(
            target,
            chains.slice(0, 3).filter(() => chance(0.3)),
          ),
        ),
      () => say(`release ${target}`, () => plan.release(target, { now: chance(0.5) })),
      () => say(`restart ${target}`, () => plan.restart(target)),
      () => say(`restart ${target}`, () => plan.restart(target)),
      () => say(`restart of ${instance.address}`, () => instance.restart()),
      () => say(`cancel ${instance.address}`, () => instance.cancel()),
      () => say(`start ${by.address}`, () => client.chain(chain.name).start(one([null, 1]), { id: by.address.split('/')[1]! })),
      () => say(`restart of ${by.address}`, () => by.restart()),
      () => say(`cancel ${by.address}`, () => by.cancel()),
      () => say(`retry ${job.id}`, () => job.retry()),
      () => say(`cancel ${job.id}`, () => job.cancel()),
      () => say('show', () => plan.show()),
    ])()
  }

  const end = clock.now() + 120_000
  while (clock.now() < end) {
    const what = random.next()
    if (what < 0.5) command()
    else if (what < 0.56) {
      const alive = hosts.filter(({ dead }) => !dead)
      const dying = chance(0.4) ? alive : [one(alive)]
      for (const host of dying) host.kill()
      for (const _ of dying) hosts.push(world.start({ chains, retention }).faults)
    }
    await clock.advance(one([0, 1, 50, 500, 2000, 5000]))
  }
  await clock.advance('60s')
  for (const [name, at] of waiting) if (clock.now() > at + 25_000) problems.push(`not answered: ${name}`)
  problems.push(...wrong(await store.load([...histories.seen]), clock.now()))
  for (const letter of world.bus.deadLetters) problems.push(`dead letter: ${JSON.stringify(letter)}`)
  problems.push(...notAllowed(world.effects, histories.all()))
  if ((await store.load([self])).length !== 1) problems.push('there is no plan')
  return problems
}

/** Where the plan, its chains and their jobs do not tell the same story. */
function wrong(docs: readonly ActorDocument[], now: number): string[] {
  const plan = unpack((docs.find(({ _id }) => _id === self)!.snapshot.context as PlanContext).packed!)
  const undone = decided(plan, { type: 'time' }, now).decisions.map((decision) => `not done: ${JSON.stringify(decision)}`)
  const by = new Map(docs.map((doc) => [doc._id, doc]))
  const runs = Object.values(plan.runs).flatMap((run) => wrongRun(run, by.get(`chain:${run.chain}/${date}/${run.run}`)))
  const chains = docs
    .filter(({ type }) => type === 'chain')
    .flatMap((doc) => (doc.removedAt === undefined ? wrongChain(doc, by) : leftOf(doc, docs)))
  const left = docs.filter(
    ({ type, status, removedAt }) => removedAt === undefined && ['job', 'group', 'chain'].includes(type) && status !== 'done',
  )
  return [...undone, ...runs, ...chains, ...left.map(({ _id, state }) => `${_id} is left, ${state}`)]
}

function wrongRun({ chain, run, rounds, instance }: PlannedRun, doc: ActorDocument | undefined): string[] {
  if (!doc) return rounds ? [`${chain}/${run} was started ${rounds} times and is not there`] : []
  const { round } = doc.snapshot.context as ChainContext
  // What was removed and is started again has failed: it cannot go on.
  if (doc.removedAt !== undefined && round !== rounds)
    return instance?.state === 'failed' ? [] : [`${doc._id} was removed, in the plan ${instance?.state}`]
  if (round !== rounds) return [`${doc._id} is in round ${round}, in the plan ${rounds}`]
  if (!instance || instance.state === 'skipped' || instance.state === doc.state) return []
  return [`${doc._id} is ${doc.state}, in the plan ${instance.state}`]
}

function wrongChain({ _id, state: whole, snapshot }: ActorDocument, by: ReadonlyMap<string, ActorDocument>): string[] {
  const { steps, progress } = snapshot.context as ChainContext
  const all = Object.values(progress).every(({ state }) => state === 'succeeded')
  if (progress.a && all !== (whole === 'succeeded')) return [`${_id} is ${whole}: ${JSON.stringify(progress)}`]
  return Object.entries(progress).flatMap(([name, { state, nth }]) => {
    const [own, maker] = [false, true].map((making) => by.get(addressOf(_id, name, { nth }, steps[name]!, making))?.state)
    return state === 'skipped' || own === state || maker === state
      ? []
      : [`${_id}: ${name} is ${state}, its work ${own}, its maker ${maker}`]
  })
}

const leftOf = ({ _id, type }: ActorDocument, docs: readonly ActorDocument[]): string[] =>
  docs
    .filter((doc) => doc.removedAt === undefined && doc._id.includes(`${_id.slice(type.length)}/`))
    .map((doc) => `${doc._id} is left of what was removed`)

const test = suite('plans and chains, by chance: C2 C4 C8 C9 C12 [memory]')

test('the plan, its chains and their jobs tell the same story', async () => {
  const first = seedOf()
  const seeds = Number(process.env.SEEDS ?? 6)
  let bad = 0
  for (let seed = first; seed < first + seeds; seed++) {
    const problems = await play(seed)
    if (!problems.length) continue
    bad++
    console.log(`seed ${seed}: ${problems.slice(0, 8).join('; ')}`)
  }
  assert.is(bad, 0)
})
test.run()
