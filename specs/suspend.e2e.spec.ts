import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { cluster, connectClient } from '../src/cluster.ts'
import { defineJob } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { createHost, type Host } from '../src/host/host.ts'
import type { World } from '../src/world.ts'
import { outsider } from './support/outside.ts'
import { until } from './support/until.ts'

/** Suspend and resume in both worlds, in real time: hosts that restart meanwhile, programs that know nothing but NATS. */
const callbacks = { bank: z.object({ paid: z.boolean() }), stock: z.object({ at: z.string() }), mail: z.string() }
const pay = defineJob({ name: 'pay', callbacks })
const collect = defineJob({ name: 'collect' })
const handlers = [
  // Entered for each of the two; then the mail, which never comes; a large state on the way.
  pay.handler((_, ctx) => {
    const got = { ...((ctx.state as { got: object } | undefined)?.got ?? {}), ...ctx.callbacks } as Record<string, unknown>
    const state = { got, long: 'x'.repeat(100_000) }
    const missing = (['bank', 'stock'] as const).filter((name) => !got[name])
    if (missing.length) return ctx.suspend({ until: missing, need: 'any', state, as: `pay-${ctx.id.replace('/', '-')}-${ctx.round}` })
    if (got.mail === undefined) return ctx.suspend({ until: ['mail'], deadline: '500ms', fallback: { mail: 'none' }, state })
    return got
  }),
  collect.handler(async (_, ctx) => {
    const outputs: unknown[] = []
    for await (const { output } of ctx.group!.members()) outputs.push(output)
    return outputs
  }),
]
const done = { bank: { paid: true }, stock: { at: 'Berne' }, mail: 'none' }
const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'ok',
    (error) => error.code,
  )
const came = (host: Host, id: string, name: string) =>
  until(`${name} came to ${id}`, async () => {
    const view = await host.client
      .job(id)
      .view()
      .catch(() => undefined)
    return view?.suspended?.missing.includes(name) === false && view.suspended
  })

/** One host after the other; the job is suspended while none is up. */
async function throughRestarts(on: World): Promise<void> {
  await using first = await createHost({ on, handlers })
  await first.client.resume('pay-g-a-1', 'bank', { paid: true })
  const group = await first.client.submitGroup({ id: 'g', members: [pay.with({}, { key: 'a' })], output: collect.with({}) })
  await came(first, 'g/a', 'bank')
  assert.is(await codeOf(first.client.resume('pay-g-a-1', 'bank', { paid: false })), 'SUPERSEDED')
  assert.is(await codeOf(first.client.resume('pay-g-a-2', 'stock', { at: 7 })), 'VALIDATION')
  assert.is((await group.view()).state, 'open')
  await first.stop()
  await using second = await createHost({ on, handlers })
  assert.equal((await second.client.job('g/a').view()).suspended?.missing, ['stock'])
  await second.client.job('g/a').resume('stock', { at: 'Berne' })
  assert.equal(await second.client.group('g').result(), [done])
  assert.is(await codeOf(second.client.resume('pay-g-a-2', 'stock', { at: 'Basle' })), 'SUPERSEDED')
}

const folder = suite('suspend and resume: E6 [embedded]')
folder('E6 in a folder, through a restart of its host', async () => {
  const path = mkdtempSync(join(tmpdir(), 'stellwerk-suspend-'))
  try {
    await throughRestarts(embedded(path))
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
})
folder.run()

const { NATS_URL: nats, MONGODB_URL: mongo } = process.env
if (nats && mongo) {
  const namespace = `s${Date.now().toString(36)}u`
  const on = cluster({ nats, mongo, namespace, partitions: 4 })
  const servers = suite('suspend and resume: E6 E1 [nats, mongo]')

  servers('E6 through a restart of the host', () => throughRestarts(on))

  servers('E6 from programs over NATS, as messages and as requests; checked by hosts that have no handler', async () => {
    await using host = await createHost({ on, handlers })
    await using other = await createHost({ on })
    await using client = await connectClient({ nats, namespace })
    const program = await outsider(nats, namespace)
    try {
      const reply = '_INBOX.suspend'
      const heard = await program.listen(reply)
      await program.store('pay-n1-1', { to: 'correlation:pay-n1-1', type: 'resume', name: 'bank', value: { paid: true } })
      await program.store('n1', { to: 'job:n1', type: 'submit', job: 'pay' })
      await came(host, 'n1', 'bank')
      await program.store('n1', { id: 'a', reply, to: 'job:n1', type: 'resume', name: 'bnak', value: 1 })
      await program.store('n1', { id: 'b', reply, to: 'job:n1', type: 'resume', name: 'stock', value: { at: 7 } })
      await program.store('pay-n1-2', { id: 'c', reply, to: 'correlation:pay-n1-2', type: 'resume', name: 'stock', value: {} })
      const codes = await until('three answers', async () => heard.length === 3 && heard)
      assert.equal((codes as { id: string; error: { code: string } }[]).map(({ id, error }) => `${id} ${error.code}`).sort(), [
        'a VALIDATION',
        'b VALIDATION',
        'c VALIDATION',
      ])
      assert.is((await program.letters()).filter(({ to }) => to === 'job:n1' || to === 'correlation:pay-n1-2').length, 3)
      const wrong = await program.request<{ error: { message: string } }>('resume', { to: 'group:n1', name: 'stock' })
      assert.match(wrong.error.message, /^to: must be an address job:<id> or correlation:<id>/)
      const said = await program.request<{ ok: boolean }>('resume', { to: 'correlation:pay-n1-2', name: 'stock', value: { at: 'Berne' } })
      assert.is(said.ok, true)
      assert.equal(await client.job('n1').result(), done)
      const late = await program.request<{ error: { code: string } }>('resume', { to: 'job:n1', name: 'stock', value: { at: 'Basle' } })
      assert.is(late.error.code, 'SUPERSEDED')
      assert.is(await codeOf(client.resume('pay-n1-2', 'stock', { at: 'Basle' })), 'SUPERSEDED')
      void other
    } finally {
      await program.close()
    }
  })
  servers.run()
} else console.log('skipped: suspend and resume in a cluster (set NATS_URL and MONGODB_URL)')
