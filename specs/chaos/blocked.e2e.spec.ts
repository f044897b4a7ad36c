import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startServers } from '../../scripts/servers/index.ts'
import type { Client } from '../../src/client.ts'
import { connectClient } from '../../src/cluster.ts'
import type { EffectLog } from '../support/effect-log.ts'
import { notAllowed } from '../support/effects.ts'
import { storedActors } from '../support/inspect.ts'
import { work } from '../support/jobs.ts'
import { until } from '../support/until.ts'
import { withHosts } from '../support/with-hosts.ts'

/** A handler that never lets its event loop go on, for longer than leases and hosts live without a sign: the heart beats in its thread. */
const servers = await startServers().catch(
  (error: Error) => void console.log(`skipped: blocked on real servers (${error.message.split('\n')[0]})`),
)
const test = suite('a blocked event loop: E4 Q10 Q15 [nats, mongo]')

async function inWorld(play: (client: Client, log: EffectLog) => Promise<void>): Promise<void> {
  const [nats, mongo] = [servers!.nats!.url, servers!.mongo!.url]
  const namespace = `b${Date.now().toString(36)}`
  await withHosts({ nats, mongo, namespace, slots: 3 }, async (hosts, log) => {
    await hosts.start()
    await hosts.start()
    await using client = await connectClient({ nats, namespace })
    await play(client, log)
    assert.equal(notAllowed(log.read(), await storedActors(mongo, namespace)), [])
  })
}

test('E4: a handler that blocks for 12 s is not run twice', () =>
  inWorld(async (client, log) => {
    const job = await client.submit(work, { ms: 0, number: 7, block: 12_000 }, { id: 'j' })
    assert.is(await job.result({ signal: AbortSignal.timeout(60_000) }), 7)
    assert.is(log.read().filter(({ what }) => what === 'start').length, 1)
  }))

test('Q15: what was granted beside it begins elsewhere, while it blocks', () =>
  inWorld(async (client, log) => {
    const members = [0, 1, 2, 3].map((i) => work.with({ ms: 0, number: i, block: i ? 0 : 20_000 }, { key: `m${i}` }))
    await client.submitGroup({ id: 'g', members })
    const ended = (i: number) => log.read().some(({ job, what }) => job === `g/m${i}` && what === 'end')
    await until('the others have ended', () => [1, 2, 3].every(ended), 18_000)
    assert.not(ended(0))
    await until('it has ended', () => ended(0))
    assert.is(log.read().filter(({ what, job }) => what === 'start' && job === 'g/m0').length, 1)
  }))

test.after(async () => servers?.stop())
if (servers) test.run()
