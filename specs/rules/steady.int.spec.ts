import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { embeddedBus } from '../../src/bus/embedded.ts'
import { createLiveness } from '../../src/host/liveness.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const test = suite('an owner knows when it was deaf: Q6 R6 [memory]')

/** A host whose own heartbeats do not reach it while `deaf` says so; what was sent meanwhile is not heard later. */
async function listening() {
  const clock = virtualClock(0)
  const bus = embeddedBus({ clock }).connect('h')
  const ears = { deaf: false }
  const liveness = createLiveness({
    bus: { ...bus, listen: (subject, on, queue) => bus.listen(subject, (data, from) => ears.deaf || on(data, from), queue) },
    clock,
    name: 'h',
    beat: 1200,
    ttl: 3000,
    changed: () => {},
  })
  liveness.start()
  await clock.settled()
  return { clock, liveness, ears }
}

test('Q6 a healthy owner is steady at any moment between two heartbeats', async () => {
  // Taken for deaf in a part of each beat, the loss of a dead worker's run was put off.
  const { clock, liveness } = await listening()
  for (let i = 0; i < 100; i++) {
    await clock.advance(70)
    assert.ok(liveness.steadyFor() > 2000, `at ${clock.now()}`)
  }
})

test('Q6 an outage that is over counts until a whole lease has passed since', async () => {
  // Looked at only while it lasted, an outage that ended just before a lease did made a healthy run a lost one.
  const { clock, liveness, ears } = await listening()
  await clock.advance(1250)
  ears.deaf = true
  await clock.advance(1500)
  assert.is(liveness.steadyFor(), 0)
  ears.deaf = false
  await clock.advance(1000)
  assert.ok(liveness.steadyFor() > 0 && liveness.steadyFor() < 2000, `${liveness.steadyFor()}`)
  await clock.advance(2000)
  assert.ok(liveness.steadyFor() >= 2000)
})

test('where all hosts are in one process, one that is alone and idle is quiet, and wakes for a turn or another host', async () => {
  const clock = virtualClock(0)
  const shared = embeddedBus({ clock })
  const running = { count: 0 }
  const join = (name: string) => {
    const bus = shared.connect(name)
    const liveness = createLiveness({ ...{ bus, clock, name, beat: 1200, ttl: 3000 }, changed: () => {}, rests: () => running.count === 0 })
    liveness.start()
    return liveness
  }
  let beats = 0
  shared.connect('ear').listen('host.beat', () => void beats++)
  const first = join('first')
  await clock.advance('1h')
  assert.ok(beats <= 3, `${beats} beats in an idle hour`)
  await first.confirm()
  assert.ok(first.mayAct(), 'heard itself before the turn')
  running.count = 1
  await clock.advance('12s')
  assert.ok(beats >= 10, 'while something runs it beats: it must know when it was deaf')
  running.count = 0
  await clock.advance('1m')
  const second = join('second')
  await clock.advance('5s')
  assert.equal([...first.hosts].sort(), ['first', 'second'])
  assert.equal([...second.hosts].sort(), ['first', 'second'])
  await clock.advance('1m')
  assert.equal([...first.hosts].length, 2, 'two beat for each other')
  second.leave()
  second.stop()
  await clock.advance('1m')
  const before = beats
  await clock.advance('1h')
  assert.ok(beats - before <= 1, `${beats - before} beats of the one that is left`)
})

test.run()
