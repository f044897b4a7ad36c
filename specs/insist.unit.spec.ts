import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UnavailableError } from '../src/errors.ts'
import { insist } from '../src/insist.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'

const test = suite('asking again: E9')

test('what is closed while it pauses says so, and not what it was told before', async () => {
  const clock = virtualClock(0)
  let closed = false
  const asked = insist(
    clock,
    async () => {
      throw new UnavailableError(closed ? 'closed' : 'nobody answers')
    },
    (error) => {
      if (error && closed) throw error
    },
  ).catch((error) => error.message)
  await clock.advance('1s')
  closed = true
  await clock.advance('1s')
  assert.is(await asked, 'closed')
})

test('it ends before it asks again when nobody wants to know any more', async () => {
  const clock = virtualClock(0)
  let asked = 0
  let over = false
  const waiting = insist(
    clock,
    async () => {
      asked++
      throw new UnavailableError('away')
    },
    () => {
      if (over) throw new Error('aborted')
    },
  ).catch((error) => error.message)
  await clock.advance('1ms')
  over = true
  await clock.advance('1s')
  assert.equal([await waiting, asked], ['aborted', 1])
})

test.run()
