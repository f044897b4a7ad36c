import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { defineCalendar } from '../src/calendar/calendar.ts'
import { type ChainDefinition, defineChain } from '../src/chain/definition.ts'
import { step } from '../src/chain/step.ts'
import type { ChainRun } from '../src/client.ts'
import { type Context, defineJob } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import { TerminalError } from '../src/errors.ts'
import { createHost } from '../src/host/host.ts'
import type { HostOptions } from '../src/host/host-options.ts'
import { planPicture } from '../src/plan/picture.ts'
import { planTable } from '../src/plan/table.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'
import { refused } from './support/refused.ts'

const load = defineJob({
  name: 'load',
  input: z.object({ of: z.string().optional() }),
  output: z.object({ rows: z.array(z.string()) }),
  retry: { attempts: 2, backoff: '1s' },
})
const post = defineJob({
  name: 'post',
  input: z.object({ rows: z.number() }),
  output: z.object({ posted: z.number() }),
  retry: { attempts: 1 },
})
const print = defineJob({ name: 'print', input: z.object({ row: z.string() }), output: z.string(), retry: { attempts: 1 } })
const bind = defineJob({ name: 'bind', input: z.object({}), output: z.object({ pages: z.number() }) })
const mail = defineJob({ name: 'mail', input: z.object({ text: z.string() }), retry: { attempts: 1 } })

/** load → post; load → print, a group → mail. */
const report = defineChain({
  name: 'report',
  input: z.object({ of: z.string() }),
  steps: {
    mail: step(
      mail.with(({ print, post }, { id, input }) => ({
        text: `${id}: ${print.pages} pages, ${post.posted} posted, of ${input.of}`,
      })),
      {
        after: ['print', 'post'],
      },
    ),
    load: step(load.with((_, { input }) => ({ of: input.of }))),
    post: step(
      post.with(({ load }: { load: { rows: string[] } }) => ({ rows: load.rows.length })),
      { after: ['load'] },
    ),
    print: step(
      { members: ({ load }) => load.rows.map((row: string) => print.with({ row }, { key: row })), output: bind.with({}) },
      { after: ['load'] },
    ),
  },
})

const small = defineChain({ name: 'small', steps: { print: step(print.with({ row: 'a' })) } })

type Behaviour = (job: string, ctx: Context, input: unknown) => unknown

async function deployment(chains: readonly ChainDefinition[], more: Partial<HostOptions> = {}) {
  const clock = virtualClock('2026-11-23T00:00:00+01:00')
  const ran: string[] = []
  const said: string[] = []
  let behave: Behaviour = () => {}
  const enter = async (job: string, ctx: Context, input: unknown) => {
    ran.push(`${job} ${ctx.id}`)
    await behave(job, ctx, input)
  }
  const host = await createHost({
    on: embedded(':memory:', { partitions: 4 }),
    clock,
    chains,
    log: () => {},
    handlers: [
      load.handler(async (input, ctx) => {
        await enter('load', ctx, input)
        return { rows: ['a', 'b', 'c'] }
      }),
      post.handler(async ({ rows }, ctx) => {
        await enter('post', ctx, rows)
        return { posted: rows }
      }),
      print.handler(async ({ row }, ctx) => {
        await enter('print', ctx, row)
        return `page ${row}`
      }),
      bind.handler(async (_, ctx) => {
        await enter('bind', ctx, undefined)
        return { pages: ctx.group!.succeeded }
      }),
      mail.handler(async ({ text }, ctx) => {
        await enter('mail', ctx, text)
        said.push(text)
      }),
    ],
    ...more,
  })
  return {
    clock,
    host,
    client: host.client,
    ran,
    said,
    behave: (next: Behaviour) => {
      behave = next
    },
    async ended(run: ChainRun) {
      for (let i = 0; i < 200 && !(await run.view()).final; i++) await clock.advance('1s')
      return run.view()
    },
  }
}

const chains = suite('chains: a graph of jobs and groups: C2 C4 [embedded]')

chains('started by hand with input: steps in the order of the graph, inputs of earlier outputs, a group among them', async () => {
  const d = await deployment([report])
  const run = await d.client.chain(report).start({ of: 'May' }, { id: 'may' })
  const view = await d.ended(run)
  assert.equal(view.steps, { load: 'succeeded', post: 'succeeded', print: 'succeeded', mail: 'succeeded' })
  assert.equal(d.said, ['report/may: 3 pages, 3 posted, of May'])
  assert.is(d.ran[0], 'load job:report/may/load'.replace('job:', ''))
  assert.equal(d.ran.filter((line) => line.startsWith('print')).sort(), [
    'print report/may/print/a',
    'print report/may/print/b',
    'print report/may/print/c',
  ])
  assert.is((await run.result()).state, 'succeeded')
  assert.equal((await run.view()).input, { of: 'May' })
  await d.host.stop()
})

chains('the same id with the same input is the same instance; another input is a conflict; ids and inputs are checked', async () => {
  const d = await deployment([report])
  await d.client.chain('report').start({ of: 'May' }, { id: 'may' })
  await d.client.chain(report).start({ of: 'May' }, { id: 'may' })
  await refused('CONFLICT', /report\/may was started with another input/, () =>
    d.client.chain('report').start({ of: 'June' }, { id: 'may' }),
  )
  await refused('VALIDATION', /input.of/, () => d.client.chain('report').start({ off: 1 }))
  await refused('VALIDATION', /id: must be an address/, () => d.client.chain('report').start({ of: 'x' }, { id: '2026-11-23' }))
  await refused('NOT_FOUND', /no host has published a chain named "nope"/, () => d.client.chain('nope').start())
  await d.ended(d.client.chain('report').run('may'))
  assert.is(d.ran.filter((line) => line.startsWith('load')).length, 1)
  await d.host.stop()
})

chains(
  'a step has the attempts of its job; what is independent of a failed step goes on, then the chain has failed; a restart goes on from there',
  async () => {
    const d = await deployment([report])
    let broken = true
    const keys: string[] = []
    d.behave((job, ctx) => {
      if (job === 'load' && ctx.attempt === 1) throw new Error('the database sleeps')
      if (job !== 'post') return
      keys.push(ctx.idempotencyKey)
      if (broken) throw new TerminalError('the ledger is closed')
    })
    const run = await d.client.chain(report).start({ of: 'May' }, { id: 'may' })
    const view = await d.ended(run)
    assert.equal(view, { ...view, state: 'failed' })
    assert.equal(view.steps, { load: 'succeeded', post: 'failed', print: 'succeeded', mail: 'skipped' })
    await refused('JOB_FAILED', /chain:report\/may failed: step post failed: the ledger is closed/, () => run.result())
    assert.is((await run.why()).conditions[0]!.message, 'step post failed: the ledger is closed (restart it)')
    await refused('NOT_ALLOWED', /it is a step of chain:report\/may: restart that/, () => d.client.job('report/may/post').retry())
    broken = false
    const before = d.ran.length
    await run.restart()
    assert.is((await d.ended(run)).state, 'succeeded')
    assert.equal(d.ran.slice(before), ['post report/may/post', 'mail report/may/mail'])
    assert.equal([...new Set(keys)], ['job:report/may/post'], 'the same job, with the same idempotency key')
    await refused('NOT_ALLOWED', /has not failed/, () => run.restart())
    await d.host.stop()
  },
)

chains('all-finished: a step runs however those before it ended, and gets what there is', async () => {
  const tidy = defineChain({
    name: 'tidy',
    steps: {
      load: step(load.with({})),
      post: step(post.with({ rows: 1 })),
      mail: step(
        mail.with(({ load, post }) => ({ text: `${load ? 'loaded' : 'not loaded'}, ${post ? 'posted' : 'not posted'}` })),
        {
          after: ['load', 'post'],
          when: 'all-finished',
        },
      ),
    },
  })
  const d = await deployment([tidy])
  d.behave((job) => {
    if (job === 'post') throw new TerminalError('no')
  })
  const run = await d.client.chain('tidy').start()
  assert.is((await d.ended(run)).state, 'failed')
  assert.equal(d.said, ['loaded, not posted'])
  await d.host.stop()
})

chains('all-finished: a step that never began is not waited for', async () => {
  const steps = {
    load: step(load.with({})),
    post: step(post.with({ rows: 1 }), { after: ['load'] }),
    print: step({ members: [print.with({ row: 'a' }, { key: 'a' })] }, { after: ['load'] }),
    mail: step(
      mail.with((outputs) => ({ text: JSON.stringify(outputs) })),
      { after: ['load', 'post', 'print'], when: 'all-finished' },
    ),
  }
  const d = await deployment([defineChain({ name: 'tidy', steps })])
  d.behave((job) => {
    if (job === 'load') throw new TerminalError('no')
  })
  const run = await d.client.chain('tidy').start()
  const { state, steps: ended } = await d.ended(run)
  assert.equal([state, ended], ['failed', { load: 'failed', post: 'skipped', print: 'skipped', mail: 'succeeded' }])
  assert.equal(d.said, ['{}'])
  await d.host.stop()
})

chains('cancelled: what runs is told, what waits never begins, and a restart goes on', async () => {
  const d = await deployment([report])
  const told: unknown[] = []
  let slow = true
  d.behave(async (job, ctx) => {
    if (job !== 'print' || !slow) return
    ctx.signal.addEventListener('abort', () => told.push((ctx.signal.reason as { code: string }).code))
    await new Promise((_, fail) => ctx.signal.addEventListener('abort', () => fail(ctx.signal.reason)))
  })
  const run = await d.client.chain(report).start({ of: 'May' }, { id: 'may' })
  await d.clock.advance('5s')
  await run.cancel()
  const view = await d.ended(run)
  assert.is(view.state, 'cancelled')
  assert.equal(told, ['JOB_CANCELLED', 'JOB_CANCELLED', 'JOB_CANCELLED'])
  assert.equal(view.steps, { load: 'succeeded', post: 'succeeded', print: 'cancelled', mail: 'skipped' })
  slow = false
  await run.restart()
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.equal(d.said, ['report/may: 3 pages, 3 posted, of May'])
  assert.ok(d.ran.includes('print report/may/2/print/a'), 'a group is a new one')
  await d.host.stop()
})

chains('cancelled while an input and the members of a group are made: nothing of them begins, and a restart makes them anew', async () => {
  let d: Awaited<ReturnType<typeof deployment>>
  const made = async <T>(input: T): Promise<T> => {
    await d.clock.sleep('10s')
    return input
  }
  const slow = defineChain({
    name: 'slow',
    steps: {
      post: step(post.with(() => made({ rows: 1 }))),
      print: step({
        members: async function* () {
          for (let i = 0; i < 600; i++) {
            if (i === 550) await d.clock.sleep('10s')
            yield print.with({ row: `${i}` }, { key: `${i}` })
          }
        },
        concurrency: 1,
        output: bind.with({}),
      }),
    },
  })
  d = await deployment([slow])
  const run = await d.client.chain(slow).start(undefined, { id: 'x' })
  await d.clock.advance('1s')
  const cancelled = run.cancel({ reason: 'wrong month' })
  await d.clock.settled()
  await cancelled
  const begun = d.ran.length
  const view = await d.ended(run)
  assert.equal([view.state, view.steps], ['cancelled', { post: 'cancelled', print: 'cancelled' }])
  assert.equal(d.ran.slice(begun), [])
  assert.not(d.ran.some((line) => line.startsWith('post')))
  await refused('NOT_FOUND', /does not exist/, () => d.client.job('slow/x/post').view())
  await run.restart()
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.ok(d.ran.includes('post slow/x/2/post') && d.ran.includes('bind slow/x/2/print/output'))
  await d.host.stop()
})

chains('a step that was cancelled while it ran is restarted as the same job, with the same idempotency key', async () => {
  const d = await deployment([small])
  const keys: string[] = []
  d.behave(async (_, ctx) => {
    keys.push(ctx.idempotencyKey)
    if (keys.length === 1) await new Promise((_, fail) => ctx.signal.addEventListener('abort', () => fail(ctx.signal.reason)))
  })
  const run = await d.client.chain(small).start(undefined, { id: 'x' })
  await d.clock.advance('5s')
  await run.cancel()
  assert.is((await d.ended(run)).state, 'cancelled')
  await run.restart()
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.is(keys.length, 2)
  assert.is(keys[0], keys[1])
  await d.host.stop()
})

chains('the id of a step that other work has: it has failed, and a restart takes another', async () => {
  const d = await deployment([small])
  await d.client.submit(print, { row: 'other' }, { id: 'small/x/print' })
  const run = await d.client.chain(small).start(undefined, { id: 'x' })
  assert.is((await d.ended(run)).state, 'failed')
  await run.restart()
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.ok(d.ran.includes('print small/x/2/print'))
  await d.host.stop()
})

chains('an input that does not fit is a failed step, and says why; a maker that throws is tried again', async () => {
  let calls = 0
  const odd = defineChain({
    name: 'odd',
    steps: {
      load: step(load.with({})),
      post: step(
        post.with(() => {
          calls++
          if (calls < 3) throw new Error('not yet')
          return { rows: 'many' as never }
        }),
        { after: ['load'] },
      ),
    },
  })
  const d = await deployment([odd])
  const run = await d.client.chain('odd').start(undefined, { id: 'x' })
  const view = await d.ended(run)
  assert.equal(view.steps, { load: 'succeeded', post: 'failed' })
  assert.is(calls, 3)
  assert.match((await d.client.job('odd/x/post').view()).error!.message, /input\.rows/)
  await d.host.stop()
})

chains('large outputs go from step to step', async () => {
  const big = defineJob({ name: 'big', output: z.object({ text: z.string() }) })
  const count = defineJob({ name: 'count', input: z.object({ text: z.string() }), output: z.number() })
  const wide = defineChain({
    name: 'wide',
    steps: {
      big: step(big.with({})),
      count: step(
        count.with(({ big }) => ({ text: big.text })),
        { after: ['big'] },
      ),
    },
  })
  const d = await deployment([wide], {
    handlers: [big.handler(() => ({ text: 'x'.repeat(300_000) })), count.handler(({ text }) => text.length)],
  })
  const run = await d.client.chain('wide').start(undefined, { id: 'w' })
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.is(await d.client.job<number>('wide/w/count').result(), 300_000)
  await d.host.stop()
})

chains('what a group has put out stays as long as its chain, which may be restarted late', async () => {
  const d = await deployment([report], { retention: { finished: { age: '1m' }, failed: { age: '1d' } } })
  let broken = true
  d.behave((job) => {
    if (job === 'post' && broken) throw new TerminalError('the ledger is closed')
  })
  const run = await d.client.chain(report).start({ of: 'May' }, { id: 'may' })
  await d.ended(run)
  await d.clock.advance('1h')
  broken = false
  await run.restart()
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.equal(d.said, ['report/may: 3 pages, 3 posted, of May'])
  await d.host.stop()
})

/** The first step is a group that is made of nothing before it. */
const pages = defineChain({
  name: 'pages',
  runs: [{ calendar: defineCalendar({ name: 'daily', timezone: 'UTC', days: ['mon'] }), at: '12:00' }],
  steps: {
    print: step({
      members: () => ['a', 'b', 'c'].map((row) => print.with({ row: made(row) as string }, { key: row })),
      when: 'all-succeeded',
      output: bind.with({}),
    }),
  },
})
let made: (row: string) => unknown = (row) => row
const reasons: [what: string, made: (row: string) => unknown, behave: Behaviour, because: RegExp][] = [
  [
    'its maker threw',
    () => {
      throw new TerminalError('no rows')
    },
    () => {},
    /^step print failed: its members were not made: no rows$/,
  ],
  ['its maker made nonsense', () => 5, () => {}, /^step print failed: its members were not made: .*row/],
  [
    'a member failed',
    (row) => row,
    (job, _, row) => {
      if (job === 'print' && row !== 'a') throw new TerminalError('paper jam')
    },
    /^step print failed: 2 of 3 members failed, the first of them [bc]: paper jam$/,
  ],
  [
    'its output failed',
    (row) => row,
    (job) => {
      if (job === 'bind') throw new TerminalError('no glue')
    },
    /^step print failed: its output failed: no glue$/,
  ],
]
for (const [what, making, behaviour, because] of reasons)
  chains(`why a group step failed is told by its chain, its plan and the group: ${what}: C2`, async () => {
    const d = await deployment([pages])
    made = making as typeof made
    d.behave((job, ctx, input) => behaviour(job, ctx, (input as { row?: string })?.row ?? input))
    await d.clock.advance('14h')
    const run = d.client.chain(pages).run('2026-11-23/main')
    const view = await d.ended(run)
    assert.is(view.state, 'failed')
    assert.match(view.error!.message, because)
    const [condition] = (await run.why()).conditions
    assert.match(condition!.message.replace(' (restart it, or remove it from its plan)', ''), because)
    const { rows } = await d.client.plan('2026-11-23').show()
    assert.match(rows[0]!.words.replace(/^failed at 12:0\d(:\d\d)?: /, ''), because)
    const group = await d.client
      .group('pages/2026-11-23/main/print')
      .result()
      .then(() => 'succeeded', String)
    assert.match(
      group,
      what.includes('maker') ? /was cancelled: its members were not made: / : /: no glue|failed: 2 of 3 members failed, .*: paper jam/,
    )
    await d.host.stop()
  })

chains('what a maker makes is refused where JSON would lose it', async () => {
  const lossy = defineChain({ name: 'lossy', steps: { post: step(post.with(() => ({ rows: Number.NaN }))) } })
  const d = await deployment([lossy])
  const run = await d.client.chain(lossy).start(undefined, { id: 'x' })
  const view = await d.ended(run)
  assert.is(view.error!.message, 'step post failed: its input was not made: input.rows: NaN cannot be written as JSON: it would be lost')
  await d.host.stop()
})

for (const when of ['has ended', 'runs'] as const)
  chains(`a group of somebody else that has the id of a step, and ${when}, is neither taken nor cancelled`, async () => {
    const d = await deployment([news])
    let going = when === 'runs'
    d.behave(async (_, ctx) => {
      while (going && ctx.id === 'news/x/print/other') await d.clock.sleep('1s')
    })
    const members = [print.with({ row: 'o' }, { key: 'other' })]
    const other = await d.client.submitGroup({ id: 'news/x/print', members, output: bind.with({}) })
    await d.clock.advance('1s')
    const run = await d.client.chain(news).start(undefined, { id: 'x' })
    const view = await d.ended(run)
    assert.equal(view.steps, { print: 'failed', mail: 'succeeded' })
    assert.match(view.error!.message, /step print failed: its members were not made: group:news\/x\/print exists with other options/)
    assert.is((await other.view()).state, when === 'runs' ? 'open' : 'succeeded')
    going = false
    await d.clock.advance('2s')
    assert.is((await other.view()).state, 'succeeded')
    await run.restart()
    assert.equal((await d.ended(run)).steps, { print: 'succeeded', mail: 'succeeded' })
    assert.equal(d.ran.filter((line) => line.startsWith('bind')).sort(), ['bind news/x/2/print/output', 'bind news/x/print/output'])
    assert.equal(d.said, ['no pages', '1 pages'])
    await d.host.stop()
  })

chains('members that never come fail their step', async () => {
  const waits = defineChain({ name: 'waits', steps: { print: step({ members: () => new Promise<never>(() => {}) }) } })
  const d = await deployment([waits])
  const run = await d.client.chain('waits').start(undefined, { id: 'x' })
  await d.clock.advance('31m')
  const { state, error } = await run.view()
  assert.is(state, 'failed')
  assert.match(error!.message, /step print failed: its members were not made: .*10m|600/)
  const stopped = d.host.stop()
  await d.clock.advance('2m')
  await stopped
})

chains('a function that answers no members fails its step, in the words of who reads members', async () => {
  for (const odd of ['abc', 5, null, undefined, { a: 1 }]) {
    const wrong = defineChain({ name: 'wrong', steps: { print: step({ members: () => odd as never }) } })
    const d = await deployment([wrong])
    const run = await d.client.chain(wrong).start(undefined, { id: 'x' })
    const { error } = await d.ended(run)
    assert.match(error!.message, /members were not made: members: must be an array, a generator or a stream/, String(odd))
    await d.host.stop()
  }
})

chains('a function that answers the same generator again fails its step: the group would be empty', async () => {
  const once = (function* () {
    yield print.with({ row: 'a' }, { key: 'a' })
  })()
  const d = await deployment([defineChain({ name: 'once', steps: { print: step({ members: () => once }) } })])
  const first = await d.client.chain('once').start(undefined, { id: 'first' })
  assert.is((await d.ended(first)).state, 'succeeded')
  const second = await d.client.chain('once').start(undefined, { id: 'second' })
  const { state, error } = await d.ended(second)
  assert.is(state, 'failed')
  assert.match(error!.message, /members: the same generator was answered before, and can be read only once/)
  assert.is(d.ran.length, 1)
  await d.host.stop()
})

chains('a group whose output was run again by hand has succeeded: a restart goes on behind it, and makes no other', async () => {
  const d = await deployment([report])
  let broken = true
  d.behave((job) => {
    if (job === 'bind' && broken) throw new TerminalError('out of paper')
  })
  const run = await d.client.chain(report).start({ of: 'May' }, { id: 'may' })
  assert.equal((await d.ended(run)).steps, { load: 'succeeded', post: 'succeeded', print: 'failed', mail: 'skipped' })
  broken = false
  await d.client.deadLetters.redrive('job:report/may/print/output')
  await d.clock.advance('1s')
  const { state, steps } = await run.view()
  assert.equal([state, steps!.print], ['failed', 'succeeded'])
  await run.restart()
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.is(d.ran.filter((line) => line.startsWith('print ')).length, 3)
  assert.equal(d.said, ['report/may: 3 pages, 3 posted, of May'])
  await d.host.stop()
})

chains('restarted when nothing is left to do it has succeeded, and ended, at that time', async () => {
  const d = await deployment([defineChain({ name: 'alone', steps: { print: step({ members: [], output: bind.with({}) }) } })])
  let broken = true
  d.behave(() => {
    if (broken) throw new TerminalError('out of paper')
  })
  const run = await d.client.chain('alone').start(undefined, { id: 'x' })
  const failed = await d.ended(run)
  broken = false
  await d.client.deadLetters.redrive('job:alone/x/print/output')
  await d.clock.advance('1m')
  await run.restart()
  const { state, endedAt } = await d.ended(run)
  assert.equal([failed.state, state], ['failed', 'succeeded'])
  assert.ok(endedAt! >= failed.endedAt! + 60_000)
  await d.host.stop()
})

/** A group that fails until its output is run again, which takes a minute then. */
async function outputAgain() {
  const d = await deployment([report])
  let broken = true
  d.behave(async (job) => {
    if (job !== 'bind') return
    if (broken) throw new TerminalError('out of paper')
    await d.clock.sleep('1m')
  })
  const run = await d.client.chain(report).start({ of: 'May' }, { id: 'may' })
  await d.ended(run)
  const printed = () => d.ran.filter((line) => line.startsWith('print ')).length
  return { ...d, run, printed, repair: () => (broken = false), destroy: () => (broken = true) }
}

chains('restarted while the output of its group runs again by hand: that is waited for, and no other group is made', async () => {
  const d = await outputAgain()
  d.repair()
  await d.client.deadLetters.redrive('job:report/may/print/output')
  await d.clock.advance('10s')
  assert.is((await d.run.view()).error!.message, 'step print failed: its output failed: out of paper (run again by hand, not ended yet)')
  await d.run.restart()
  await d.clock.advance('10s')
  assert.equal((await d.run.view()).steps, { load: 'succeeded', post: 'succeeded', print: 'running', mail: 'waiting' })
  assert.is((await d.ended(d.run)).state, 'succeeded')
  assert.equal([d.printed(), d.said], [3, ['report/may: 3 pages, 3 posted, of May']])
  await d.host.stop()
})

chains(
  'an output that is run again by hand and fails again: its chain has failed as before, and a restart makes the group anew',
  async () => {
    const d = await outputAgain()
    await d.client.deadLetters.redrive('job:report/may/print/output')
    await d.clock.advance('10s')
    assert.is((await d.run.view()).error!.message, 'step print failed: its output failed: out of paper')
    d.repair()
    await d.run.restart()
    assert.is((await d.ended(d.run)).state, 'succeeded')
    assert.is(d.printed(), 6)
    await d.host.stop()
  },
)

chains('an output of a group that a restart has made anew is not run again by hand: it would be printed twice', async () => {
  const d = await outputAgain()
  d.repair()
  await d.run.restart()
  const why = 'chain:report/may was restarted since: its step print is group:report/may/2/print now'
  await refused('NOT_ALLOWED', new RegExp(`^${why}$`), () => d.client.deadLetters.redrive('job:report/may/print/output'))
  await refused('NOT_ALLOWED', new RegExp(`^${why}$`), () => d.client.job('report/may/print/output').retry())
  assert.is((await d.ended(d.run)).state, 'succeeded')
  assert.is(d.said.length, 1)
  await d.host.stop()
})

/** What is behind its group runs however that ended. */
const news = defineChain({
  name: 'news',
  steps: {
    print: step({ members: [print.with({ row: 'a' }, { key: 'a' })], output: bind.with({}) }),
    mail: step(
      mail.with(({ print }) => ({ text: `${print?.pages ?? 'no'} pages` })),
      { after: ['print'], when: 'all-finished' },
    ),
  },
})

chains('what had run behind a group that was run again by hand runs anew when the chain is restarted', async () => {
  const d = await deployment([news])
  let broken = true
  d.behave((job) => {
    if (job === 'bind' && broken) throw new TerminalError('out of paper')
  })
  const run = await d.client.chain(news).start(undefined, { id: 'x' })
  assert.equal((await d.ended(run)).steps, { print: 'failed', mail: 'succeeded' })
  broken = false
  await d.client.deadLetters.redrive('job:news/x/print/output')
  await d.clock.advance('1s')
  await run.restart()
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.equal(d.said, ['no pages', '1 pages'])
  await d.host.stop()
})

chains('old code makes no inputs for what new code has begun, nor the other way round, where the steps are others', async () => {
  const clock = virtualClock('2026-11-23T00:00:00+01:00')
  const on = embedded(':memory:', { partitions: 4 })
  const said: string[] = []
  const by = (code: string, first: string) => {
    const steps = {
      [first]: step(load.with({})),
      send: step(
        mail.with((outputs) => ({ text: `${code} ${outputs[first].rows.length}` })),
        { after: [first] },
      ),
    }
    return createHost({
      ...{ on, clock, name: code, log: () => {} },
      chains: [defineChain({ name: 'rolling', steps })],
      handlers: [
        load.handler(async () => {
          await clock.sleep('10s')
          return { rows: ['a', 'b'] }
        }),
        mail.handler(({ text }) => void said.push(text)),
      ],
    })
  }
  const old = await by('old', 'load')
  const before = await old.client.chain('rolling').start(undefined, { id: 'before' })
  await clock.advance('1s')
  const now = await by('new', 'fetch')
  const runs = await Promise.all(Array.from({ length: 10 }, (_, i) => now.client.chain('rolling').start(undefined, { id: `after-${i}` })))
  await clock.advance('1m')
  for (const run of [before, ...runs]) assert.is((await run.view()).state, 'succeeded')
  assert.equal(said.sort(), [...Array(10).fill('new 2'), 'old 2'])
  const late = await now.client.chain('rolling').start(undefined, { id: 'late' })
  await clock.advance('1s')
  const only = await by('other', 'read')
  const stopped = Promise.all([now.stop(), old.stop()])
  await clock.advance('1m')
  await stopped
  assert.is((await only.client.chain('rolling').run('late').view()).state, 'running')
  const [condition] = (await only.client.job('rolling/late/input/send').why()).conditions
  assert.match(condition!.message, /a handler for rolling\.input\.send\./)
  const again = await by('new', 'fetch')
  await clock.advance('1m')
  assert.is((await again.client.chain('rolling').run(late.id.split('/')[1]!).view()).state, 'succeeded')
  await again.stop()
  await only.stop()
})

chains('a group that is mended by hand while its chain still runs: what had begun behind it is not taken for done', async () => {
  const d = await deployment([news])
  let broken = true
  d.behave(async (job) => {
    if (job === 'bind' && broken) throw new TerminalError('out of paper')
    if (job === 'mail') await d.clock.sleep('1m')
  })
  const run = await d.client.chain(news).start(undefined, { id: 'x' })
  await d.clock.advance('10s')
  broken = false
  await d.client.deadLetters.redrive('job:news/x/print/output')
  const failed = await d.ended(run)
  assert.equal([failed.state, failed.error!.message], ['failed', 'step mail ran before what it is after was run again by hand'])
  await run.restart()
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.equal(d.said, ['no pages', '1 pages'])
  await d.host.stop()
})

chains('why a chain was cancelled is told by it, by its steps and by its plan', async () => {
  const d = await deployment([pages])
  made = (row) => row
  d.behave((_, ctx) => new Promise((_, fail) => ctx.signal.addEventListener('abort', () => fail(ctx.signal.reason))))
  await d.clock.advance('13h')
  await d.clock.advance('10s')
  const run = d.client.chain(pages).run('2026-11-23/main')
  await run.cancel({ reason: 'wrong month' })
  const view = await d.ended(run)
  assert.equal([view.state, view.cancelReason], ['cancelled', 'wrong month'])
  await refused('JOB_CANCELLED', /^chain:pages\/2026-11-23\/main was cancelled: wrong month$/, () => run.result())
  assert.match((await d.client.plan('2026-11-23').show()).rows[0]!.words, /^cancelled at .*: wrong month/)
  await refused('JOB_CANCELLED', /was cancelled: chain:pages\/2026-11-23\/main was cancelled: wrong month/, () =>
    d.client.group('pages/2026-11-23/main/print').result(),
  )
  await refused('NOT_ALLOWED', /^cancel is not possible: chain:pages\/2026-11-23\/main has ended/, () => run.cancel())
  await d.host.stop()
})

chains('retention takes a chain with its steps, its groups and their members; its id stays', async () => {
  const d = await deployment([report], { retention: { finished: { age: '1m' }, tombstones: { age: '1h' } } })
  const run = await d.client.chain(report).start({ of: 'May' }, { id: 'may' })
  await d.ended(run)
  await d.clock.advance('20m')
  for await (const { address } of d.client.find({})) assert.unreachable(address)
  assert.ok((await run.view()).removedAt)
  assert.ok((await d.client.group('report/may/print').view()).removedAt)
  await d.client.chain(report).start({ of: 'May' }, { id: 'may' })
  await d.clock.advance('1m')
  assert.is(d.said.length, 1, 'it is the same, and has run')
  await d.clock.advance('3h')
  await refused('NOT_FOUND', /does not exist/, () => run.view())
  await d.host.stop()
})
const dotted = defineJob({ name: 'invoice.print', input: z.object({ row: z.string() }), output: z.string() })
chains('the name of a job may have segments: as a step, with a maker, as a member, one by its name, and as an output', async () => {
  const invoices = defineChain({
    name: 'invoices',
    steps: {
      given: step(dotted.with({ row: 'a' })),
      made: step(
        dotted.with(({ given }) => ({ row: given })),
        { after: ['given'] },
      ),
      group: step({
        members: [dotted.with({ row: 'b' }, { key: 'b' }), { definition: 'invoice.print', input: { row: 'c' }, key: 'c' }],
        output: dotted.with({ row: 'd' }),
      }),
    },
  })
  const d = await deployment([invoices], { handlers: [dotted.handler(({ row }) => `${row}!`)] })
  const run = await d.client.chain(invoices).start(undefined, { id: 'x' })
  assert.is((await d.ended(run)).state, 'succeeded')
  assert.is(await d.client.job('invoices/x/made').result(), 'a!!')
  assert.is(await d.client.group('invoices/x/group').result(), 'd!')
  await d.host.stop()
})

chains.run()

const free = defineJob({ name: 'free' })
const definitions = suite('defineChain: bad input is refused, by the field: C4')
const steps = { load: step(load.with({})) }
const one = (a: unknown) => defineChain({ name: 'a', steps: { a: a as never } })
const mondays = defineCalendar({ name: 'c', timezone: 'UTC', days: ['mon'] })
for (const [what, message, make] of [
  ['a name', /^name: "a b" is not a name of a chain/, () => defineChain({ name: 'a b', steps })],
  ['no steps', /^steps: a chain has one step or more/, () => defineChain({ name: 'a', steps: {} })],
  ['an unknown option', /^stepps: there is no such field/, () => defineChain({ name: 'a', steps, stepps: {} } as never)],
  [
    'an unknown step',
    /^steps.post.after: post is after "lod", and there is no such step. Is load meant\?/,
    () => defineChain({ name: 'a', steps: { ...steps, post: step(post.with({ rows: 1 }), { after: ['lod'] }) } }),
  ],
  [
    'a circle',
    /^steps.a.after: a after b after a: each of them would wait for the next/,
    () => defineChain({ name: 'a', steps: { a: step(load.with({}), { after: ['b'] }), b: step(load.with({}), { after: ['a'] }) } }),
  ],
  ['a name of a step', /^steps.1: is not a name of a step/, () => defineChain({ name: 'a', steps: { 1: step(load.with({})) } })],
  ['a reserved name', /^steps.input: is not a name of a step/, () => defineChain({ name: 'a', steps: { input: step(load.with({})) } })],
  ['no step', /^steps.a: is no step/, () => defineChain({ name: 'a', steps: { a: load as never } })],
  ['a wrong input', /^steps.a.input.rows: /, () => defineChain({ name: 'a', steps: { a: step(post.with({ rows: 'x' as never })) } })],
  [
    'a wrong condition',
    /^steps.a.when: must be/,
    () => defineChain({ name: 'a', steps: { a: step(load.with({}), { when: 'any' as never }) } }),
  ],
  ['a wrong run', /^runs.0.at: "9" is not a time/, () => defineChain({ name: 'a', steps, runs: [{ calendar: mondays, at: '9' }] })],
  [
    'a plan that cannot give the input',
    /^input: runs of a plan have no input, and this schema needs one/,
    () => defineChain({ name: 'a', input: z.object({ of: z.string() }), steps, runs: [{ calendar: mondays }] }),
  ],
  ['an unknown option of a step', /^steps.a.afer: there is no such field/, () => one(step(load.with({}), { afer: ['b'] } as never))],
  ['a group with a wrong condition', /^steps.a.when: /, () => one(step({ members: [], when: 'x' as never }))],
  ['a group with a wrong output', /^steps.a.output: must be a job with its input/, () => one(step({ members: [], output: 5 as never }))],
  ['a group with an unknown option', /^steps.a.foo: there is no such field/, () => one(step({ members: [], foo: 1 } as never))],
  ['a group without members', /^steps.a.members: must be members/, () => one(step({ members: 5 as never }))],
  [
    'members that can be read once',
    /^steps.a.members: could be read only once/,
    () => one(step({ members: [print.with({ row: 'a' }, { key: 'a' })].values() })),
  ],
  [
    'members with one iterator for all',
    /^steps.a.members: could be read only once/,
    () => {
      const once = [print.with({ row: 'a' }, { key: 'a' })].values()
      return one(step({ members: { [Symbol.iterator]: () => once } }))
    },
  ],
  ['a stream of members', /^steps.a.members: could be read only once/, () => one(step({ members: (async function* () {})() as never }))],
  ['a group with a number as a member', /^steps.a.members.0: is no member/, () => one(step({ members: [5 as never] }))],
  [
    'a group with null as a member',
    /^steps.a.members.1: is no member/,
    () => one(step({ members: [print.with({ row: 'a' }, { key: 'a' }), null as never] })),
  ],
  [
    'a group with a member that has no key',
    /^steps.a.members.0.key: undefined is not an id/,
    () => one(step({ members: [print.with({ row: 'a' }) as never] })),
  ],
  [
    'an input that JSON would lose',
    /^steps.a.input.on: Map\(0\) {} cannot be written as JSON/,
    () => one(step(free.with({ on: new Map() }))),
  ],
  ['a group that runs none', /^steps.a.concurrency: /, () => one(step({ members: [], concurrency: 0 }))],
  ['nothing', /^chain: must be an object/, () => defineChain(undefined as never)],
  ...([{}, { name: 'w' }, { name: 7, terms: {} }, { name: 'a b', terms: {} }, { name: 'a', terms: {} }, small] as never[]).map(
    (definition): [string, RegExp, () => unknown] => [
      `a step with ${JSON.stringify(definition).slice(0, 40)} as its job`,
      /^steps.a: is no step/,
      () => one(step({ definition, input: {} })),
    ],
  ),
  ['a step with a key', /^steps.a.key: there is no such field/, () => one(step(load.with({}, { key: 'a' })))],
  ['a step with more than its input', /^steps.a.priority: /, () => one(step({ ...load.with({}), priority: 9 } as never))],
  ['a step with more than its maker', /^steps.a.input: /, () => one(step({ ...load.with(() => ({})), input: {} } as never))],
  [
    'a member with more than its input',
    /^steps.a.members.0.priority: there is no such field/,
    () => one(step({ members: [{ ...print.with({ row: 'a' }, { key: 'a' }), priority: 9 } as never] })),
  ],
  [
    'an output with a key',
    /^steps.a.output.key: there is no such field/,
    () => one(step({ members: [], output: bind.with({}, { key: 'a' }) })),
  ],
  [
    'a group with such a member',
    /^steps.a.members.0: is no member/,
    () => one(step({ members: [{ definition: {}, input: {}, key: 'a' } as never] })),
  ],
  [
    'a group with such an output',
    /^steps.a.output: must be a job/,
    () => one(step({ members: [], output: { definition: {}, input: {} } as never })),
  ],
  ['a group with text as members', /^steps.a.members: must be members/, () => one(step({ members: 'abc' as never }))],
  [
    'a key of two segments',
    /^steps.a.members.0.key: "a\/b" cannot be a key/,
    () => one(step({ members: [print.with({ row: 'a' }, { key: 'a/b' })] })),
  ],
  [
    'the same key twice',
    /^steps.a.members.1.key: "a" is the key of another member/,
    () => one(step({ members: ['x', 'y'].map((row) => print.with({ row }, { key: 'a' })) })),
  ],
  [
    'an input of a member that does not fit',
    /^steps.a.members.0.input.row: /,
    () => one(step({ members: [print.with({ row: 5 } as never, { key: 'a' })] })),
  ],
  ['a step that is null', /^steps.a: is no step/, () => one(null)],
  ['a step that does a number', /^steps.a: is no step/, () => one({ work: 5 })],
  ['after a number', /^steps.a.after: must be an array of names/, () => one(step(load.with({}), { after: [5 as never] }))],
  ['after null', /^steps.a.after: must be an array of names/, () => one(step(load.with({}), { after: [null as never] }))],
  ['a run that is null', /^runs.0: must be an object/, () => defineChain({ name: 'a', steps, runs: [null as never] })],
  [
    'a run after what has no name',
    /^runs.0.after.0: is no chain/,
    () => defineChain({ name: 'a', steps, runs: [{ calendar: mondays, after: [{ name: 5 } as never] }] }),
  ],
  [
    'a run with a wrong calendar',
    /^runs.0.calendar.days.0: "x" is not a weekday/,
    () => defineChain({ name: 'a', steps, runs: [{ calendar: { terms: { ...mondays.terms, days: ['x'] } } as never }] }),
  ],
  ['no chain', /^chains.0: is no chain/, () => deployment([null as never])],
  ['no chains', /^chains: must be an array/, () => deployment('x' as never)],
  ['no plan to show', /^plan: is no plan/, () => planTable(undefined as never)],
  ['rows that are none', /^plan: is no plan/, () => planTable({ zone: 'UTC', date: '2026-01-01', rows: [{}] } as never)],
  ['no plan to draw', /^plan: is no plan/, () => planPicture(undefined as never)],
  ['no calendar', /^runs.0.calendar: is no calendar/, () => defineChain({ name: 'a', steps, runs: [{ calendar: undefined as never }] })],
] as [string, RegExp, () => unknown][])
  definitions(what, () => refused('VALIDATION', message, make))
definitions('a start that names no chain, or says what there is not', async () => {
  const d = await deployment([small])
  await refused('VALIDATION', /^name: undefined is not the name of a chain/, () => d.client.chain(undefined as never))
  await refused('VALIDATION', /^options: must be an object/, () => d.client.chain('small').start({}, null as never))
  await refused('VALIDATION', /^options.name: there is no such field/, () => d.client.chain('small').start({}, { name: 'x' } as never))
  await d.host.stop()
})
definitions('an input that is made is for a step only', async () => {
  const d = await deployment([])
  await refused('VALIDATION', /input: is a function/, () => d.client.submit('load', (() => ({})) as never))
  await d.host.stop()
})
definitions.run()
