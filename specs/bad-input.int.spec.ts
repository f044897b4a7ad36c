import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import type { Client } from '../src/client.ts'
import { defineJob, type MemberOf } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { isStellwerkError, type StellwerkError } from '../src/errors.ts'
import { createHost, type Host } from '../src/host/host.ts'
import type { Store } from '../src/store/port.ts'
import type { World } from '../src/world.ts'

/** What is wrong is refused at the client's door, with a code and the field, and nothing of it is stored. */
const print = defineJob({ name: 'print', input: z.object({ number: z.string() }), retry: { attempts: 1 } })
const other = defineJob({ name: 'other', input: z.object({ number: z.string() }) })
const unpublished = defineJob({ name: 'unpublished' })
const dig = defineJob({ name: 'dig', retry: { attempts: 1 } })
const block = defineJob({ name: 'block', retry: { attempts: 1 } })

interface Backend {
  name: string
  world(): { world: World; remove(): void }
}
const backends: Backend[] = [
  { name: 'memory', world: () => ({ world: embedded(':memory:'), remove: () => {} }) },
  {
    name: 'embedded',
    world() {
      const folder = mkdtempSync(join(tmpdir(), 'stellwerk-bad-input-'))
      return { world: embedded(folder), remove: () => rmSync(folder, { recursive: true, force: true }) }
    },
  },
]

for (const { name, world: make } of backends) {
  const test = suite(`bad input at the client's door: E1 R7 [${name}]`)
  const { world, remove } = make()
  let store: Store
  let host: Host
  let client: Client

  test.before(async () => {
    host = await createHost({
      on: {
        async connect(options) {
          const connection = await world.connect(options)
          store = connection.store
          return connection
        },
      },
      handlers: [
        print.handler(({ number }) => number),
        other.handler(() => 0),
        dig.handler((levels) => JSON.parse('['.repeat(levels as number) + ']'.repeat(levels as number))),
        block.handler((_, ctx) => new Promise((_, fail) => ctx.signal.addEventListener('abort', () => fail(ctx.signal.reason)))),
      ],
    })
    client = host.client
  })
  test.after(async () => {
    await host.stop({ grace: 100 })
    remove()
  })

  /**
   * All that is stored, but for what the turn loop does afterwards on its own (an outbox that was published). Each test
   * waits for the end of what it submitted: else this would see it end.
   */
  const everything = async (): Promise<string> =>
    JSON.stringify(
      (await store.find({}, undefined, 10_000))
        .sort((a, b) => (a._id < b._id ? -1 : 1))
        .map(({ _id, state, snapshot }) => ({ _id, state, snapshot })),
    )

  async function cancelled(job: { cancel(): Promise<unknown>; result(): Promise<unknown> }): Promise<void> {
    await job.cancel()
    const end: { code?: string } = await job.result().then(
      () => ({}),
      (thrown) => thrown,
    )
    assert.is(end.code, 'JOB_CANCELLED')
  }

  /** Refused with this code and a message that begins with the field; the store is as it was. */
  async function refused(code: string, message: RegExp, call: () => unknown): Promise<StellwerkError> {
    const before = await everything()
    let error: unknown
    try {
      await call()
    } catch (thrown) {
      error = thrown
    }
    assert.ok(error, `nothing was thrown: ${message}`)
    assert.ok(isStellwerkError(error), String(error))
    assert.is((error as StellwerkError).code, code, String(error))
    assert.match((error as StellwerkError).message, message)
    assert.is(await everything(), before, 'nothing is stored')
    return error as StellwerkError
  }

  test('a job that nobody published, by name', async () => {
    await refused('NOT_FOUND', /^job: .*"nobody\.knows"/, () => client.submit('nobody.knows', {}))
    await refused('NOT_FOUND', /^job: .*"not a name \*"/, () => client.submit('not a name *', {}))
    await refused('NOT_FOUND', /^job: /, () => client.submit('', {}))
    await refused('NOT_FOUND', /^members\.0\.job: no host has published/, () =>
      client.submitGroup({ members: [{ definition: 'nobody.knows', input: 1, key: 'a' }] }),
    )
    await refused('NOT_FOUND', /^output\.job: no host has published/, () =>
      client.submitGroup({ members: [], output: { definition: 'nobody.knows', input: 1 } }),
    )
  })

  test('a wrong input', async () => {
    const error = await refused('VALIDATION', /^input\.number: /, () => client.submit(print, { number: 7 as never }, { id: 'wrong' }))
    assert.equal((error as unknown as { issues: { path: unknown[] }[] }).issues[0]!.path, ['input', 'number'])
    await refused('VALIDATION', /^input\.number: /, () => client.submit('print', { number: 7 }, { id: 'wrong' }))
    await refused('VALIDATION', /^input: /, () => client.submit('print', undefined, { id: 'wrong' }))
    await refused('VALIDATION', /^members\.1\.input\.number: /, () =>
      client.submitGroup({
        id: 'wrong',
        members: [print.with({ number: '1' }, { key: 'a' }), print.with({ number: 1 as never }, { key: 'b' })],
      }),
    )
    await refused('VALIDATION', /^output\.input\.number: /, () =>
      client.submitGroup({ id: 'wrong', members: [], output: print.with({} as { number: string }) }),
    )
  })

  test('one bad member among a thousand: none is stored', async () => {
    const members = Array.from({ length: 1000 }, (_, i) => print.with({ number: i === 900 ? (i as never) : String(i) }, { key: `k${i}` }))
    await refused('VALIDATION', /^members\.900\.input\.number: /, () => client.submitGroup({ id: 'thousand', members }))
  })

  test('ids and keys outside the grammar', async () => {
    for (const id of ['', 'a b', 'a.b', 'a/', '/a', 'a//b', 'ä', 'a:b', '../a', 'a*', '>', 'x'.repeat(257), 7 as never, null as never]) {
      await refused('VALIDATION', /^id: .* is not an id/, () => client.submit(print, { number: '1' }, { id }))
      await refused('VALIDATION', /^id: .* is not an id/, () => client.submitGroup({ id, members: [] }))
    }
    for (const key of ['', 'a b', 'a.b', 'ä', undefined as never])
      await refused('VALIDATION', /^members\.0\.key: .* is not an id/, () =>
        client.submitGroup({ id: 'keys', members: [print.with({ number: '1' }, { key })] }),
      )
    for (const key of ['output', 'a/b'])
      await refused('VALIDATION', /^members\.0\.key: .*cannot be a key/, () =>
        client.submitGroup({ id: 'keys', members: [print.with({ number: '1' }, { key })] }),
      )
    await refused('VALIDATION', /^id: an id cannot end with "\/output"/, () => client.submit(print, { number: '1' }, { id: 'g/output' }))
    assert.throws(() => client.job('a b'), /^id: /)
    assert.throws(() => client.group(''), /^id: /)
  })

  test('a key with its group that is too long to be an address', async () => {
    await refused('VALIDATION', /^members\.0\.key: /, () =>
      client.submitGroup({ id: 'g'.repeat(200), members: [print.with({ number: '1' }, { key: 'k'.repeat(200) })] }),
    )
  })

  test('keys that mean something to JavaScript are keys like others', async () => {
    const keys = ['constructor', '__proto__', 'toString', 'hasOwnProperty', '0', '-', '_']
    const members = keys.map((key) => print.with({ number: key }, { key }))
    const group = await client.submitGroup({ id: 'prototype', members, seal: false })
    await group.add(members)
    await group.seal()
    await group.result()
    assert.equal((await group.view()).members, { total: keys.length, succeeded: keys.length, failed: 0, cancelled: 0 })
  })

  test('too large: 512 KB is the limit', async () => {
    const large = { number: 'x'.repeat(1_200_000) }
    await refused('VALIDATION', /^input: 12000\d\d characters of JSON; at most 524288/, () => client.submit(print, large))
    await refused('VALIDATION', /^members\.0\.input: 12000\d\d characters/, () =>
      client.submitGroup({ members: [print.with(large, { key: 'a' })] }),
    )
    await refused('VALIDATION', /^output\.input: 12000\d\d characters/, () =>
      client.submitGroup({ members: [], output: print.with(large) }),
    )
    const job = await client.submit(print, { number: 'x'.repeat(500_000) }, { id: 'large-enough' })
    assert.is(((await job.result()) as string).length, 500_000)
  })

  test('the same id with other content', async () => {
    await (await client.submit(print, { number: '1' }, { id: 'same' })).result()
    await client.submit(print, { number: '1' }, { id: 'same' })
    const error = await conflict(() => client.submit(print, { number: '2' }, { id: 'same' }))
    assert.match(error, /^job:same exists with other content/)
    assert.match(await conflict(() => client.submit(other, { number: '1' }, { id: 'same' })), /^job:same exists/)
    assert.is((await client.job('same').view()).job, 'print')
  })

  test('the order of fields is not content, whatever the size', async () => {
    const fields = (order: string[]) => Object.fromEntries(order.map((key) => [key, 'x'.repeat(10_000)]))
    await client.submit('block', fields(['a', 'b', 'c']), { id: 'order' })
    await client.submit('block', fields(['c', 'b', 'a']), { id: 'order' })
    await cancelled(client.job('order'))
  })

  /** Refused as a conflict; the content of what is stored is as it was. */
  async function conflict(call: () => Promise<unknown>): Promise<string> {
    const before = await everything()
    const error = await call().then(
      () => undefined,
      (thrown) => thrown,
    )
    assert.is(error?.code, 'CONFLICT', String(error))
    assert.is(await everything(), before)
    return error.message
  }

  test('a key with other content', async () => {
    const one = print.with({ number: '1' }, { key: 'a' })
    const two = print.with({ number: '2' }, { key: 'a' })
    const group = await client.submitGroup({ id: 'keys', members: [one], seal: false })
    await group.add([one])
    assert.match(await conflict(() => group.add([two])), /^members\.a: exists with other content/)
    assert.match(await conflict(() => group.add([print.with({ number: '1' }, { key: 'new' }), two])), /^members\.a: /)
    assert.is((await group.view()).members?.total, 1)
    await group.seal()
    await group.result()
    assert.match(await conflict(() => group.add([two])), /^members\.a: /)
    assert.match(await conflict(() => client.submitGroup({ id: 'keys2', members: [one, two] })), /^members\.a: /)
    assert.equal(await store.load(['group:keys2', 'job:keys2/a']), [])
  })

  test('new members after the seal', async () => {
    const group = await client.submitGroup({ id: 'sealed', members: [block.with(1, { key: 'a' })] })
    const error = await group.add([print.with({ number: '1' }, { key: 'b' })]).catch((thrown) => thrown)
    assert.is(error.code, 'NOT_ALLOWED')
    assert.match(error.message, /^group:sealed is sealed: no new members/)
    await group.add([block.with(1, { key: 'a' })])
    assert.equal((await store.load(['job:sealed/b'])).length, 0)
    await group.cancel()
    await group.result().catch(() => {})
    assert.is((await group.add([print.with({ number: '1' }, { key: 'b' })]).catch((thrown) => thrown)).code, 'NOT_ALLOWED')
  })

  test('a group with other options', async () => {
    const members = [print.with({ number: '1' }, { key: 'a' })]
    await (await client.submitGroup({ id: 'options', members, concurrency: 2 })).result()
    await client.submitGroup({ id: 'options', members, concurrency: 2 })
    assert.match(
      await conflict(() => client.submitGroup({ id: 'options', members, concurrency: 3 })),
      /^group:options exists with other options/,
    )
    assert.match(
      await conflict(() => client.submitGroup({ id: 'options', members, concurrency: 2, output: print.with({ number: '1' }) })),
      /other options/,
    )
  })

  test('options that are none', async () => {
    const members: MemberOf[] = []
    const submit = (options: object) => () => client.submitGroup({ id: 'none', members, ...options })
    await refused('VALIDATION', /^concurrency: /, submit({ concurrency: 0 }))
    await refused('VALIDATION', /^concurrency: /, submit({ concurrency: 1.5 }))
    await refused('VALIDATION', /^when: /, submit({ when: 'never' }))
    await refused('VALIDATION', /^onMemberFailure: /, submit({ onMemberFailure: 'panic' }))
    await refused('VALIDATION', /^sealBy: /, submit({ seal: false, sealBy: 'soon' }))
    await refused('VALIDATION', /^sealBy: /, submit({ seal: false, sealBy: -1 }))
    await refused('VALIDATION', /^sealBy: /, submit({ seal: false, sealBy: 1e300 }))
    await refused('VALIDATION', /^labels\.a: /, submit({ labels: { a: 1 } }))
    const one = (options: object) => () => client.submit(print, { number: '1' }, { id: 'none', ...options })
    await refused('VALIDATION', /^priority: /, one({ priority: 10 }))
    await refused('VALIDATION', /^priority: /, one({ priority: '5' }))
    await refused('VALIDATION', /^startAt: /, one({ startAt: 'tomorrow' }))
    await refused('VALIDATION', /^startAt: /, one({ startAt: 1e300 }))
    for (const none of ['2027-02-30', '2027-02-29T08:00:00Z', '2027-04-31T10:00:00+01:00'])
      await refused('VALIDATION', /^startAt: "2027/, one({ startAt: none }))
    await refused('VALIDATION', /^labels: /, one({ labels: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, 'v'])) }))
  })

  test('a definition that is wrong', async () => {
    for (const bad of [
      { name: 'a b' },
      { name: '' },
      { name: 'a..b' },
      { name: 'x', priority: 10 },
      { name: 'x', retry: { attempts: 0 } },
      { name: 'x', timeout: 'soon' },
      { name: 'x', onLost: 'panic' as never },
    ])
      await refused('VALIDATION', /^[a-zA-Z.]+: /, () => defineJob(bad))
  })

  test('what does not exist', async () => {
    for (const call of [
      () => client.job('none').cancel(),
      () => client.job('none').retry(),
      () => client.group('none').seal(),
      () => client.group('none').add([]),
      () => client.job('none').view(),
      () => client.job('none').why(),
      () => client.group('none').history(),
    ])
      await refused('NOT_FOUND', /none does not exist/, call)
  })

  test('what is not possible in its state', async () => {
    const job = await client.submit(print, { number: '1' })
    await job.result()
    for (const [call, name] of [
      [() => job.cancel(), 'cancel'],
      [() => job.retry(), 'retry'],
    ] as const) {
      const error = await call().catch((thrown) => thrown)
      assert.is(error.code, 'NOT_ALLOWED')
      assert.match(error.message, new RegExp(`^${name} is not possible: ${job.address} is succeeded`))
    }
  })

  test('a job without a host that has its handler is taken, and waits', async () => {
    const job = await client.submit(unpublished, { any: 'thing' }, { id: 'waits' })
    const { state, conditions } = await job.why()
    assert.is(state, 'queued')
    assert.is(conditions[0]!.code, 'NO_HANDLER')
    await job.cancel()
  })

  test('what is nested so deep that whoever writes it would run out of stack', async () => {
    const deep = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
    await refused('VALIDATION', /^input: nested deeper than 200/, () => client.submit(block, deep(1000), { id: 'deep' }))
    await cancelled(await client.submit(block, deep(200), { id: 'not-so-deep' }))
    const job = await client.submit(dig, 1000)
    assert.match(String(await job.result().catch((error) => error)), /output: nested deeper than 200/)
  })

  test('input that JSON cannot hold', async () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    await refused('VALIDATION', /^input: /, () => client.submit(unpublished, loop))
    await refused('VALIDATION', /^input: /, () => client.submit(unpublished, { big: 1n }))
    await refused('VALIDATION', /^input: /, () => client.submit(unpublished, () => 1))
  })

  test.run()
}
