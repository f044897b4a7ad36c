import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ActorDocument } from '../src/document.ts'
import { bind, held, virtualWorld, work } from './support/virtual-world.ts'

/** Proof over a live store that each output was started as it may be. */
const test = suite('audit: R1 G4 [memory]')

async function played() {
  const world = virtualWorld({ partitions: 2 })
  const host = await world.host()
  await world.host()
  const members = [
    work.with({ ms: 100 }, { key: 'a' }),
    work.with({ ms: 100, fails: 1 }, { key: 'b' }),
    held.with({ ms: 60_000 }, { key: 'c' }),
  ]
  await world.client.submitGroup({ id: 'g', members, output: bind.with({ ms: 100 }) })
  await world.client.submitGroup({ id: 'open', members: [], seal: false, output: bind.with({ ms: 100 }) })
  await world.client.submit(work, { ms: 100, fails: 99 }, { id: 'fails' })
  await world.clock.advance('10s')
  host.die()
  await world.clock.advance('30s')
  if ((await world.client.job('g/c').view()).state === 'held') await world.client.job('g/c').retry()
  await world.clock.advance('5m')
  return world
}

/** Writes what no machine would. */
async function tamper(world: Awaited<ReturnType<typeof played>>, address: string, change: (doc: ActorDocument) => void): Promise<void> {
  const [before] = await world.store.load([address])
  const doc: ActorDocument = structuredClone(before!)
  change(doc)
  doc.version++
  await world.store.commit([{ doc, base: { version: before!.version, commit: before!.commit } }])
}

test('what failed, was lost, and was run again by an operator is as it may be', async () => {
  const world = await played()
  const { problems, runs, ...audit } = await world.client.audit()
  assert.equal(problems, [])
  assert.equal(audit, { groups: 2, outputs: 1, jobs: 5, trimmed: 0 })
  assert.is(runs, world.starts.length)
})

test('an output that was run twice, an end that was none, a group that did not wait are found', async () => {
  const world = await played()
  const again = { type: 'claim', dispatch: 2, worker: 'w' }
  await tamper(world, 'job:g/output', ({ history }) => history.push({ v: 9, at: 0, event: again, state: 'running' }))
  await tamper(world, 'job:fails', ({ history }) => history.push({ v: 9, at: 0, event: { type: 'reconcile' }, state: 'queued' }))
  await tamper(world, 'group:g', ({ snapshot }) => {
    ;(snapshot.context as { members: { counts: { succeeded: number } } }).members.counts.succeeded--
  })
  const { problems } = await world.client.audit()
  assert.equal(problems, [
    { address: 'group:g', problem: 'it has ended, and 1 of its members have not ended' },
    { address: 'job:fails', problem: 'it was failed, and is queued by reconcile' },
    { address: 'job:g/output', problem: 'run 2 was granted, and it had succeeded' },
    { address: 'job:g/output', problem: 'it was succeeded, and is running by claim' },
  ])
})

test('of what retention has removed a part is said that it was not judged; the signal ends it', async () => {
  const world = await played()
  await tamper(world, 'job:fails', (doc) => {
    doc.history = doc.history.filter(({ v }) => v > 1)
  })
  assert.is((await world.client.audit()).trimmed, 1)
  const reason = new Error('enough')
  const error = await world.client.audit({ signal: AbortSignal.abort(reason) }).catch((thrown) => thrown)
  assert.is(error, reason)
})

test.run()
