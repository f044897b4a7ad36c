import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startServers } from '../scripts/servers/index.ts'
import { cluster } from '../src/cluster.ts'
import { createHost } from '../src/host/host.ts'
import { figure } from './support/figures.ts'
import { storedActors } from './support/inspect.ts'
import { count, gather, idOf } from './support/submitted.ts'
import { until } from './support/until.ts'

/** Who submits a large group is killed in the middle of it, and says it again: the group has exactly its members, and each has run once. */
const size = 10_000
/** Three tenths are sent; and the beginning of what would have been sent next is read. */
const sent = 3000
const read = sent + 350

const servers = await startServers().catch(
  (error: Error) => void console.log(`skipped: a submitter that is killed (${error.message.split('\n')[0]})`),
)
const program = fileURLToPath(new URL('./support/submitter.ts', import.meta.url))
const children = new Set<ChildProcess>()

function submitter(...given: (string | number)[]): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...given.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.add(child)
  return child
}

const test = suite('a submitter that is killed: R2 R3 G1 [nats, mongo]')

test(`killed after ${sent} of ${size} members, it submits the group again: exactly all of them`, async () => {
  const [nats, mongo] = [servers!.nats!.url, servers!.mongo!.url]
  const namespace = `d${Date.now().toString(36)}`
  const starts = new Map<string, number>()
  const ran: string[][] = []
  const began = performance.now()
  await using host = await createHost({
    on: cluster({ nats, mongo, namespace, partitions: 4 }),
    slots: 100,
    handlers: [
      count.handler(({ n }, { id }) => {
        starts.set(id, (starts.get(id) ?? 0) + 1)
        return n
      }),
      gather.handler(async (_, ctx) => {
        const keys: string[] = []
        let sum = 0
        for await (const { key, output } of ctx.group!.members()) {
          keys.push(key)
          sum += output as number
        }
        ran.push(keys)
        return { total: ctx.group!.total, succeeded: ctx.group!.succeeded, sum }
      }),
    ],
  })
  const group = host.client.group('g')
  const total = async () => (await group.view().catch(() => undefined))?.members?.total

  const first = submitter(nats, namespace, size, read)
  await until('three tenths are there', async () => ((await total()) ?? 0) >= sent)
  first.kill('SIGKILL')
  const [, signal] = await once(first, 'exit')
  assert.is(signal, 'SIGKILL')
  // Those that are there run meanwhile: the group is open, and makes no output of a part.
  await until('they have run', () => starts.size >= sent)
  const { state, members } = await group.view()
  assert.equal([state, members!.total, ran.length], ['open', sent, 0])

  const second = submitter(nats, namespace, size)
  const said = JSON.parse(await text(second.stdout!))
  assert.equal(said, { total: size, succeeded: size, sum: (size * (size - 1)) / 2 })
  const keys = Array.from({ length: size }, (_, n) => idOf(n)).sort()
  assert.is(ran.length, 1, 'one output')
  assert.equal(ran[0]!.sort(), keys, 'its output was given each key once')
  assert.equal(
    [...starts.keys()].sort(),
    keys.map((key) => `g/${key}`),
    'these have run',
  )
  assert.ok(
    [...starts.values()].every((count) => count === 1),
    'each once',
  )
  await host.stop()
  const stored = (await storedActors(mongo, namespace)).map(({ doc }) => doc._id)
  assert.equal(stored.sort(), ['group:g', 'job:g/output', ...keys.map((key) => `job:g/${key}`)].sort(), 'and nothing else is stored')
  figure(`killed at ${sent} of ${size} members, submitted again: all had run after ${((performance.now() - began) / 1000).toFixed(1)} s`)
})

test.after(async () => {
  for (const child of children) child.kill('SIGKILL')
  await servers?.stop()
})
if (servers) test.run()
