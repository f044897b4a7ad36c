import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from 'nats'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { cluster, connectClient } from '../src/cluster.ts'
import { defineJob } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { createHost } from '../src/host/host.ts'
import type { Letter, LetterQuery } from '../src/letters.ts'
import { outsider } from './support/outside.ts'
import { until } from './support/until.ts'

/** Dead letters in both worlds, over restarts of hosts, and from programs that know nothing but NATS. */
const input = z.object({ number: z.string() })
const print = defineJob({ name: 'print', input, retry: { attempts: 2, backoff: 10, jitter: 0 } })
const printed: string[] = []
const handlers = [
  print.handler(({ number }, ctx) => {
    if (number.startsWith('bad')) throw new Error(`no invoice ${number} (attempt ${ctx.attempt})`)
    printed.push(`${ctx.id} ${number}`)
    return number
  }),
]
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error as { code: string; message: string },
  )

const { NATS_URL: nats, MONGODB_URL: mongo } = process.env
const namespace = `letters${Date.now().toString(36)}`
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-letters-'))
const inServers = () => cluster({ nats: nats!, mongo: mongo!, namespace, partitions: 4 })
const worlds = { embedded: () => embedded(folder), ...(nats && mongo ? { 'nats, mongo': inServers } : {}) }
if (!nats || !mongo) console.log('skipped: dead letters in a cluster (set NATS_URL and MONGODB_URL)')

for (const [name, make] of Object.entries(worlds)) {
  const test = suite(`dead letters, over restarts: E13 [${name}]`)
  const start = () => createHost({ on: make(), handlers, log: () => {} })
  test.after(() => rmSync(folder, { recursive: true, force: true }))

  test('a job and a command that came too early: found after a restart, redriven with an edited input, once', async () => {
    printed.length = 0
    let host = await start()
    const list = async (query: LetterQuery = {}) => {
      const found: Letter[] = []
      for await (const letter of host.client.deadLetters.list(query)) found.push(letter)
      return found
    }
    await host.client.submit(print, { number: 'bad-1' }, { id: 'a', labels: { tenant: 'x' } })
    await host.client.submit(print, { number: 'bad-2' }, { id: 'b' })
    await until('both failed', async () => (await list({ kind: 'job' })).length === 2)
    // Refused, with nobody there who hears of it: as a program does that publishes and ends.
    await host.client.submit(print, { number: '0' }, { id: 'c', startAt: Date.now() + 3_600_000 })
    await host.client.submit(print, { number: 'other' }, { id: 'c', ack: 'queued' })
    await until('it is kept', async () => (await list({ code: 'CONFLICT' })).length === 1)
    await host.stop()

    host = await start()
    const all = await list()
    assert.equal(
      all.map(({ kind, to, code }) => [kind, to, code]),
      [
        ['job', 'job:a', 'Error'],
        ['job', 'job:b', 'Error'],
        ['event', 'job:c', 'CONFLICT'],
      ],
    )
    const a = await host.client.deadLetters.get(all[0]!.id)
    assert.equal(a.input, { number: 'bad-1' })
    assert.equal(
      a.runs!.map(({ error }) => error.message),
      ['no invoice bad-1 (attempt 1)', 'no invoice bad-1 (attempt 2)'],
    )
    assert.is((await failure(host.client.deadLetters.redrive(all[0]!.id, { input: { number: 7 } })))!.code, 'VALIDATION')
    await Promise.all([1, 2].map(() => host.client.deadLetters.redrive(all[0]!.id, { input: { number: '1' }, reason: 'wrong number' })))
    assert.is(await host.client.job('a').result(), '1')
    assert.equal(printed, ['a 1'])
    assert.equal(await host.client.deadLetters.drop({ job: 'print', kind: 'job' }), { dropped: 1, refused: [] })
    // Refused again it is a letter again; dropped it is gone.
    assert.is((await failure(host.client.deadLetters.redrive(all[2]!.id)))!.code, 'CONFLICT')
    await until('it is kept again', async () => (await list()).length === 1)
    assert.equal(await host.client.deadLetters.drop({}), { dropped: 1, refused: [] })
    await host.stop()

    host = await start()
    assert.equal(await list(), [])
    await host.stop()
  })
  test.run()
}

if (nats && mongo) {
  const test = suite('dead letters from programs over NATS: E13 [nats, mongo]')

  test('listed, read, redriven and dropped by requests and by a command', async () => {
    const host = await createHost({ on: inServers(), handlers, log: () => {} })
    const outside = await outsider(nats, namespace)
    type Answer = { ok: boolean; letters: Letter[]; letter: { input: unknown }; done: number; refused: unknown[]; state: string }
    const ask = (verb: string, body: unknown) => outside.request<Answer>(verb, body)
    const list = async (query: LetterQuery = {}) => (await ask('deadLetters', { query })).letters
    printed.length = 0
    for (const id of ['p1', 'p2', 'p3'])
      await outside.store(id, { to: `job:${id}`, type: 'submit', job: 'print', input: { number: `bad-${id}` } })
    // Nobody has published that one, yet.
    await outside.store('early', { id: 'once', to: 'job:early', type: 'submit', job: 'later', input: {} })
    await until('all are letters', async () => (await list()).length === 4)
    const early = (await list({ kind: 'event' }))[0]!
    assert.equal([early.to, early.code, early.job], ['job:early', 'NOT_FOUND', 'later'])

    assert.equal((await ask('deadLetter', { letter: 'job:p1@2' })).letter.input, { number: 'bad-p1' })
    const redriven = await ask('redrive', { to: 'job:p1', end: 2, job: 'print', input: { number: '1' } })
    assert.ok(redriven.ok && ['queued', 'running'].includes(redriven.state), JSON.stringify(redriven))
    await outside.store('p2', { id: 'r2', to: 'job:p2', type: 'redrive', end: 2, job: 'print', input: { number: '2' }, reason: 'by hand' })
    await outside.store('p2', { id: 'r2', to: 'job:p2', type: 'redrive', end: 2, job: 'print', input: { number: '2' } })
    await until('both are printed', () => printed.length === 2)
    assert.equal(printed.sort(), ['p1 1', 'p2 2'])
    await outside.store('p3', { to: 'job:p3', type: 'drop', reason: 'not needed' })
    await until('one is left', async () => (await list()).length === 1)

    const refused = await ask('redriveLetters', { letters: [early.id] })
    assert.equal([refused.ok, refused.done, (refused.refused[0] as { code: string }).code], [true, 0, 'NOT_FOUND'])
    const later = defineJob({ name: 'later', input: z.object({}) })
    const second = await createHost({ on: inServers(), handlers: [later.handler(() => 'done')], log: () => {} })
    assert.equal((await ask('redriveLetters', { query: { job: 'later' } })).done, 1)
    await using client = await connectClient({ nats, namespace })
    assert.is(await client.job('early').result(), 'done')
    assert.equal(await list(), [])
    for (const bad of [
      {},
      { letters: 'all' },
      { letters: [early.id], inputs: {} },
      { query: {}, reason: 5 },
      { query: null },
      { letters: ['x'] },
      { query: { state: 'failed' } },
      { query: {}, input: 1 },
      { letters: [early.id], query: {} },
    ])
      assert.is(
        ((await ask('redriveLetters', bad)) as unknown as { error: { code: string } }).error.code,
        'VALIDATION',
        JSON.stringify(bad),
      )
    await second.stop()
    await outside.close()
    await host.stop()
  })

  test('a callback that did not fit is judged anew when it is sent again', async () => {
    const asks = (type: z.ZodType) =>
      defineJob({ name: 'asks', callbacks: { bank: type } }).handler((_, ctx) => ctx.callbacks.bank ?? ctx.suspend({ until: ['bank'] }))
    const outside = await outsider(nats, namespace)
    const first = await createHost({ on: inServers(), handlers: [asks(z.string())], log: () => {} })
    const job = await first.client.submit('asks', null, { id: 'asks' })
    await until('it is suspended', async () => (await job.view()).state === 'suspended')
    await outside.store('asks', { to: 'job:asks', type: 'resume', name: 'bank', value: 5 })
    const letters = async (from = first) => {
      const found: Letter[] = []
      for await (const letter of from.client.deadLetters.list({ kind: 'event' })) if (letter.to === 'job:asks') found.push(letter)
      return found
    }
    await until('it is a letter', async () => (await letters()).length === 1)
    const [{ id }] = (await letters()) as [Letter]
    await outside.close()
    await first.stop()
    await using second = await createHost({ on: inServers(), handlers: [asks(z.union([z.string(), z.number()]))], log: () => {} })
    await second.client.deadLetters.redrive(id)
    assert.is(await second.client.job('asks').result(), 5)
    assert.equal(await letters(second), [])
  })

  test('the stream keeps as long, and as many, as the newest host says', async () => {
    const host = await createHost({
      on: cluster({ nats, mongo, namespace, deadLetters: { age: '1h', count: 3 } }),
      handlers,
      log: () => {},
    })
    const nc = await connect({ servers: nats })
    const { config } = await (await jetstreamManager(nc)).streams.info(`${namespace}-dead`)
    assert.equal([config.max_age, config.max_msgs], [3_600_000_000_000, 3])
    const outside = await outsider(nats, namespace)
    for (let i = 0; i < 5; i++) await outside.store('none', { to: `job:none/${i}`, type: 'cancel' })
    await until('the newest are kept', async () => {
      const letters = await outside.letters()
      return letters.length === 3 && letters[2]!.to === 'job:none/4'
    })
    await outside.close()
    await nc.close()
    await host.stop()
  })
  test.run()
}
