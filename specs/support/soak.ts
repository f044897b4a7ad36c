import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { cluster } from '../../src/cluster.ts'
import { embedded } from '../../src/embedded.ts'
import { createHost, defineJob } from '../../src/index.ts'

/**
 * A program: so many jobs in each half, of all kinds, under a short retention. After each half it tells how much memory is kept, and waits
 * for a line.
 */
const [world = '', half = '0'] = process.argv.slice(2)
const jobsInHalf = Number(half)

const step = defineJob({ name: 'step', input: z.object({ n: z.number() }), retry: { attempts: 1 } })
const after = defineJob({ name: 'after' })
const stepped = defineJob({ name: 'stepped', onEnd: after as never, retry: { attempts: 1 } })
const count = defineJob({ name: 'count' })

const age = '1s'
const host = await createHost({
  on: world.startsWith('{') ? cluster(JSON.parse(world)) : embedded(world),
  slots: 100,
  retention: { finished: { age }, failed: { age }, histories: { age }, tombstones: { age } },
  handlers: [
    step.handler(({ n }) => {
      if (n % 10 === 0) throw new Error('one in ten')
      return n % 50 === 1 ? 'x'.repeat(20_000) : n
    }),
    after.handler(() => 'after'),
    stepped.handler(() => 'stepped'),
    count.handler((_, { group }) => group!.succeeded),
  ],
})
const { client } = host

/** 100 jobs: a group of 50 with its output, jobs alone, in lanes, one after others, and with a step afterwards. */
async function hundred(part: number): Promise<void> {
  const members = Array.from({ length: 50 }, (_, n) => step.with({ n }, { key: `m${n}` }))
  const group = await client.submitGroup({ id: `g${part}`, members, output: count.with(null) })
  const alone = await Promise.all(
    Array.from({ length: 45 }, (_, n) =>
      client.submit(step, { n }, { id: `s${part}-${n}`, ...(n < 5 && { lane: `lane-${part % 7}-${n % 2}` }) }),
    ),
  )
  const ends = await Promise.all([
    client.submit(after, null, { id: `a${part}`, after: [`group:g${part}`, `job:s${part}-1`] }),
    client.submit(stepped, null, { id: `e${part}` }),
    client.submit(after, null, { id: `p${part}`, startAt: new Date(Date.now() + 500) }),
  ])
  // Retention may be faster than who asks.
  await group.result().catch(() => {})
  for (const job of [...alone, ...ends]) await job.result().catch(() => {})
}

/** What is kept, not what waits to be collected. */
async function used(): Promise<number> {
  for (let before = Number.POSITIVE_INFINITY; ; ) {
    global.gc!()
    const { heapUsed, external } = process.memoryUsage()
    if (heapUsed + external > 0.98 * before) return heapUsed + external
    before = heapUsed + external
    await sleep(1000)
  }
}

const lines = createInterface(process.stdin)
let part = 0
const inHalf = jobsInHalf / 100
/** What is alive at once sets how far a file grows, and how fast this machine is just now sets what is alive. So most is alive in the first half: only a leak grows later. */
for (const [until, atOnce, rests] of [
  [0.5 * inHalf, 0.5 * inHalf, false],
  [inHalf, 8, false],
  [2 * inHalf, 8, true],
] as const) {
  await Promise.all(
    Array.from({ length: Math.min(atOnce, 100) }, async () => {
      while (part < until) {
        const began = performance.now()
        await hundred(part++)
        if (rests) await sleep(performance.now() - began)
      }
    }),
  )
  if (until < inHalf) continue
  console.log(JSON.stringify({ ended: part * 100 }))
  await once(lines, 'line')
  console.log(JSON.stringify({ bytes: await used() }))
}
await host.stop()
lines.close()
