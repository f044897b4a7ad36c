import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { clockTime, dateAt } from '../src/calendar/dates.ts'
import { connectClient } from '../src/cluster.ts'
import { embedded } from '../src/embedded.ts'
import { createHost } from '../src/host/host.ts'
import { effectLog } from './support/effect-log.ts'
import { hostProcesses } from './support/hosts.ts'
import { work } from './support/jobs.ts'
import { outsider } from './support/outside.ts'
import { type TimedChain, zoneOfToday } from './support/timed-chains.ts'
import { until } from './support/until.ts'

/** Chains on real processes and servers: the rows C2, C4, C9 and C12 where hosts die. */
const { NATS_URL: nats, MONGODB_URL: mongo } = process.env
const zone = zoneOfToday()
const today = () => dateAt(Date.now(), zone)
const inSeconds = (seconds: number) => {
  const time = clockTime(Date.now() + seconds * 1000, zone, today())
  return time.length === 5 ? `${time}:00` : time
}
const daily = (name: string, more: Partial<TimedChain> = {}): TimedChain => ({ name, zone, ms: 300, ...more })

const servers = suite('chains in a cluster: C2 C4 C9 C12 [nats, mongo]')
if (nats && mongo) {
  servers('four hosts start together, two are killed while it goes on: one plan, each chain and each step once', async () => {
    const namespace = `plans-${process.pid}`
    const log = effectLog()
    const at = inSeconds(12)
    const chains = [
      daily('B', { at, ms: 1500 }),
      daily('D', { after: ['B'] }),
      daily('E', { after: ['B'] }),
      daily('I', { after: ['D', 'E'] }),
    ]
    const hosts = hostProcesses({ nats, mongo, namespace, log: log.file, slots: 5, chains: JSON.stringify(chains) })
    try {
      const four = await Promise.all([hosts.start(), hosts.start(), hosts.start(), hosts.start()])
      await using client = await connectClient({ nats, namespace })
      await until(
        'the plan is made',
        async () =>
          (
            await client
              .plan(today())
              .show()
              .catch(() => undefined)
          )?.made === true,
      )
      await until('B runs', () => log.read().some(({ job }) => job.startsWith('B/')))
      const where = log.read().find(({ job }) => job.startsWith('B/'))!.pid
      await four.find(({ pid }) => pid === where)!.kill()
      await four.find(({ pid, alive }) => pid !== where && alive)!.kill()
      const over = async () => (await client.plan(today()).show()).rows.every(({ state }) => state === 'succeeded')
      await until('all have run', over, 90_000)

      const ends = log.read().filter(({ what }) => what === 'end')
      for (const { name } of chains)
        for (const step of ['load', 'post']) {
          const id = `${name}/${today()}/main/${step}`
          assert.is(ends.filter(({ job }) => job === id).length, 1, `${id}: ${JSON.stringify(ends)}`)
          assert.is(await client.job(id).result(), step === 'load' ? 7 : 8)
        }
      const endOf = (name: string) => ends.find(({ job }) => job === `${name}/${today()}/main/post`)!.at
      const startOf = (name: string) => log.read().find(({ job }) => job === `${name}/${today()}/main/load`)!.at
      assert.ok(startOf('D') >= endOf('B') && startOf('E') >= endOf('B') && startOf('I') >= Math.max(endOf('D'), endOf('E')))
      const plans: string[] = []
      for await (const { id } of client.find({ type: 'plan' })) plans.push(id)
      assert.equal(plans, [`${zone.replace('/', '-')}/${today()}`])
    } finally {
      await hosts.end()
      log.remove()
    }
  })

  servers(
    'a program that knows nothing but NATS starts a chain, changes the plan of a later date, sets a schedule and raises an event',
    async () => {
      const namespace = `plans2-${process.pid}`
      const log = effectLog()
      const chains = [daily('B', { at: '23:59' }), daily('E', { after: ['B'] })]
      const hosts = hostProcesses({ nats, mongo, namespace, log: log.file, slots: 5, chains: JSON.stringify(chains) })
      const outside = await outsider(nats, namespace)
      type Answer = { ok: boolean; error?: { code: string; message: string }; rows?: { state: string; words: string }[]; address?: string }
      try {
        await hosts.start()
        await using client = await connectClient({ nats, namespace })
        assert.is((await outside.request<Answer>('start', { to: 'chain:E/by-hand' })).ok, true)
        const refused = await outside.request<Answer>('start', { to: 'chain:X/by-hand' })
        assert.equal(refused.error!.message, 'to: no host has published a chain named "X"')
        assert.is((await client.chain('E').run('by-hand').result()).state, 'succeeded')

        const date = '2099-01-01'
        const { address } = await outside.request<Answer>('changePlan', { date })
        assert.is(address, `plan:${zone.replace('/', '-')}/${date}`)
        assert.is((await outside.request<Answer>('remove', { to: address, target: 'B' })).ok, true)
        assert.match((await outside.request<Answer>('remove', { to: address, target: 'Q' })).error!.message, /there is no chain "Q"/)
        const run = { calendar: { name: 'daily', timezone: zone, days: ['thu'] }, at: '01:00' }
        assert.is((await outside.request<Answer>('add', { to: address, chain: 'E', runs: [run] })).ok, true)
        const bad = await outside.request<Answer>('add', { to: address, chain: 'E', runs: [{ ...run, at: 'x' }] })
        assert.match(bad.error!.message, /runs.0.at: "x" is not a time/)
        const { rows } = await outside.request<Answer>('plan', { date })
        assert.equal(
          rows!.map(({ state }) => state),
          ['removed', 'waiting'],
        )
        assert.match(rows![1]!.words, /starts at 01:00/)

        const input = { ms: 10, number: 3 }
        assert.is((await outside.request<Answer>('set', { to: 'schedule:second', every: '1s', job: 'work', input })).ok, true)
        assert.is((await outside.request<Answer>('set', { to: 'schedule:arrived', on: 'arrived', job: 'work' })).ok, true)
        await until(
          'it is subscribed',
          async () =>
            (await client
              .actor('topic:arrived')
              .view()
              .catch(() => undefined)) !== undefined,
        )
        outside.publish('arrived', { id: 'once', to: 'topic:arrived', type: 'raise', as: 'one', data: input })
        await until('both started', () => {
          const jobs = new Set(log.read().flatMap(({ job, what }) => (what === 'end' ? [job] : [])))
          return jobs.has('arrived/one') && [...jobs].filter((job) => job.startsWith('second/')).length >= 2
        })
        assert.is((await outside.request<Answer>('remove', { to: 'schedule:second' })).ok, true)
      } finally {
        await outside.close()
        await hosts.end()
        log.remove()
      }
    },
  )
} else console.log('skipped specs/plans.e2e.spec.ts: chains in a cluster (set NATS_URL and MONGODB_URL)')
servers.run()

const folder = suite('chains in a folder: C12 W6 [embedded]')
folder(
  'a host that is killed while a chain runs, and one that is stopped: the next one goes on, and knows the chains without their code',
  async () => {
    const path = mkdtempSync(join(tmpdir(), 'stellwerk-plans-'))
    const log = effectLog()
    const chains = [daily('B', { at: inSeconds(3), ms: 1500 }), daily('E', { after: ['B'] })]
    const hosts = hostProcesses({ folder: path, log: log.file, slots: 5, chains: JSON.stringify(chains) })
    try {
      const first = await hosts.start()
      await until('B runs', () => log.read().some(({ job }) => job.startsWith('B/')))
      await first.kill()
      const second = await hosts.start()
      const ended = () => log.read().filter(({ what, job }) => what === 'end' && job.startsWith('E/')).length === 2
      await until('E has ended', ended, 30_000)
      // Killed here, it could not have stored yet what its last handler returned.
      assert.is(await second.stop(), 0)
      await using host = await createHost({ on: embedded(path), handlers: [work.handler(() => 0)] })
      const shown = await host.client.plan(today()).show()
      assert.equal(
        shown.rows.map(({ id, state }) => `${id} ${state}`),
        [`B/${today()}/main succeeded`, `E/${today()}/main succeeded`],
      )
      assert.is((await host.client.plan('2099-01-01').show()).rows.length, 2)
    } finally {
      await hosts.end()
      log.remove()
      rmSync(path, { recursive: true, force: true })
    }
  },
)
folder.run()
