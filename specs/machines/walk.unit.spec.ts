import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { and, assign, createMachine, raise, setup } from 'xstate'
import { group } from '../../actors/group.ts'
import { job } from '../../actors/job.ts'
import { isPlain, walk } from '../../src/walk.ts'

const test = suite('what is walked, and what is left to XState')

test('jobs and groups are walked', () => {
  assert.ok(isPlain(job.machine))
  assert.ok(isPlain(group.machine))
})

const others = {
  'an event that matches all': createMachine({ on: { '*': {} } }),
  'a combined guard': setup({ guards: { a: () => true, b: () => true } }).createMachine({ on: { x: { guard: and(['a', 'b']) } } }),
  'an event raised at once': createMachine({ entry: raise({ type: 'x' }) }),
  'parallel states': createMachine({ type: 'parallel', states: { a: {}, b: {} } }),
  'a final state': createMachine({ initial: 'a', states: { a: { type: 'final' } } }),
}
for (const [name, machine] of Object.entries(others)) test(`${name} is left to XState`, () => assert.not.ok(isPlain(machine)))

test('a field that is there can be cleared; one that is not does not come as undefined', () => {
  const forget = assign({ a: undefined, b: undefined })
  const machine = createMachine({ context: {}, initial: 'only', states: { only: { on: { forget: { actions: forget } } } } })
  const { snapshot } = walk(machine, { status: 'active', value: 'only', context: { a: 1, c: 2 } }, { type: 'forget' })
  assert.equal(Object.entries(snapshot.context as object), [
    ['a', undefined],
    ['c', 2],
  ])
})

test.run()
