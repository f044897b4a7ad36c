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

test.run()
