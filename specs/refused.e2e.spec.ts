import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startNats, startServers } from '../scripts/servers/index.ts'
import { natsConf } from '../scripts/servers/nats.ts'
import { cluster } from '../src/cluster.ts'
import { defineJob } from '../src/definition.ts'
import { createHost } from '../src/host/host.ts'
import { refused } from './support/refused.ts'
import { until } from './support/until.ts'

/** A NATS that refuses the password of hosts that are up: it was configured wrongly for a while. */
const servers = await startServers({ mongo: true }).catch(
  (error: Error) => void console.log(`skipped: refused on real servers (${error.message.split('\n')[0]})`),
)
const test = suite('a password that is refused: E9 [nats, mongo]')

test('E9: refused while a handler runs, hosts keep trying: it has run once, and new work is taken', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stellwerk-refused-'))
  const config = join(folder, 'nats.conf')
  const allow = (password: string) =>
    writeFileSync(config, `${readFileSync(natsConf, 'utf8')}\nauthorization { user: me, password: ${password} }\n`)
  allow('right')
  const nats = await startNats({ config })
  const reload = (password: string) => {
    allow(password)
    process.kill(nats.pid!, 'SIGHUP')
  }
  const url = (password: string) => nats.url.replace('//', `//me:${password}@`)
  const namespace = `r${Date.now().toString(36)}`
  const world = (password: string) => cluster({ nats: url(password), mongo: servers!.mongo!.url, namespace, partitions: 2 })
  try {
    const job = defineJob({ name: 'longer-than-a-lease', timeout: '1m' })
    let starts = 0
    let go = () => {}
    const gone = new Promise<void>((done) => (go = done))
    const handler = job.handler(async () => {
      starts++
      await gone
    })
    await refused('UNAVAILABLE', /cannot be reached: .*Authorization Violation/, () =>
      createHost({ on: world('wrong'), handlers: [handler] }),
    )
    const said: string[] = []
    const host = await createHost({ on: world('right'), handlers: [handler], log: (line) => said.push(line) })
    try {
      const first = await host.client.submit(job, {}, { id: 'first' })
      await until('it runs', () => starts === 1)
      reload('wrong')
      await until('it is refused', () =>
        first.view().then(
          () => false,
          (error) => /There is no connection to NATS at .*: it refuses the credentials/.test(error.message),
        ),
      )
      // For longer than leases are, and any host lives without a sign.
      await sleep(6000)
      reload('right')
      await until('it is back', () => first.view().catch(() => undefined), 10_000)
      // A lease that nobody renews would end in this time.
      await sleep(4000)
      go()
      await first.result({ signal: AbortSignal.timeout(20_000) })
      assert.equal([starts, host.counts.lost], [1, 0])
      await (await host.client.submit(job, {}, { id: 'second' })).result({ signal: AbortSignal.timeout(20_000) })
    } catch (error) {
      console.log(said.join('\n'))
      throw error
    } finally {
      go()
      await host.stop({ grace: 0 })
    }
  } finally {
    await nats.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test.after(async () => servers?.stop())
if (servers) test.run()
