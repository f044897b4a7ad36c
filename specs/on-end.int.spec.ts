import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineJob } from '../src/definition.ts'
import { given } from '../src/testing/given.ts'
import { cancel, claim, result, retry, submit, terms } from './machines/events.ts'
import { virtualWorld, work } from './support/virtual-world.ts'

const machine = suite('a step once a job has ended: W2')
const fresh = given('job', { address: 'job:j' })
const withStep = (more: object = {}) => submit({ onEnd: { job: 'step', terms: terms() }, attempts: 1, ...more })
const step = (n: number, value: object) => ({ to: `job:j/onEnd-${n}`, event: { type: 'submit', job: 'step', input: { value } } })

machine('decided in the write that ends it, however it ends; once for each end', () => {
  fresh
    .events([withStep(), claim()])
    .when(result('ok'))
    .then({ sends: [step(1, { id: 'j', job: 'work', state: 'succeeded', output: 'done' })] })
  fresh
    .events([withStep()])
    .when(cancel)
    .then({ sends: [step(1, { state: 'cancelled' })] })
  const failed = fresh.events([withStep(), claim(), result('fail')])
  fresh
    .events([withStep(), claim()])
    .when(result('fail'))
    .then({ sends: [step(1, { state: 'failed', error: { message: 'no' } })] })
  failed
    .events([retry, claim(2)])
    .when(result('ok', 2))
    .then({ sends: [step(2, { state: 'succeeded' })] })
})
machine('without one nothing is sent, and nothing is counted', () => {
  fresh
    .events([submit(), claim()])
    .when(result('ok'))
    .then({ sends: [], context: { ends: undefined } })
})
machine.run()

const world = suite('a step once a job has ended: W2 R1 [memory]')

world('it runs once, also if the host dies in between; members of a group have theirs', async () => {
  const w = virtualWorld({ partitions: 2 })
  const stepped = defineJob({ name: 'stepped', input: work.input, onEnd: { ...work, with: work.with as never } }) as never as typeof work
  const doomed = await w.host({ handlers: [stepped, work] })
  const member = { definition: stepped, input: { ms: 100 }, key: 'm' } as never
  await w.client.submitGroup({ id: 'g', members: [member] })
  await w.client.submit(stepped, { ms: 1000 }, { id: 'alone' })
  await w.until('a step runs', () => w.startsOf('g/m/onEnd-1').length === 1)
  doomed.die()
  await w.host({ handlers: [stepped, work] })
  await w.until('all ended', async () => (await w.docs()).every(({ status }) => status === 'done') && !!w.startsOf('alone/onEnd-1').length)
  assert.is(w.startsOf('alone/onEnd-1').length, 1)
  const { input } = (await w.doc('job:g/m/onEnd-1')).snapshot.context as never as { input: { value: object } }
  assert.equal(input.value, { id: 'g/m', job: 'stepped', state: 'succeeded', output: { key: 'm' } })
  assert.is((await w.client.group('g').view()).members!.total, 1)
  assert.equal(await w.problems(), [])
})
world.run()
