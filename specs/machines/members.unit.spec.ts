import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type GroupContext, group } from '../../actors/group.ts'
import { emptyDocument } from '../../src/decide.ts'
import { given, type Result } from '../../src/testing/given.ts'
import { type Effects, step } from '../../src/testing/step.ts'
import { type Chance, chanceOf, ended, member, members, outputEnded, seedOf, submitGroup } from './events.ts'

const test = suite('members of a group, many and at random: R2 R3 R7 Q40 Q42 Q43 Q44 Q45 Q46 G7')

/**
 * The world around a group, as plainly as can be: jobs that do what they are told, and a page store. Ends come when the spec says so.
 * What the group must keep to is checked after every event.
 */
interface Job {
  index: number
  round: number
  /** Begun: it runs, or waits for a worker. */
  state: 'waiting' | 'begun' | 'cancelling' | 'succeeded' | 'failed' | 'cancelled'
}

function worldOf(options: { concurrency?: number; onMemberFailure?: string; when?: string }) {
  let group = given('group', { address: 'group:g' })
  let last: Result | undefined
  const jobs = new Map<string, Job>()
  const pages = new Map<string, unknown>()
  const reads: Effects['reads'] = []
  const inbox: { key: string; index: number; round: number; state: string }[] = []
  const seen = { most: 0, outputs: 0, cancels: 0, reads: 0 }
  let active = 0

  function become(job: Job, state: Job['state']): void {
    active += Number(isActive(state)) - Number(isActive(job.state))
    job.state = state
  }

  function apply(event: { type: string; [field: string]: unknown }): void {
    last = group.when(event)
    group = last.and
    if (last.threw) throw new Error(last.threw)
    for (const { id, body } of last.pages) {
      assert.not.ok(pages.has(id) && JSON.stringify(pages.get(id)) !== JSON.stringify(body), 'a page is written once')
      pages.set(id, body)
    }
    reads.push(...last.reads)
    seen.reads += last.reads.length
    for (const { to, event } of last.sends) deliver(to.slice('job:g/'.length), event)
    seen.most = Math.max(seen.most, active)
  }

  function deliver(key: string, event: { type: string; [field: string]: unknown }): void {
    if (key === 'output') {
      seen.outputs++
      for (const [key, { state }] of jobs) assert.ok(isOver(state), `output made while ${key} is ${state}`)
      return
    }
    const job = jobs.get(key)
    switch (event.type) {
      case 'submit': {
        assert.not.ok(job, `${key} submitted twice`)
        const { index, round } = event.member as { index: number; round: number }
        const made: Job = { index, round, state: 'waiting' }
        jobs.set(key, made)
        if (!event.window) become(made, 'begun')
        return
      }
      case 'begin':
        if (job!.state === 'waiting') become(job!, 'begun')
        return
      case 'again':
        // It runs again already, or its end is still under way: nothing new.
        if ((event.round as number) <= job!.round) return
        assert.is(job!.state, 'failed', `${key} again, but it is ${job!.state}`)
        job!.round = event.round as number
        become(job!, event.window ? 'waiting' : 'begun')
        return
      case 'notAgain':
        return
      case 'cancel':
        seen.cancels++
        if (job!.state === 'waiting') end(key, 'cancelled')
        else if (job!.state === 'begun') become(job!, 'cancelling')
    }
  }

  function end(key: string, state: 'succeeded' | 'failed' | 'cancelled'): void {
    const job = jobs.get(key)!
    become(job, state)
    inbox.push({ key, index: job.index, round: job.round, state })
  }

  /** Delivers what is on its way to the group: ends, sometimes twice, and pages. */
  function settle(chance?: Chance): void {
    for (;;) {
      const page = reads.shift()
      if (page) {
        if (page.page) assert.ok(pages.has(page.page), `page ${page.page} was never written`)
        apply({ ...page.event, body: page.page && pages.get(page.page) })
        continue
      }
      const next = inbox.shift()
      if (!next) return
      apply({ type: 'ended', ...next })
      if (chance?.below(5) === 0) apply({ type: 'ended', ...next })
    }
  }

  const known = () => {
    const peers = Object.fromEntries([...jobs.keys()].map((key) => [`job:g/${key}`, { content: contentOf(key), member: true }]))
    group = group.knowing(peers)
  }
  return {
    jobs,
    seen,
    apply,
    settle,
    end,
    known,
    /** What was asked for does not come. */
    forget: () => reads.splice(0).length,
    keys: (...states: Job['state'][]) => [...jobs].filter(([, job]) => states.includes(job.state)).map(([key]) => key),
    get last() {
      return last!
    },
    get context() {
      return last!.context as unknown as GroupContext
    },
    submit: (keys: string[], seal: boolean) =>
      apply(
        submitGroup(
          keys.map((key) => member(key)),
          options,
          seal,
        ),
      ),
  }
}

const isActive = (state: Job['state']) => state === 'begun' || state === 'cancelling'
const isOver = (state: Job['state']) => state === 'succeeded' || state === 'failed' || state === 'cancelled'
const contents = new Map<string, string>()
const contentOf = (key: string): string => {
  if (!contents.has('all')) {
    const [sent] = given('group').when(submitGroup([member(key)])).sends
    contents.set('all', given('job').when(sent!.event).context.content as string)
  }
  return contents.get('all')!
}

test('any sequence of events agrees with the model: set, window, one output, nothing begun twice', () => {
  const seed = seedOf('members')
  for (let round = 0; round < 40; round++) {
    const chance = chanceOf(seed + round)
    const concurrency = chance.pick([undefined, 1, 2, 5])
    const onMemberFailure = chance.pick(['continue', 'continue', 'cancel-rest'])
    const world = worldOf({ concurrency, onMemberFailure })
    const say = `seed ${seed}, round ${round}`
    // Some keys in a thousand: the oldest leave for pages.
    const piece = chance.pick([1, 3, 400, 400])
    let next = 0
    const fresh = (count: number) => Array.from({ length: count }, () => `m${next++}`)
    world.submit(fresh(piece), false)
    let sealed = false
    for (let i = 0; i < 120 && world.last.state === 'open'; i++) {
      const ready = world.keys('begun', 'cancelling')
      const what = chance.below(20)
      if (what < 3 && !sealed && next < 2500) {
        world.known()
        const again = next > 3 && chance.below(2) ? ['m0', 'm1'] : []
        world.apply({ type: 'add', members: [...again, ...fresh(piece)].map((key) => member(key)) })
      } else if (what < 15 && ready.length) {
        for (let some = 1 + chance.below(piece); some > 0; some--) {
          const [key] = ready.splice(chance.below(ready.length), 1)
          if (key) world.end(key, chance.pick(['succeeded', 'succeeded', 'succeeded', 'failed', 'cancelled']))
        }
      } else if (what === 15) {
        const key = chance.pick(world.keys('failed'))
        if (key) {
          const { index, round } = world.jobs.get(key)!
          world.apply({ type: 'retry', key, index, round, state: 'failed' })
        }
      } else if (what === 16 && chance.below(4) === 0) world.apply({ type: 'cancel' })
      else if (what === 17 && i > 60) world.apply({ type: 'seal' })
      if (chance.below(3)) world.settle(chance)
      sealed = world.context.sealed
    }
    // and to its end
    if (world.last.state === 'open') world.apply({ type: 'seal' })
    for (let i = 0; i < 5000 && world.last.state === 'open'; i++) {
      world.settle(chance)
      for (const key of world.keys('begun', 'cancelling')) world.end(key, 'succeeded')
      world.settle(chance)
    }
    const { members, cancelled } = world.context
    assert.is(world.last.state, cancelled ? 'cancelled' : 'output', say)
    assert.is(world.seen.outputs, cancelled ? 0 : 1, say)
    assert.is(members.total, next, say)
    const count = (state: Job['state']) => world.keys(state).length
    assert.equal(members.counts, { succeeded: count('succeeded'), failed: count('failed'), cancelled: count('cancelled') }, say)
    if (concurrency) assert.ok(world.seen.most <= concurrency, `${say}: ${world.seen.most} at once, window ${concurrency}`)
    if (concurrency) assert.is(members.window!.active, 0, say)
  }
})

for (const [name, ends] of [
  ['all succeeded', () => 'succeeded'],
  ['all failed', () => 'failed'],
] as const) {
  test(`100,000 members, ${name}: the document stays small`, () => {
    const { sizes, context } = drive({}, ends)
    assert.is(context.members.counts.succeeded + context.members.counts.failed + context.members.counts.cancelled, 100_000)
    const longest = Math.max(...sizes)
    console.log(`# 100,000 members, ${name}: at most ${longest} characters`)
    assert.ok(longest < 200_000)
  })
  test(`100,000 members with a window of 50, ${name}: begun in order through the pages of keys, never more than 50 at once`, () => {
    const { sizes, context, most, order } = drive({ concurrency: 50 }, ends)
    assert.is(context.members.counts.succeeded + context.members.counts.failed + context.members.counts.cancelled, 100_000)
    assert.is(most, 50)
    assert.is(order.length, 100_000)
    assert.ok(order.every((key, i) => key === `k${i}`))
    const longest = Math.max(...sizes)
    console.log(`# 100,000 members in a window of 50, ${name}: at most ${longest} characters`)
    assert.ok(longest < 200_000)
  })
}

test('100,000 members, every third cancelled, every other failed: three sets, and the document is still small', () => {
  const { sizes } = drive({ concurrency: 50 }, (i) => (i % 3 === 0 ? 'cancelled' : i % 2 ? 'failed' : 'succeeded'))
  assert.ok(Math.max(...sizes) < 200_000)
})
test('100,000 members: cancel reaches each one, page after page', () => {
  const { context, cancelled, state } = drive({ cancelAt: 70_000 }, () => 'succeeded')
  assert.is(state, 'cancelled')
  assert.is(cancelled, 30_000)
  assert.equal(context.members.counts, { succeeded: 70_000, failed: 0, cancelled: 30_000 })
})
test('100,000 members with a window: a failure cancels the rest, begun or not, page after page', () => {
  const { context, state, most } = drive({ concurrency: 50, onMemberFailure: 'cancel-rest' }, (i) =>
    i === 60_000 ? 'failed' : 'succeeded',
  )
  assert.is(state, 'output')
  assert.is(most, 50)
  assert.is(context.members.counts.failed, 1)
  assert.ok(context.members.counts.cancelled >= 39_900)
})

/** So many cancels while 3,000 wait; what the first ones have asked for may be lost. Answers how often it was read. */
function cancelled(times: number, lost = 0): number {
  const world = worldOf({ concurrency: 1 })
  const keys = Array.from({ length: 3000 }, (_, i) => `m${i}`)
  world.submit(keys.slice(0, 250), false)
  for (let i = 250; i < keys.length; i += 250)
    world.apply({ type: 'add', members: keys.slice(i, i + 250).map((key) => member(key)), seal: i + 250 === keys.length })
  for (let i = 0; i < times; i++) {
    world.apply({ type: 'cancel' })
    if (i < lost) world.forget()
  }
  world.settle()
  for (const key of world.keys('cancelling')) world.end(key, 'cancelled')
  world.settle()
  assert.is(world.last.state, 'cancelled')
  assert.is(world.keys('cancelled').length, 3000)
  assert.is(world.seen.cancels, 3000)
  return world.seen.reads
}

test('a cancel that is asked for again goes on where it was, and is one sweep with the first', () => {
  const once = cancelled(1)
  assert.is(cancelled(2, 1), once + 1)
  assert.is(cancelled(4), once + 3)
})

interface Drive {
  concurrency?: number
  onMemberFailure?: string
  /** Cancelled once so many have ended. */
  cancelAt?: number
}

/** Only the group itself, and of its members no more than which are begun. */
function drive({ cancelAt, ...options }: Drive, ends: (i: number) => string) {
  const total = 100_000
  let doc = emptyDocument('group:g', group, 0, 0)
  const pages = new Map<string, unknown>()
  const todo: { type: string; [field: string]: unknown }[] = []
  const begun: number[] = []
  const order: string[] = []
  const sizes: number[] = []
  const over = new Set<number>()
  // where the queues have got to: taking from the front of a long list costs its length
  let told = 0
  let ran = 0
  let active = 0
  let most = 0
  let cancelled = 0
  let done = 0

  function apply(event: { type: string; [field: string]: unknown }): void {
    const { doc: after, effects } = step(group, doc, event, { at: 0 })
    doc = after
    for (const { id, body } of effects.pages) pages.set(id, body)
    for (const { page, event } of effects.reads) todo.push({ ...event, body: page && pages.get(page) })
    for (const { to, event } of effects.sends) {
      const key = to.slice('job:g/'.length)
      const index = Number(key.slice(1))
      if (event.type === 'begin' || (event.type === 'submit' && !event.window && key !== 'output')) {
        begun.push(index)
        order.push(key)
        most = Math.max(most, ++active)
      } else if (event.type === 'cancel' && !over.has(index)) {
        over.add(index)
        cancelled++
        todo.push(ended(key, index, 'cancelled'))
      }
    }
  }
  apply(submitGroup(members(250), options, false))
  for (let from = 250; from < total; from += 250) apply({ type: 'add', members: members(250, from), seal: from + 250 === total })
  sizes.push(JSON.stringify(doc.snapshot.context).length)
  while (doc.state === 'open') {
    if (told < todo.length) {
      apply(todo[told++]!)
      continue
    }
    const index = begun[ran++]
    assert.ok(index !== undefined, `stuck after ${done}`)
    active--
    if (over.has(index!)) continue
    over.add(index!)
    apply(ended(`k${index}`, index!, ends(index!)))
    if (++done === cancelAt) apply({ type: 'cancel' })
    if (done % 5000 === 0) sizes.push(JSON.stringify(doc.snapshot.context).length)
  }
  return { sizes, state: doc.state, context: doc.snapshot.context as GroupContext, most, order, cancelled }
}

test('a member that failed before the window came to it, and is retried, is begun once', () => {
  const before = given('group', { address: 'group:g' }).events([submitGroup(members(4), { concurrency: 1 })])
  // k2 was submitted beside the group, and has failed already
  const retried = before.events([ended('k2', 2, 'failed')]).when({ type: 'retry', key: 'k2', index: 2 })
  assert.equal(
    retried.sends.map(({ event }) => event.type),
    ['again'],
  )
  const begun: string[] = []
  let now = retried.and
  for (const [key, index, round] of [
    ['k0', 0, 0],
    ['k1', 1, 0],
    ['k2', 2, 1],
    ['k3', 3, 0],
  ] as const) {
    const result = now.when(ended(key, index, 'succeeded', round))
    begun.push(...result.sends.filter(({ event }) => event.type === 'begin').map(({ to }) => to))
    now = result.and
    assert.ok((result.context as unknown as GroupContext).members.window!.active <= 1)
  }
  assert.equal(begun, ['job:g/k1', 'job:g/k2', 'job:g/k3'])
  now.when(outputEnded()).then({ state: 'succeeded' })
})

test.run()
