import type { Address } from '../address.ts'
import type { Offered } from '../bus/port.ts'
import type { ActorDocument } from '../document.ts'
import { isUsual, type Queued } from './flow.ts'
import type { Waiting } from './offers.ts'
import type { Partition } from './partition.ts'

/** How long a job is queued before its offer is looked for, and how often from then on. */
const lookAfter = 4000

interface Known extends Waiting {
  since: number
  /** Its offer has this place in the queue, or one before: the last that there was when it had been queued for long. */
  place?: number
}

/**
 * Offers again what is queued and in no stream: a broker that was restored, or a worker that died with an offer in hand. Only looked
 * for while something is queued for long; an offer too many is harmless, since only one claim on a dispatch is granted.
 */
export function createReconciler(partition: Partition) {
  const { bus, clock, worker } = partition
  const queued = new Map<Address, Known>()
  /** How many of them this host's worker has the handler of. */
  const ours = { usual: 0, others: 0 }
  let cancel: (() => void) | undefined
  let stopped = false

  function forget(address: Address): void {
    const waiting = queued.get(address)
    if (!waiting) return
    queued.delete(address)
    count(waiting, -1)
  }

  function count({ job, priority }: Waiting, by: 1 | -1): void {
    if (worker?.handles(job)) ours[isUsual(priority) ? 'usual' : 'others'] += by
  }

  function arm(): void {
    cancel = clock.at(clock.now() + lookAfter, () => void look().catch(partition.giveUp))
  }

  async function look(): Promise<void> {
    const lost: Waiting[] = []
    for (const old of byQueue().values()) {
      const { job, priority } = old[0]!
      const offered = await bus.offered(job, priority)
      for (const waiting of old) {
        if (queued.get(waiting.address) !== waiting) continue
        if (isLost(waiting, offered)) {
          waiting.since = clock.monotonic()
          waiting.place = undefined
          lost.push(waiting)
        } else waiting.place ??= offered.last
      }
    }
    if (stopped) return
    await partition.offer(lost)
    cancel = undefined
    if (queued.size) arm()
  }

  function byQueue(): Map<string, Known[]> {
    const found = new Map<string, Known[]>()
    for (const waiting of queued.values()) {
      if (clock.monotonic() - waiting.since < lookAfter) continue
      const queue = `${waiting.job} ${waiting.priority}`
      const list = found.get(queue) ?? found.set(queue, []).get(queue)!
      list.push(waiting)
    }
    return found
  }

  return {
    /** Queued jobs that this host's worker has the handler of. */
    ours: ours as Queued,
    note({ _id: address, work }: Pick<ActorDocument, '_id' | 'work'>): void {
      if (work?.state === 'queued' && queued.get(address)?.dispatch === work.dispatch) return
      forget(address)
      if (work?.state !== 'queued') return
      const { job, priority, dispatch } = work
      const waiting: Known = { address, job, priority, dispatch, since: clock.monotonic() }
      queued.set(address, waiting)
      count(waiting, 1)
      if (!cancel && !stopped) arm()
    },
    stop(): void {
      stopped = true
      cancel?.()
    },
  }
}

/** Nothing is offered, or only what came after it; or the queue, put back, has not come so far. */
const isLost = ({ place = Number.NaN }: Known, { oldest, last }: Offered): boolean => oldest === undefined || place < oldest || place > last
