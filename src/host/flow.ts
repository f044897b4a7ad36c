import { defaultTerms } from '../../actors/job/terms.ts'
import type { Clock } from '../clock.ts'
import type { Opened } from './door.ts'

/**
 * How fast new work is taken in. A job that is submitted while a slot is free is granted in the write that creates it; one that has to
 * queue takes a write more, an offer and a claim. So while the host of a folder works off a burst of short jobs, new ones are taken in as slots
 * become free. Until then they wait in the stream, which is as safe a place.
 *
 * All is taken in at once, until none waits any more, as soon as no slot becomes free, or the first has waited for `patience`; and whenever
 * anything but plain new work of the usual priority waits behind it, work of another priority is queued, or somebody waits for the stream to be applied.
 */
export interface Flow {
  /** A partition's part in it. `look`: what had to wait may be taken in now. `isAwaited`: somebody waits until its stream is applied. */
  join(partition: { look(): void; isAwaited(): boolean; queued(): Queued }): PartitionFlow
  /** There may be room. */
  look(): void
}

export interface PartitionFlow {
  /** A frame with so many new jobs has come. */
  came(jobs: number): void
  /** May this frame be taken in now, the first of those that wait? `hurried`: one of them is not plain. */
  admits(first: Waiting, hurried: boolean): boolean
  /** A frame with so many jobs is taken in; the turn that does so is over. */
  taken(jobs: number): void
  over(): void
  leave(): void
}

/** Jobs of a partition that wait for a slot of this host: of the usual priority, and of others. */
export interface Queued {
  readonly usual: number
  readonly others: number
}

/** What a frame brings that is new. */
export interface News {
  jobs: number
  /** It brings nothing that could be in a hurry, and no job that may take long. */
  plain: boolean
}

export interface Waiting extends News {
  /** When it came, ms of the monotonic clock. */
  came: number
}

/** What the worker of this host says of its slots. */
export interface Room {
  /** Are there slots for so many new jobs, beside those that are coming? undefined: it is not for them to wait. */
  hasRoom(jobs: number, coming: number, waiting: number): boolean | undefined
  /** All slots have handlers, and none became free since it was asked last. */
  isStuck(): boolean
}

/** Below the time after which a sender says a command again, ms. */
const patience = 4000
/** While something waits it is looked at so often, ms. */
const pause = 50

export function createFlow(clock: Clock, { hasRoom, isStuck }: Room): Flow {
  const held = new Set<() => void>()
  const queues = new Set<() => Queued>()
  const sum = (what: keyof Queued) => [...queues].reduce((count, queued) => count + queued()[what], 0)
  /** Jobs of frames that wait, and those that are about to be created. */
  let waiting = 0
  let coming = 0
  let isOpen = false
  let watching = false

  function look(): void {
    const all = [...held]
    held.clear()
    for (const one of all) one()
  }

  function watch(): void {
    if (watching) return
    watching = true
    clock.at(clock.now() + pause, () => {
      watching = false
      if (isStuck()) isOpen = waiting > 0
      look()
    })
  }

  return {
    look,
    join({ look, isAwaited, queued }) {
      queues.add(queued)
      const mine = { waiting: 0, coming: 0 }
      const wait = (jobs: number) => {
        mine.waiting += jobs
        waiting += jobs
        isOpen &&= waiting > 0
      }
      const come = (jobs: number) => {
        mine.coming += jobs
        coming += jobs
      }
      return {
        came: wait,
        admits({ jobs, came }, hurried) {
          if (isOpen || hurried || isAwaited()) return true
          if (clock.monotonic() - came >= patience) return (isOpen = true)
          const room = hasRoom(jobs, coming, waiting)
          if (room === undefined || sum('others') > 0 || (room && sum('usual') === 0)) return true
          held.add(look)
          watch()
          return false
        },
        taken(jobs) {
          wait(-jobs)
          come(jobs)
        },
        over: () => come(-mine.coming),
        leave() {
          queues.delete(queued)
          held.delete(look)
          wait(-mine.waiting)
        },
      }
    },
  }
}

export const isUsual = (priority: number): boolean => priority === defaultTerms.priority

const newWork: ReadonlySet<string> = new Set(['submit', 'add', 'seal'])

interface New {
  job?: string
  terms?: { priority: number }
  members?: readonly New[]
}

export function newsOf({ items, letters, refused }: Opened, isShort: (job: string) => boolean): News {
  let jobs = 0
  const isPlain = ({ job, terms, members }: New): boolean => {
    if (job !== undefined) jobs++
    return (
      (job === undefined || isShort(job)) &&
      (terms === undefined || isUsual(terms.priority)) &&
      (members === undefined || members.every(isPlain))
    )
  }
  const all = items.map(({ envelope: { event } }) => newWork.has(event.type) && isPlain(event as New))
  return { jobs, plain: !letters.length && !refused.length && all.every((plain) => plain) }
}
