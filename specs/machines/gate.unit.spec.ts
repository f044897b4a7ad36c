import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type GateContext, lane, type Needs, pool, usedOf, waitingAt } from '../../actors/gate.ts'
import type { Snapshot } from '../../src/document.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import { type Action, transition } from '../../src/machine.ts'
import { isPlain } from '../../src/walk.ts'
import { chanceOf, seedOf } from './events.ts'

type Granted = { job: string; permit: number }

/** A gate with its pages, as a host would run it: what it asks to read comes back at once. */
function gate(address: string) {
  const type = address.startsWith('lane:') ? lane : pool
  const pages = new Map<string, unknown>()
  let snapshot: Snapshot | undefined
  let reads = 0
  let most = 0
  const granted: Granted[] = []
  const withdrawn: string[] = []
  let late: (() => void)[] | undefined

  function decide(event: ActorEvent): void {
    const step = transition(type.machine, snapshot, { ...event, at: 1, self: address })
    snapshot = JSON.parse(JSON.stringify(step.snapshot))
    most = Math.max(most, JSON.stringify(snapshot).length)
    step.actions.forEach(perform)
  }
  function perform({ type: name, params }: Action): void {
    const p = params as { effects: Action[]; id: string; body: unknown; to: string; page: string; event: ActorEvent }
    if (name === 'emit') p.effects.forEach(perform)
    else if (name === 'page') pages.set(p.id, p.body)
    else if (name === 'unpage') pages.delete(p.id)
    else if (name === 'read') {
      reads++
      assert.ok(pages.has(p.page), 'a page that is asked for is there')
      const come = () => decide({ ...p.event, body: pages.get(p.page) })
      if (late) late.push(come)
      else come()
    } else if (name === 'send' && p.event.type === 'granted') granted.push({ job: p.to, permit: p.event.permit as number })
    else if (name === 'send' && p.event.type === 'withdrawn') withdrawn.push(p.event.permit === 1 ? p.to : `${p.to} ${p.event.permit}`)
  }
  return {
    decide,
    granted,
    withdrawn,
    pages,
    get reads() {
      return reads
    },
    get most() {
      return most
    },
    get context() {
      return snapshot!.context as GateContext
    },
    get view() {
      return type.view(snapshot!)
    },
    why: () => type.why(snapshot!, 1),
    request: (job: string, since: number, priority = 5, needs?: Needs, permit = 1) =>
      decide({ type: 'request', job, permit, priority, since, needs }),
    release: (job: string, permit = 1) => decide({ type: 'release', job, permit }),
    withdraw: (job: string, permit = 1) => decide({ type: 'withdraw', job, permit }),
    /** What it asks to read comes only after all that happens meanwhile. */
    whileReading(what: () => void): void {
      late = []
      what()
      const come = late
      late = undefined
      for (const one of come) one()
    },
    /** Jobs in the order in which they got a place, since it was asked last. */
    take: () => granted.splice(0).map(({ job }) => job),
  }
}

const lanes = suite('a lane: one at a time, in order of (submitted at, id): E2')

lanes('is walked, not interpreted', () => assert.ok(isPlain(lane.machine)))

lanes('gives its place to the first by time, then by id, of those that it knows when it becomes free', () => {
  const l = gate('lane:a')
  l.request('job:late', 30)
  assert.equal(l.take(), ['job:late'], 'nobody else was known')
  for (const [job, at] of [
    ['job:c', 20],
    ['job:b', 10],
    ['job:a', 20],
  ] as const)
    l.request(job, at)
  assert.equal(l.take(), [])
  for (const next of ['job:late', 'job:b', 'job:a']) l.release(next)
  assert.equal(l.take(), ['job:b', 'job:a', 'job:c'])
  assert.is(l.view.state, 'busy')
  l.release('job:c')
  assert.equal([l.view.state, l.view.final], ['idle', true])
})

lanes('repeats change nothing: of a request that waits, of one that has its place, of a release, of a withdrawal', () => {
  const l = gate('lane:a')
  l.request('job:a', 1)
  l.request('job:a', 1)
  l.request('job:b', 2)
  l.request('job:b', 2)
  assert.equal(l.take(), ['job:a'])
  l.release('job:a')
  l.release('job:a')
  assert.equal(l.take(), ['job:b'])
  l.release('job:b', 0)
  assert.is(l.view.state, 'busy', 'another permit frees nothing')
  l.withdraw('job:b')
  l.withdraw('job:b')
  assert.is(l.view.state, 'idle')
})

lanes('who withdraws is told when nothing of it is left, also if it was granted meanwhile', () => {
  const l = gate('lane:a')
  l.request('job:a', 1)
  l.request('job:b', 2)
  l.withdraw('job:b')
  l.withdraw('job:a')
  assert.equal(l.withdrawn, ['job:b', 'job:a'])
  assert.is(l.view.state, 'idle')
})

lanes('5,000 wait: the document stays small, the order is kept, no page is left over', () => {
  const seed = seedOf('lane of 5,000')
  const chance = chanceOf(seed)
  const l = gate('lane:a')
  const jobs = Array.from({ length: 5000 }, (_, i) => ({ job: `job:${String(i).padStart(6, '0')}`, at: 1000 + Math.floor(i / 3) }))
  l.request('job:first', 0)
  // Mostly in order, as submits come; now and then one comes late.
  const waiting = [...jobs]
  while (waiting.length) {
    const [{ job, at }] = waiting.splice(chance.below(Math.min(waiting.length, chance.below(50) ? 3 : 2000)), 1) as [(typeof jobs)[0]]
    l.request(job, at)
  }
  assert.is(waitingAt(l.context), 5000)
  l.take()
  const order: string[] = []
  for (let holder = 'job:first'; ; ) {
    l.release(holder)
    const [next] = l.take()
    if (!next) break
    order.push((holder = next))
  }
  assert.equal(
    order,
    jobs.map(({ job }) => job),
  )
  assert.is(l.pages.size, 0)
  console.log(`# 5,000 in a lane: at most ${Math.round(l.most / 1024)} KB, ${l.reads} pages read`)
  assert.ok(l.most < 128 * 1024)
})
lanes.run()

const pools = suite('a pool: W1')

pools('a request in a page, of a job that has its place by a newer one: the job is told that the gate has forgotten it', () => {
  const p = gate('pool:p')
  const needs = { printer: 1 }
  p.decide({ type: 'declare', capacity: { slots: 2, printer: 2 } })
  p.request('job:a', 0, 5, needs)
  p.request('job:b', 1, 5, needs)
  for (let i = 0; i < 300; i++) p.request(`job:w${i}`, 10 + i, 5, needs)
  // So many have withdrawn that no more are kept in mind.
  for (let i = 0; i < 1200; i++) p.request(`job:x${i}`, 1000 + i, 5, needs)
  for (let i = 1199; i >= 0; i--) p.withdraw(`job:x${i}`)
  assert.is(Object.keys(p.context.gone!).length, 1000)
  // It waits far behind, and an operator gives it another priority, twice.
  p.withdraw('job:w100')
  p.request('job:w100', 110, 6, needs, 2)
  p.withdraw('job:w100', 2)
  p.request('job:w100', 110, 5, needs, 3)
  p.withdraw('job:w100', 3)
  p.request('job:w100', 110, 9, needs, 4)
  const toldOf = () => p.withdrawn.filter((job) => job.startsWith('job:w100'))
  assert.equal(toldOf(), ['job:w100 2', 'job:w100 3'], 'they were at hand')
  p.withdraw('job:w100')
  p.release('job:a')
  assert.ok(p.take().includes('job:w100'))
  p.release('job:b')
  for (let jobs = p.take(); jobs.length; jobs = p.take()) for (const job of jobs) p.release(job)
  assert.equal(toldOf(), ['job:w100 2', 'job:w100 3', 'job:w100'])
  assert.equal([Object.keys(p.context.held), p.pages.size], [['job:w100'], 0])
})

pools('those of a page that leave again in the turn that read it are in another page: the one that was read is removed', () => {
  const p = gate('pool:p')
  p.decide({ type: 'declare', capacity: { slots: 1 } })
  for (let i = 0; i < 130; i++) p.request(`job:${i}`, 1000 + i)
  const [read] = p.pages.keys()
  for (let i = 0; i < 64; i++) p.release(`job:${i}`)
  p.whileReading(() => {
    p.release('job:64')
    for (let i = 0; i < 65; i++) p.request(`job:older-${i}`, i)
  })
  assert.is(p.reads, 1)
  assert.equal([p.pages.size, p.pages.has(read!)], [1, false])
})

pools('nobody gets a place before it is declared', () => {
  const p = gate('pool:a')
  p.request('job:a', 1)
  assert.equal(p.take(), [])
  assert.is(p.why()[0]!.code, 'NOT_DECLARED')
  p.decide({ type: 'declare', capacity: { slots: 1 } })
  assert.equal(p.take(), ['job:a'])
})

pools('all that a job needs or nothing, the highest priority first, the oldest among equals', () => {
  const p = gate('pool:a')
  p.decide({ type: 'declare', capacity: { slots: 3, printer: 2 } })
  p.request('job:one', 1, 5, { printer: 1 })
  p.request('job:two', 2, 9, { printer: 2 })
  p.request('job:low', 3, 1, { printer: 1 })
  assert.equal(p.take(), ['job:one', 'job:low'], 'who does not fit lets smaller ones pass')
  p.release('job:one')
  assert.equal(p.take(), [])
  p.release('job:low')
  assert.equal(p.take(), ['job:two'])
  p.request('job:b', 5)
  p.request('job:a', 5)
  assert.equal(p.take(), ['job:b', 'job:a'], 'slots are left')
})

pools('draining, it says which jobs it waits for: R4', () => {
  const p = gate('pool:a')
  p.decide({ type: 'declare', capacity: { slots: 2 } })
  for (const [i, job] of ['job:a', 'job:b'].entries()) p.request(job, i)
  p.decide({ type: 'pause' })
  const message = 'it is paused; 2 jobs hold units of it until they have ended, the first of them job:a'
  assert.equal(p.why(), [{ code: 'DRAINING', message, on: 'job:a' }])
  p.release('job:a')
  p.release('job:b')
  assert.equal(p.why(), [])
})
pools('resized, paused, resumed, as it was declared', () => {
  const p = gate('pool:a')
  p.decide({ type: 'declare', capacity: { slots: 1 } })
  for (const [i, job] of ['job:a', 'job:b', 'job:c', 'job:d'].entries()) p.request(job, i)
  p.decide({ type: 'resize', capacity: { slots: 3 } })
  assert.equal(p.take(), ['job:a', 'job:b', 'job:c'])
  p.decide({ type: 'declare', capacity: { slots: 1 } })
  p.decide({ type: 'pause' })
  p.release('job:a')
  assert.equal([p.take(), p.view.state, p.why()[0]!.code], [[], 'paused', 'PAUSED'])
  p.release('job:b')
  p.release('job:c')
  assert.is(p.view.state, 'drained')
  p.decide({ type: 'resize' })
  p.decide({ type: 'resume' })
  assert.equal(p.take(), ['job:d'])
  assert.equal(usedOf(p.context), { slots: 1 })
})

pools('who withdraws while in a page is counted no more, and gets no place when the page is read', () => {
  const p = gate('pool:a')
  p.decide({ type: 'declare', capacity: { slots: 1 } })
  p.request('job:runs', 0, 9)
  for (let i = 1; i <= 600; i++) p.request(`job:${i}`, i, 9)
  p.request('job:last', 601, 1)
  for (let i = 600; i >= 1; i--) p.withdraw(`job:${i}`)
  assert.is(waitingAt(p.context), 1)
  assert.equal(p.take(), ['job:runs'])
  p.release('job:runs')
  assert.equal(p.take(), ['job:last'])
  assert.is(new Set(p.withdrawn).size, 600)
  assert.equal([p.context.gone, waitingAt(p.context), p.pages.size], [undefined, 0, 0])
})

pools('what never fits does not stop the others', () => {
  const p = gate('pool:a')
  p.decide({ type: 'declare', capacity: { slots: 1, memory: 8 } })
  p.request('job:large', 0, 9, { memory: 9 })
  for (let i = 1; i <= 30; i++) p.request(`job:${i}`, i)
  const done: string[] = []
  for (let [next] = p.take(); next; [next] = p.take()) {
    done.push(next)
    p.release(next)
  }
  assert.is(done.length, 30)
  assert.ok(p.why().some(({ code, on }) => code === 'BEYOND_CAPACITY' && on === 'job:large'))
})

pools('nothing starves: with q older ones before it a request waits for 10 (q + 1) places at most, however many come above it', () => {
  const seed = seedOf('starving')
  for (let round = 0; round < 60; round++) {
    const chance = chanceOf(seed + round)
    const p = gate('pool:a')
    p.decide({ type: 'declare', capacity: { slots: 4, memory: 8 } })
    const before = chance.below(4)
    let at = 0
    const small = () => p.request(`job:s${++at}`, at, 1 + chance.below(9), { memory: 1 + chance.below(3) })
    while (at < 12) small()
    const held = p.take()
    // Everything that is older than the large one, and how many of them still wait.
    for (let i = 0; i < before; i++) small()
    const older = waitingAt(p.context)
    p.request('job:large', ++at, 0, { memory: 8 })
    let places = 0
    for (;;) {
      const granted = p.take()
      places += granted.length
      if (granted.includes('job:large')) break
      held.push(...granted)
      assert.ok(places <= 10 * (older + 1), `round ${round} of seed ${seed}: ${places} places given, ${older} older`)
      if (held.length) p.release(held.splice(chance.below(held.length), 1)[0]!)
      small()
      small()
    }
  }
})

pools('1,500 that need nothing of what there is: a thousand at once, and the document stays small', () => {
  const p = gate('pool:a')
  p.decide({ type: 'declare', capacity: { printer: 1 } })
  p.decide({ type: 'pause' })
  for (let i = 0; i < 1500; i++) p.request(`job:a-job-with-an-id-of-some-length-${i}`, i)
  p.decide({ type: 'resume' })
  const begun = p.take()
  assert.is(begun.length, 1000)
  const [why] = p.why()
  assert.is(why!.message, '500 jobs wait for a place: 1000 have one, and no more may at once')
  for (let i = 0; i < begun.length; i++) {
    p.release(begun[i]!)
    begun.push(...p.take())
  }
  assert.is(begun.length, 1500)
  assert.equal(p.context.held, {})
  console.log(`# 1,500 in a pool without slots: at most ${Math.round(p.most / 1024)} KB`)
  assert.ok(p.most < 192 * 1024)
})

pools('at random: units in use never exceed the capacity, everyone gets a place once per permit, nothing is left', () => {
  const seed = seedOf('pool at random')
  for (let round = 0; round < 40; round++) {
    const chance = chanceOf(seed + round)
    const p = gate('pool:a')
    let capacity: Needs = { slots: 3, x: 4 }
    p.decide({ type: 'declare', capacity })
    const permits = new Map<string, number>()
    const held = new Map<string, number>()
    const settle = () => {
      for (let grants = p.granted.splice(0); grants.length; grants = p.granted.splice(0)) {
        const used = usedOf(p.context)
        for (const unit of Object.keys(used)) assert.ok(used[unit]! <= capacity[unit]!, `${unit}: ${used[unit]}`)
        for (const { job, permit } of grants) {
          if (permit === permits.get(job)) held.set(job, permit)
          else p.release(job, permit)
        }
      }
    }
    for (let i = 0; i < 600; i++) {
      const job = `job:${chance.below(300)}`
      const permit = permits.get(job) ?? 0
      const what = chance.below(20)
      if (what < 9 && !held.has(job)) {
        if (permit) p.withdraw(job, permit)
        permits.set(job, permit + 1)
        p.request(job, i, chance.below(10), { x: chance.below(3) }, permit + 1)
      } else if (what < 15) {
        const [one] = held.keys()
        if (one) {
          p.release(one, held.get(one))
          held.delete(one)
        }
      } else if (what < 17 && permit) {
        p.withdraw(job, permit)
        permits.set(job, permit + 1)
        held.delete(job)
      } else if (what === 17) p.decide({ type: 'resize', capacity: (capacity = { slots: 1 + chance.below(4), x: 2 + chance.below(4) }) })
      else if (what === 18) p.decide({ type: chance.below(2) ? 'pause' : 'resume' })
      settle()
    }
    p.decide({ type: 'resume' })
    settle()
    p.decide({ type: 'resize', capacity: (capacity = { slots: 3, x: 4 }) })
    for (let i = 0; i < 5000; i++) {
      settle()
      const [one] = held.keys()
      if (!one) break
      p.release(one, held.get(one))
      held.delete(one)
    }
    const left = `round ${round} of seed ${seed}`
    assert.is(waitingAt(p.context), 0, left)
    assert.equal(p.context.held, {}, left)
    assert.is(p.pages.size, 0, left)
  }
})
pools.run()
