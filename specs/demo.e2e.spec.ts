import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PDFDocument } from 'pdf-lib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readDataSet } from '../demo/data.ts'
import { runsOf } from '../demo/runs.ts'
import { openStarts, readStarts } from '../demo/starts.ts'
import { startServers } from '../scripts/servers/index.ts'
import { embedded } from '../src/embedded.ts'
import { createHost } from '../src/index.ts'
import { until } from './support/until.ts'

/**
 * The demo as a user runs it, killed as a user would kill it. What was done is counted in its log of starts, not in states.
 */
const slots = 2
const pages = 49
const folders: string[] = []
const children = new Set<ChildProcess>()

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stellwerk-demo-'))
  folders.push(folder)
  return folder
}

function demo(folder: string, flags: string[], env: NodeJS.ProcessEnv = {}) {
  const args = ['demo/start.mjs', '--out', folder, '--slots', String(slots), ...flags]
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close').then(([code]) => {
    children.delete(child)
    return { code: code as number | null, output }
  })
  return { pid: child.pid!, ended, kill: () => child.kill('SIGKILL') }
}

const startsOf = (folder: string, pid?: number) =>
  readStarts(folder).filter((line) => line.what === 'start' && (pid === undefined || line.pid === pid))
const endsOf = (folder: string) => readStarts(folder).filter(({ what }) => what === 'end')
const linesOfOutput = (folder: string) =>
  readStarts(folder)
    .filter(({ key }) => key === 'output')
    .map(({ what }) => what)
const pagesOf = async (folder: string) => (await PDFDocument.load(readFileSync(join(folder, 'seattle-weather.pdf')))).getPageCount()
const keysOf = async () => [...(await readDataSet()).months.keys()]

function cleanUp(): void {
  for (const child of children) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

const alone = suite('demo: kill -9 in the middle, and started again (R1, R2, R7, E3) [embedded]')

const folder = freshFolder()

alone('is killed in the middle', async () => {
  const first = demo(folder, ['--pace', '100'])
  await until('months made, and some under way', () => endsOf(folder).length >= 12 && openStarts(readStarts(folder)).length > 0)
  first.kill()
  await first.ended
  assert.equal(linesOfOutput(folder), [])
})

alone('goes on where it was, makes only what is missing, and binds once', async () => {
  const ended = endsOf(folder).length
  const second = demo(folder, ['--pace', '0'])
  const { code, output } = await second.ended
  assert.is(code, 0, output)
  const made = Number(/Going on: (\d+) of 48 months/.exec(output)?.[1])
  assert.ok(made <= ended && made >= ended - slots, `${made} were taken for made, ${ended} had ended: ${output}`)
  assert.is(startsOf(folder, second.pid).length, 48 - made + 1)
  assert.equal(linesOfOutput(folder), ['start', 'end'])
  assert.equal([...new Set(endsOf(folder).map(({ key }) => key))].sort(), [...(await keysOf()), 'output'])
  assert.is(await pagesOf(folder), pages)
  console.log(`# ${made} months before the kill, ${startsOf(folder).length} starts in all for 49 jobs`)
})

alone('says that it is done, and does nothing', async () => {
  const before = readStarts(folder).length
  const { code, output } = await demo(folder, []).ended
  assert.is(code, 0, output)
  assert.match(output, 'Done already')
  assert.match(output, '--fresh')
  assert.is(readStarts(folder).length, before)
})

alone('has a reason in its history for every start', async () => {
  await using host = await createHost({ on: embedded(join(folder, 'state')) })
  const { id } = await readDataSet()
  const starts = readStarts(folder)
  for (const key of [...(await keysOf()), 'output']) {
    const own = starts.filter((line) => line.key === key)
    const { runs, explained } = await runsOf(host.client.job(`${id}/${key}`), own, () => 'demo')
    assert.ok(explained, `${key}: ${JSON.stringify(runs)}`)
    assert.is(runs.at(-1)?.fate, 'succeeded')
    assert.ok(runs.slice(0, -1).every(({ fate }) => fate === 'lost'))
  }
})

alone('begins anew with --fresh', async () => {
  const { code, output } = await demo(folder, ['--pace', '0', '--fresh']).ended
  assert.is(code, 0, output)
  assert.is(startsOf(folder).length, pages)
  assert.is(await pagesOf(folder), pages)
})

const together = suite('demo: one of four hosts is killed in the middle (R1, R2, E3, E5) [nats, mongo]')

const servers = await startServers().catch((error: Error) => void console.log(`skipped: demo on a cluster (${error.message})`))

together('every start has its reason, and the book is bound once', async () => {
  const folder = freshFolder()
  const env = { NATS_URL: servers!.nats!.url, MONGODB_URL: servers!.mongo!.url }
  const { code, output } = await demo(folder, ['--cluster'], env).ended
  assert.is(code, 0, output)
  assert.match(output, /Killed host [A-D] with SIGKILL/)
  assert.equal(linesOfOutput(folder), ['start', 'end'])
  assert.is(await pagesOf(folder), pages)
  const starts = startsOf(folder).length
  const again = output.match(/^ {2}\S+ +2 starts: run \d+ at [A-D], lost with it.*; run \d+ at [A-D]$/gm) ?? []
  assert.is(starts, pages + again.length, output)
  assert.ok(again.length <= slots, output)
  console.log(`# ${again.length} runs were lost with their host, ${starts} starts in all for 49 jobs`)
})

alone.after(cleanUp)
together.after(cleanUp)
together.after(async () => servers?.stop())
alone.run()
if (servers) together.run()
