import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from 'nats'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cluster, connectClient } from '../../src/cluster.ts'
import { burstIsHeldBack } from '../support/burst.ts'
import { notAllowed } from '../support/effects.ts'
import { storedActors, streamsOf } from '../support/inspect.ts'
import { bind, work } from '../support/jobs.ts'
import { seededRandom, seedOf } from '../support/random.ts'
import { withHosts } from '../support/with-hosts.ts'

/**
 * A host that is alone on its servers, and works off a burst of short jobs: new ones wait in the stream until slots are free (decision 19). It is
 * killed in the middle, frozen, and joined by another: what waited is neither lost nor done twice, and its results have passed by it.
 */
const nats = process.env.NATS_URL
const mongo = process.env.MONGODB_URL
if (!nats || !mongo) {
  console.log('skipped: a host alone (set NATS_URL and MONGODB_URL)')
  process.exit(0)
}
const test = suite('a host alone on servers holds back what must queue: R1 R6 G1 G3 [nats, mongo]')
const random = seededRandom(seedOf())
/** One for all: a server has room for so many deployments only. */
const namespace = `lone${Date.now().toString(36)}`

test('a burst of short jobs is created as slots become free: two writes each; a cancel behind them is not held up', async () => {
  const { refused } = await burstIsHeldBack(cluster({ nats, mongo, namespace }), { writes: 2.7, started: 1500 })
  // The job may have a slot by then, and have ended.
  assert.ok(refused === undefined || refused === 'NOT_ALLOWED', refused)
})

const groups = 20
const members = 50
const faults = ['killed', 'joined', 'frozen', 'killed', 'joined and killed'] as const

for (const [round, fault] of faults.entries())
  test(`${fault} in the middle of a burst (${round + 1})`, () =>
    withHosts({ nats, mongo, namespace, slots: 100 }, async (hosts, log) => {
      const host = await hosts.start({ jobs: 'work,bind' })
      await using client = await connectClient({ nats, namespace })
      const one = (number: number) => work.with({ ms: 0, number }, { key: `m${number}` })
      // Now it is known that they are short.
      await client
        .submitGroup({ id: `first${round}`, members: Array.from({ length: 60 }, (_, i) => one(i)) })
        .then((group) => group.result())
      const burst = Array.from({ length: groups }, (_, g) =>
        client.submitGroup({
          id: `${round}g${g}`,
          members: Array.from({ length: members }, (_, i) => one(i)),
          output: bind.with({ ms: 0 }),
        }),
      )
      for (const submitted of burst) submitted.catch(() => {})
      const begun = () => log.read().filter(({ job, what }) => what === 'start' && job.startsWith(`${round}g`)).length
      const enough = random.between(1, (groups * members) / 2)
      while (begun() < enough) await sleep(1)
      if (fault.startsWith('joined')) await hosts.start({ jobs: 'work,bind' })
      if (fault.endsWith('killed')) await host.kill()
      if (fault === 'frozen') host.signal('SIGSTOP')
      if (!fault.startsWith('joined')) await hosts.start({ jobs: 'work,bind' })
      if (fault === 'frozen') {
        await sleep(4000)
        host.signal('SIGCONT')
      }
      const sum = (members * (members - 1)) / 2
      for (const group of await Promise.all(burst))
        assert.equal(await group.result({ signal: AbortSignal.timeout(60_000) }), { members, sum }, group.id)
      assert.equal((await client.audit()).problems, [])
      await hosts.end()
      const stored = await storedActors(mongo, namespace)
      assert.equal(notAllowed(log.read(), stored), [])
      assert.equal(
        stored.filter(({ doc }) => doc.root.startsWith(`${round}g`) && doc.state !== 'succeeded').map(({ doc }) => doc._id),
        [],
      )
      for (let g = 0; g < groups; g++) {
        const outputs = log.read().filter(({ job, what }) => job === `${round}g${g}/output` && what === 'end')
        assert.ok(outputs.length >= 1, `the output of ${round}g${g}`)
      }
      assert.is((await streamsOf(nats, namespace)).dead, 0)
    }))

test.after(async () => {
  const nc = await connect({ servers: nats })
  const jsm = await jetstreamManager(nc)
  for await (const name of jsm.streams.names()) if (name.includes(namespace)) await jsm.streams.delete(name)
  await nc.close()
})

test.run()
