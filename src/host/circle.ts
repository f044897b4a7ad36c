import type { Condition } from '../../actors/actor.ts'
import type { Address } from '../address.ts'
import type { ActorDocument } from '../document.ts'
import type { Store } from '../store/port.ts'

/** Jobs that are looked at for one answer. */
const most = 1000

/**
 * Jobs that were submitted one after the other in a circle wait until an operator ends one of them. None of them can know that by
 * itself: whoever asks why one waits is told the way round. Two jobs `after` each other end by themselves.
 */
export async function circleOf(store: Store, doc: ActorDocument, why: (doc: ActorDocument) => Condition[]): Promise<Condition[]> {
  const cameFrom = new Map<Address, Address>()
  for (let jobs = [doc]; jobs.length && cameFrom.size < most; ) {
    const next = new Set<Address>()
    for (const job of jobs)
      for (const { code, on } of why(job)) {
        if (code !== 'PREDECESSOR' || !on || cameFrom.has(on)) continue
        if (on === doc._id) return [inWords([...wayTo(job._id, cameFrom), on])]
        next.add(on)
        cameFrom.set(on, job._id)
      }
    jobs = next.size ? await store.load([...next]) : []
  }
  return []
}

function wayTo(last: Address, cameFrom: ReadonlyMap<Address, Address>): Address[] {
  const way: Address[] = []
  for (let at: Address | undefined = last; at !== undefined; at = cameFrom.get(at)) way.unshift(at)
  return way
}

function inWords(way: readonly Address[]): Condition {
  const message = `${way.join(' after ')}: a circle, which ends only if one of them is cancelled`
  return { code: 'CIRCLE', message, circle: way, stuck: true }
}
