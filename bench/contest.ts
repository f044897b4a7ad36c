import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuByProgram } from './processes.ts'
import type { Backend, Scenario } from './scenarios.ts'
import type { BenchServers } from './servers.ts'
import type { Opening } from './side.ts'
import type { Order, RoundReport } from './side-process.ts'
import { median } from './statistics.ts'
import { orderOf } from './turns.ts'

/** Medians of the rounds. `costs` are per member or job. */
export type Outcome = { figures: Record<string, number>; costs: Record<string, number> }

interface Contender {
  backend: Backend
  child: ChildProcess
  folder?: string
  /** Counted rounds. */
  rounds: { figures: Record<string, number>; costs: Record<string, number> }[]
  /** All rounds, the warm-up too. */
  units: number
}

export interface Options {
  entry: string
  rounds: number
  /** No further round begins after so many ms, and one that takes longer is a failure. */
  budget: number
  profile?: string
}

/** Whose CPU time is a side's. */
const programs: Record<Backend, string[]> = {
  embedded: ['node'],
  cluster: ['node', 'nats-server', 'ferretdb', 'postgres'],
  'bullmq always': ['node', 'redis-server'],
  'bullmq everysec': ['node', 'redis-server'],
}

/** Rounds of all take turns, so that what drifts hits all, and in changing order. The first round of each warms up and does not count. */
export async function contest(
  scenario: Scenario,
  backends: readonly Backend[],
  servers: BenchServers,
  options: Options,
): Promise<Map<Backend, Outcome>> {
  const contenders: Contender[] = []
  for (const backend of backends) {
    const contender = await attempt(`${scenario.name} on ${backend}`, () => enter(backend, scenario, servers, options))
    if (contender) contenders.push(contender)
  }
  const until = performance.now() + options.budget
  for (let round = 0; round <= options.rounds && performance.now() < until; round++) {
    for (const contender of orderOf(contenders, round)) {
      const played = await attempt(`${scenario.name} on ${contender.backend}`, () =>
        play(contender, scenario, round, servers, options.budget),
      )
      if (played && round > 0) contender.rounds.push(played)
      if (played) continue
      contender.child.kill('SIGKILL')
      contenders.splice(contenders.indexOf(contender), 1)
    }
  }
  const outcomes = new Map<Backend, Outcome>()
  for (const contender of contenders) {
    const { flushes } = await leave(contender, options.budget)
    const of = (part: 'figures' | 'costs') => medians(contender.rounds.map((round) => round[part]))
    const outcome = { figures: of('figures'), costs: of('costs') }
    if (flushes) outcome.costs['flushes of the folder'] = flushes / contender.units
    outcomes.set(contender.backend, outcome)
  }
  return outcomes
}

async function attempt<T>(what: string, run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run()
  } catch (error) {
    console.error(`${what}: ${(error as Error).message}`)
    process.exitCode = 1
    return undefined
  }
}

async function enter(backend: Backend, scenario: Scenario, servers: BenchServers, { entry, profile, budget }: Options): Promise<Contender> {
  const folder = backend === 'embedded' ? await mkdtemp(join(tmpdir(), 'stellwerk-bench-folder-')) : undefined
  const opening: Opening = {
    backend,
    hosts: scenario.hosts,
    namespace: `b${Date.now().toString(36)}`,
    folder,
    ...(backend === 'cluster' && { nats: servers.nats!.url, mongo: `${servers.mongo!.url}/bench` }),
    ...(backend.startsWith('bullmq') && { redis: servers.redis[backend.endsWith('always') ? 'always' : 'everysec']!.url }),
  }
  const execArgv = profile
    ? ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${scenario.name}-${backend.replace(' ', '-')}.cpuprofile`]
    : []
  const child = fork(entry, [JSON.stringify(opening)], { execArgv })
  await told(child, 'ready', budget)
  return { backend, child, folder, rounds: [], units: 0 }
}

async function play(contender: Contender, scenario: Scenario, round: number, servers: BenchServers, limit: number) {
  const { jobs, groups, members } = scenario.sizes
  const units = jobs + groups * members
  const [messages, cpu] = [await servers.messages(), cpuByProgram()]
  contender.child.send({ scenario, round } satisfies Order)
  const { figures, counts } = (await told(contender.child, 'report', limit)) as RoundReport
  const [messagesAfter, cpuAfter] = [await servers.messages(), cpuByProgram()]
  contender.units += units
  const costs: Record<string, number> = {}
  for (const [name, count] of Object.entries(counts)) costs[name] = count / units
  if (messages && messagesAfter && contender.backend === 'cluster') {
    costs['NATS messages in'] = (messagesAfter.in - messages.in) / units
    costs['NATS messages out'] = (messagesAfter.out - messages.out) / units
    costs['NATS messages stored (each flushed, batches once)'] = (messagesAfter.stored - messages.stored) / units
  }
  let all = 0
  for (const program of programs[contender.backend]) {
    const used = ((cpuAfter[program] ?? 0) - (cpu[program] ?? 0)) / units
    costs[`CPU ms ${program}`] = used
    all += used
  }
  costs['CPU ms, all of it'] = all
  return { figures, costs }
}

async function leave({ child, folder }: Contender, limit: number): Promise<{ flushes?: number }> {
  child.send('close')
  const closed = await attempt('closing', () => told(child, 'closed', limit))
  if (!closed) child.kill('SIGKILL')
  if (folder) await rm(folder, { recursive: true, force: true })
  return (closed as { flushes?: number }) ?? {}
}

/** The next message of this kind; an error if the process ends or takes too long. */
function told(child: ChildProcess, kind: 'ready' | 'report' | 'closed', limit: number): Promise<unknown> {
  return new Promise((done, failed) => {
    const end = (finish: () => void) => {
      clearTimeout(timer)
      child.off('message', hear)
      child.off('exit', gone)
      finish()
    }
    const hear = (message: Record<string, unknown>) => {
      if (kind in message) end(() => done(message[kind]))
    }
    const gone = (code: number) => end(() => failed(new Error(`its process ended with code ${code}`)))
    const timer = setTimeout(() => end(() => failed(new Error(`not finished after ${limit} ms`))), limit)
    child.on('message', hear)
    child.on('exit', gone)
  })
}

function medians(rounds: readonly Record<string, number>[]): Record<string, number> {
  const names = new Set(rounds.flatMap((round) => Object.keys(round)))
  return Object.fromEntries([...names].map((name) => [name, median(rounds.map((round) => round[name] ?? 0))]))
}
