import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobContext } from '../../actors/job.ts'
import { startServers } from '../../scripts/servers/index.ts'
import { partitionOf } from '../../src/address.ts'
import type { Client } from '../../src/client.ts'
import { connectClient } from '../../src/cluster.ts'
import type { ActorDocument, HistoryEntry } from '../../src/document.ts'
import { busyMachine } from '../support/busy-machine.ts'
import type { EffectLog, LoggedEffect } from '../support/effect-log.ts'
import { notAllowed } from '../support/effects.ts'
import { figure } from '../support/figures.ts'
import type { HostProcess, Hosts } from '../support/hosts.ts'
import { ownersOf, storedActors } from '../support/inspect.ts'
import { bind, late, once, work } from '../support/jobs.ts'
import { until } from '../support/until.ts'
import { withHosts } from '../support/with-hosts.ts'

/**
 * One thing goes wrong at a time: a host is killed, frozen or asked to end while its handlers run. How long it takes until the work
 * runs elsewhere, and that nothing of the old run is seen.
 */
const partitions = 16
const long = 60_000

interface World {
  nats: string
  mongo: string
  namespace: string
  log: EffectLog
  hosts: Hosts
  client: Client
}

let worlds = 0

/** Hosts and a client on a deployment of their own. */
async function inWorld(slots: number, play: (world: World) => Promise<void>): Promise<void> {
  const servers = await serversFor()
  const [nats, mongo] = [servers.nats!.url, servers.mongo!.url]
  const namespace = `r${Date.now().toString(36)}${worlds++}`
  await withHosts({ nats, mongo, namespace, slots }, async (hosts, log) => {
    // The first host makes the deployment.
    await hosts.start()
    await using client = await connectClient({ nats, namespace })
    await play({ nats, mongo, namespace, log, hosts, client })
  })
}

let shared: ReturnType<typeof startServers> | undefined
const serversFor = () => (shared ??= startServers())

/** Every partition has an owner that lives, and none is being handed over. */
async function settled({ nats, namespace, hosts }: World): Promise<Map<number, string>> {
  let before = ''
  return until(
    'every partition has an owner',
    async () => {
      const owners = await ownersOf(nats, namespace)
      const alive = new Set(hosts.alive.map(({ name }) => name))
      const said = JSON.stringify([...owners].sort())
      const same = said === before
      before = said
      return same && owners.size === partitions && [...owners.values()].every((name) => alive.has(name)) && owners
    },
    30_000,
    1000,
  ).catch((error) => {
    throw new Error(`${error.message}: ${before}; alive: ${hosts.alive.map(({ name }) => name)}`)
  })
}

/** An id whose partition this host owns. */
function idAt(owners: Map<number, string>, host: HostProcess, prefix: string): string {
  for (let i = 0; ; i++) {
    const id = `${prefix}-${i}`
    if (owners.get(partitionOf(id, partitions)) === host.name) return id
  }
}

const started = (log: EffectLog, job: string, not?: (effect: LoggedEffect) => boolean) =>
  log.read().find((effect) => effect.job === job && effect.what === 'start' && !not?.(effect))

const startOf = (log: EffectLog, job: string, not?: (effect: LoggedEffect) => boolean) =>
  until(`${job} starts`, () => started(log, job, not), 30_000, 10)

async function allowed({ mongo, namespace, log }: World): Promise<{ doc: ActorDocument; history: HistoryEntry[] }[]> {
  const actors = await storedActors(mongo, namespace)
  assert.equal(notAllowed(log.read(), actors), [])
  return actors
}

const percentile = (values: readonly number[], p: number) => [...values].sort((a, b) => a - b)[Math.ceil(values.length * p) - 1]!

const test = suite('recovery: R1 R6 E3 E4 E5 E8 [nats, mongo]')

test('E3: a job whose host is killed runs elsewhere within 5 s, whoever owned its partition, on a busy machine', () =>
  inWorld(2, async (world) => {
    const { hosts, client, log } = world
    await Promise.all([1, 2, 3].map(() => hosts.start()))
    using _ = busyMachine()
    const took = { owner: [] as number[], other: [] as number[] }
    for (let round = 0; round < 20; round++) {
      const owners = await settled(world)
      const owning = hosts.alive.filter(({ name }) => [...owners.values()].includes(name))
      const owner = owning[round % owning.length]!
      const id = idAt(owners, owner, `k${round}`)
      // The owner takes the first two itself, since it has the slots; the third goes to another host.
      const members = [0, 1, 2].map((i) => work.with({ ms: long, number: i }, { key: `m${i}` }))
      const group = await client.submitGroup({ id, members })
      const starts = await Promise.all([0, 1, 2].map((i) => startOf(log, `${id}/m${i}`)))
      const ownerDies = round % 2 === 0
      const victim = hosts.alive.find(({ pid, name }) => (name === owner.name) === ownerDies && starts.some((start) => start.pid === pid))
      assert.ok(victim, 'a host to kill')
      const killed = Date.now()
      await victim.kill()
      for (const { job, run, pid } of starts) {
        if (pid !== victim.pid) continue
        const again = await startOf(log, job, (effect) => effect.run <= run)
        took[ownerDies ? 'owner' : 'other'].push(again.at - killed)
      }
      await Promise.all([group.cancel(), hosts.start()])
      await until('cancelled', async () => (await group.view()).final)
    }
    for (const [who, times] of Object.entries(took))
      figure(
        `killed ${who === 'owner' ? 'with' : 'without'} the partition: ${times.length} jobs ran elsewhere, p50 ${percentile(times, 0.5)} ms, at most ${Math.max(...times)} ms`,
      )
    await allowed(world)
    const all = [...took.owner, ...took.other]
    assert.ok(took.owner.length >= 10 && took.other.length >= 10, `${took.owner.length} and ${took.other.length} jobs`)
    assert.ok(Math.max(...all) <= 5000, `at most 5000 ms: ${all.join(', ')}`)
  }))

/** For so long a host may be stopped, whatever others have done meanwhile. */
const stopFor = 30_000

const freeze = (frozen: 'owner' | 'other') =>
  inWorld(1, async (world) => {
    const { hosts, client, log } = world
    await hosts.start()
    const owners = await settled(world)
    const owner = hosts.alive.find(({ name }) => [...owners.values()].includes(name))!
    const other = hosts.alive.find(({ name }) => name !== owner.name)!
    const id = idAt(owners, owner, 'f')
    const members = [1, 2].map((i) => work.with({ ms: 3000, number: i, deaf: true }, { key: `m${i}` }))
    const group = await client.submitGroup({ id, members, output: bind.with({ ms: 10 }) })
    await Promise.all([1, 2].map((i) => startOf(log, `${id}/m${i}`)))
    const host = frozen === 'owner' ? owner : other
    const old = log.open(host.pid)[0]!
    host.signal('SIGSTOP')
    const stopped = performance.now()
    const again = await startOf(log, old.job, ({ pid }) => pid === host.pid)
    assert.equal(await group.result({ signal: AbortSignal.timeout(60_000) }), { members: 2, sum: 3 })
    await sleep(stopFor - (performance.now() - stopped))
    const before = await client.job(old.job).view()
    host.signal('SIGCONT')
    // It finds its handler long due, and sends what came of it.
    await until('the old handler ends', () =>
      log.read().some(({ job, pid, what }) => job === old.job && pid === host.pid && what === 'end'),
    )
    await until('the frozen host takes part again', async () =>
      [...(await ownersOf(world.nats, world.namespace)).values()].includes(host.name),
    )
    const after = await superseded(world, old)
    const actors = await allowed(world)
    const { doc, history } = actors.find(({ doc }) => doc._id === `job:${old.job}`)!
    assert.is(doc.state, 'succeeded')
    assert.equal((await client.job(old.job).view()).output, before.output)
    const counted = history.filter((entry) => entry.event.type === 'result' && !entry.superseded)
    assert.equal(
      counted.map(({ event }) => event.dispatch),
      [again.run],
      'only the second run counts',
    )
    assert.is(doc.status, 'done')
    assert.is(log.read().filter(({ job, what }) => job === `${id}/output` && what === 'start').length, 1, 'one output')
    figure(
      `frozen ${frozen}, for ${stopFor / 1000} s: ran again ${again.at - old.at} ms after its start; the late result ${after ? 'is in the history as superseded' : 'left nothing'}`,
    )
  })

/** They stand still beside each other, and while what comes next is played: each in a deployment of its own. */
let freezes: Record<'owner' | 'other', Promise<void>> | undefined
function freezesOf(): Record<'owner' | 'other', Promise<void>> {
  if (freezes) return freezes
  freezes = { owner: freeze('owner'), other: freeze('other') }
  for (const one of Object.values(freezes)) one.catch(() => {})
  return freezes
}

for (const act of ['suspends', 'reports progress', 'submits a child'] as const)
  test(`E4: a frozen worker that wakes up and ${act} changes nothing, while the run after it goes on`, () =>
    inWorld(1, async (world) => {
      freezesOf()
      const { hosts, client, log } = world
      await hosts.start()
      const owners = await settled(world)
      const owner = hosts.alive.find(({ name }) => [...owners.values()].includes(name))!
      // The owner is busy, so that the other host runs it.
      await client.submit(work, { ms: long, number: 1 }, { id: idAt(owners, owner, 'busy') })
      const { pid: busy } = await until('one is busy', () => log.read()[0])
      const free = hosts.alive.find(({ pid }) => pid !== busy)!
      const id = 'f'
      const handle = await client.submit(late, { ms: 4000, act }, { id })
      const old = await startOf(log, id)
      assert.is(old.pid, free.pid)
      free.signal('SIGSTOP')
      await hosts.start()
      const again = await startOf(log, id, ({ run }) => run === old.run)
      await until('its own time is over', () => Date.now() > old.at + 4500)
      free.signal('SIGCONT')
      await until('the old handler ends', () => log.read().some(({ job, run, what }) => job === id && run === old.run && what === 'end'))
      assert.is(
        log.read().filter(({ job, run, what }) => job === id && run === again.run && what === 'end').length,
        0,
        'the new run goes on',
      )
      assert.is(await handle.result({ signal: AbortSignal.timeout(60_000) }), again.run)
      const after = await superseded(world, old)
      const { doc, history } = (await allowed(world)).find(({ doc }) => doc._id === `job:${id}`)!
      assert.is(doc.state, 'succeeded')
      // Frozen before a heartbeat said that it had begun, its loss uses none.
      const { used, unbegun } = (doc.snapshot.context as JobContext).attempts
      assert.is(used + unbegun, 1, 'one loss, and nothing for what came late')
      const counted = history.filter(({ event, superseded }) => event.type === 'result' && !superseded)
      assert.equal(
        counted.map(({ event }) => event.dispatch),
        [again.run],
      )
      assert.is(log.read().filter(({ job, what }) => job === id && what === 'start').length, 2)
      assert.equal(await storedChildren(world, id), [], 'it has no child')
      if (act === 'submits a child')
        assert.ok(
          history.some(({ event, superseded }) => event.type === 'child' && event.dispatch === old.run && superseded),
          'its child came, and too late',
        )
      figure(`frozen, ${act}: what came late ${after ? 'is in the history as superseded' : 'left nothing'}`)
    }))

for (const frozen of ['owner', 'other'] as const)
  test(`E4: nothing of a host that was frozen for ${stopFor / 1000} s is seen when it goes on (${frozen === 'owner' ? 'it owned the partition' : 'it only ran the job'})`, () =>
    freezesOf()[frozen])

async function storedChildren({ mongo, namespace }: World, id: string): Promise<string[]> {
  const actors = await storedActors(mongo, namespace)
  return actors.map(({ doc }) => doc._id).filter((address) => address.startsWith(`job:${id}/`))
}

/** Waits a little for the late result to arrive, and says whether it did. */
async function superseded(world: World, { job, run }: LoggedEffect): Promise<boolean> {
  const find = async () => {
    const actors = await storedActors(world.mongo, world.namespace)
    const found = actors.find(({ doc }) => doc._id === `job:${job}`)
    return found?.history.some(({ event, superseded }) => event.type === 'result' && event.dispatch === run && superseded)
  }
  return until('superseded', find, 8000, 500).catch(() => false)
}

/** A host that owns partitions and runs nothing. By chance a host may own none. */
async function idleOwner(world: World): Promise<{ owner: HostProcess; owners: Map<number, string> }> {
  for (;;) {
    const owner = await world.hosts.start({ jobs: '-' })
    const owners = await settled(world)
    if ([...owners.values()].includes(owner.name)) return { owner, owners }
    await owner.kill()
  }
}

test('E5: a group goes on when the host that owned it dies, and its members run on', () =>
  inWorld(1, async (world) => {
    const { hosts, client, log } = world
    await Promise.all([hosts.start(), hosts.start()])
    const { owner, owners } = await idleOwner(world)
    const id = idAt(owners, owner, 'o')
    const members = [1, 2, 3].map((i) => work.with({ ms: 7000, number: i }, { key: `m${i}` }))
    const group = await client.submitGroup({ id, members, output: bind.with({ ms: 10 }) })
    await Promise.all([1, 2, 3].map((i) => startOf(log, `${id}/m${i}`)))
    await owner.kill()
    assert.equal(await group.result({ signal: AbortSignal.timeout(60_000) }), { members: 3, sum: 6 })
    const starts = log.read().filter(({ what }) => what === 'start')
    assert.is(starts.length, 4, 'each member and the output once: no worker was lost')
    await allowed(world)
  }))

test("R1: what is declared onLost: 'hold' is never run again by itself", () =>
  inWorld(1, async (world) => {
    const { hosts, client, log } = world
    await hosts.start()
    await settled(world)
    const id = 'h'
    await client.submit(once, { ms: long }, { id })
    const { pid } = await startOf(log, id)
    await hosts.alive.find((host) => host.pid === pid)!.kill()
    await until('held', async () => (await client.job(id).view()).state === 'held')
    await sleep(3000)
    assert.is(log.read().length, 1, 'one start, and no other')
    await client.job(id).cancel()
    await allowed(world)
  }))

test('E8: a host that is asked to end gives back what it has not finished; it goes on elsewhere at once', () =>
  inWorld(2, async (world) => {
    const { hosts, client, log } = world
    await hosts.start()
    const owners = await settled(world)
    const leaving = hosts.alive.find(({ name }) => [...owners.values()].includes(name))!
    const id = idAt(owners, leaving, 'e')
    const jobs = [0, 1].map((i) => `${id}/${i}`)
    for (const job of jobs) await client.submit(work, { ms: long, number: 1 }, { id: job })
    const starts = await Promise.all(jobs.map((job) => startOf(log, job)))
    const mine = starts.filter(({ pid }) => pid === leaving.pid)
    assert.ok(mine.length > 0, 'it runs something')
    const told = Date.now()
    const code = leaving.stop()
    const again = await Promise.all(mine.map(({ job, run }) => startOf(log, job, (effect) => effect.run <= run)))
    figure(`orderly end: ${mine.length} jobs go on elsewhere after ${again.map(({ at }) => at - told).join(', ')} ms`)
    assert.is(await code, 0)
    for (const { attempt } of again) assert.is(attempt, 1, 'no attempt is used')
    for (const job of jobs) await client.job(job).cancel()
    await allowed(world)
  }))

const have = await serversFor().catch(
  (error: Error) => void console.log(`skipped: recovery on real servers (${error.message.split('\n')[0]})`),
)
test.after(async () => have?.stop())
if (have) test.run()
