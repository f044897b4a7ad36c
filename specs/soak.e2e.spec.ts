import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { built } from './support/built.ts'
import { streamsOf } from './support/inspect.ts'
import { type Sizes, sizesInFolder, sizesInMongo } from './support/stored-sizes.ts'

/** `--jobs N`: how many in each world. Default: 20,000 in a folder, 1,000 on servers, where half a minute passes before an id is free. */
const { values } = parseArgs({ options: { jobs: { type: 'string' } }, strict: false })
const jobs = (usual: number) => Number(values.jobs ?? usual)

interface World {
  name: string
  jobs: number
  /** For the program. */
  argument: string
  sizes(): Promise<Sizes>
  /** Of the file, where there is one: how far it has ever grown. */
  bytes?(): number
  /** Messages that are left. */
  waiting(): Promise<number>
}

/** Nothing that has ended is kept for longer than a second; then its ids are free. */
async function soak({ jobs: all, argument, sizes, bytes, waiting }: World): Promise<string> {
  const program = await built(join(import.meta.dirname, 'support/soak.ts'))
  const child = spawn(process.execPath, ['--expose-gc', program.file, argument, String(all / 2)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = new Promise((done) => child.once('exit', done))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const say = async (): Promise<Record<string, number>> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the program has ended')
    return JSON.parse(value)
  }
  try {
    const kept: number[] = []
    const grown: number[] = []
    for (const half of [1, 2]) {
      assert.is((await say()).ended, (half * all) / 2)
      const end = Date.now() + 240_000
      for (let left = await sizes(); left.documents + left.pages + (await waiting()); left = await sizes()) {
        assert.ok(Date.now() < end, `${left.documents} documents and ${left.pages} pages are left, ${left.largest.id} among them`)
        await sleep(500)
      }
      child.stdin.write('go on\n')
      kept.push((await say()).bytes!)
      grown.push(bytes?.() ?? 0)
    }
    assert.is(await exited, 0)
    const drift = (of: number[]) => (of[0] ? of[1]! / of[0] : 1)
    assert.ok(drift(grown) <= 1.05, `the store grew from ${grown[0]} to ${grown[1]} bytes`)
    assert.ok(drift(kept) <= 1.1, `memory grew from ${kept[0]} to ${kept[1]} bytes`)
    const mb = (of: number[]) => of.map((size) => `${(size / 1e6).toFixed(1)} MB`).join(' and ')
    return `${all} jobs, nothing left; after each half ${mb(kept)} of memory${bytes ? `, a file of ${mb(grown)}` : ''}`
  } finally {
    child.kill('SIGKILL')
    program.remove()
  }
}

function tell(world: World): void {
  const test = suite(`soak: G7 E11 [${world.name}]`)
  let figure = ''
  process.on('exit', () => console.log(`# [${world.name}] ${figure}`))
  test('under a short retention nothing grows, and nothing is left', async () => {
    figure = await soak(world)
  })
  test.run()
}

const folder = mkdtempSync(join(tmpdir(), 'stellwerk-soak-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
tell({
  name: 'embedded',
  jobs: jobs(20_000),
  argument: folder,
  sizes: () => sizesInFolder(folder),
  bytes: () => statSync(join(folder, 'data.mdb')).size,
  waiting: async () => 0,
})

const { NATS_URL: nats, MONGODB_URL: mongo } = process.env
const namespace = `s${Date.now().toString(36)}`
if (nats && mongo)
  tell({
    name: 'nats, mongo',
    jobs: jobs(1_000),
    argument: JSON.stringify({ nats, mongo, namespace, partitions: 4 }),
    sizes: () => sizesInMongo(mongo, namespace),
    async waiting() {
      const { events, work } = await streamsOf(nats, namespace)
      return events + work
    },
  })
else console.log('skipped: soak on servers (set NATS_URL and MONGODB_URL)')
