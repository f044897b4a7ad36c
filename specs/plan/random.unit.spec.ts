import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Change } from '../../actors/plan/changes.ts'
import { show } from '../../actors/plan/show.ts'
import { type Ending, hasBegun, keyOf, type Plan, type PlannedRun, planOf, type RunFacts } from '../../actors/plan/state.ts'
import { isOver, nextAt, step } from '../../actors/plan/step.ts'
import { seededRandom, seedOf } from '../support/random.ts'

/** Plans, changes, failures and pauses at random, held against the rules said another way. */
const minute = 60_000
type Chance = () => number

function randomPlan(chance: Chance): Plan {
  const chains = 3 + Math.floor(chance() * 8)
  const runs: PlannedRun[] = []
  for (let i = 0; i < chains; i++)
    for (const run of chance() < 0.2 ? ['a', 'b'] : ['main'])
      runs.push({
        chain: `c${i}`,
        run,
        ...randomFacts(
          chance,
          Array.from({ length: i }, (_, j) => `c${j}`).filter(() => chance() < 2 / (i + 1)),
        ),
        rounds: 0,
      })
  return planOf({ zone: 'Europe/Zurich', date: '2026-11-23', from: 0 }, runs)
}

function randomFacts(chance: Chance, after: readonly string[]): RunFacts {
  const time = () => (chance() < 0.5 ? Math.ceil(chance() * 600) * minute : undefined)
  return {
    after,
    at: time(),
    withoutPredecessorsAt: time(),
    missed: chance() < 0.3 ? 'skip' : 'run',
    ...(chance() < 0.2 ? { inactive: 'not today' } : {}),
  }
}

/** Any chains, in any direction: also what makes circles, or names what is not there. */
function randomRuns(chance: Chance, chains: readonly string[]): ({ readonly run: string } & RunFacts)[] {
  return ['main', 'a', 'b']
    .filter(() => chance() < 0.5)
    .map((run) => ({
      run,
      ...randomFacts(
        chance,
        chains.filter(() => chance() < 1.2 / chains.length),
      ),
    }))
}

function randomChange(chance: Chance, plan: Plan): Change {
  const names = Object.keys(plan.runs)
  const target = names[Math.floor(chance() * names.length)]!
  const chains = [...new Set(Object.values(plan.runs).map(({ chain }) => chain)), 'new']
  const what = chance()
  if (what < 0.15) return { type: 'add', chain: chains[Math.floor(chance() * chains.length)]!, runs: randomRuns(chance, chains) }
  if (what < 0.3)
    return {
      type: 'declare',
      chains: Object.fromEntries(chains.filter(() => chance() < 0.4).map((chain) => [chain, randomRuns(chance, chains)])),
    }
  const type = (['remove', 'deactivate', 'restore', 'release', 'restart', 'link', 'remove', 'restore'] as const)[Math.floor(chance() * 8)]!
  if (type !== 'link') return { type, target, ...(type === 'release' && chance() < 0.5 ? { now: true } : {}) }
  return { type, target, after: [...new Set(Object.values(plan.runs).map(({ chain }) => chain))].filter(() => chance() < 0.2) }
}

/** Is it waited for by those after it? C1, C3 and what follows from them, recursively and without order. */
function waitedFor(plan: Plan, run: PlannedRun): boolean {
  if (run.inactive !== undefined || run.out || run.instance?.state === 'skipped') return false
  if (run.instance && !(run.instance.removed && ['cancelled', 'failed'].includes(run.instance.state))) return true
  return !!run.released || ownTime(plan, run) !== undefined || before(plan, run).some((other) => waitedFor(plan, other))
}
const before = (plan: Plan, { after }: PlannedRun) => Object.values(plan.runs).filter(({ chain }) => after.includes(chain))
const ownTime = (plan: Plan, run: PlannedRun) =>
  before(plan, run).some((other) => waitedFor(plan, other)) ? run.at : (run.withoutPredecessorsAt ?? run.at)

function checkStart(plan: Plan, key: string, now: number, late: number | undefined): void {
  const run = plan.runs[key]!
  assert.ok(run.inactive === undefined && !run.out, `${key} is in the plan`)
  assert.ok(!run.instance || run.instance.removed, `${key} has not started`)
  if (run.released) {
    if (!run.released.now) assert.ok((run.at ?? 0) <= now, `${key} is released, and not before its time`)
    return
  }
  for (const other of before(plan, run).filter((one) => waitedFor(plan, one)))
    assert.is(other.instance?.state, 'succeeded', `${key} starts while ${keyOf(other.chain, other.run)} has not succeeded`)
  assert.ok((ownTime(plan, run) ?? 0) <= now, `${key} is not before its time`)
  if (late !== undefined) assert.is(run.missed, 'run')
}

interface Outcome {
  log: string[]
  plan: Plan
  starts: number
  refused: number
}

/** `looks`: how often the plan is looked at though nothing is due: that must change nothing. */
function live(seed: number, looks: boolean): Outcome {
  const chance = seededRandom(seed).next
  const look = seededRandom(seed + 1).next
  let plan = randomPlan(chance)
  let now = 0
  let refused = 0
  const log: string[] = []
  const running: { key: string; round: number; at: number }[] = []
  const rounds = new Map<string, number>()
  const go = (event: Parameters<typeof step>[1]) => {
    const made = step(plan, event, now)
    if (made.refused) {
      refused++
      assert.is(made.plan, plan)
      return
    }
    for (const decision of made.decisions) {
      const { key } = decision
      log.push(`${decision.do} ${key} ${now / minute}`)
      if (decision.do === 'cancel') assert.ok(running.some((one) => one.key === key))
      if (decision.do === 'skip') assert.is(made.plan.runs[key]!.missed, 'skip')
      if (decision.do !== 'start') continue
      assert.is(decision.round, (rounds.get(key) ?? 0) + 1, 'rounds are counted')
      rounds.set(key, decision.round)
      running.push({ key, round: decision.round, at: now + Math.ceil(chance() * 90) * minute })
    }
    if (event.type === 'declare')
      for (const [key, run] of Object.entries(plan.runs))
        if (hasBegun(run)) assert.equal(made.plan.runs[key]?.instance, run.instance, `${key} stays what it is, whatever code says`)
    const starts = made.decisions.filter((one) => one.do === 'start')
    // What the event itself did, without what starts by it, is what the starts must hold against.
    const at = { ...made.plan, runs: { ...made.plan.runs } }
    for (const { key } of starts) at.runs[key] = { ...at.runs[key]!, ...asItWas(event, key) }
    for (const { key } of starts)
      if (!(event.type === 'restart' && named(key, event.target)))
        checkStart(at, key, now, (starts.find((one) => one.key === key) as { late?: number }).late)
    plan = made.plan
    assert.equal(step(plan, { type: 'time' }, now).decisions, [], 'all that is due has started')
  }
  const named = (key: string, target: string) => key === target || key.startsWith(`${target}/`)
  /** Before it started by this event. */
  function asItWas(event: Parameters<typeof step>[1], key: string): Pick<PlannedRun, 'instance' | 'released'> {
    const { instance, released } = plan.runs[key] ?? {}
    const target = 'target' in event ? event.target : event.type === 'add' ? event.chain : '-'
    if (!named(key, target)) return { instance, released }
    const ended = instance?.state === 'failed' || instance?.state === 'cancelled'
    if (event.type === 'add' && ended) return { instance: { ...instance!, removed: true } }
    const begun = instance?.state === 'skipped' && event.type !== 'link' ? undefined : instance
    if (event.type === 'release') return { instance: begun, released: { since: now, ...(event.now ? { now: true as const } : {}) } }
    return { instance: begun, released: event.type === 'link' || event.type === 'add' ? undefined : released }
  }

  go({ type: 'time' })
  for (let i = 0; i < 120; i++) {
    if (i < 60 && chance() < 0.3) go(randomChange(chance, plan))
    // Now and then no host is up for a while.
    const pause = chance() < 0.1 ? Math.ceil(chance() * 120) * minute : 0
    const next = Math.min(nextAt(plan, now) ?? 1e15, ...running.map(({ at }) => at))
    if (next === 1e15) {
      if (i >= 60) break
      continue
    }
    if (looks && look() < 0.5 && next - now > minute) {
      const kept = now
      now += Math.floor(look() * (next - now))
      assert.equal(step(plan, { type: 'time' }, now).decisions, [], 'nothing is due before the next time')
      now = kept
    }
    now = Math.max(now, next) + pause
    const due = running.findIndex(({ at }) => at <= now)
    if (due < 0) {
      go({ type: 'time' })
      continue
    }
    const [{ key, round }] = running.splice(due, 1) as [(typeof running)[0]]
    const state: Ending =
      plan.runs[key]!.instance!.state === 'cancelling' && chance() < 0.7 ? 'cancelled' : chance() < 0.15 ? 'failed' : 'succeeded'
    log.push(`${state} ${key} ${now / minute}`)
    go({ type: 'ended', key, round, state })
  }
  return { log, plan, starts: log.filter((line) => line.startsWith('start')).length, refused }
}

const random = suite('plans at random: C1 C2 C3 C4 C9 C11 C12')
const seed = seedOf()

random('every start is as the rules say, and what never ends waits for one that is stuck', () => {
  let starts = 0
  let refused = 0
  for (let i = 0; i < 500; i++) {
    const { plan, ...counts } = live(seed + i, true)
    starts += counts.starts
    refused += counts.refused
    for (const { state, why, chain, run, startAt } of show(plan, 1e12))
      if (state === 'waiting' && startAt === undefined)
        assert.ok(
          why.some(({ stuck }) => stuck),
          `seed ${seed + i}: ${chain}/${run} waits for ever and is not said to be stuck`,
        )
    const open = Object.values(plan.runs).some(
      ({ instance, out, inactive }) =>
        ['failed', 'cancelled'].includes(instance?.state ?? '') && !instance!.removed && !out && inactive === undefined,
    )
    assert.is(isOver(plan, 1e12), !open, `seed ${seed + i}`)
  }
  assert.ok(starts > 1500 && refused > 300, `${starts} starts, ${refused} refused`)
})
random('looking at it in between changes nothing', () => {
  for (let i = 0; i < 100; i++) assert.equal(live(seed + i, true).log, live(seed + i, false).log)
})
random.run()
