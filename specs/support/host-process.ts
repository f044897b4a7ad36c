import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { cluster } from '../../src/cluster.ts'
import type { Context, Handler } from '../../src/definition.ts'
import { embedded } from '../../src/embedded.ts'
import { createHost } from '../../src/host/host.ts'
import { appendEffect } from './effect-log.ts'
import { bind, late, once, work } from './jobs.ts'
import { timedChain } from './timed-chains.ts'

/**
 * A host as a program of its own, to be killed, stopped and continued. It says `ready <name>` when it runs. SIGTERM is an orderly end.
 */
const { values } = parseArgs({
  options: {
    nats: { type: 'string' },
    mongo: { type: 'string' },
    namespace: { type: 'string' },
    log: { type: 'string' },
    slots: { type: 'string', default: '5' },
    name: { type: 'string', default: 'host' },
    folder: { type: 'string' },
    submit: { type: 'string' },
    chains: { type: 'string', default: '[]' },
    grace: { type: 'string', default: '5s' },
    jobs: { type: 'string', default: 'work,bind,once,late' },
  },
})
const { nats, mongo, namespace, log, slots, name, jobs, folder, submit, grace, chains } = values

async function run<T>(
  ctx: Context,
  ms: number,
  result: () => T | Promise<T>,
  signal: AbortSignal | undefined = ctx.signal,
  block = 0,
): Promise<T> {
  appendEffect(log!, 'start', ctx)
  if (block) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, block)
  await sleep(ms, undefined, { signal }).catch(() => {
    throw ctx.signal.reason
  })
  const value = await result()
  appendEffect(log!, 'end', ctx)
  return value
}

const handlers: Record<string, Handler> = {
  work: work.handler(({ ms, number, failFirst, deaf, block }, ctx) =>
    run(
      ctx,
      ms,
      () => {
        if (failFirst && ctx.attempt === 1) throw new Error('the first attempt fails')
        return number
      },
      deaf ? new AbortController().signal : ctx.signal,
      block,
    ),
  ),
  late: late.handler(({ ms, act }, ctx) => {
    if (ctx.run > 1) return run(ctx, 2 * ms, () => ctx.run)
    const acts = async () => {
      if (act === 'suspends') return ctx.suspend({ until: ['bank'] })
      if (act === 'submits a child')
        await ctx.submit(work, { ms: 1, number: 1 }, { key: 'late' }).catch((error) => console.error(String(error)))
      else ctx.progress(0.5)
      return 'late'
    }
    return run(ctx, ms, acts, new AbortController().signal)
  }),
  once: once.handler(({ ms }, ctx) => run(ctx, ms, () => process.pid)),
  bind: bind.handler(({ ms }, ctx) =>
    run(ctx, ms, async () => {
      let members = 0
      let sum = 0
      for await (const { state, output } of ctx.group!.members()) {
        if (state !== 'succeeded') continue
        members++
        sum += output as number
      }
      return { members, sum }
    }),
  ),
}

const host = await createHost({
  on: folder ? embedded(folder) : cluster({ nats: nats!, mongo: mongo!, namespace: namespace! }),
  name,
  slots: Number(slots),
  handlers: jobs
    .split(',')
    .filter((job) => job in handlers)
    .map((job) => handlers[job]!),
  chains: JSON.parse(chains).map(timedChain),
})
host.stopOn(['SIGTERM'], { grace })
// Whoever started it is gone: so is the reason to run.
process.stdin.on('end', () => process.exit(2)).resume()
if (submit) {
  const [id, input] = JSON.parse(submit)
  await host.client.submit(work, input, { id })
}
console.log(`ready ${host.name}`)
