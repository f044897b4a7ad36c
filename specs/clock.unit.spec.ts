import { mock } from 'node:test'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { atWall, systemClock } from '../src/clock.ts'

/** The system's clock, with its two sources told apart: timers count time that passes, the wall clock is set. */
const clocks = suite('the system clock')
const real = Date.now
const hour = 3_600_000
let wall = 0

clocks.before.each(() => {
  wall = Date.parse('2026-11-23')
  Date.now = () => wall
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
})
clocks.after.each(() => {
  mock.timers.reset()
  Date.now = real
})

function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 100) {
    wall += Math.min(100, left)
    mock.timers.tick(Math.min(100, left))
  }
}

/** Arms one for so long from now, and answers when it has fired, by the wall clock. */
function armed(ms: number) {
  const fired: number[] = []
  return { fired, cancel: atWall(systemClock, wall + ms, () => fired.push(wall)) }
}

clocks('E3 a time fires then', () => {
  const start = wall
  const one = armed(hour + 234)
  pass(2 * hour)
  assert.equal(one.fired, [start + hour + 300], 'once, in the step of 100 ms in which it is due')
})

clocks('E3 a time fires within a second of the jump that has passed it', () => {
  const some = [2, 600, 3000].map((s) => armed(s * 1000))
  pass(1500)
  wall += hour
  pass(1000)
  assert.equal(
    some.map(({ fired }) => fired.length),
    [1, 1, 1],
  )
})

clocks('a clock that is set back: nothing fires before its time, and then it does', () => {
  const start = wall
  const far = armed(hour)
  const near = armed(500)
  pass(300)
  wall -= hour
  pass(hour)
  assert.equal([far.fired, near.fired], [[], []])
  pass(300)
  assert.equal(near.fired, [start + 500])
  pass(hour)
  assert.equal(far.fired, [start + hour])
})

clocks('what was taken back does not fire; who waits for nothing is not woken', () => {
  let looks = 0
  const some = Array.from({ length: 1000 }, (_, i) => armed(hour + i))
  Date.now = () => {
    looks++
    return wall
  }
  for (const { cancel } of some) cancel()
  pass(2 * hour)
  assert.is(looks, 0)
  assert.equal(
    some.flatMap(({ fired }) => fired),
    [],
  )
})

clocks('a delay is as long as it is, whatever is done to the wall clock', () => {
  for (const jump of [hour, -hour]) {
    let fired = false
    systemClock.at(systemClock.now() + 10_000, () => (fired = true))
    wall += jump
    pass(9900)
    assert.not(fired)
    pass(100)
    assert.ok(fired)
  }
})

clocks.run()
