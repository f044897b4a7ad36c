import { guarded } from '../guarded.ts'
import type { Offer, Offered, TakenOffer, WorkPull } from '../port.ts'
import type { Deferred } from './deferred.ts'

export interface WorkQueues {
  offer(offers: readonly Offer[]): void
  offered(job: string, priority: number): Offered
  pull(job: string, on: (offer: TakenOffer) => void): WorkPull & { lose(): readonly Offer[] }
}

interface Taker {
  on: (offer: TakenOffer) => void
  wanted: number
  taken: Set<Offer>
}

interface Job {
  /** Waiting offers by priority, the highest first. */
  waiting: Map<number, Queue>
  count: number
  takers: Taker[]
  turns: number
  dispatching: boolean
}

interface Queue {
  items: Offer[]
  head: number
  /** Places of those that are not acknowledged, the oldest first. */
  open: Map<Offer, number>
}

/** Every so many offers the lowest priority has its turn: nothing waits for ever behind a stream of what is more important. */
const ageing = 16

/** Offers in memory. They are made from documents and are made again from them: nothing here need survive. */
export function workQueues(defer: Deferred): WorkQueues {
  const jobs = new Map<string, Job>()
  let last = 0

  const jobOf = (name: string): Job => {
    let job = jobs.get(name)
    if (!job) jobs.set(name, (job = { waiting: new Map(), count: 0, takers: [], turns: 0, dispatching: false }))
    return job
  }

  const dispatch = (job: Job): void => {
    if (job.dispatching || job.count === 0 || job.takers.length === 0) return
    job.dispatching = true
    defer(() => {
      job.dispatching = false
      while (job.count > 0) {
        const taker = nextTaker(job)
        if (!taker) return
        hand(job, taker, take(job))
      }
    })
  }

  const hand = (job: Job, taker: Taker, offer: Offer): void => {
    taker.wanted--
    taker.taken.add(offer)
    const giveBack = () => {
      if (!taker.taken.delete(offer)) return
      putBack(job, offer)
      dispatch(job)
    }
    const acknowledge = () => {
      if (taker.taken.delete(offer)) queueOf(job, offer.priority).open.delete(offer)
    }
    guarded(() => taker.on({ ...offer, acknowledge, giveBack }))
  }

  return {
    offer(offers) {
      for (const offer of offers) {
        const job = jobOf(offer.job)
        const queue = queueOf(job, offer.priority)
        queue.items.push(offer)
        queue.open.set(offer, ++last)
        job.count++
        dispatch(job)
      }
    },

    offered(name, priority) {
      const [oldest] = jobOf(name).waiting.get(priority)?.open.values() ?? []
      return { oldest, last }
    },

    pull(name, on) {
      const job = jobOf(name)
      const taker: Taker = { on, wanted: 0, taken: new Set() }
      job.takers.push(taker)
      const leave = () => {
        job.takers = job.takers.filter((other) => other !== taker)
        taker.wanted = 0
      }
      return {
        want(offers) {
          taker.wanted = job.takers.includes(taker) ? offers : 0
          dispatch(job)
        },
        get empty() {
          return job.count === 0
        },
        async stop() {
          leave()
        },
        lose() {
          leave()
          const lost = [...taker.taken]
          for (const offer of lost) queueOf(job, offer.priority).open.delete(offer)
          taker.taken.clear()
          return lost
        },
      }
    },
  }
}

/** Takers take turns. */
function nextTaker(job: Job): Taker | undefined {
  const index = job.takers.findIndex((taker) => taker.wanted > 0)
  if (index < 0) return undefined
  const [taker] = job.takers.splice(index, 1)
  job.takers.push(taker!)
  return taker
}

function queueOf(job: Job, priority: number): Queue {
  let queue = job.waiting.get(priority)
  if (!queue) {
    queue = { items: [], head: 0, open: new Map() }
    const sorted = [...job.waiting, [priority, queue] as const].sort(([a], [b]) => b - a)
    job.waiting = new Map(sorted)
  }
  return queue
}

function take(job: Job): Offer {
  const filled = [...job.waiting.values()].filter((queue) => queue.head < queue.items.length)
  const queue = ++job.turns % ageing === 0 ? filled.at(-1)! : filled[0]!
  const offer = queue.items[queue.head++]!
  if (queue.head * 2 > queue.items.length) {
    queue.items.splice(0, queue.head)
    queue.head = 0
  }
  job.count--
  return offer
}

/** What was given back has waited longest. */
function putBack(job: Job, offer: Offer): void {
  const queue = queueOf(job, offer.priority)
  if (queue.head > 0) queue.items[--queue.head] = offer
  else queue.items.unshift(offer)
  job.count++
}
