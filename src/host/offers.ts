import type { Address } from '../address.ts'
import type { Offer } from '../bus/port.ts'

/** A job that waits to be claimed. */
export interface Waiting {
  address: Address
  job: string
  priority: number
  dispatch: number
}

/** Groups what waits into offers: of one definition and priority, as many as `size` says for that definition. */
export function offersOf(waiting: Iterable<Waiting>, size: (job: string) => number): Offer[] {
  const open = new Map<string, { offer: Offer; jobs: [Address, number][] }>()
  const offers: Offer[] = []
  for (const { address, job, priority, dispatch } of waiting) {
    const kind = `${job} ${priority}`
    let last = open.get(kind)
    if (!last || last.jobs.length >= size(job)) {
      const jobs: [Address, number][] = []
      last = { jobs, offer: { id: `${address}.${dispatch}`, job, priority, jobs } }
      open.set(kind, last)
      offers.push(last.offer)
    }
    last.jobs.push([address, dispatch])
  }
  return offers
}
