import type { Clock } from '../../clock.ts'
import { UnavailableError } from '../../errors.ts'
import type { Bus, Offer, Records } from '../port.ts'
import type { Frames } from './frames.ts'
import type { LetterBox } from './letters.ts'
import type { Subjects } from './subjects.ts'
import type { WorkQueues } from './work.ts'

/** What all connections of one bus share. */
export interface Shared {
  partitions: number
  epoch: number
  frames: Frames
  work: WorkQueues
  messages: Subjects
  records: Records
  letters: LetterBox
  workerLives(worker: string): boolean | undefined
}

export interface Connection {
  bus: Bus
  /** It hears nothing more, nothing that it does has an effect, and what it called never returns. Answers the offers that it held. */
  die(): readonly Offer[]
}

const never = new Promise<never>(() => {})

/** One host's (or client's) place at the bus. */
export function connection(shared: Shared, clock: Clock, left: () => void): Connection {
  const { frames, work, messages, records, letters } = shared
  const ends = new Set<() => void>()
  const pulls = new Set<() => readonly Offer[]>()
  let state: 'open' | 'closed' | 'dead' = 'open'

  const end = (how: 'closed' | 'dead'): readonly Offer[] => {
    if (state !== 'open') return []
    state = how
    left()
    for (const stop of ends) stop()
    return [...pulls].flatMap((lose) => lose())
  }

  const call = <T>(start: () => Promise<T>): Promise<T> => {
    if (state === 'dead') return never
    if (state === 'closed') return Promise.reject(new UnavailableError('This client or host was closed.'))
    return new Promise((resolve, reject) => {
      start().then(
        (value) => state !== 'dead' && resolve(value),
        (error) => state !== 'dead' && reject(error),
      )
    })
  }

  const whileOpen =
    <A extends unknown[]>(on: (...given: A) => void) =>
    (...given: A): void => {
      if (state === 'open') on(...given)
    }

  /** Stops with the connection, if not before. */
  const stopping = (stop: () => void): (() => void) => {
    const once = () => {
      ends.delete(once)
      stop()
    }
    ends.add(once)
    if (state !== 'open') once()
    return once
  }

  const bus: Bus = {
    partitions: shared.partitions,
    epoch: shared.epoch,
    publish: (outgoing) => call(() => frames.publish(outgoing)),
    lastSequence: (partition) => call(() => frames.lastSequence(partition)),
    consume: (partition, _owner, on) =>
      call(async () => {
        const frame = whileOpen(on.frame.bind(on))
        const inner = await frames.consume(partition, { frame, lost: whileOpen(on.lost.bind(on)) })
        const stop = stopping(inner.silence)
        return { more: whileOpen(inner.more), acknowledge: whileOpen(inner.acknowledge), stop: async () => stop() }
      }),
    keepsOffers: false,
    offer: (offers) => call(async () => work.offer(offers)),
    offered: (job, priority) => call(async () => work.offered(job, priority)),
    pull: (job, on) =>
      call(async () => {
        const inner = work.pull(job, ({ acknowledge, giveBack, ...offer }) =>
          on({ ...offer, acknowledge: whileOpen(acknowledge), giveBack: whileOpen(giveBack) }),
        )
        pulls.add(inner.lose)
        const { want, stop } = inner
        return {
          want: whileOpen(want),
          stop,
          get empty() {
            return inner.empty
          },
        }
      }),
    signal: whileOpen(messages.signal),
    tell: whileOpen(messages.signal),
    listen: (subject, on, queue) => ({ stop: stopping(messages.listen(subject, whileOpen(on), queue).stop) }),
    request: (subject, data, timeout) => call(() => messages.request(subject, data, timeout, clock)),
    serve: (subject, answer, queue) => ({
      stop: stopping(messages.serve(subject, (data, asked) => call(() => answer(data, asked)), queue).stop),
    }),
    records: {
      get: (key) => call(() => records.get(key)),
      put: (key, value, revision) => call(() => records.put(key, value, revision)),
      watch: (prefix, on) => call(async () => ({ stop: stopping((await records.watch(prefix, whileOpen(on))).stop) })),
    },
    deadLetter: (added) => call(() => letters.add(added)),
    letters: {
      list: (after, limit) => call(() => letters.list(after, limit)),
      get: (place) => call(() => letters.get(place)),
      remove: (places) => call(() => letters.remove(places)),
    },
    onConnection() {},
    workerLives: shared.workerLives,
    async close() {
      work.offer(end('closed'))
    },
  }
  return { bus, die: () => end('dead') }
}
