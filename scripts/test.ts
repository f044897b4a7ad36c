import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { type Servers, startServers } from './servers/index.ts'

/**
 * Runs every spec file in a process of its own, with both servers at hand if they can be had: NATS_URL and MONGODB_URL if set, else
 * Docker, else what can be built (`npm run servers ensure`). Without servers, the specs that need none run, and the others are named.
 * Under CI a skipped spec is a failure. The last line is `N passed, N failed`.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'no-servers': { type: 'boolean' }, kind: { type: 'string' } },
})
const ci = process.env.CI === 'true'
/** What hangs must not take the whole run with it: no spec takes half as long. */
const longest = 10 * 60_000
/** One that has failed may have left a host up. */
const leaving = 30_000

const kinds = values.kind ? [values.kind] : ['unit', 'int', 'e2e']
const files: string[] = []
for (const kind of kinds) files.push(...(await specs(kind)).sort())

async function specs(kind: string): Promise<string[]> {
  const all = await readdir('specs', { recursive: true })
  return all
    .filter((file) => file.endsWith(`.${kind}.spec.ts`) && (!positionals.length || positionals.some((part) => file.includes(part))))
    .map((file) => `specs/${file}`)
}

const mongo = values['no-servers'] || files.every(isPure) ? undefined : await startMongo()
let passed = 0
let failed = 0
const skipped: string[] = []
const failures: string[] = []
const byBackend = new Map<string, number>()

/**
 * Pure specs, and those in virtual time, as many at once as there are processors; then what shares servers and waits for time, one by one, with what has
 * servers of its own and mostly waits for them beside it.
 */
const [timeless, timed] = [files.filter(isTimeless), files.filter((file) => !isTimeless(file))]
await Promise.all(Array.from({ length: availableParallelism() }, () => tryAll(timeless)))
await Promise.all([tryAll(timed.filter((file) => !mostlyWaits(file))), tryAll(timed.filter(mostlyWaits))])
await mongo?.stop()

for (const [backend, count] of [...byBackend].sort()) console.log(`${backend}: ${count} passed`)
for (const line of failures) console.log(line)
for (const line of skipped) console.log(`skipped ${line}`)
if (ci) failed += skipped.length
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed || !passed ? 1 : 0)

/** Takes from the front of `waiting` until none is left. */
async function tryAll(waiting: string[]): Promise<void> {
  for (let file = waiting.shift(); file; file = waiting.shift()) await tryOne(file)
}

async function tryOne(file: string): Promise<void> {
  const started = performance.now()
  const { code, output } = await run(file)
  const counts = read(output)
  passed += counts.passed
  failed += Math.max(counts.failed, code !== 0 && counts.failed === 0 ? 1 : 0)
  skipped.push(...counts.skipped.map((reason) => `${file}: ${reason}`))
  const bad = code !== 0 || counts.failed > 0
  console.log(
    `${bad ? 'FAIL' : 'ok  '} ${file}  ${counts.passed} passed${counts.failed ? `, ${counts.failed} failed` : ''}  ${Math.round(performance.now() - started)} ms`,
  )
  const told = output.split('\n').filter((line) => line.startsWith('# '))
  if (bad) failures.push(`FAIL ${file}`, ...reasons(output))
  if (bad) console.log(output)
  else if (told.length) console.log(told.map((line) => `     ${line}`).join('\n'))
}

function isPure(file: string): boolean {
  return file.endsWith('.unit.spec.ts')
}

/** The rules and the crashes of hosts in one process have a clock of their own. */
function isTimeless(file: string): boolean {
  return isPure(file) || /^specs\/(rules|chaos)\/[^/]+\.int\.spec\.ts$/.test(file)
}

/** Outages take half of the four minutes of one; the other waits for ids to be free again. Each has servers, or a namespace, of its own. */
function mostlyWaits(file: string): boolean {
  return /(servers-away|soak)\.e2e\.spec\.ts$/.test(file)
}

/** One for all: it takes seconds to start. Answers nothing if servers cannot be had. */
async function startMongo(): Promise<Servers | undefined> {
  try {
    // The first one may have to be built, and says what it is.
    const nats = await startServers({ nats: true })
    await nats.stop()
    const mongo = await startServers({ mongo: true })
    console.log(`servers: ${nats.nats?.how}; ${mongo.mongo?.how}`)
    return mongo
  } catch (error) {
    console.log(`no servers: ${(error as Error).message}`)
    if (ci) process.exitCode = 1
    return undefined
  }
}

/** NATS anew for each file, in 50 ms: every namespace reserves 2.25 GB of what a server may keep (three quarters of the free disk), and all together had more than that. */
async function run(file: string): Promise<{ code: number; output: string }> {
  if (!mongo || isTimeless(file)) return runWith(process.env, file)
  try {
    const servers = await startServers({ nats: true })
    const result = await runWith({ ...process.env, NATS_URL: servers.nats?.url, MONGODB_URL: mongo.mongo?.url }, file)
    await servers.stop()
    return result
  } catch (error) {
    return { code: 1, output: `\n   FAIL   ${file}\n    ${(error as Error).message}\n` }
  }
}

function runWith(env: NodeJS.ProcessEnv, file: string): Promise<{ code: number; output: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['--import', 'tsx', file], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const endAfter = (ms: number, why: string) =>
      setTimeout(() => {
        output += `\n   FAIL   ${file}\n    ${why}\n`
        child.kill('SIGKILL')
      }, ms)
    let hangs = endAfter(longest, `has not ended in ${longest / 60_000} minutes`)
    let said = false
    const hear = (data: Buffer) => {
      output += data
      if (said || !/^ {2}Duration: /m.test(output)) return
      said = true
      clearTimeout(hangs)
      hangs = endAfter(leaving, `has not ended ${leaving / 1000} s after its last spec: something is open still`)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('close', (code) => {
      clearTimeout(hangs)
      done({ code: code ?? 1, output })
    })
  })
}

/** Of each test that failed its name and the first line of what it said: repeated at the end, where it is found. */
function reasons(output: string): string[] {
  const text = stripVTControlCharacters(output)
  return [...text.matchAll(/^ +FAIL +(.*)\n +(.*)$/gm)].map(([, name, said]) => `     ${name}: ${said}`)
}

/** uvu prints a line for each suite, `name  • • • (3 / 3)`; a suite's backend stands in brackets at the end of its name. */
function read(output: string): { passed: number; failed: number; skipped: string[] } {
  const text = stripVTControlCharacters(output)
  let passed = 0
  let failed = 0
  for (const [, name, good, all] of text.matchAll(/^(.*?)[•✘\s]*\((\d+) \/ (\d+)\)/gm)) {
    passed += Number(good)
    failed += Number(all) - Number(good)
    const backend = /\[([a-z, ]+)\]/i.exec(name!)?.[1]
    if (backend) byBackend.set(backend, (byBackend.get(backend) ?? 0) + Number(good))
  }
  const skipped = [...text.matchAll(/^skipped: (.*)$/gm)].map(([, reason]) => reason!)
  return { passed, failed, skipped }
}
