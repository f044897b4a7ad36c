import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createLeases } from '../src/host/leases.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'

const test = suite('leases: Q12')

test('Q12 that a run has begun is to be written down once, when it lasts: not of each that a heartbeat happens to meet', () => {
  const newLeases = () => createLeases(virtualClock(0), 2000, () => true)
  let leases = newLeases()
  const work = { state: 'running' as const, dispatch: 1, worker: 'w' }
  leases.note({ _id: 'job:a', work } as never)
  const beat = (begun: boolean, dispatch = 1) => {
    const lasts = begun && leases.lasts('w', 'job:a', dispatch)
    return [lasts, leases.renew('w', 'job:a', dispatch, begun)]
  }
  assert.equal(beat(false), [false, 'go'], 'granted')
  assert.equal(beat(true), [false, 'go'], 'it has begun, and may be short')
  assert.equal(beat(true, 2), [false, undefined], 'another run')
  assert.equal(beat(true), [true, 'go'], 'it lasts')
  assert.equal(beat(true), [false, 'go'], 'that is known')
  leases = newLeases()
  leases.note({ _id: 'job:a', work: { ...work, begun: true } } as never)
  assert.equal(beat(true), [false, 'go'])
  assert.equal(beat(true), [false, 'go'], 'it was written down')
})

test.run()
