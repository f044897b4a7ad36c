import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { graphIssue, graphOf } from '../../actors/plan/graph.ts'
import { show } from '../../actors/plan/show.ts'
import { mostAtOnce, nextAt, type PlanEvent, step } from '../../actors/plan/step.ts'
import { instantOf } from '../../src/calendar/dates.ts'
import { resolvePlan } from '../../src/plan/resolve.ts'
import { type ChainTerms, checkChains } from '../../src/plan/runs.ts'
import { chain, monday, on, workdays, zone } from './day.ts'

/** `count` chains in layers of 20, each after five of the layer before. */
function manyChains(count: number): ChainTerms[] {
  return Array.from({ length: count }, (_, i) => {
    const layer = Math.floor(i / 20)
    const after = layer ? Array.from({ length: 5 }, (_, j) => `c${(layer - 1) * 20 + ((i * 7 + j * 4) % 20)}`) : []
    return chain(`c${i}`, on(workdays, layer ? { after, withoutPredecessorsAt: '23:00' } : { at: '06:00' }))
  })
}

const large = suite('1,000 chains with 5,000 dependencies: C2 C12')
large('run through, each once, in the order of their dependencies', () => {
  const chains = manyChains(1000)
  checkChains(chains)
  let plan = resolvePlan(chains, zone, monday)
  let now = instantOf(monday, '00:00', zone)
  const log: string[] = []
  const go = (event: PlanEvent) => {
    const made = step(plan, event, now)
    plan = made.plan
    for (const { key } of made.decisions) log.push(key)
  }
  go({ type: 'time' })
  now = nextAt(plan, now)!
  go({ type: 'time' })
  for (let i = 0; i < log.length; i++) {
    now += 1000
    go({ type: 'ended', key: log[i]!, round: 1, state: 'succeeded' })
  }
  assert.is(log.length, 1000)
  assert.is(new Set(log).size, 1000)
  const at = new Map(log.map((key, i) => [key.split('/')[0]!, i]))
  for (const { name, runs } of chains)
    for (const other of runs[0]!.after) assert.ok(at.get(other)! < at.get(name)!, `${name} after ${other}`)
})
large('a row of 20,000 chains, each after the one before, is planned and shown', () => {
  const row = Array.from({ length: 20_000 }, (_, i) => chain(`c${i}`, on(workdays, i ? { after: [`c${i - 1}`] } : { at: '06:00' })))
  checkChains(row)
  const plan = resolvePlan(row, zone, monday)
  assert.is(show(plan, 0).length, 20_000)
  const circle = graphOf([...Object.values(plan.runs), { chain: 'c0', after: ['c19999'] }])
  assert.is(graphIssue(circle)?.code, 'CYCLE')
})
large('what is due at once starts in steps of a bounded size, each once', () => {
  const chains = Array.from({ length: 1000 }, (_, i) => chain(`c${i}`, on(workdays, { at: '06:00' })))
  let plan = resolvePlan(chains, zone, monday)
  const at = instantOf(monday, '06:00', zone)
  const started: string[] = []
  for (let next: number | undefined = at; next !== undefined; next = nextAt(plan, at)) {
    assert.is(next, at)
    const made = step(plan, { type: 'time' }, at)
    assert.ok(made.decisions.length <= mostAtOnce)
    plan = made.plan
    started.push(...made.decisions.map(({ key }) => key))
  }
  assert.is(started.length, 1000)
  assert.is(new Set(started).size, 1000)
})
large.run()
