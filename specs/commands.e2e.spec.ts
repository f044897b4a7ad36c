import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import type { JobContext } from '../actors/job.ts'
import { cluster } from '../src/cluster.ts'
import { defineJob } from '../src/definition.ts'
import type { ActorDocument } from '../src/document.ts'
import { createHost, type Host } from '../src/host/host.ts'
import { mongoStore } from '../src/store/mongo.ts'
import { type Letter, type Outsider, outsider, python } from './support/outside.ts'
import { until } from './support/until.ts'

/** Programs in another language publish commands over NATS, hosts up or not; what is wrong is refused, kept with its reason, and answered. */
const nats = process.env.NATS_URL
const mongo = process.env.MONGODB_URL
if (!nats || !mongo) {
  console.log('skipped: commands over NATS (set NATS_URL and MONGODB_URL)')
  process.exit(0)
}

const print = defineJob({
  name: 'invoice.print',
  input: z.object({ number: z.string(), copies: z.number().int().optional() }),
  retry: { attempts: 1 },
})
const bind = defineJob({ name: 'invoice.bind', input: z.object({ title: z.string() }) })
const wait = defineJob({ name: 'wait', retry: { attempts: 1 } })

const starts = new Map<string, number>()
const started = (id: string) => starts.set(id, (starts.get(id) ?? 0) + 1)
const handlers = [
  print.handler(async ({ number }, ctx) => {
    started(ctx.id)
    if (number === 'faulty' && !mended) throw new Error('no such invoice')
    return { printed: number }
  }),
  bind.handler(async ({ title }, ctx) => {
    started(ctx.id)
    const pages: string[] = []
    for await (const { key, state } of ctx.group!.members()) pages.push(`${key} ${state}`)
    return { title, pages }
  }),
  wait.handler(async (_, ctx) => {
    started(ctx.id)
    await new Promise((_, fail) => ctx.signal.addEventListener('abort', () => fail(ctx.signal.reason)))
  }),
]
let mended = false

const namespace = `s${Date.now().toString(36)}c`
const world = cluster({ nats, mongo, namespace, partitions: 4 })
const store = await mongoStore({ url: mongo, namespace })
const program: Outsider = await (async () => {
  // A deployment that was made before: from now on its streams and contracts are there, hosts or not.
  const first = await createHost({ on: world, handlers })
  await first.stop()
  return outsider(nats, namespace)
})()
let host: Host | undefined
const up = async () => (host ??= await createHost({ on: world, handlers }))
const down = async () => {
  await host?.stop()
  host = undefined
}

const stored = async (address: string): Promise<ActorDocument | undefined> => (await store.load([address]))[0]
const ended = (address: string, state = 'succeeded') =>
  until(`${address} ${state}`, async () => {
    const doc = await stored(address)
    return doc?.state === state && doc
  })
const outputOf = (doc: ActorDocument) => (doc.snapshot.context as { output: { value: unknown } }).output.value
/** The letters that came since, once there are so many. */
async function lettersSince(before: number, count: number): Promise<Letter[]> {
  const letters = await until(`${count} dead letters`, async () => {
    const all = await program.letters()
    return all.length >= before + count && all
  })
  return letters.slice(before)
}
const submit = (id: string, number = id, more = {}) => ({
  to: `job:${id}`,
  type: 'submit',
  job: 'invoice.print',
  input: { number },
  ...more,
})

const test = suite('commands over NATS from any program: E1 E13 R7 W7 [nats, mongo]')

test('hosts down when it is published, started later', async () => {
  const [answer] = (await python(nats, `${namespace}.command.down1`, [submit('down1')])) as { stream: string; seq: number }[]
  assert.ok(answer!.stream.startsWith(namespace) && answer!.seq > 0, 'the answer is that of the stream: it is on disk')
  assert.is(await stored('job:down1'), undefined)
  await up()
  assert.equal(outputOf(await ended('job:down1')), { printed: 'down1' })
  assert.is(starts.get('down1'), 1)
})

test('hosts up: a job', async () => {
  await up()
  await python(nats, `${namespace}.command.up1`, [submit('up1', 'up1', { priority: 9, labels: { from: 'python' } })])
  const doc = await ended('job:up1')
  assert.equal(doc.labels, { from: 'python' })
})

test('a group with members and an output, then add, seal', async () => {
  await up()
  const output = { job: 'invoice.bind', input: { title: 'march' } }
  const members = ['1', '2'].map((key) => ({ key, job: 'invoice.print', input: { number: key } }))
  await python(nats, `${namespace}.command.g1`, [
    { to: 'group:g1', type: 'submit', members, output, seal: false },
    { to: 'group:g1', type: 'add', members: [{ key: '3', job: 'invoice.print', input: { number: 'faulty' } }, ...members] },
    { to: 'group:g1', type: 'seal' },
  ])
  await ended('group:g1')
  const done = await ended('job:g1/output')
  assert.equal(outputOf(done), { title: 'march', pages: ['1 succeeded', '2 succeeded', '3 failed'] })
  for (const key of ['1', '2', '3', 'output']) assert.is(starts.get(`g1/${key}`), 1, key)
})

test('an array of commands in one message', async () => {
  await up()
  const before = (await program.letters()).length
  await python(nats, `${namespace}.command.array`, [
    [submit('array/1'), submit('array/2'), { to: 'job:array/2', type: 'nonsense' }, submit('array/3')],
  ])
  for (const n of [1, 2, 3]) await ended(`job:array/${n}`)
  const [letter] = await lettersSince(before, 1)
  assert.match(letter!.reason.message, /^type: "nonsense" is not a command/)
})

test('cancel and retry', async () => {
  await up()
  await python(nats, `${namespace}.command.c1`, [{ to: 'job:c1', type: 'submit', job: 'wait' }])
  await ended('job:c1', 'running')
  await python(nats, `${namespace}.command.c1`, [{ to: 'job:c1', type: 'cancel', reason: 'not wanted' }])
  await ended('job:c1', 'cancelled')

  await python(nats, `${namespace}.command.r1`, [submit('r1', 'faulty')])
  await ended('job:r1', 'failed')
  mended = true
  await python(nats, `${namespace}.command.r1`, [{ to: 'job:r1', type: 'retry' }])
  await ended('job:r1')
  mended = false
  assert.is(starts.get('r1'), 2)
})

test('W7 update of what has not begun: input, priority and time; refused once it has ended', async () => {
  await up()
  const before = (await program.letters()).length
  const update = (more: object) => ({ to: 'job:u1', type: 'update', ...more })
  const inHour = new Date(Date.now() + 3600_000).toISOString()
  await python(nats, `${namespace}.command.u1`, [
    submit('u1', 'before', { startAt: inHour }),
    update({ input: { number: 'after' }, job: 'invoice.print', priority: 9 }),
    submit('u1/behind'),
  ])
  await ended('job:u1/behind')
  const planned = await ended('job:u1', 'planned')
  const { input, terms } = planned.snapshot.context as JobContext
  assert.equal([input, terms.priority], [{ value: { number: 'after' } }, 9])

  // What is wrong with it is told, and changes nothing.
  const cases: [more: object, code: string, message: RegExp][] = [
    [{}, 'VALIDATION', /nothing to update/],
    [{ input: { number: 'x' } }, 'VALIDATION', /^job: must be the name of its definition/],
    [{ input: { number: 7 }, job: 'invoice.print' }, 'VALIDATION', /^input\.number: /],
    [{ input: { title: 'x' }, job: 'invoice.bind' }, 'VALIDATION', /^job: job:u1 is of the definition invoice.print, not invoice.bind/],
    [{ to: 'job:u1/none', priority: 1 }, 'NOT_FOUND', /job:u1\/none does not exist/],
  ]
  for (const [i, [more, code, message]] of cases.entries()) {
    await program.store('u1', update(more))
    const [letter] = await lettersSince(before + i, 1)
    assert.is(letter!.reason.code, code, JSON.stringify(letter!.reason))
    assert.match(letter!.reason.message, message)
  }
  assert.is(starts.get('u1'), undefined, 'it has not begun')

  await python(nats, `${namespace}.command.u1`, [update({ startAt: Date.now() })])
  assert.equal(outputOf(await ended('job:u1')), { printed: 'after' })
  assert.is(starts.get('u1'), 1)
  const late = await program.request<{ ok: boolean; error?: { code: string } }>('update', update({ priority: 1 }))
  assert.equal([late.ok, late.error?.code], [false, 'NOT_ALLOWED'])
})

test('with an id: applied once, though published three times', async () => {
  await up()
  await python(nats, `${namespace}.command.id1`, [submit('id1', 'faulty')])
  await ended('job:id1', 'failed')
  const retry = { id: 'retry-1', to: 'job:id1', type: 'retry' }
  await python(nats, `${namespace}.command.id1`, [retry])
  await until('the second failure', async () => starts.get('id1') === 2 && (await stored('job:id1'))?.state === 'failed')
  await python(nats, `${namespace}.command.id1`, [retry, retry])
  // Behind the repeats, in the same partition's stream.
  await python(nats, `${namespace}.command.id1`, [submit('id1/after')])
  await ended('job:id1/after')
  assert.is(starts.get('id1'), 2)
  assert.is((await stored('job:id1'))?.state, 'failed')
})

test('without an id: a repeated submit is the same job', async () => {
  await up()
  const before = (await program.letters()).length
  await python(nats, `${namespace}.command.same`, [submit('same'), submit('same'), submit('same'), submit('same/after')])
  await ended('job:same/after')
  await ended('job:same')
  assert.is(starts.get('same'), 1)
  assert.is((await program.letters()).length, before)
})

test('what is wrong goes to the dead letters with the reason, and nothing of it is stored', async () => {
  await up()
  await python(nats, `${namespace}.command.bad`, [submit('bad/present')])
  await ended('job:bad/present')
  const member = (key: string, more = {}) => ({ key, job: 'invoice.print', input: { number: '1' }, ...more })
  const cases: [body: unknown, code: string, message: RegExp][] = [
    ['{ not json', 'NOT_JSON', /not JSON/],
    ['7', 'VALIDATION', /^type: undefined is not a command/],
    [Buffer.from('{"to":"job:bad/1","type":"submit","job":"wait","input":"\xff\xfe"}', 'latin1'), 'NOT_JSON', /not JSON/],
    [
      '{"to":"job:bad/1","type":"submit","job":"wait","input":{"n":[1e400]}}',
      'VALIDATION',
      /^input\.n\.0: Infinity cannot be written as JSON/,
    ],
    ['null', 'VALIDATION', /^type: /],
    [{ to: 'job:bad/1', type: 'explode' }, 'VALIDATION', /^type: "explode" is not a command/],
    [
      { to: 'job:bad/1', type: 'submit', job: 'nobody.knows', input: {} },
      'NOT_FOUND',
      /^job: no host has published a job named "nobody.knows"/,
    ],
    [{ to: 'job:bad/1', type: 'submit', job: 'not a name', input: {} }, 'VALIDATION', /^job: /],
    [submit('bad/1', 7 as never), 'VALIDATION', /^input\.number: .*expected string/],
    [{ ...submit('bad/1'), input: { number: '1', copies: 1.5 } }, 'VALIDATION', /^input\.copies: /],
    [{ ...submit('bad/1'), input: { number: 'x'.repeat(1_200_000) } }, 'VALIDATION', /^input: \d+ characters of JSON; at most 524288/],
    [{ ...submit('bad/1'), to: 'job:bad/a b' }, 'VALIDATION', /^to: must be an address job:<id>/],
    [{ ...submit('bad/1'), to: 'job:bad/../1' }, 'VALIDATION', /^to: /],
    [{ ...submit('bad/1'), to: ':' }, 'VALIDATION', /^to: /],
    [submit('bad/output'), 'VALIDATION', /^to: an id cannot end with/],
    [{ ...submit('bad/1'), to: undefined }, 'VALIDATION', /^to: /],
    [submit('other/1'), 'ADDRESS', /^to: job:other\/1 has another root than the subject, "bad"/],
    [submit('bad/1', '1', { priority: 10 }), 'VALIDATION', /^priority: /],
    [submit('bad/1', '1', { startAt: 'tomorrow' }), 'VALIDATION', /^startAt: must be a time/],
    [submit('bad/1', '1', { startAt: 1e300 }), 'VALIDATION', /^startAt: /],
    [submit('bad/1', '1', { labels: { a: 1 } }), 'VALIDATION', /^labels\.a: /],
    [submit('bad/1', '1', { reply: '$JS.API.STREAM.DELETE.x' }), 'VALIDATION', /^reply: /],
    [submit('bad/1', '1', { id: 'line\nbreak' }), 'VALIDATION', /^id: /],
    [submit('bad/1', '1', { attempts: 3 }), 'VALIDATION', /attempts/],
    [submit('bad/present', 'other content'), 'CONFLICT', /job:bad\/present exists with other content/],
    [{ to: 'job:bad/none', type: 'cancel' }, 'NOT_FOUND', /job:bad\/none does not exist/],
    [{ to: 'job:bad/none', type: 'retry' }, 'NOT_FOUND', /job:bad\/none does not exist/],
    [{ to: 'group:bad', type: 'add', members: [member('1')] }, 'NOT_FOUND', /group:bad does not exist/],
    [{ to: 'group:bad', type: 'submit', members: [member('output')] }, 'VALIDATION', /^members\.0\.key: /],
    [{ to: 'group:bad', type: 'submit', members: [member('1'), member('2', { input: {} })] }, 'VALIDATION', /^members\.1\.input\.number: /],
    [{ to: 'group:bad', type: 'submit', members: [member('1'), member('1', { input: { number: '2' } })] }, 'CONFLICT', /^members\.1: /],
    [{ to: 'group:bad', type: 'submit', members: [member('present')] }, 'CONFLICT', /^members\.present: exists with other content/],
    [{ to: 'group:bad', type: 'submit', output: { job: 'nobody.knows' } }, 'NOT_FOUND', /^output\.job: /],
    [{ to: 'group:bad', type: 'submit', sealBy: 'soon' }, 'VALIDATION', /^sealBy: /],
    [{ to: 'group:bad', type: 'submit', concurrency: 0 }, 'VALIDATION', /^concurrency: /],
    [
      { to: 'group:bad', type: 'submit', members: Array.from({ length: 251 }, (_, i) => member(`m${i}`)) },
      'VALIDATION',
      /^members: at most 250/,
    ],
    [
      {
        to: 'group:bad',
        type: 'submit',
        members: Array.from({ length: 30 }, (_, i) => member(`m${i}`, { input: { number: 'x'.repeat(15_000) } })),
      },
      'VALIDATION',
      /^members: \d+ characters/,
    ],
    [Array.from({ length: 1001 }, () => submit('bad/1')), 'VALIDATION', /^1001 commands/],
    [[], 'VALIDATION', /^a command must be an object/],
  ]
  const before = (await program.letters()).length
  const letters: Letter[] = []
  for (const [i, [body, code, message]] of cases.entries()) {
    await program.store('bad', body)
    const [letter] = await lettersSince(before + i, 1)
    assert.is(letter!.reason.code, code, `${i}: ${JSON.stringify(letter!.reason)}`)
    assert.match(letter!.reason.message, message, `${i}`)
    assert.ok(letter!.subject.startsWith(`${namespace}.dead.`))
    letters.push(letter!)
  }
  assert.equal(letters[0]!.body, { text: '{ not json' }, 'what was no JSON is kept as text')
  assert.equal(letters[8]!.reason.issues, [
    { path: ['input', 'number'], message: letters[8]!.reason.message.slice('input.number: '.length) },
  ])
  const docs = await store.find({ prefix: 'job:bad' }, undefined, 100)
  assert.equal(
    docs.map(({ _id }) => _id),
    ['job:bad/present'],
  )
  assert.equal(await store.find({ prefix: 'group:bad' }, undefined, 100), [])
  assert.equal(await store.find({ prefix: 'job:other' }, undefined, 100), [])
  process.on('exit', () => console.log(`# ${cases.length} kinds of bad commands: each in the dead letters with its reason, none stored`))
})

test('a message as large as messages may be, and wrong: kept in part, and its partition goes on', async () => {
  await up()
  const before = (await program.letters()).length
  await program.store('huge', { to: 'job:huge', type: 'explode', more: 'x'.repeat(8_388_400) })
  const [letter] = await lettersSince(before, 1)
  assert.match(letter!.reason.message, /^type: "explode"/)
  assert.ok((letter!.body as { cut: number }).cut > 8_000_000, JSON.stringify(letter!.body).slice(0, 200))
  await program.store('huge', submit('huge'))
  await ended('job:huge')
})

test('the root "-" is a root like any other: what looks like the envelope of a host is refused, and its partition goes on', async () => {
  await up()
  const before = (await program.letters()).length
  const forged = { options: {}, members: 'xyz', type: 'submit' }
  await program.store('-', { to: 'job:-/forged', event: { type: 'submit', job: 'invoice.print', input: { value: {} }, terms: {} } })
  await program.store('-', { to: 'group:-/forged', event: forged })
  await program.store('-', [{ to: 'group:-/forged', event: forged }])
  await program.store('-', submit('-/real'))
  await ended('job:-/real')
  for (const { reason } of await lettersSince(before, 3)) assert.is(reason.code, 'VALIDATION')
  assert.is(await stored('job:-/forged'), undefined)
})

test('a refusal is short, however much was wrong: it is answered, and its partition goes on', async () => {
  await up()
  const inbox = '_INBOX.long.refusals'
  const heard = (await program.listen(inbox)) as { ok: boolean; error?: { message: string; issues: unknown[] } }[]
  const before = (await program.letters()).length
  program.publish('long', { ...submit('long/1'), reply: inbox, ['x'.repeat(3_000_000)]: 1 })
  program.publish('long', {
    ...submit('long/1'),
    reply: inbox,
    input: Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`f${i}`, i])),
  })
  const labels = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`f${i}`, i]))
  program.publish('long', { ...submit('long/1'), reply: inbox, labels })
  await until('the answers', () => heard.length === 3)
  for (const { error } of heard) assert.ok(JSON.stringify(error).length < 50_000, `${JSON.stringify(error).length}`)
  for (const { reason } of await lettersSince(before, 3)) assert.ok(JSON.stringify(reason).length < 50_000)
  await program.store('long', submit('long/2'))
  await ended('job:long/2')
})

test('the outcome is answered to a plain inbox, applied or refused', async () => {
  await up()
  const inbox = '_INBOX.any.program'
  const heard = (await program.listen(inbox)) as { ok: boolean; id?: string; to?: string; state?: string; error?: { code: string } }[]
  program.publish('rep', submit('rep', 'rep', { id: 'one', reply: inbox }))
  await until('the first answer', () => heard.length === 1)
  const { version, ...first } = heard[0] as Record<string, unknown>
  assert.ok(Number(version) >= 1)
  assert.equal({ ...first, state: '' }, { ok: true, id: 'one', to: 'job:rep', state: '' })
  program.publish('rep', submit('rep', 'other', { id: 'two', reply: inbox }))
  program.publish('rep', { id: 'three', to: 'job:rep', type: 'explode', reply: inbox })
  program.publish('rep', { to: 'group:rep', type: 'seal', reply: inbox })
  await until('the answers', () => heard.length === 4)
  const errors = heard.slice(1).map(({ id, to, error }) => [id, to, error?.code])
  assert.equal(
    errors.sort((a, b) => String(a[2]).localeCompare(String(b[2]))),
    [
      ['two', 'job:rep', 'CONFLICT'],
      [undefined, 'group:rep', 'NOT_FOUND'],
      ['three', 'job:rep', 'VALIDATION'],
    ],
  )
})

test('of a message that brings too many commands each that waits for an answer has one', async () => {
  await up()
  const inbox = '_INBOX.too.many'
  const heard = (await program.listen(inbox)) as { ok: boolean; id?: string; to?: string; error?: { code: string } }[]
  const before = (await program.letters()).length
  const waits = (i: number) => submit(`many/${i}`, 'many', { id: `c${i}`, reply: inbox })
  program.publish('many', [waits(0), ...Array.from({ length: 1000 }, (_, i) => submit(`many/q${i}`)), waits(1), 1, null])
  await until('the answers', () => heard.length === 2)
  assert.equal(
    heard.map(({ id, to, error }) => [id, to, error?.code]),
    [
      ['c0', 'job:many/0', 'VALIDATION'],
      ['c1', 'job:many/1', 'VALIDATION'],
    ],
  )
  assert.is((await lettersSince(before, 1)).length, 1)
  assert.is(await stored('job:many/0'), undefined)
})

test('the same command id with other content is a conflict, and not silence', async () => {
  await up()
  const before = (await program.letters()).length
  await program.store('twice', submit('twice', '1', { id: 'c' }))
  await ended('job:twice')
  await program.store('twice', submit('twice', '2', { id: 'c' }))
  const [letter] = await lettersSince(before, 1)
  assert.is(letter!.reason.code, 'CONFLICT')
})

test('requests: the same commands, answered once the outcome is committed', async () => {
  await up()
  type Answer = { ok: boolean; to?: string; state?: string; error?: { code: string; message: string; issues?: { path: string[] }[] } }
  const ask = (verb: string, body: unknown) => program.request<Answer>(verb, body)
  const before = (await program.letters()).length

  const submitted = await ask('submit', { to: 'job:api1', job: 'invoice.print', input: { number: '1' } })
  assert.ok(submitted.ok && submitted.to === 'job:api1')
  assert.ok(await stored('job:api1'), 'committed when it is answered')
  const wrong = await ask('submit', { to: 'job:api2', job: 'invoice.print', input: {} })
  assert.is(wrong.error?.code, 'VALIDATION')
  assert.equal(wrong.error?.issues?.[0]?.path, ['input', 'number'])
  assert.is((await ask('submit', { to: 'job:api1', job: 'invoice.print', input: { number: '2' } })).error?.code, 'CONFLICT')
  assert.is((await ask('submit', { to: 'job:api3', type: 'retry' })).error?.code, 'VALIDATION')
  assert.is((await ask('submit', 7)).error?.code, 'VALIDATION')
  assert.is((await ask('cancel', { to: 'job:api-none' })).error?.code, 'NOT_FOUND')
  assert.is((await ask('cancel', { to: 'job:api1' })).error?.code ?? 'ok', (await ended('job:api1')) && 'NOT_ALLOWED')

  assert.ok((await ask('submit', { to: 'group:api', output: { job: 'invoice.bind', input: { title: 't' } }, seal: false })).ok)
  assert.ok((await ask('add', { to: 'group:api', members: [{ key: 'a', job: 'invoice.print', input: { number: 'a' } }] })).ok)
  assert.ok((await ask('seal', { to: 'group:api' })).ok)
  await ended('group:api')
  const late = await ask('add', { to: 'group:api', members: [{ key: 'b', job: 'invoice.print', input: { number: 'b' } }] })
  assert.is(late.error?.code, 'NOT_ALLOWED')

  await ask('submit', { to: 'job:api4', job: 'invoice.print', input: { number: 'faulty' } })
  await ended('job:api4', 'failed')
  mended = true
  assert.ok((await ask('retry', { to: 'job:api4' })).ok)
  await ended('job:api4')
  mended = false
  assert.equal(await store.load(['job:api2', 'job:api3']), [])
  assert.is((await program.letters()).length, before, 'who asks is told: nothing more is kept')
  const view = await program.request<{ ok: boolean; view: { state: string } }>('get', { address: 'job:api4' })
  assert.is(view.view.state, 'succeeded')
})

test('the Python client can ask as well', async () => {
  await up()
  const [answer] = (await python(nats, `${namespace}.api.submit`, [{ to: 'job:py', job: 'invoice.print', input: { number: '1' } }])) as {
    ok: boolean
  }[]
  assert.ok(answer!.ok)
})

test.after(async () => {
  await down()
  await program.close()
  await store.close()
})
test.run()
