import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { sleep, systemClock } from '../src/clock.ts'
import { cluster } from '../src/cluster.ts'
import { defineJob } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { createHost, type Host } from '../src/host/host.ts'
import type { World } from '../src/world.ts'
import { outsider } from './support/outside.ts'
import { until } from './support/until.ts'

/** Lanes and pools in both worlds, in real time, and from a program that knows nothing but NATS. */
const input = z.object({ ms: z.number() })
const print = defineJob({ name: 'print', input, pool: 'printers', needs: { printer: 1 } })
const note = defineJob({ name: 'note', input })
const bind = defineJob({ name: 'bind' })
const pools = { printers: { slots: 4, printer: 2 } }

/** How many ran at once, and in which order they began. */
function log() {
  const began: string[] = []
  const running = new Set<string>()
  let most = 0
  const run = async ({ ms }: { ms: number }, { id }: { id: string }) => {
    began.push(id)
    running.add(id)
    most = Math.max(most, running.size)
    await sleep(systemClock, ms)
    running.delete(id)
    return id
  }
  const handlers = [print.handler(run), note.handler(run), bind.handler(async (_, ctx) => ctx.group!.succeeded)]
  return {
    began,
    handlers,
    get most() {
      return most
    },
  }
}

async function throughARestart(on: World): Promise<void> {
  const seen = log()
  const first = await createHost({ on, handlers: seen.handlers, pools })
  const { client } = first
  const members = Array.from({ length: 6 }, (_, i) => print.with({ ms: 50 }, { key: `m${i}` }))
  const group = await client.submitGroup({ id: 'printed', members, output: bind.with({}) })
  assert.is(await group.result(), 6)
  assert.is(seen.most, 2)
  await client.pool('printers').pause()
  for (const id of ['a1', 'a2', 'a3']) await client.submit(note, { ms: 20 }, { id, lane: 'a' })
  await client.submit(print, { ms: 20 }, { id: 'waits' })
  await client.submit(note, { ms: 1 }, { id: 'last', after: ['job:a3', 'job:waits'] })
  assert.is(await client.job('a3').result(), 'a3')
  assert.equal(seen.began.slice(-3), ['a1', 'a2', 'a3'])
  assert.is((await client.job('waits').why()).conditions[0]!.code, 'POOL')
  await first.stop()
  await using second = await createHost({ on, handlers: seen.handlers, pools })
  assert.is((await second.client.pool('printers').view()).state, 'drained')
  await second.client.pool('printers').resume()
  assert.is(await second.client.job('last').result(), 'last')
  assert.equal(seen.began.slice(-2), ['waits', 'last'])
  // That a job has ended is told to what comes after it and to its pool at the same time: no order holds between those two.
  const view = () => second.client.pool('printers').view()
  await until('its place was given back', async () => Object.keys((await view()).used!).length === 0)
  const { state, waiting } = await view()
  assert.equal([state, waiting], ['open', 0])
}

const folder = suite('lanes, pools and jobs after others: E2 W1 W7 [embedded]')
folder('through a restart of the host', async () => {
  const path = mkdtempSync(join(tmpdir(), 'stellwerk-lanes-'))
  try {
    await throughARestart(embedded(path))
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
})
folder.run()

const { NATS_URL: nats, MONGODB_URL: mongo } = process.env
if (nats && mongo) {
  const servers = suite('lanes, pools and jobs after others: E1 E2 W1 W7 [nats, mongo]')
  const namespace = `l${Date.now().toString(36)}`
  const on = () => cluster({ nats, mongo, namespace })

  servers('through a restart of the host', () => throughARestart(on()))

  servers('from a program that knows nothing but NATS, with three hosts', async () => {
    const logs = [log(), log(), log()]
    const hosts: Host[] = []
    for (const { handlers } of logs) hosts.push(await createHost({ on: on(), handlers, pools }))
    const program = await outsider(nats, namespace)
    try {
      const { client } = hosts[0]!
      const jobs = ['x1', 'x2', 'x3', 'x4']
      for (const id of jobs) await program.store(id, { to: `job:${id}`, type: 'submit', job: 'note', input: { ms: 30 }, lane: 'x' })
      const all = { to: 'job:all', type: 'submit', job: 'print', input: { ms: 1 }, after: jobs.map((id) => `job:${id}`) }
      await program.store('all', all)
      await program.store('printers', { to: 'pool:printers', type: 'resize', capacity: { slots: 1, printer: 1 } })
      await until(
        'all ended',
        async () =>
          (
            await client
              .job('all')
              .view()
              .catch(() => undefined)
          )?.final,
      )
      const began = logs.flatMap((each) => each.began)
      assert.equal(began.toSorted(), ['all', ...jobs])
      assert.equal((await client.pool('printers').view()).capacity, { slots: 1, printer: 1 })
      await client.pool('printers').resize()
      assert.equal((await client.pool('printers').view()).capacity, pools.printers)
    } finally {
      await program.close()
      for (const host of hosts) await host.stop()
    }
  })
  servers.run()
} else console.log('skipped: lanes and pools over NATS (set NATS_URL and MONGODB_URL)')
