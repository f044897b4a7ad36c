import type { JetStreamManager } from '@nats-io/jetstream'
import { quoted, refuse } from '../../errors.ts'
import type { Listening, Offer, Offered, Records, TakenOffer, WorkPull } from '../port.ts'
import type { Link } from './link.ts'
import { publisher } from './publisher.ts'
import { isApiError } from './streams.ts'
import { type WorkTaker, workPull } from './work-pull.ts'

export interface Work {
  offer(offers: readonly Offer[]): Promise<void>
  offered(job: string, priority: number): Promise<Offered>
  pull(job: string, on: (offer: TakenOffer) => void): Promise<WorkPull>
  close(): Promise<void>
}

const jobName = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/
const recordOf = (job: string) => `work.${job}`

/**
 * Offers of work: a queue for every job and priority, made when first used. Which ones there are is a record, so that who pulls a
 * job hears of a new priority. Repeats are let through: an offer taken twice does no harm, one taken for a repeat would.
 */
export function workStream(options: { link: Link; jsm: JetStreamManager; records: Records; namespace: string; stream: string }): Work {
  const { link, jsm, records, namespace, stream } = options
  const send = publisher(link, stream)
  const encoder = new TextEncoder()
  /** Priorities by job, as far as we know. */
  const known = new Map<string, Set<number>>()
  const takers = new Set<WorkTaker & { job: string }>()
  let watching: Promise<Listening> | undefined

  const learn = (job: string, priorities: readonly number[]): void => {
    const all = known.get(job) ?? new Set()
    for (const priority of priorities) all.add(priority)
    known.set(job, all)
    for (const taker of takers) if (taker.job === job) taker.priorities(all)
  }

  const declare = async (job: string, priority: number): Promise<void> => {
    if (!jobName.test(job)) refuse('job', `${quoted(job)} is no name of a job.`)
    while (!known.get(job)?.has(priority)) {
      const record = await records.get(recordOf(job))
      const before = (record?.value as number[] | undefined) ?? []
      if (before.includes(priority)) return learn(job, before)
      const after = [...before, priority].sort((a, b) => b - a)
      if ((await records.put(recordOf(job), after, record?.revision ?? 0)) !== undefined) learn(job, after)
    }
  }

  const watch = (): Promise<Listening> => {
    watching ??= records.watch(recordOf(''), (key, { value }) => learn(key.slice(recordOf('').length), value as number[]))
    watching.catch(() => {
      watching = undefined
    })
    return watching
  }

  const firstOf = async (subject: string): Promise<number | undefined> => {
    const query = { seq: 1, next_by_subj: subject }
    try {
      return (await link.bounded(() => jsm.streams.getMessage(stream, query)))?.seq
    } catch (error) {
      if (isApiError(error, 'no message found')) return undefined
      throw error
    }
  }

  return {
    async offer(offers) {
      for (const { job, priority } of offers) if (!known.get(job)?.has(priority)) await declare(job, priority)
      await send(
        offers.map((offer) => ({
          subject: `${namespace}.work.${offer.job}.${offer.priority}`,
          data: encoder.encode(JSON.stringify(offer)),
        })),
      )
    },

    async offered(job, priority) {
      const { state } = await link.bounded(() => jsm.streams.info(stream))
      return { oldest: await firstOf(`${namespace}.work.${job}.${priority}`), last: state.last_seq }
    },

    async pull(job, on) {
      await watch()
      const subject = `${namespace}.work.${job}`
      const taker = { job, ...workPull({ link, jsm, stream, subject, job, on }) }
      takers.add(taker)
      taker.priorities(known.get(job) ?? new Set())
      return taker.pull
    },

    async close() {
      await Promise.all([...takers].map((taker) => taker.close()))
      watching?.then(({ stop }) => stop()).catch(() => {})
    },
  }
}
