import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { correlation } from '../../actors/correlation.ts'
import { group } from '../../actors/group.ts'
import { job } from '../../actors/job.ts'
import type { Snapshot } from '../../src/document.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import { interpreted, transition } from '../../src/machine.ts'
import { isPlain } from '../../src/walk.ts'
import {
  type Chance,
  cancel,
  chanceOf,
  claim,
  ended,
  lost,
  member,
  memberOf,
  members,
  outputEnded,
  result,
  retry,
  seedOf,
  stopping,
  submit,
  submitGroup,
  suspend,
  terms,
  update,
} from './events.ts'

const test = suite('the machines as they are walked, against XState itself: G1 G2')

type Make = (chance: Chance, snapshot: Snapshot | undefined) => ActorEvent

const callbacks = ['bank', 'stock']
const ids = ['x', 'y']
const timersOfJob = ['untilStart.job.pending.planned', 'untilRetry.job.pending.backoff', 'untilDeadline.job.pending.suspended']
/** Only with a deadline are they ever set. */
const timersWithDeadline = ['untilOverdue.job.pending', 'untilOverdue.job.active.running', 'untilOverdue.job.active.stopping']

/** A suspend, callbacks of this round and of others, a correlation id that another job has. */
const suspends = (chance: Chance, d: number, w: string): ActorEvent[] => [
  suspend(d, w, {
    until: chance.pick([callbacks, ['bank']]),
    need: 1 + chance.below(2),
    deadline: chance.pick([undefined, 100]),
    fallback: chance.pick([undefined, { stock: { value: 'none' } }]),
    state: chance.pick([undefined, { value: 7 }]),
    as: chance.pick([undefined, ...ids]),
  }),
  resume(chance),
  resume(chance),
  { type: 'notRegistered', as: chance.pick(ids), round: 1 + chance.below(2), by: 'job:other' },
]

const resume = (chance: Chance): ActorEvent => ({
  type: 'resume',
  name: chance.pick([...callbacks, ...callbacks, 'none']),
  value: { value: chance.below(3) },
  round: chance.pick([undefined, undefined, 1, 2]),
  via: chance.pick([undefined, 'correlation:x']),
  kept: chance.pick([undefined, true]),
})

const jobEvent: Make = (chance, snapshot) => {
  const { dispatch: current = 1, overdueAt } = (snapshot?.context ?? {}) as { dispatch?: number; overdueAt?: number }
  const d = chance.pick([current, current, current, Math.max(1, current - 1), current + 1])
  const w = chance.pick(['w', 'w', 'v'])
  return chance.pick<ActorEvent>([
    claim(d, w),
    claim(d, w),
    result(chance.pick(['ok', 'fail', 'fail', 'back', 'unbegun']), d, w, { terminal: chance.below(10) === 0 || undefined }),
    lost(d, w, chance.below(2) === 0),
    chance.pick<ActorEvent>([
      stopping(d, w),
      { type: 'child', dispatch: d, worker: w, key: 'part', job: 'work', input: { value: 1 }, terms: terms() },
    ]),
    ...suspends(chance, d, w),
    chance.pick<ActorEvent>([cancel, retry, { type: 'again', round: chance.below(3), window: chance.below(2) === 0 }]),
    chance.pick<ActorEvent>([
      submit({}, { member: memberOf('j', 2) }),
      submit(),
      submit({}, { input: { value: chance.below(3) } }),
      { type: 'begin' },
      { type: 'reconcile' },
    ]),
    update({
      startAt: chance.pick([undefined, undefined, 0, 1000]),
      priority: chance.pick([undefined, 5, 9]),
      input: chance.pick([undefined, { value: 2 }]),
      job: chance.pick(['work', 'work', 'other']),
    }),
    { type: `xstate.after.${chance.pick(overdueAt === undefined ? timersOfJob : [...timersOfJob, ...timersWithDeadline])}` },
    { type: 'no such event' },
  ])
}
const jobSubmit: Make = (chance) =>
  submit(
    { attempts: 1 + chance.below(4), onLost: chance.pick(['retry', 'hold', 'abort']), callbacks },
    {
      overdueAt: chance.pick([undefined, undefined, 300]),
      startAt: chance.pick([undefined, 50, 5000]),
      window: chance.pick([undefined, true]),
      member: chance.pick([undefined, memberOf('j', 0), { group: 'group:g', key: 'j', round: 0 }]),
    },
  )

const groupEvent: Make = (chance, snapshot) => {
  const total = (snapshot?.context as { members?: { total: number } } | undefined)?.members?.total ?? 0
  const index = chance.below(Math.max(1, total))
  const state = chance.pick(['succeeded', 'failed', 'cancelled', 'aborted'])
  return chance.pick<ActorEvent>([
    ended(`k${index}`, index, state, chance.below(5) ? 0 : 1),
    ended(`k${index}`, index),
    chance.pick<ActorEvent>([ended('x', undefined), outputEnded(state, chance.below(2)), outputEnded('failed', 0)]),
    { type: 'retry', key: `k${index}`, index },
    chance.pick<ActorEvent>([{ type: 'seal' }, cancel, { type: 'retry', key: 'output', index: -1 }]),
    { type: 'add', members: members(1 + chance.below(3), total), seal: chance.below(12) === 0 || undefined },
    chance.pick<ActorEvent>([
      { type: 'add', members: [member('k0')], known: { k0: { content: 'other', member: true } } },
      submitGroup(members(2), {}, false),
      { type: 'xstate.after.untilSealed.group.open.fillingUntil' },
      { type: 'no such event' },
    ]),
  ])
}
const groupSubmit: Make = (chance) =>
  submitGroup(
    members(chance.below(4)),
    {
      sealBy: chance.pick([undefined, 100]),
      when: chance.pick([undefined, 'all-succeeded']),
      onMemberFailure: chance.pick([undefined, 'cancel-rest']),
      concurrency: chance.pick([undefined, 1, 2]),
    },
    chance.below(3) === 0,
  )

const correlationEvent: Make = (chance) =>
  chance.pick<ActorEvent>([
    resume(chance),
    resume(chance),
    { type: 'register', job: chance.pick(['job:a', 'job:b']), round: 1 + chance.below(3) },
    { type: 'release', job: chance.pick(['job:a', 'job:b']) },
    {
      type: 'answered',
      name: chance.pick(callbacks),
      kept: chance.pick([undefined, true]),
      refused: chance.pick([undefined, { code: 'SUPERSEDED', message: 'too late' }]),
    },
    { type: 'xstate.after.untilExpired.correlation.unclaimed' },
    { type: 'no such event' },
  ])

for (const [type, first, make, least] of [
  [job, jobSubmit, jobEvent, 13],
  [group, groupSubmit, groupEvent, 9],
  [correlation, correlationEvent, correlationEvent, 5],
] as const) {
  test(`${type.name}: 20,000 random events: the same snapshots, the same actions`, () => {
    const seed = seedOf(`${type.name}, walked and interpreted`)
    const states = new Map<string, number>()
    assert.ok(isPlain(type.machine))
    for (let round = 0; round < 500; round++) {
      const chance = chanceOf(seed + round)
      let snapshot: Snapshot | undefined
      const trace: string[] = []
      for (let i = 0; i < 40; i++) {
        const given = i === 0 && chance.below(10) ? first(chance, snapshot) : make(chance, snapshot)
        const event = { ...given, at: i * 10, self: `${type.name}:g` }
        const walked = transition(type.machine, snapshot, event)
        const real = interpreted(type.machine, snapshot, event)
        trace.push(`${JSON.stringify(given)} → ${JSON.stringify(real.snapshot.value)}`)
        const say = `seed ${seed}, round ${round}:\n${trace.join('\n')}`
        assert.equal(plain(walked.snapshot), plain(real.snapshot), say)
        assert.equal(plain(walked.actions), plain(real.actions), say)
        assert.is(walked.handled, real.handled, say)
        assert.is(walked.changed, real.changed, say)
        const state = JSON.stringify(real.snapshot.value)
        states.set(state, (states.get(state) ?? 0) + 1)
        // Now and then as it comes back from a store.
        snapshot = chance.below(3) ? walked.snapshot : (plain(walked.snapshot) as Snapshot)
      }
    }
    console.log(`# ${type.name}: ${states.size} states met`)
    assert.ok(states.size >= least, [...states.keys()].join())
  })
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test.run()
