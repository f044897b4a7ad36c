import { openPeer } from './bullmq.ts'
import { flushesOf, openOurs } from './ours.ts'
import type { Scenario } from './scenarios.ts'
import type { Opening } from './side.ts'
import { fanIns, now } from './stamps.ts'
import { percentile } from './statistics.ts'

/** A side in a process of its own, so that it shares no heap and no event loop with what it is compared to. */
export type Order = { round: number; scenario: Scenario } | 'close'
export interface RoundReport {
  figures: Record<string, number>
  counts: Record<string, number>
}

const opening = JSON.parse(process.argv[2]!) as Opening
const side = opening.redis ? await openPeer(opening) : await openOurs(opening)

async function round({ kind, work, sizes }: Scenario, number: number): Promise<RoundReport> {
  const before = await side.counts()
  const figures = await measure(kind, work, sizes, number)
  const after = await side.counts()
  const counts = Object.fromEntries(Object.keys(after).map((key) => [key, after[key]! - (before[key] ?? 0)]))
  return { figures, counts }
}

async function measure(
  kind: Scenario['kind'],
  work: Scenario['work'],
  sizes: Scenario['sizes'],
  number: number,
): Promise<Record<string, number>> {
  switch (kind) {
    case 'jobs': {
      const seconds = await timed(() => side.jobs(number, work, sizes))
      await side.stamps()
      return { 'jobs/s': sizes.jobs / seconds }
    }
    case 'groups': {
      const seconds = await timed(() => side.groups(number, work, sizes))
      const waits = fanIns(await side.stamps())
      return {
        'members/s': (sizes.groups * sizes.members) / seconds,
        'fan-in under load p50': percentile(waits, 0.5),
        'fan-in under load p99': percentile(waits, 0.99),
      }
    }
    case 'latency': {
      const times = await side.latencies(number, sizes)
      await side.stamps()
      return { 'job p50': percentile(times, 0.5), 'job p99': percentile(times, 0.99) }
    }
    case 'fan-in': {
      for (let g = 0; g < sizes.groups; g++) await side.groups(number * 1000 + g, work, { ...sizes, groups: 1 })
      const waits = fanIns(await side.stamps())
      return { 'fan-in p50': percentile(waits, 0.5), 'fan-in p99': percentile(waits, 0.99) }
    }
    case 'recovery':
      throw new Error('recovery has processes of its own: see recovery.ts')
  }
}

async function timed(run: () => Promise<void>): Promise<number> {
  const began = now()
  await run()
  return (now() - began) / 1000
}

process.on('message', async (order: Order) => {
  if (order !== 'close') {
    const report = await round(order.scenario, order.round)
    process.send!({ report })
    return
  }
  await side.close()
  const flushes = opening.folder ? await flushesOf(opening.folder) : undefined
  process.send!({ closed: { flushes } }, () => process.exit(0))
})
process.on('disconnect', () => process.exit(0))
process.send!({ ready: true })
