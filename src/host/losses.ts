import type { ActorDocument } from '../document.ts'
import type { Run } from './leases.ts'
import type { Partition } from './partition.ts'

/**
 * Records that a run is lost: its lease has ended, and everything that was in the partition's stream by then is applied (its result
 * may be among it). While the owner does not hear its own heartbeat it cannot know who is silent: then all leases stand still, and
 * begin anew afterwards.
 */
export function createLosses(partition: Partition) {
  const { clock, leases } = partition
  let cancel: (() => void) | undefined
  let stopped = false

  function arm(): void {
    const { next } = leases
    if (stopped || next === undefined) cancel = undefined
    else cancel = clock.at(clock.now() + Math.max(10, next - clock.monotonic()), () => void check().catch(partition.giveUp))
  }

  async function check(): Promise<void> {
    if (partition.steadyFor() < partition.lease) leases.renewAll()
    const ended = leases.ended()
    if (ended.length && !stopped) {
      await partition.drained()
      const still = new Set(leases.ended())
      for (const run of ended) if (still.has(run) && !stopped) record(run)
    }
    arm()
  }

  function record(run: Run): void {
    const { address, dispatch, worker, begun } = run
    leases.forget(run)
    partition.counts.lost++
    partition.push({ envelope: { to: address, event: { type: 'lost', dispatch, worker, begun } } })
  }

  return {
    note(doc: Pick<ActorDocument, '_id' | 'work'>): void {
      leases.note(doc)
      if (doc.work?.state === 'running' && !cancel) arm()
    },
    stop(): void {
      stopped = true
      cancel?.()
    },
  }
}
