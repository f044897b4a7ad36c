import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureNats, startServers } from '../scripts/servers/index.ts'
import { natsConf } from '../scripts/servers/nats.ts'
import { freePort } from '../scripts/servers/ports.ts'
import { cluster } from '../src/cluster.ts'
import { defineJob } from '../src/definition.ts'
import { createHost } from '../src/host/host.ts'
import { until } from './support/until.ts'

const servers = await startServers({ mongo: true }).catch(
  (error: Error) => void console.log(`skipped: credentials on real servers (${error.message.split('\n')[0]})`),
)
const test = suite('credentials: E4 [nats, mongo]')

test('a NATS that asks for a password: hosts and their hearts have it, so that no run is taken for lost', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stellwerk-credentials-'))
  const port = await freePort()
  const given = ['-js', '-c', natsConf, '-p', String(port), '-sd', folder, '--user', 'me', '--pass', 'se cret']
  const nats = spawn(await ensureNats(), given, { stdio: 'ignore' })
  try {
    const job = defineJob({ name: 'longer-than-a-lease' })
    let starts = 0
    const handler = job.handler(async () => {
      starts++
      await sleep(5000)
    })
    const url = `nats://me:se%20cret@127.0.0.1:${port}`
    const on = cluster({ nats: url, mongo: servers!.mongo!.url, namespace: `c${Date.now().toString(36)}` })
    await using host = await until('a host', () => createHost({ on, handlers: [handler] }).catch(() => undefined))
    await (await host.client.submit(job, {}, { id: 'j' })).result({ signal: AbortSignal.timeout(30_000) })
    assert.equal([starts, host.counts.lost], [1, 0])
  } finally {
    nats.kill()
    rmSync(folder, { recursive: true, force: true })
  }
})

test.after(async () => servers?.stop())
if (servers) test.run()
