import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob, type Host, type HostOptions } from '../src/index.ts'
import { until } from './support/until.ts'

const test = suite('handlers in threads: W4 W5 R6 isolate [embedded]')
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-isolate-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const module = (name: string) => new URL(`./support/isolated/${name}.ts`, import.meta.url)
const loopInput = z.object({ file: z.string() })
const loop = defineJob({ name: 'loop', input: loopInput, retry: { attempts: 1 } })
const limited = defineJob({ name: 'limited', input: loopInput, retry: { attempts: 1 }, timeout: '3s' })
const does = defineJob({
  name: 'does',
  input: z.object({ how: z.string() }),
  callbacks: { mail: z.string() },
  retry: { attempts: 3, backoff: 20 },
})
const empty = defineJob({ name: 'empty', retry: { attempts: 2, backoff: 10 } })
const floods = defineJob({ name: 'floods', input: z.object({ children: z.int().optional() }), retry: { attempts: 1 } })
const leaves = defineJob({ name: 'leaves', input: z.object({ what: z.string(), during: z.boolean().optional() }), retry: { attempts: 1 } })
const here = defineJob({ name: 'here' })

const host = (slots = 4, on: HostOptions['on'] = embedded(':memory:')): Promise<Host> =>
  createHost({
    on,
    slots,
    log: () => {},
    handlers: [
      loop.handler(module('loop'), { isolate: 'thread', grace: '100ms' }),
      limited.handler(module('loop'), { isolate: 'thread', grace: '100ms' }),
      does.handler(module('does'), { isolate: 'thread' }),
      empty.handler(module('nothing'), { isolate: 'thread' }),
      floods.handler(module('floods'), { isolate: 'thread', grace: '100ms' }),
      leaves.handler(module('leaves'), { isolate: 'thread' }),
      here.handler(() => 'here'),
    ],
  })

const beats = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').length : 0)
/** Nothing more is written: looked at for ten times as long as a beat takes. */
async function stands(file: string): Promise<boolean> {
  const before = beats(file)
  await sleep(200)
  return beats(file) === before
}
const failure = (of: Promise<unknown>) =>
  of.then(
    () => ({ message: 'it did not fail' }),
    (error) => error as { code?: string; message: string },
  )

test('a loop without an end blocks nobody else, is ended by its timeout, and its slot is free', async () => {
  await using h = await host(1)
  const file = join(folder, 'timeout')
  const job = await h.client.submit(limited, { file })
  await until('it runs', () => beats(file) > 0)
  const after = await h.client.submit(here, null)
  const { message } = await failure(job.result())
  assert.match(message, /timeout of 3000 ms/)
  // The only slot: it is free because the thread is gone.
  assert.is(await after.result(), 'here')
  assert.ok(await stands(file))
})

test('one that tells its progress without an end blocks nobody else, and a cancel ends it', async () => {
  await using h = await host(2)
  const job = await h.client.submit(floods, {})
  await until('it runs', async () => (await job.view()).state === 'running')
  const before = process.memoryUsage().rss
  for (let i = 0; i < 20; i++) {
    assert.is(await (await h.client.submit(here, null)).result(), 'here')
    await sleep(100)
  }
  await job.cancel()
  assert.match((await failure(job.result())).message, /was cancelled/)
  assert.ok(process.memoryUsage().rss - before < 200e6, `${process.memoryUsage().rss - before} bytes more`)
})

test('many children at once are submitted a few at a time, and the last progress is told', async () => {
  const told: (number | undefined)[] = []
  await using h = await host(2, {
    async connect(options) {
      const opened = await embedded(':memory:').connect(options)
      const { bus } = opened
      const signal: typeof bus.signal = (subject, list) => {
        told.push(
          ...[list as { progress?: number }]
            .flat()
            .map(({ progress }) => progress)
            .filter((part) => part !== undefined),
        )
        bus.signal(subject, list)
      }
      return { ...opened, bus: { ...bus, signal } }
    },
  })
  const job = await h.client.submit(floods, { children: 1000 })
  assert.is(await job.result(), 1000)
  await until('the last is told', () => told.at(-1) === 1)
})

test('a cancel ends it', async () => {
  await using h = await host(1)
  const file = join(folder, 'cancel')
  const job = await h.client.submit(loop, { file })
  await until('it runs', () => beats(file) > 0)
  await job.cancel({ reason: 'enough' })
  assert.is((await job.view()).state, 'cancelling')
  assert.match((await failure(job.result())).message, /was cancelled: enough/)
  assert.ok(await stands(file))
})

test('the end of its host ends it', async () => {
  const h = await host()
  const file = join(folder, 'stop')
  await h.client.submit(loop, { file })
  await until('it runs', () => beats(file) > 0)
  assert.is(await h.stop({ grace: '100ms' }), false)
  assert.ok(await stands(file))
})

test('W5 told of a shutdown it gives back, with the reason or with what an aborted call makes of it', async () => {
  const on = () => embedded(join(folder, 'world'))
  const h = await createHost({ on: on(), log: () => {}, handlers: [does.handler(module('does'), { isolate: 'thread' })] })
  const job = await h.client.submit(does, { how: 'told' }, { id: 'a' })
  await until('it runs', async () => (await job.view()).state === 'running')
  assert.is(await h.stop({ grace: '20s' }), true)
  await using next = await createHost({ on: on(), log: () => {} })
  const { state, attempts } = await next.client.job('a').view()
  assert.equal([state, attempts], ['queued', 0])
})

test('it has all that a handler has', async () => {
  await using h = await host()
  const run = (how: string) => h.client.submit(does, { how })
  assert.equal(await (await run('progress')).result(), { attempt: 1, run: 1, key: null })
  const terminal = await run('terminal')
  const { message, cause } = (await failure(terminal.result())) as { message: string; cause?: { code?: string; stack?: string } }
  assert.match(message, /never again/)
  assert.equal([cause!.code, (await terminal.view()).attempts], ['TERMINAL', 1])
  assert.match(cause!.stack!, /isolated\/does/)
  assert.is(await (await run('retry-at')).result(), 2)
  const id = (await (await run('child')).result()) as string
  assert.is(await h.client.job(id).result(), 'here')
  const suspended = await run('suspend')
  await until('it is suspended', async () => (await suspended.view()).state === 'suspended')
  await suspended.resume('mail', 'it came')
  assert.is(await suspended.result(), 'it came')
  assert.match((await failure((await run('suspend wrongly')).result())).message, /suspend\.until/)
  assert.match((await failure((await run('suspend with a function')).result())).message, /suspend\.state\.seen: \[Function.* would be lost/)
  assert.match((await failure((await run('no JSON')).result())).message, /output: .*BigInt/)
  assert.match((await failure((await run('lost')).result())).message, /output\.rows\.0: Map\(1\) .* would be lost/)
  assert.match((await failure((await run('suspend with a Set')).result())).message, /suspend\.state\.seen: Set\(1\) .* would be lost/)
})

test('a handler that ends its thread has failed; its slot is free, and its host can end', async () => {
  const h = await host(1)
  const job = await h.client.submit(does, { how: 'exit' })
  assert.match((await failure(job.result({ signal: AbortSignal.timeout(20_000) }))).message, /process\.exit\(3\): it must return/)
  assert.is((await job.view()).attempts, 3)
  assert.is(await (await h.client.submit(here, null)).result(), 'here')
  assert.equal(await (await h.client.submit(does, { how: 'progress' })).result(), { attempt: 1, run: 1, key: null })
  assert.is(await h.stop(), true)
})

test('what a run has left behind fails no other run in its thread', async () => {
  await using h = await host(1)
  const run = async (what: string, during?: boolean) => (await h.client.submit(leaves, { what, during })).result()
  const thread = await run('nothing')
  for (const what of ['timer', 'promise', 'exit']) {
    assert.is(await run(what), thread)
    assert.is(await run('nothing'), thread)
  }
  assert.match((await failure(run('timer', true))).message, /a timer that was left/)
  assert.match((await failure(run('promise', true))).message, /a promise that was left/)
  assert.match((await failure(run('exit', true))).message, /process\.exit\(4\)/)
})

test('a handler that posts to the thread of its host is refused that, and has failed', async () => {
  await using h = await host(1)
  const job = await h.client.submit(leaves, { what: 'message' })
  assert.match((await failure(job.result())).message, /parentPort/)
  assert.is(typeof (await (await h.client.submit(leaves, { what: 'nothing' })).result()), 'number')
})

test('an output reads its members, page by page', async () => {
  await using h = await host()
  const members = Array.from({ length: 450 }, (_, i) => here.with(null, { key: `m${i}` }))
  const group = await h.client.submitGroup({ id: 'g', members, output: does.with({ how: 'members' }) })
  const { id, total, members: read } = (await group.result()) as { id: string; total: number; members: string[] }
  assert.equal([id, total, read.length, read[0]], ['g/output', 450, 450, 'm0 succeeded "here"'])
})

test('a module that is none is refused: where it is named, when the host starts, or when it is run', async () => {
  assert.throws(() => loop.handler('./loop.js', { isolate: 'thread' }), /handler: .*give its URL/)
  assert.throws(() => loop.handler(module('loop'), { isolate: 'process' as never }), /isolate: must be 'thread'/)
  assert.throws(() => loop.handler(module('loop') as never), /handler: must be a function/)
  const absent = loop.handler(module('absent'), { isolate: 'thread' })
  assert.match((await failure(createHost({ on: embedded(':memory:'), handlers: [absent] }))).message, /absent\.ts.*is not there/)
  await using h = await host()
  const job = await h.client.submit(empty, null)
  assert.match((await failure(job.result())).message, /default export must be a function/)
  assert.is((await job.view()).attempts, 1)
})
test.run()
