import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { virtualClock } from '../src/testing/virtual-clock.ts'
import { refused } from './support/refused.ts'

const clocks = suite('the virtual clock')

clocks('one that would show no time, or go back, is refused, and stays where it is', async () => {
  await refused('VALIDATION', /^start: "garbage" is not a time/, () => virtualClock('garbage'))
  const clock = virtualClock('2026-11-23T00:00:00Z')
  await refused('VALIDATION', /^time: "garbage" is not a time/, () => clock.advanceTo('garbage'))
  await refused('VALIDATION', /^time: 2026-11-22T.* is before now/, () => clock.advanceTo('2026-11-22T00:00:00Z'))
  await clock.advanceTo(clock.now())
  assert.is(clock.now(), Date.parse('2026-11-23'))
})
clocks.run()
