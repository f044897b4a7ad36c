import { defaultTerms } from '../../actors/job/terms.ts'
import type { Clock } from '../clock.ts'
import type { Envelope } from '../envelope.ts'
import { isOfApi } from './command-api.ts'
import type { Opened } from './door.ts'

/**
 * How fast new work is taken in. A job that is submitted while a slot is free is granted in the write that creates it; one that has to
 * queue takes a write more, an offer and a claim. So while a host that is alone works off a burst of short jobs of one definition, new ones are
 * taken in as slots become free. Until then they wait in the stream, which is as safe a place.
 *
 * Nobody may have to wait for them: while a handler takes long (it may wait for what it has submitted) nothing is held back. And all is
 * taken in at once, until none waits any more, as soon as anything but plain new work of the same definition comes, nothing could be taken in for
 * three looks, or the first has waited for `patience`; also while work of another priority is queued, or somebody waits for the stream to be applied.
 */
export interface Flow {
  /** A partition's part in it. `look`: what had to wait may be taken in now. `isAwaited`: somebody waits until its stream is applied. */
  join(partition: { look(): void; isAwaited(): boolean; queued(): Queued }): PartitionFlow
  /** There may be room. */
  look(): void
}

export interface PartitionFlow {
  came(news: News): void
  /** May this frame be taken in now, the first of those that wait? */
  admits(first: Waiting): boolean
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
  /** Their definition. */
  job?: string
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
}

/** Below the time after which a sender says a command again, ms. */
const patience = 4000
/** While something waits it is looked at so often, ms. */
const pause = 100
/** Looks in a row with nothing taken in: long enough for what is queued to be offered and claimed, and for what that begins. */
const standstill = 3

export function createFlow(clock: Clock, { hasRoom }: Room): Flow {
  const held = new Set<() => void>()
  const queues = new Set<() => Queued>()
  const sum = (what: keyof Queued) => [...queues].reduce((count, queued) => count + queued()[what], 0)
  /** Jobs of frames that wait, their definition, and those that are about to be created. */
  let waiting = 0
  let definition: string | undefined
  let coming = 0
  let isOpen = false
  let watching = false
  /** Looks since something was taken in. */
  let still = 0

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
      still = coming ? 0 : still + 1
      if (still >= standstill) isOpen = waiting > 0
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
        came({ jobs, job, plain }) {
          if (!waiting) definition = job
          else if (!plain || (jobs && job !== definition)) isOpen = true
          wait(jobs)
        },
        admits({ jobs, came, plain }) {
          if (isOpen || !plain || isAwaited()) return true
          if (clock.monotonic() - came >= patience) return (isOpen = true)
          const room = hasRoom(jobs, coming, waiting)
          if (room === undefined || sum('others') > 0 || (room && sum('usual') === 0)) return true
          held.add(look)
          watch()
          return false
        },
        taken(jobs) {
          still = 0
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

/** By a program's request, which does not wait for long. */
const isAsked = (reply: Envelope['reply']): boolean => !!reply && (!!reply.outside || isOfApi(reply.inbox))

interface New {
  job?: string
  terms?: { priority: number; deadline?: number }
  members?: readonly New[]
  /** At a time of its own, which may come while it waits. */
  startAt?: number
  overdueAt?: number
}

export function newsOf({ items, letters, refused }: Opened, isShort: (job: string) => boolean): News {
  let jobs = 0
  let definition: string | undefined
  const isPlain = ({ job, terms, members, startAt, overdueAt }: New): boolean => {
    if (startAt !== undefined || overdueAt !== undefined) return false
    if (members) return members.every(isPlain)
    if (job === undefined) return true
    jobs++
    definition ??= job
    return job === definition && isShort(job) && (!terms || (isUsual(terms.priority) && terms.deadline === undefined))
  }
  // What is added to a group must come before a timer seals it, and a seal may be all that the group waits for.
  const all = items.map(({ envelope: { event, reply } }) => event.type === 'submit' && isPlain(event as New) && !isAsked(reply))
  return { jobs, job: definition, plain: !letters.length && !refused.length && all.every((plain) => plain) }
}
