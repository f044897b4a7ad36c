import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Change } from '../../actors/plan/changes.ts'
import { pack, unpack } from '../../actors/plan/packed.ts'
import type { Plan } from '../../actors/plan/state.ts'
import { type Decision, nextAt, type PlanEvent, step } from '../../actors/plan/step.ts'
import { type PlanContext, plan as planActor } from '../../actors/plan.ts'
import { instantOf } from '../../src/calendar/dates.ts'
import type { Snapshot } from '../../src/document.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import { type Action, transition } from '../../src/machine.ts'
import { resolvePlan } from '../../src/plan/resolve.ts'
import { isPlain } from '../../src/walk.ts'
import { chain, monday, on, six, workdays, zone } from '../plan/day.ts'
import { seededRandom, seedOf } from '../support/random.ts'

const self = 'plan:Europe-Zurich/2026-11-23'
const at = (time: string) => instantOf(monday, time, zone)
/** The actor as a host would run it: its timer, and what it sends. */
function actor() {
  let snapshot: Snapshot | undefined
  let timer: { at: number; event: ActorEvent } | undefined
  const sent: { to: string; event: ActorEvent }[] = []
  let changed = false
  let refused: { message: string } | undefined
  const self_ = {
    sent,
    get timer() {
      return timer?.at
    },
    get plan() {
      return unpack((snapshot!.context as PlanContext).packed!)
    },
    get view() {
      return planActor.view(snapshot!)
    },
    get changed() {
      return changed
    },
    bury: () => {
      snapshot = planActor.tombstone!(snapshot!, at('11:00'))
    },
    why: (now: number) => planActor.why(snapshot!, now),
    /** What it refused with; undefined: it did not. */
    send(event: ActorEvent, now: number) {
      refused = undefined
      const { snapshot: next, actions, changed: isChanged } = transition(planActor.machine, snapshot, { ...event, at: now, self })
      snapshot = JSON.parse(JSON.stringify(next))
      changed = isChanged
      for (const action of actions) perform(action, now)
      return refused as { message: string } | undefined
    },
    fire() {
      const due = timer!
      timer = undefined
      self_.send(due.event, due.at)
    },
  }
  function perform({ type, params }: Action, now: number) {
    const p = params as { effects: Action[]; delay?: number; event: ActorEvent; to: string; message: string }
    if (type === 'emit') for (const effect of p.effects) perform(effect, now)
    else if (type === 'send') sent.push(p)
    else if (type === 'reject') refused = p
    else if (type === 'xstate.raise') timer = p.delay === Number.POSITIVE_INFINITY ? undefined : { at: now + p.delay!, event: p.event }
    else if (type === 'xstate.cancel') timer = undefined
  }
  return self_
}
const make = (plan: Plan) => ({ type: 'make', code: pack(plan) })

const plans = suite('the actor of a plan: C2 C9 C12')
plans('is walked, not interpreted', () => assert.ok(isPlain(planActor.machine)))

plans('starts B at its time, and those after it when that has succeeded', () => {
  const a = actor()
  a.send(make(resolvePlan(six, zone, monday)), at('00:00'))
  assert.is(a.timer, at('18:00'))
  a.fire()
  assert.equal(a.sent.splice(0), [{ to: 'chain:B/2026-11-23/main', event: { type: 'start', plan: self, key: 'B/main', round: 1 } }])
  assert.match(a.why(at('18:00'))[0]!.message, /^D\/2026-11-23\/main waits for B, which runs since 18:00/)
  a.send({ type: 'ended', key: 'B/main', round: 1, state: 'succeeded' }, at('18:40'))
  assert.equal(
    a.sent.splice(0).map(({ to }) => to),
    ['chain:D/2026-11-23/main', 'chain:E/2026-11-23/main'],
  )
  assert.is(a.timer, at('19:30'))
  assert.match(a.send({ type: 'remove', target: 'B' }, at('19:00'))!.message, /B succeeded at 18:40/)
  assert.is(a.timer, at('19:30'), 'what is refused leaves its timer')
})
plans('made by four hosts, and by another one after it has begun, it is made once', () => {
  const a = actor()
  for (let host = 0; host < 4; host++) a.send(make(resolvePlan(six, zone, monday)), at('00:00') + host)
  a.fire()
  a.send(make(resolvePlan(six, zone, monday)), at('18:10'))
  assert.equal(
    a.sent.map(({ to }) => to),
    ['chain:B/2026-11-23/main'],
  )
})
plans('tells a chain that is taken out to cancel', () => {
  const a = actor()
  a.send(make(resolvePlan(six, zone, monday)), at('00:00'))
  a.fire()
  a.sent.length = 0
  a.send({ type: 'remove', target: 'B' }, at('19:00'))
  assert.equal(
    a.sent.map(({ to, event }) => `${event.type} ${to}`),
    ['cancel chain:B/2026-11-23/main', 'start chain:D/2026-11-23/main', 'start chain:E/2026-11-23/main'],
  )
})
plans('is over when all have succeeded, and open again when one is added', () => {
  const a = actor()
  a.send(make(resolvePlan(six, zone, monday)), at('00:00'))
  for (let i = 0; i < 20 && a.view.state !== 'over'; i++) {
    const start = a.sent.shift()
    if (start) a.send({ ...start.event, type: 'ended', state: 'succeeded' }, Math.max(at('20:00'), 0))
    else a.fire()
  }
  assert.equal(a.view, { state: 'over', final: false })
  a.send({ type: 'add', chain: 'J', runs: [{ run: 'main', after: [], at: at('22:00'), missed: 'run' }] }, at('21:00'))
  assert.is(a.view.state, 'open')
  a.fire()
  assert.equal(
    a.sent.map(({ to }) => to),
    ['chain:J/2026-11-23/main'],
  )
})
plans('hosts that say what code says once more change nothing, and write nothing', () => {
  const a = actor()
  const plan = resolvePlan(six, zone, monday)
  a.send(make(plan), at('00:00'))
  assert.ok(a.changed)
  a.send(make(plan), at('09:00'))
  assert.not(a.changed)
  a.send(make({ ...plan, runs: { ...plan.runs, 'B/main': { ...plan.runs['B/main']!, at: at('18:30') } } }), at('09:00'))
  assert.is(a.timer, at('18:30'))
})
plans('what has failed keeps it open for 30 days; then it is over', () => {
  const a = actor()
  a.send(make(resolvePlan(six, zone, monday)), at('00:00'))
  a.fire()
  a.send({ ...a.sent[0]!.event, type: 'ended', state: 'failed' }, at('19:00'))
  assert.is(a.view.state, 'open')
  a.fire()
  assert.equal(a.view, { state: 'over', final: true })
  assert.is(a.send({ type: 'restart', target: 'B' }, at('19:00') + 31 * 86_400_000), undefined, 'and still it can be restarted')
  assert.is(a.view.state, 'open')
})
plans('over it stays for nine days: a planner that looks back a week does not make it again', () => {
  const a = actor()
  a.send(make(resolvePlan([chain('B', on(workdays, { at: '18:00' }))], zone, monday)), at('00:00'))
  a.fire()
  a.send({ ...a.sent[0]!.event, type: 'ended', state: 'succeeded' }, at('19:00'))
  assert.equal(a.view, { state: 'over', final: false })
  assert.is(a.timer, Date.parse('2026-12-02T00:00:00Z'))
  a.fire()
  assert.equal([a.view, a.timer], [{ state: 'over', final: true }, undefined])
})
plans('a chain may be called as anything is in JavaScript', () => {
  const a = actor()
  const names = ['constructor', '__proto__', 'toString']
  a.send(
    make(
      resolvePlan(
        names.map((name) => chain(name, on(workdays, { at: '18:00' }))),
        zone,
        monday,
      ),
    ),
    at('00:00'),
  )
  a.fire()
  assert.equal(
    a.sent.map(({ to }) => to),
    names.map((name) => `chain:${name}/2026-11-23/main`),
  )
})
plans('one that runs keeps it open for as long as it does', () => {
  const a = actor()
  a.send(make(resolvePlan([chain('B', on(workdays, { at: '18:00' }))], zone, monday)), at('00:00'))
  a.fire()
  a.fire()
  assert.is(a.view.state, 'open')
})
plans('removed by retention it answers for its id', () => {
  const a = actor()
  a.send(make(resolvePlan(six, zone, monday)), at('00:00'))
  a.bury()
  a.send(make(resolvePlan(six, zone, monday)), at('12:00'))
  assert.is(a.view.state, 'over')
  a.send({ type: 'ended', key: 'B/main', round: 1, state: 'succeeded' }, at('12:00'))
  assert.match(a.send({ type: 'remove', target: 'B' }, at('12:00'))!.message, /removed/)
  assert.equal(a.sent, [])
})
plans('decides as the rules do, at random', () => {
  const seed = seedOf()
  for (let i = 0; i < 60; i++) {
    const { next: chance, pick } = seededRandom(seed + i)
    const a = actor()
    let plan = resolvePlan(six, zone, monday)
    let now = at('00:00')
    let rejections = 0
    const decisions: Decision[] = []
    const rules = (event: PlanEvent) => {
      const made = step(plan, event, now)
      plan = made.plan
      decisions.push(...made.decisions)
      if (made.refused) rejections++
    }
    a.send(make(plan), now)
    rules({ type: 'time' })
    for (let j = 0; j < 40; j++) {
      now += Math.floor(chance() * 3_600_000)
      while (a.timer !== undefined && a.timer <= now) {
        const kept = now
        now = a.timer
        a.fire()
        rules({ type: 'time' })
        now = kept
      }
      const running = Object.entries(plan.runs).filter(
        ([, { instance }]) => instance?.state === 'running' || instance?.state === 'cancelling',
      )
      const key = pick(running)?.[0]
      const state = pick(['succeeded', 'succeeded', 'failed'] as const)!
      const type = pick(['remove', 'deactivate', 'restore', 'release', 'restart'] as const)!
      const event: PlanEvent =
        key && chance() < 0.5
          ? { type: 'ended', key, round: plan.runs[key]!.rounds, state }
          : chance() < 0.3
            ? {
                type: 'add',
                chain: 'B',
                runs: [{ run: 'main', after: [], missed: 'run', ...(chance() < 0.5 && { inactive: 'not today' }) }],
              }
            : ({ type, target: pick(six)!.name } as Change)
      const before = rejections
      rules(event)
      assert.is(a.send({ ...event }, now) !== undefined, rejections > before)
      assert.equal(JSON.parse(JSON.stringify(a.plan)), JSON.parse(JSON.stringify(plan)), `seed ${seed + i}`)
      const next = nextAt(plan, now)
      if (next !== undefined) assert.is(a.timer, next)
      else assert.ok(a.timer === undefined || a.timer > now + 7 * 86_400_000)
    }
    assert.equal(
      a.sent.map(({ event }) => event.type),
      decisions.filter((one) => one.do !== 'skip').map((one) => one.do),
    )
  }
})
plans.run()

const packed = suite('a plan as its document keeps it: C12')
packed('1,000 chains with 5,000 dependencies, all begun, are a good half of what a document may be', () => {
  const chains = Array.from({ length: 1000 }, (_, i) => {
    const layer = Math.floor(i / 20)
    const after = layer ? Array.from({ length: 5 }, (_, j) => `nightly-chain-${(layer - 1) * 20 + ((i + j * 4) % 20)}`) : []
    return chain(`nightly-chain-${i}`, on(workdays, { after, at: '19:30', withoutPredecessorsAt: '23:00' }))
  })
  const { runs, ...plan } = resolvePlan(chains, zone, monday)
  const instance = { state: 'succeeded', startedAt: at('19:30'), endedAt: at('20:30') } as const
  const begun = { ...plan, runs: Object.fromEntries(Object.entries(runs).map(([key, run]) => [key, { ...run, rounds: 1, instance }])) }
  assert.equal(unpack(JSON.parse(JSON.stringify(pack(begun)))), begun)
  const bytes = JSON.stringify(pack(begun)).length
  assert.ok(bytes < 140 * 1024, `${bytes} bytes`)
})
packed.run()
