import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { unpack } from '../../actors/plan/packed.ts'
import type { PlanContext } from '../../actors/plan.ts'
import { partitionOf } from '../../src/address.ts'
import { defineCalendar } from '../../src/calendar/calendar.ts'
import { weekdays } from '../../src/calendar/dates.ts'
import { defineChain } from '../../src/chain/definition.ts'
import { step } from '../../src/chain/step.ts'
import { defineJob } from '../../src/definition.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import type { RunOptions } from '../../src/plan/runs.ts'
import type { Chaos } from '../../src/testing/chaos.ts'
import { seedOf } from '../support/random.ts'
import { virtualWorld, work } from '../support/virtual-world.ts'

/**
 * A night in seconds: B → D, E, F, G → I, each of two steps; while it goes on B is removed, or fails and is restarted. A host dies at each of its
 * calls, the next one goes on, and makes the plan again.
 */
const self = 'plan:UTC/2026-11-23'
const always = defineCalendar({ name: 'always', timezone: 'UTC', days: [...weekdays] })
const tried = defineJob({ name: 'work', input: work.input, retry: { attempts: 2, backoff: 100, jitter: 0 } })
/** The second step's input is made of what the first puts out. */
const chain = (name: string, run: Partial<RunOptions>) =>
  defineChain({
    name,
    runs: [{ calendar: always, ...run }],
    steps: {
      load: step(tried.with({ ms: name === 'B' ? 800 : 200 })),
      post: step(
        tried.with(({ load }: { load: { key: string } }) => ({ ms: load.key === 'load' ? 200 : 0, fails: load.key === 'load' ? 0 : 9 })),
        { after: ['load'] },
      ),
    },
  })
const chains = [
  chain('B', { at: '00:00:04' }),
  chain('D', { after: ['B'], withoutPredecessorsAt: '00:00:01' }),
  chain('E', { after: ['B'], withoutPredecessorsAt: '00:00:02' }),
  chain('F', { after: ['B'], at: '00:00:07', withoutPredecessorsAt: '00:00:07' }),
  chain('G', { after: ['B'], at: '00:00:09', withoutPredecessorsAt: '00:00:09' }),
  chain('I', { after: ['D', 'E', 'F', 'G'] }),
]

async function play(
  story: 'plain' | 'removed',
  dieAt?: number,
): Promise<{ first: Chaos; problems: string[]; starts: (chain: string) => string[] }> {
  const world = virtualWorld({ partitions: 4 })
  const began = world.clock.now()
  const at = (seconds: number) => began + seconds * 1000
  const bus = world.bus.connect('outside')
  let said = 0
  const tell = (event: ActorEvent) =>
    bus.publish([
      {
        partition: partitionOf('UTC', 4),
        id: `said ${++said}`,
        events: [{ to: self, event, from: 'outside', inc: 'outside', n: said }],
      },
    ])

  const first = world.start({ dieAt, chains }).faults
  let second = false
  let removed = false
  const over = async () => (await world.store.load([self]))[0]?.state === 'over'
  while (!(await over()) && world.clock.now() < at(120)) {
    await world.clock.step('1s')
    if (story === 'removed' && !removed && world.startsOf('B/2026-11-23/main/load').length)
      removed = !!tell({ type: 'remove', target: 'B' })
    if (first.dead && !second) {
      second = !!world.start({ chains })
    }
  }
  await world.clock.advance('10s')

  const problems = [...(await world.problems()), ...((await over()) ? [] : ['the plan is not over'])]
  const docs = await world.docs()
  // A plan that is over still stays active for nine days, for those who restart a chain of it.
  for (const doc of docs) if (doc.status !== 'done' && doc._id !== self) problems.push(`${doc._id} is ${doc.state}`)
  if (world.bus.deadLetters.length) problems.push(`dead letters: ${JSON.stringify(world.bus.deadLetters[0])}`)
  if (docs.filter(({ type }) => type === 'plan').length !== 1) problems.push('there is not one plan')
  for (const { name } of chains) {
    const own = docs.filter(({ type, root }) => type === 'chain' && root === name)
    if (own.length !== 1) problems.push(`${own.length} instances of ${name}`)
    const expected = story === 'removed' && name === 'B' ? ['cancelled', 'succeeded'] : ['succeeded']
    if (!own.every(({ state }) => expected.includes(state))) problems.push(`${name} is ${own[0]?.state}`)
  }
  const { runs } = unpack(((await world.doc(self)).snapshot.context as PlanContext).packed!)
  for (const run of Object.values(runs)) if (run.rounds !== 1) problems.push(`${run.chain} was started ${run.rounds} times`)
  const startOf = (name: string) => world.startsOf(`${name}/2026-11-23/main/load`)[0]?.at ?? 0
  const endOf = (name: string) => docs.find(({ _id }) => _id === `chain:${name}/2026-11-23/main`)?.endedAt ?? 0
  for (const name of ['D', 'E', 'F', 'G']) {
    if (story === 'plain' && startOf(name) < endOf('B')) problems.push(`${name} began before B had ended`)
    if (startOf('I') < endOf(name)) problems.push(`I began before ${name} had ended`)
  }
  if (startOf('F') < at(7) || startOf('G') < at(9)) problems.push('F or G began before its time')
  const starts = (name: string) => world.startsOf(`${name}/2026-11-23/main/load`).map((one) => ((one.at - began) / 1000).toFixed(1))
  return { first, problems, starts }
}

const test = suite('crash harness of plans and chains: C2 C8 C9 C12 [memory]')
for (const story of ['plain', 'removed'] as const)
  test(`a crash at each place: ${story}`, async () => {
    const { first, problems, starts } = await play(story)
    assert.equal(problems, [])
    assert.ok(first.points > 50, `only ${first.points} places`)
    console.log(`# ${story}: ${['B', 'D', 'E', 'F', 'G', 'I'].map((name) => `${name} ${starts(name)}`).join(', ')}`)
    let bad = 0
    // Each place takes as long as a night: every third one, from a random one on.
    const begin = 1 + (seedOf() % 3)
    for (let at = begin; at <= first.points; at += 3) {
      const { first: died, problems: found } = await play(story, at)
      if (found.length && ++bad < 6) console.log(`crash ${at} (${died.trace[at - 1]}): ${found.join('; ')}`)
    }
    console.log(`# crash harness of plans: ${first.points} places, every third from ${begin} on tried; ${bad} with problems`)
    assert.is(bad, 0)
  })
test.run()
