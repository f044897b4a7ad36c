import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { add, allFinished, end, type Members, noMembers, retry, type Step, turnPage } from '../../actors/members.ts'
import { type Chance, chanceOf, seedOf } from './events.ts'

/** What a group of a million keeps of its members, however they end: the whole document has 256 KB. */
const test = suite('1,000,000 members of one group: R2 R7 G7')
const total = 1_000_000
const group = 'group:a-group-with-a-name-of-some-length'
const largest = 192 * 1024
const terms = { attempts: 1, backoff: 1000, factor: 2, jitter: 0, priority: 5, onLost: 'retry' } as const

const sizeOf = (members: Members): number => JSON.stringify(members).length

function filled(concurrency?: number): { members: Members; pages: Map<string, unknown>; longest: number } {
  const pages = new Map<string, unknown>()
  let members = noMembers(concurrency)
  let longest = 0
  for (let from = 0; from < total; from += 250) {
    const added = Array.from({ length: 250 }, (_, i) => ({ key: `member-${from + i}`, job: 'work', input: { value: null }, terms }))
    const step = add(group, members, added, {})
    members = step.members
    for (const effect of step.out) if (effect.type === 'page') pages.set(effect.params.id, effect.params.body)
    if (from % 50_000 === 0) longest = Math.max(longest, sizeOf(members))
  }
  return { members, pages, longest: Math.max(longest, sizeOf(members)) }
}

function shuffled(chance: Chance): Uint32Array {
  const places = Uint32Array.from({ length: total }, (_, i) => i)
  for (let i = total - 1; i > 0; i--) {
    const j = chance.below(i + 1)
    const place = places[i]!
    places[i] = places[j]!
    places[j] = place
  }
  return places
}

for (const [order, places] of [
  ['in the order in which they were added', (_: Chance) => Uint32Array.from({ length: total }, (_, i) => i)],
  ['in any order', shuffled],
] as const)
  test(`they succeed, fail and are cancelled at random, ${order}`, () => {
    const seed = seedOf('million')
    const chance = chanceOf(seed)
    let { members, longest } = filled()
    const whenFilled = longest
    const counts = { succeeded: 0, failed: 0, cancelled: 0 }
    let done = 0
    for (const index of places(chance)) {
      const state = chance.pick(['succeeded', 'failed', 'cancelled'] as const)
      counts[state]++
      members = end(group, members, { index, round: 0, state }, false)!.members
      if (++done % 20_000 === 0) longest = Math.max(longest, sizeOf(members))
    }
    assert.ok(allFinished(members))
    assert.equal(members.counts, counts)
    console.log(`# 1,000,000 members ending ${order}: at most ${longest} characters; ${whenFilled} while they were added (seed ${seed})`)
    assert.ok(longest < largest)
    assert.is(end(group, members, { index: 5, round: 0, state: 'failed' }, false), undefined)
  })

test('operator retries: how many of them fit, at the worst', () => {
  const chance = chanceOf(seedOf('million retries'))
  let { members } = filled()
  for (let i = 0; i < total; i++)
    if (chance.below(2)) members = end(group, members, { index: i, round: 0, state: 'failed' }, false)!.members
  const before = sizeOf(members)
  let retried = 0
  for (let i = 0; i < total && retried < 1000; i++) {
    const { counts } = members
    const step: Step = retry(group, members, { key: `member-${i}`, index: i, round: 0, state: 'failed' })
    if (step.members.counts.failed < counts.failed) retried++
    members = step.members
  }
  const each = (sizeOf(members) - before) / retried
  console.log(`# half of 1,000,000 failed at random: ${before} characters; each of ${retried} retries costs ${each.toFixed(1)} more`)
  assert.is(retried, 1000)
  assert.ok(each < 16)
})

test('a window goes through all pages of keys, in order', () => {
  let { members, pages } = filled(50)
  let begun = 50
  let longest = 0
  for (let index = 0; index < total; index++) {
    let step = end(group, members, { index, round: 0, state: 'succeeded' }, false)!
    for (;;) {
      members = step.members
      for (const effect of step.out) if (effect.type === 'send') assert.is(effect.params.to, `job:${group.slice(6)}/member-${begun++}`)
      const read = step.out.find((effect) => effect.type === 'read')
      if (read?.type !== 'read') break
      const { first } = read.params.event as unknown as { first: number }
      step = turnPage(group, members, { for: 'window', first, body: pages.get(read.params.page!) as string[] })
    }
    if (index % 50_000 === 0) longest = Math.max(longest, sizeOf(members))
  }
  assert.is(begun, total)
  assert.ok(allFinished(members))
  console.log(`# 1,000,000 members in a window of 50: at most ${longest} characters`)
  assert.ok(longest < largest)
})

test.run()
