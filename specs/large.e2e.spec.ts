import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import type { Client } from '../src/client.ts'
import { type ClusterOptions, cluster } from '../src/cluster.ts'
import { defineJob, type MemberOf } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { createHost, type Host } from '../src/host/host.ts'
import type { World } from '../src/world.ts'
import { type Sizes, sizesInFolder, sizesInMongo } from './support/stored-sizes.ts'

/** Large outputs and large groups: all arrives, and no document grows beyond 256 KB. */
interface Backend {
  name: string
  world: World
  /** Failing members of the large group. */
  many: number
  sizes(): Promise<Sizes>
  remove(): void
}

const largest = 256 * 1024
const produce = defineJob({ name: 'produce', input: z.object({ letter: z.string(), kb: z.number() }), retry: { attempts: 1 } })
const fail = defineJob({ name: 'fail', input: z.object({ n: z.number() }), retry: { attempts: 1 } })
const count = defineJob({ name: 'count', input: z.object({ n: z.number() }), retry: { attempts: 1 } })
const gather = defineJob({ name: 'gather' })
const any = defineJob({ name: 'any' })

const starts = new Map<string, number>()
const handlers = [
  produce.handler(({ letter, kb }) => letter.repeat(kb * 1024)),
  fail.handler(({ n }) => {
    throw new Error(`member ${n} fails, and says why in a sentence of some length, as errors do: ${'x'.repeat(300)}`)
  }),
  count.handler(({ n }, ctx) => {
    starts.set(ctx.id, (starts.get(ctx.id) ?? 0) + 1)
    return n
  }),
  gather.handler(async (_, ctx) => {
    const { total, succeeded, failed } = ctx.group!
    const seen = { members: 0, characters: 0, errors: 0, sum: 0 }
    const keys = new Set<string>()
    for await (const { key, output, error } of ctx.group!.members()) {
      keys.add(key)
      seen.members++
      if (typeof output === 'string') seen.characters += output.length
      if (typeof output === 'number') seen.sum += output
      if (error) seen.errors++
    }
    return { total, succeeded, failed, keys: keys.size, ...seen }
  }),
  any.handler((input) => input),
]

const backends: Backend[] = []
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-large-'))
backends.push({
  name: 'embedded',
  world: embedded(folder),
  many: 20_000,
  sizes: () => sizesInFolder(folder),
  remove: () => rmSync(folder, { recursive: true, force: true }),
})
const { NATS_URL: nats, MONGODB_URL: mongo } = process.env
if (nats && mongo) {
  const options: ClusterOptions = { nats, mongo, namespace: `s${Date.now().toString(36)}l`, partitions: 4 }
  backends.push({
    name: 'nats, mongo',
    world: cluster(options),
    many: 2000,
    sizes: () => sizesInMongo(mongo, options.namespace!),
    remove: () => {},
  })
} else console.log('skipped: large groups over NATS (set NATS_URL and MONGODB_URL)')

const figures: string[] = []
process.on('exit', () => console.log(figures.join('\n')))

for (const { name, world, many, sizes, remove } of backends) {
  const test = suite(`large outputs, large groups: R2 R3 R7 E11 [${name}]`)
  let host: Host
  let client: Client
  test.before(async () => {
    host = await createHost({ on: world, handlers, slots: 30 })
    client = host.client
  })

  test('30 members with 400 KB outputs', async () => {
    const members = Array.from({ length: 30 }, (_, i) => produce.with({ letter: i % 2 ? 'a' : 'ü', kb: 400 }, { key: `m${i}` }))
    const group = await client.submitGroup({ id: 'outputs', members, output: gather.with(null) })
    const output = (await group.result()) as Record<string, number>
    assert.equal([output.members, output.characters], [30, 30 * 400 * 1024])
    const [one] = (await client.job<string>('outputs/m3').result()) as unknown as [string]
    assert.is(one, 'a')
  })

  test('30 members with inputs of 400 KB', async () => {
    const members = Array.from({ length: 30 }, (_, i) => any.with({ text: '"\\'.repeat(50_000), i }, { key: `m${i}` }))
    const group = await client.submitGroup({ id: 'inputs', members, output: gather.with(null) })
    assert.is(((await group.result()) as Record<string, number>).succeeded, 30)
  })

  test('an input of 1.2 MB is refused', async () => {
    const error = await client.submit(any, 'x'.repeat(1_200_000), { id: 'too-large' }).catch((thrown) => thrown)
    assert.is(error.code, 'VALIDATION')
    assert.is(
      (
        await client
          .job('too-large')
          .view()
          .catch((thrown) => thrown)
      ).code,
      'NOT_FOUND',
    )
  })

  test('an output of 1.2 MB fails its job, and says why', async () => {
    const job = await client.submit(produce, { letter: 'a', kb: 1200 })
    const error = (await job.result().catch((thrown) => thrown)) as { code: string; message: string }
    assert.is(error.code, 'JOB_FAILED')
    assert.match(error.message, /output: \d+ characters of JSON; at most 524288 are kept/)
  })

  test(`${many} members that all fail: the output reads them all`, async () => {
    const members = Array.from({ length: many }, (_, n) => fail.with({ n }, { key: `member-${n}` }))
    const began = performance.now()
    const group = await client.submitGroup({
      id: `${name.slice(0, 4)}-failing-group-with-a-name-of-some-length`,
      members,
      output: gather.with(null),
      onMemberFailure: 'continue',
    })
    const output = (await group.result()) as Record<string, number>
    figures.push(`# [${name}] ${many} failing members and their output: ${((performance.now() - began) / 1000).toFixed(1)} s`)
    assert.equal(output, { total: many, succeeded: 0, failed: many, keys: many, members: many, characters: 0, errors: many, sum: 0 })
    assert.is((await group.view()).members?.failed, many)
    const { history } = await group.history()
    const ends = history.filter(({ event }) => event.type === 'ended' && event.key !== 'output').flatMap(({ event }) => event.of ?? [event])
    assert.is(ends.length, many)
  })

  test('long ids and keys, with a window', async () => {
    const members = Array.from({ length: 2000 }, (_, n) => count.with({ n }, { key: `k${'x'.repeat(100)}${n}` }))
    const group = await client.submitGroup({ id: `g${'y'.repeat(140)}`, members, output: gather.with(null), concurrency: 50 })
    assert.is(((await group.result()) as Record<string, number>).succeeded, 2000)
  })

  test('a submitter that dies after 3 of 10 chunks, and submits the same group again: exactly the right total', async () => {
    const all = 2500
    const member = (n: number): MemberOf => count.with({ n }, { key: `m${n}` })
    const id = name === 'embedded' ? 'again' : 'again-there'
    async function* dying() {
      for (let n = 0; n < all; n++) {
        if (n === 800) throw new Error('the submitter died')
        yield member(n)
      }
    }
    async function* whole() {
      for (let n = 0; n < all; n++) yield member(n)
    }
    const died = await client.submitGroup({ id, members: dying(), output: gather.with(null) }).catch((thrown) => thrown)
    assert.equal([died.code, died.cause.message], ['INCOMPLETE', 'the submitter died'])
    const { state, members } = await client.group(id).view()
    assert.is(state, 'open')
    assert.ok(members!.total > 0 && members!.total < all, `${members!.total} members`)
    const output = (await (await client.submitGroup({ id, members: whole(), output: gather.with(null) })).result()) as Record<
      string,
      number
    >
    assert.equal([output.total, output.succeeded, output.members, output.sum], [all, all, all, (all * (all - 1)) / 2])
    for (let n = 0; n < all; n++) assert.is(starts.get(`${id}/m${n}`), 1)
  })

  test('no document and no page has more than 256 KB', async () => {
    await host.stop()
    const { documents, pages, largest: found } = await sizes()
    figures.push(
      `# [${name}] ${documents} documents, ${pages} pages; the largest has ${Math.round(found.bytes / 1024)} KB: ${found.id.slice(0, 60)}`,
    )
    assert.ok(documents > many)
    assert.ok(found.bytes <= largest, `${found.id}: ${found.bytes} bytes`)
  })

  test.after(async () => {
    await host.stop()
    remove()
  })
  test.run()
}
