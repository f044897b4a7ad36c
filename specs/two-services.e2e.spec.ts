import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../src/cluster.ts'
import { effectLog } from './support/effect-log.ts'
import { hostProcesses } from './support/hosts.ts'
import { until } from './support/until.ts'

/**
 * Two services, each a process with handlers for other jobs, share one deployment; a client that has neither's code submits by name.
 * Work goes only where its handler lives; while no such host is up it waits, says why, and uses no attempt.
 */
const nats = process.env.NATS_URL
const mongo = process.env.MONGODB_URL
if (!nats || !mongo) {
  console.log('skipped: two services (set NATS_URL and MONGODB_URL)')
  process.exit(0)
}
const namespace = `s${Date.now().toString(36)}t`
const log = effectLog()
const hosts = hostProcesses({ nats, mongo, namespace, log: log.file, slots: 4 })
const services = {
  printing: () => hosts.start({ jobs: 'work,bind' }),
  archive: () => hosts.start({ jobs: 'once' }),
}
const [printing, archive] = await Promise.all([services.printing(), services.archive()])
const client = await connectClient({ nats, namespace })

const test = suite('two services and a client without their code: E1 R4 [nats, mongo]')

const pids = (prefix: string) =>
  new Set(
    log
      .read()
      .filter(({ job }) => job.startsWith(prefix))
      .map(({ pid }) => pid),
  )
const starts = (job: string) => log.read().filter((effect) => effect.job === job && effect.what === 'start')
const number = (i: number) => ({ ms: 5, number: i })

test('each job runs where its handler lives, and only there', async () => {
  const jobs = await Promise.all(
    Array.from({ length: 20 }, (_, i) => [
      client.submit('work', number(i), { id: `work-${i}` }),
      client.submit('once', { ms: 5 }, { id: `once-${i}` }),
    ]).flat(),
  )
  await Promise.all(jobs.map((job) => job.result()))
  assert.equal([...pids('work-')], [printing.pid])
  assert.equal([...pids('once-')], [archive.pid])
  for (const job of jobs) assert.is(starts(job.id).length, 1)
})

test('what is known of a contract is checked without its code', async () => {
  const refused = (call: Promise<unknown>) =>
    call.then(
      () => assert.unreachable(),
      (error) => error,
    )
  const wrong = await refused(client.submit('work', { ms: 'soon', number: 1 }, { id: 'wrong' }))
  assert.is(wrong.code, 'VALIDATION')
  assert.match(wrong.message, /^input\.ms: /)
  assert.is((await refused(client.submit('nobody.knows', {}))).code, 'NOT_FOUND')
  assert.is((await refused(client.job('wrong').view())).code, 'NOT_FOUND')
})

test('a group with members of both services, and its output', async () => {
  const group = await client.submitGroup({
    id: 'both',
    members: [
      { definition: 'work', input: number(1), key: 'a' },
      { definition: 'once', input: { ms: 5 }, key: 'b' },
      { definition: 'work', input: number(2), key: 'c' },
    ],
    output: { definition: 'bind', input: { ms: 5 } },
  })
  const output = (await group.result()) as { members: number }
  assert.is(output.members, 3)
  assert.equal(
    [...pids('both/a'), ...pids('both/b'), ...pids('both/c'), ...pids('both/output')],
    [printing.pid, archive.pid, printing.pid, printing.pid],
  )
})

test('while no host with its handler is up a job waits, says why, and uses no attempt', async () => {
  assert.is(await archive.stop(), 0)
  const job = await client.submit('once', { ms: 5 }, { id: 'waits' })
  const [condition] = (await job.why()).conditions
  assert.is(condition!.code, 'NO_HANDLER')
  assert.match(condition!.message, /no host that is up has a handler for once/)
  const member = await client.submitGroup({ id: 'half', members: [{ definition: 'once', input: { ms: 5 }, key: 'a' }] })
  // The other service goes on, and takes nothing of it.
  await (await client.submit('work', number(3), { id: 'other' })).result()
  const { since } = condition as { since?: number }
  await until('it has waited for longer than offers are looked for', async () => Date.now() - since! > 9000, 30_000, 500)
  const view = await job.view()
  assert.equal([view.state, view.attempts], ['queued', 0])
  assert.is(starts('waits').length, 0)
  assert.equal(
    (await member.why()).conditions.map(({ code }) => code),
    ['MEMBERS'],
  )

  const next = await services.archive()
  assert.is(await job.result(), next.pid)
  await member.result()
  assert.equal(
    starts('waits').map(({ attempt, pid }) => [attempt, pid]),
    [[1, next.pid]],
  )
  assert.equal((await job.history()).history.filter(({ event }) => event.type === 'claim').length, 1)
  assert.is(starts('half/a').length, 1)
})

test('no host at all: what the stream has is done when one comes', async () => {
  for (const host of hosts.alive) assert.is(await host.stop(), 0)
  const job = await client.submit('work', number(4), { id: 'later', ack: 'queued' })
  assert.is(starts('later').length, 0)
  await services.printing()
  assert.is(await job.result(), 4)
  assert.equal(
    starts('later').map(({ attempt }) => attempt),
    [1],
  )
})

test.after(async () => {
  await client.close()
  await hosts.end()
  log.remove()
})
test.run()
