import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { defineJob } from '../src/definition.ts'
import { given } from '../src/testing/given.ts'
import { claim, lost, memberOf, submit } from './machines/events.ts'
import { bind, held, type VirtualWorld, virtualWorld } from './support/virtual-world.ts'

const machine = suite('a held job takes retry, cancel or done: W2 R4')
const done = { type: 'done', output: { value: { pages: 3 } } }
const isHeld = given('job', { address: 'job:j' }).events([submit({ onLost: 'hold', attempts: 1 }), claim(), lost()])

machine('done: succeeded, with the output; its group is told', () => {
  isHeld.when(done).then({ state: 'succeeded', context: { output: { value: { pages: 3 } }, run: undefined } })
  given('job', { address: 'job:j' })
    .events([submit({ onLost: 'hold' }, { member: memberOf('j', 3) }), claim(), lost()])
    .when(done)
    .then({ sends: [{ to: 'group:g', event: { type: 'ended', state: 'succeeded' } }] })
})
machine('what its contract refuses changes nothing', () => {
  isHeld
    .when({ ...done, refused: { code: 'VALIDATION', message: 'output.pages: no' } })
    .then({ state: 'held', rejected: { code: 'VALIDATION' } })
})
machine('in no other state', () => {
  for (const events of [[submit()], [submit(), claim()], [submit(), { type: 'cancel' }]])
    given('job', { address: 'job:j' })
      .events(events)
      .when(done)
      .then({ rejected: { code: 'NOT_ALLOWED' } })
})
machine.run()

const world = suite('held, and ended by hand: W2 R4 [memory]')
const print = defineJob({ name: 'print', output: z.object({ pages: z.number() }), retry: { attempts: 1 }, onLost: 'hold' })

/** A member of a group whose worker died, held, with a new host. */
async function isHeldIn(group: VirtualWorld): Promise<void> {
  const handlers = [print as never, bind]
  const doomed = await group.host({ handlers })
  const members = [print.with({ ms: 60_000 } as never, { key: 'm' })]
  await group.client.submitGroup({ id: 'g', members, output: bind.with({}) })
  await group.until('it runs', () => group.starts.length === 1)
  doomed.die()
  await group.host({ handlers })
  await group.until('it is held', async () => (await group.doc('job:g/m')).state === 'held')
}

world('the output is checked by the contract; then its group goes on', async () => {
  const w = virtualWorld({ partitions: 2 })
  await isHeldIn(w)
  const { conditions } = await w.client.job('g/m').why()
  assert.equal([conditions[0]!.code, conditions[0]!.stuck], ['HELD', true])
  const refused = await w.client
    .job('g/m')
    .done({ pages: 'three' })
    .catch((error) => error)
  assert.equal([refused.code, /^output\.pages: /.test(refused.message)], ['VALIDATION', true])
  await w.client.job('g/m').done({ pages: 3 }, { reason: 'found in the tray' })
  await w.until('the group ended', async () => (await w.doc('group:g')).state === 'succeeded')
  assert.equal((await w.client.job('g/m').view()).output, { pages: 3 })
  const { history } = await w.client.job('g/m').history()
  assert.is(history.at(-1)!.event.reason, 'found in the tray')
  assert.is(w.startsOf('g/m').length, 1)
  const late = await w.client
    .job('g/m')
    .done({ pages: 4 })
    .catch((error) => error)
  assert.is(late.code, 'NOT_ALLOWED')
})

world('a large output leaves the document', async () => {
  const w = virtualWorld()
  const doomed = await w.host()
  await w.client.submit(held, { ms: 60_000 }, { id: 'large' })
  await w.until('it runs', () => w.starts.length === 1)
  doomed.die()
  await w.host()
  await w.until('it is held', async () => (await w.doc('job:large')).state === 'held')
  await w.client.job('large').done('x'.repeat(300_000))
  assert.ok(JSON.stringify(await w.doc('job:large')).length < 16_000)
  assert.is(await w.client.job('large').result(), 'x'.repeat(300_000))
  const tooLarge = await w.client
    .job('large')
    .done('x'.repeat(600_000))
    .catch((error) => error)
  assert.is(tooLarge.code, 'VALIDATION')
})
world('R4 what is stuck is found: held, open without sealBy; and nothing else', async () => {
  const w = virtualWorld({ partitions: 2 })
  await isHeldIn(w)
  const { client } = w
  for (let i = 0; i < 1200; i++) void client.submit(held, { ms: 1 }, { id: `many-${i}`, startAt: w.clock.now() + 86_400_000 })
  await client.submitGroup({ id: 'open', members: [], seal: false })
  await client.submitGroup({ id: 'sealed-by', members: [], seal: false, sealBy: '1h' })
  await client.submit(held, { ms: 1 }, { id: 'follows', after: ['job:unknown'] })
  await w.clock.advance('5s')
  const found: string[] = []
  for await (const { address } of client.find({ stuck: true })) found.push(address)
  assert.equal(found.sort(), ['group:open', 'job:g/m'])
  assert.equal(await client.stuck(), [
    { type: 'group', state: 'open', count: 1 },
    { type: 'job', state: 'held', count: 1 },
  ])
  found.length = 0
  for await (const { address } of client.find({ stuck: true, type: 'group' })) found.push(address)
  assert.equal(found, ['group:open'])
})
world.run()
