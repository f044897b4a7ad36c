import { statfs, writeFile } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { compile } from './compile.ts'
import { contest, type Outcome } from './contest.ts'
import { recoveries } from './recovery.ts'
import { type Row, tableOf, unitOf } from './report.ts'
import { type Backend, backends, type Scenario, scenarios } from './scenarios.ts'
import { startAll } from './servers.ts'
import { median } from './statistics.ts'

/**
 * Stellwerk on a folder, and on NATS and MongoDB, beside BullMQ on Redis, in one run and in turns.
 *
 *   npm run bench                          all scenarios, medians of 5 rounds
 *   npm run bench -- --json FILE           also as JSON
 *   npm run bench -- --only groups         one scenario (or several: --only groups,jobs)
 *   npm run bench -- --on embedded         one backend of ours (the peer runs too; --no-peer: without)
 *   npm run bench -- --rounds 2 --quick    few and small
 *   npm run bench -- --profile FOLDER      a CPU profile of each side
 */
const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    only: { type: 'string' },
    on: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'no-peer': { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5))
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds: ${values.rounds} is no number of rounds`)
const every = scenarios(values.quick)
const only = chosenOf(
  '--only',
  values.only,
  every.map(({ name }) => name),
)
const on = chosenOf('--on', values.on, ['embedded', 'cluster'])
const chosen = every.filter(({ name }) => only.includes(name))

const wants = (backend: Backend) => (backend.startsWith('bullmq') ? !values['no-peer'] : on.includes(backend))
const compiled = await compile()
const servers = await startAll({ cluster: wants('cluster'), peer: !values['no-peer'] })
const rows: Row[] = []
try {
  const { nats, mongo, redis } = servers
  console.log(`${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`)
  console.log([nats, mongo, redis.always, redis.everysec].flatMap((server) => server?.how ?? []).join('; '))
  for (const reason of servers.missing) console.log(`left out: ${reason}`)
  if (await inMemory(tmpdir())) console.log(`${tmpdir()} is in memory, so nothing is flushed: set TMPDIR to a folder on a disk`)
  for (const scenario of chosen) {
    const entered = backends.filter((backend) => wants(backend) && canRun(backend, scenario))
    const options = { entry: compiled.entry, rounds, budget: values.quick ? 60_000 : 180_000, profile: values.profile }
    const outcomes = scenario.kind === 'recovery' ? await recover(scenario, entered) : await contest(scenario, entered, servers, options)
    const fresh = rowsOf(scenario, outcomes)
    rows.push(...fresh)
    console.log(`\n${tableOf(fresh.filter(({ unit }) => unit !== 'per member'))}`)
    const costs = fresh.filter(({ unit }) => unit === 'per member')
    if (costs.length) console.log(`\nper member or job:\n${tableOf(costs)}`)
  }
} finally {
  await servers.stop()
  await compiled.remove()
}
const text = JSON.stringify(rows, null, 2)
if (values.json) await writeFile(values.json, `${text}\n`)
console.log(`\n${text}`)

/** All, if none are named. */
function chosenOf(option: string, given: string | undefined, all: readonly string[]): readonly string[] {
  const named = given?.split(',') ?? all
  const unknown = named.find((name) => !all.includes(name))
  if (unknown !== undefined) throw new Error(`${option}: there is no ${unknown}. There are ${all.join(', ')}`)
  return named
}

/** Once for each side, with many kills. Redis needs no second setting for it. */
async function recover({ sizes }: Scenario, entered: readonly Backend[]): Promise<Map<Backend, Outcome>> {
  const outcomes = new Map<Backend, Outcome>()
  for (const backend of entered) {
    if (backend !== 'cluster' && backend !== 'bullmq always') continue
    const took = await recoveries(backend, sizes.kills!, servers, compiled.entry)
    outcomes.set(backend, {
      figures: { 'kill to running again p50': median(took), 'kill to running again max': Math.max(...took) },
      costs: {},
    })
  }
  return outcomes
}

/** tmpfs and ramfs. */
async function inMemory(folder: string): Promise<boolean> {
  return [0x01021994, 0x858458f6].includes((await statfs(folder)).type)
}

function canRun(backend: Backend, { hosts }: Scenario): boolean {
  if (backend === 'embedded') return hosts === 1 // one process at a time has a folder
  if (backend === 'cluster') return Boolean(servers.nats && servers.mongo)
  return Boolean(servers.redis[backend.endsWith('always') ? 'always' : 'everysec'])
}

function rowsOf({ name }: Scenario, outcomes: Map<Backend, Outcome>): Row[] {
  const peer = outcomes.get('bullmq always')
  const everysec = outcomes.get('bullmq everysec')
  const fresh: Row[] = []
  for (const [backend, outcome] of outcomes) {
    if (backend.startsWith('bullmq')) continue
    for (const part of ['figures', 'costs'] as const) {
      for (const [metric, value] of Object.entries(outcome[part])) {
        const its = peer?.[part][metric] ?? null
        const unit = unitOf(metric)
        fresh.push({
          scenario: name,
          backend,
          metric,
          unit,
          value,
          peer: its,
          ratio: its ? value / its : null,
          peerEverysec: everysec?.[part][metric] ?? null,
        })
      }
    }
  }
  return fresh
}
