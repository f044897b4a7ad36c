import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureFerret, ensureNats, type RunningServer, startMongo, startNats } from '../../scripts/servers/index.ts'
import { connectClient } from '../../src/cluster.ts'
import { built } from '../support/built.ts'
import { duplicates } from '../support/duplicates.ts'
import { effectLog, type LoggedEffect } from '../support/effect-log.ts'
import { notAllowed } from '../support/effects.ts'
import { figure } from '../support/figures.ts'
import { type Hosts, hostProcesses, hostProgram } from '../support/hosts.ts'
import { type Streams, storedActors, streamsOf } from '../support/inspect.ts'
import { bind, work } from '../support/jobs.ts'
import { type Random, seededRandom, seedOf } from '../support/random.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

/**
 * Everything at once, on real servers: hosts are killed all the time, both servers once, the line to NATS is slow and breaks now and
 * then, and whatever is published may be published again. In the end each member has one end, each group one output with the right
 * total, no start was one that is not allowed, and nothing is left behind.
 */
const namespace = 'fire'
const groups = 50
const membersOfEach = 20
const kills = 30
/** For all that happens while hosts die, and for what is left afterwards. */
const limit = 120_000

interface Member {
  key: string
  ms: number
  number: number
  failFirst: boolean
}
type Plan = Map<string, Member[]>

function planOf(random: Random): Plan {
  const member = (i: number): Member => ({
    key: `m${i}`,
    ms: random.between(50, 400),
    number: random.between(1, 1000),
    failFirst: random.chance(0.05),
  })
  return new Map(Array.from({ length: groups }, (_, g) => [`g${g}`, Array.from({ length: membersOfEach }, (_, i) => member(i))]))
}

const inputOf = ({ ms, number, failFirst }: Member) => ({ ms, number, failFirst })
const output = { ms: 50 }
const totalOf = (members: readonly Member[]) => ({ members: members.length, sum: members.reduce((sum, { number }) => sum + number, 0) })

/** The submit of a group, as a program in any language would write it. */
const commandFor = (id: string, members: readonly Member[]) => ({
  to: `group:${id}`,
  type: 'submit',
  members: members.map((member) => ({ key: member.key, job: work.name, input: inputOf(member) })),
  output: { job: bind.name, input: output },
})

interface Toll {
  kills: number
  whileRunning: number
}

/** Submits the groups while hosts are killed, so that there always is something to do, and answers their results by id. */
async function submitAll(nats: string, plan: Plan, toll: Toll, submitted: string[], signal: AbortSignal): Promise<Map<string, unknown>> {
  await using client = await connectClient({ nats, namespace })
  const results = [...plan].map(async ([id, members], i) => {
    await until(`submit of ${id}`, () => toll.kills >= ((i - 10) * kills) / groups, limit)
    for (;;) {
      try {
        const given = members.map((member) => work.with(inputOf(member), { key: member.key }))
        const group = await client.submitGroup({ id, members: given, output: bind.with(output) })
        submitted.push(id)
        return [id, await group.result({ signal })] as const
      } catch (error) {
        // Nobody answered for a minute: submitting again is the same group.
        if ((error as { code?: string }).code !== 'UNAVAILABLE') return [id, error] as const
      }
    }
  })
  return new Map(await Promise.all(results))
}

/** Kills a host every second, and puts another in its place. */
async function killHosts(
  random: Random,
  hosts: Hosts,
  open: (pid: number) => readonly LoggedEffect[],
  toll: Toll,
  at: (number: number) => void,
) {
  const starting = new Set<Promise<unknown>>()
  while (toll.kills < kills) {
    await sleep(1000)
    // Somebody is always there: the next one dies when another has come.
    if (hosts.alive.length < 3) continue
    const running = hosts.alive.filter(({ pid }) => open(pid).length > 0)
    const victim = random.pick(running.length && random.chance(0.9) ? running : hosts.alive)
    if (!victim) continue
    await victim.kill()
    toll.kills++
    if (open(victim.pid).length) toll.whileRunning++
    const next: Promise<unknown> = hosts.supervise().finally(() => starting.delete(next))
    starting.add(next)
    at(toll.kills)
  }
  await Promise.all(starting)
}

/** Breaks a line to NATS now and then, and at the latest after ten seconds. */
function cutLines(random: Random, proxy: TcpProxy) {
  let cuts = 0
  let seconds = 0
  const timer = setInterval(() => {
    const now = random.chance(0.15) || (++seconds >= 10 && !cuts)
    if (now && proxy.cutOne((lines) => random.between(0, lines - 1))) cuts++
  }, 1000)
  return {
    stop(): number {
      clearInterval(timer)
      return cuts
    },
  }
}

async function killAndRestart(server: RunningServer): Promise<void> {
  await server.kill()
  await sleep(1500)
  await server.restart()
}

const seed = seedOf()
const test = suite('under fire: R1 R2 R6 R7 E3 E4 E5 E8 E9 E10 G1 to G5 [nats, mongo]')

test('hosts and servers die, lines break, everything comes twice: each output once, nothing left', async () => {
  const random = seededRandom(seed)
  const plan = planOf(random)
  const log = effectLog()
  const [nats, mongo, program] = await Promise.all([startNats(), startMongo(), built(hostProgram)])
  const proxy = await tcpProxy(nats.url, { delay: () => random.between(0, 50) })
  const hosts = hostProcesses({ nats: proxy.url, mongo: mongo.url, namespace, log: log.file, slots: 16 }, program.file)
  const began = performance.now()
  try {
    await Promise.all([1, 2, 3, 4, 5].map(() => hosts.start()))
    const submitted: string[] = []
    const toll: Toll = { kills: 0, whileRunning: 0 }
    const copies = await duplicates(nats.url, namespace, random, () => {
      const id = random.pick(submitted)
      return id === undefined ? undefined : { root: id, command: commandFor(id, plan.get(id)!) }
    })
    const signal = AbortSignal.timeout(limit)
    setMaxListeners(0, signal)
    const results = submitAll(nats.url, plan, toll, submitted, signal)
    results.catch(() => {})
    const cutting = cutLines(random, proxy)
    const restarts: Promise<void>[] = []
    const at = (number: number) => {
      if (number === 10) restarts.push(killAndRestart(nats))
      if (number === 20) restarts.push(killAndRestart(mongo))
    }
    await killHosts(random, hosts, log.open, toll, at)
    await Promise.all(restarts)
    const cuts = cutting.stop()
    const fire = performance.now() - began
    const totals = await results
    await copies.stop()
    const done = performance.now() - began
    assert.ok(toll.whileRunning > toll.kills / 2, `${toll.whileRunning} of ${toll.kills} hosts were killed while handlers ran`)
    assert.ok(copies.frames + copies.offers > 0 && copies.commands > 0, 'frames or offers, and submits were published again')
    assert.ok(cuts > 0, 'a line was cut')
    await checkAll({ plan, totals, effects: log.read(), mongo: mongo.url, nats: nats.url })
    const lost = await lostRuns(mongo.url)
    figure(`${toll.kills} hosts killed, ${toll.whileRunning} while handlers ran; NATS and FerretDB killed once each; ${cuts} lines cut`)
    figure(`published again: ${copies.frames} frames, ${copies.offers} offers, ${copies.commands} submits`)
    const starts = log.read().filter(({ what }) => what === 'start').length
    figure(`${groups} groups of ${membersOfEach}: ${starts} starts, ${lost} runs lost`)
    figure(`fire ${seconds(fire)} s, all groups ended after ${seconds(done)} s, nothing left after ${seconds(performance.now() - began)} s`)
  } catch (error) {
    for (const line of hosts.said.slice(-60)) console.log(line)
    throw error
  } finally {
    await hosts.end()
    await proxy.close()
    await nats.stop()
    await mongo.stop()
    log.remove()
    program.remove()
  }
})

const seconds = (ms: number) => (ms / 1000).toFixed(1)

interface Evidence {
  plan: Plan
  totals: Map<string, unknown>
  effects: readonly LoggedEffect[]
  mongo: string
  nats: string
}

async function checkAll({ plan, totals, effects, mongo, nats }: Evidence): Promise<void> {
  for (const [id, members] of plan) assert.equal(totals.get(id), totalOf(members), `total of ${id}`)
  await untilEmpty(nats)
  const actors = await storedActors(mongo, namespace)
  const wrong = notAllowed(effects, actors)
  for (const { doc } of actors) if (doc.status !== 'done' || doc.state !== 'succeeded') wrong.push(`${doc._id} is ${doc.state}`)
  const outputs = actors.filter(({ doc }) => doc._id.endsWith('/output'))
  assert.equal(wrong, [])
  assert.is(outputs.length, groups, 'outputs')
  assert.is(actors.length, groups * (membersOfEach + 2), 'documents')
  assert.equal(unendedOutputs(effects), [], 'outputs whose handler never ran to its end')
}

function unendedOutputs(effects: readonly LoggedEffect[]): string[] {
  const ended = new Set(effects.filter(({ what }) => what === 'end').map(({ job }) => job))
  return Array.from({ length: groups }, (_, g) => `g${g}/output`).filter((job) => !ended.has(job))
}

/** What was taken by a host that died is given out again when its time is over. */
async function untilEmpty(nats: string): Promise<void> {
  let left: Streams | undefined
  const empty = async () => {
    left = await streamsOf(nats, namespace)
    return left.events === 0 && left.work === 0
  }
  await until('the streams are empty', empty, 60_000, 500).catch((error) => {
    throw new Error(`${error.message}: ${left?.events} events, ${left?.work} offers\n${left?.detail.join('\n')}`)
  })
  assert.is(left?.dead, 0, `dead letters: ${left?.detail.join('\n')}`)
}

async function lostRuns(mongo: string): Promise<number> {
  const actors = await storedActors(mongo, namespace)
  return actors.reduce((sum, { history }) => sum + history.filter(({ event }) => event.type === 'lost').length, 0)
}

const [nats, mongo] = await Promise.allSettled([ensureNats(), ensureFerret()])
const missing = [nats, mongo].find((server) => server.status === 'rejected')
if (missing) console.log(`skipped: under fire on real servers (${String(missing.reason.message).split('\n')[0]})`)
else test.run()
