import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ackWait, embeddedBus, type FrameJournal, type JournalEntry } from '../../../src/bus/embedded.ts'
import { type Clock, systemClock } from '../../../src/clock.ts'
import { embedded } from '../../../src/embedded.ts'
import { UnavailableError } from '../../../src/errors.ts'
import { chaos } from '../../../src/testing/chaos.ts'
import { frame, frames, offer, read, take, unique, until } from './world.ts'

/** What only the bus inside a process has: deaths on demand, and a journal. */
export function embeddedBusSpecs(): void {
  const test = suite('embedded bus: deaths and restarts')

  test('the calls of a dead host do not return and have no effect, and it hears nothing', async () => {
    const hub = embeddedBus({ partitions: 2, clock: systemClock })
    const [a, b] = [hub.connect('a'), hub.connect('b')]
    const heard: unknown[] = []
    const reading = await read(a, 0, 'first')
    a.listen('x', (data) => heard.push(data))
    a.serve('ask', async () => 1)
    b.serve('other', async () => 2)
    let returned = 0
    const note = () => void returned++
    a.request('other', 1, 1000).then(note, note)
    hub.disconnect('a')
    a.publish([frame(0, 'lost')]).then(note, note)
    a.records.put('r', 1, 0).then(note, note)
    a.signal('x', 1)
    b.signal('x', 2)
    await b.publish([frame(0, 'kept')])
    const next = await read(b, 0, 'second')
    await until('it', () => next.frames.length === 1)
    assert.equal(next.labels(), ['kept'])
    assert.is(await b.records.get('r'), undefined)
    assert.match(String(await b.request('ask', 1, 1000).catch((e: unknown) => e)), 'Nobody answers')
    assert.equal([returned, heard, reading.frames, reading.lost], [0, [], [], []])
    const again = hub.connect('a')
    assert.is(await again.lastSequence(0), next.frames[0]!.sequence)
  })

  test('in memory, what others ask takes too long by their own clocks, also when the host that was there first has died with its clock', async () => {
    const timed = handClock()
    const world = embedded(':memory:')
    const faults = chaos()
    const log = () => {}
    await world.connect({ name: 'first', clock: faults.clock(timed.clock), log })
    const [b, c] = await Promise.all(['b', 'c'].map((name) => world.connect({ name, clock: timed.clock, log })))
    b!.bus.serve('ask', () => new Promise(() => {}))
    let answer: unknown
    c!.bus.request('ask', 1, 1000).catch((error) => {
      answer = error
    })
    faults.kill()
    timed.advance(1000)
    await new Promise((done) => setTimeout(done, 20))
    assert.match(String(answer), 'ask was not answered within 1000 ms')
  })

  test('what a dead host had not acknowledged goes to the next owner; its offers to others after a while', async () => {
    const timed = handClock()
    const hub = embeddedBus({ partitions: 1, clock: timed.clock })
    const [a, b] = [hub.connect('a'), hub.connect('b')]
    await b.publish(frames(0, 'f', 4))
    const dead = await read(a, 0, 'first')
    const mine = await take(a, 'job')
    mine.pull.want(2)
    await b.offer([offer('job', 'done'), offer('job', 'open')])
    await until('all', () => dead.frames.length === 4 && mine.taken.length === 2)
    dead.acknowledge(2)
    mine.taken[0]!.acknowledge()
    hub.disconnect('a')
    dead.acknowledge(2)
    mine.taken[1]!.acknowledge()
    const alive = await read(b, 0, 'second')
    await until('the others', () => alive.frames.length === 2)
    assert.equal(alive.labels(), ['f2', 'f3'])
    const others = await take(b, 'job')
    others.pull.want(5)
    assert.ok(others.pull.empty)
    timed.advance(ackWait)
    await until('the open one', () => others.taken.length === 1)
    assert.equal(others.ids(), ['open'])
  })

  test('a request that nobody answers ends by the clock of the bus', async () => {
    const timed = handClock()
    const bus = embeddedBus({ clock: timed.clock }).connect('a')
    bus.serve('ask', () => new Promise(() => {}))
    const answer = bus.request('ask', 1, 3_600_000).catch((e: unknown) => e)
    timed.advance(3_600_000)
    assert.match(String(await answer), 'not answered')
  })

  test('who is dead is known only if told so', async () => {
    const unsure = embeddedBus({ clock: systemClock })
    unsure.connect('a')
    assert.is(unsure.connect('b').workerLives('a.1'), undefined)
    const sure = embeddedBus({ clock: systemClock, knowsTheDead: true })
    const [a] = [sure.connect('a'), sure.connect('b')]
    assert.equal([a.workerLives('a.1'), a.workerLives('b.x'), a.workerLives('bb.x')], [true, true, false])
    sure.disconnect('b')
    assert.equal([a.workerLives('a.1'), a.workerLives('b.x')], [true, false])
  })

  test('frames that nobody else keeps survive a restart, and sequences are never used twice', async () => {
    const { journal, entries } = memoryJournal()
    const first = embeddedBus({ partitions: 2, clock: systemClock, journal }).connect('a')
    await first.publish([frame(0, 'x0'), { ...frame(0, 'x1'), kept: true }, frame(0, 'x2'), frame(1, 'y0')])
    const before = await read(first, 0, 'first')
    await until('all', () => before.frames.length === 3)
    before.acknowledge(1)
    assert.equal([...entries.values()].map((entry) => entry.frame.id).sort(), ['sequence', 'x2', 'y0'])

    const second = embeddedBus({ partitions: 2, clock: systemClock, journal }).connect('a')
    await second.publish([frame(0, 'x2'), frame(0, 'x3')])
    const after = await read(second, 0, 'second')
    await until('the rest and the new one', () => after.frames.length === 2)
    assert.equal(after.labels(), ['x2', 'x3'])
    assert.is(after.frames[0]!.sequence, before.frames[2]!.sequence)
    assert.ok(after.frames[1]!.sequence > before.frames[2]!.sequence)
    after.acknowledge(2)

    const third = embeddedBus({ partitions: 2, clock: systemClock, journal }).connect('a')
    assert.is(await third.lastSequence(0), 0)
    await third.publish([frame(0, 'x4')])
    assert.ok((await third.lastSequence(0)) > after.frames[1]!.sequence)
    assert.ok((await third.lastSequence(1)) > 0)
  })

  test('a publish returns when its frames are written down, a repeat not sooner', async () => {
    const { journal, hold } = memoryJournal()
    const bus = embeddedBus({ clock: systemClock, journal }).connect('a')
    const reading = await read(bus, 0, unique('o'))
    const release = hold()
    const returned: string[] = []
    const publishing = [frame(0, 'p'), frame(0, 'p')].map((one, i) => bus.publish([one]).then(() => returned.push(`${i}`)))
    await bus.publish([{ ...frame(0, 'k'), kept: true }])
    await until('both', () => reading.frames.length === 2)
    assert.equal(returned, [])
    release()
    await Promise.all(publishing)
    assert.equal(reading.labels(), ['p', 'k'])
  })

  test('while nothing can be written down no frame is taken, and the sender is told why', async () => {
    const { journal } = memoryJournal()
    let gone: Error | undefined
    const check = () => {
      if (gone) throw gone
    }
    const bus = embeddedBus({ clock: systemClock, journal: { ...journal, check } }).connect('a')
    await bus.publish([{ ...frame(0, 'before'), kept: true }])
    gone = new UnavailableError('the folder was removed')
    for (const kept of [true, false]) {
      const error = await bus.publish([{ ...frame(0, `after ${kept}`), kept }]).catch((thrown) => thrown)
      assert.is(error, gone)
    }
  })

  test.run()
}

/** Time that passes when told. */
function handClock(): { clock: Clock; advance(ms: number): void } {
  let now = 0
  const due = new Map<() => void, number>()
  return {
    clock: {
      now: () => now,
      monotonic: () => now,
      at(at, fire) {
        due.set(fire, at)
        return () => void due.delete(fire)
      },
    },
    advance(ms) {
      now += ms
      for (const [fire, at] of [...due]) if (at <= now && due.delete(fire)) fire()
    },
  }
}

function memoryJournal(): { journal: FrameJournal; entries: Map<string, JournalEntry>; hold(): () => void } {
  const entries = new Map<string, JournalEntry>()
  let held = Promise.resolve()
  return {
    entries,
    hold() {
      let release = () => {}
      held = new Promise((resolve) => {
        release = resolve
      })
      return () => release()
    },
    journal: {
      async put(more) {
        for (const entry of more) entries.set(entry.id, structuredClone(entry))
        await held
      },
      remove(ids) {
        for (const id of ids) entries.delete(id)
      },
      all: async () => structuredClone([...entries.values()]),
      check() {},
    },
  }
}
