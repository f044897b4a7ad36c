import type { Clock } from '../clock.ts'

/**
 * The slots of a worker: as many handlers run at once, and no more. While slots become free in quick succession, runs are claimed a
 * little ahead of them: a claim takes a round trip and two writes, and a slot that waited for it would be idle for longer than it works.
 * How far ahead follows what was seen: as many as should find a slot within `horizon`. Where handlers take long that is none, so that
 * no work is held here that another worker could begin.
 */
export interface Slots {
  /** Runs that may be claimed now. */
  readonly room: number
  /** A slot is free. */
  readonly free: boolean
  /** Handlers that run, and claimed runs that do not yet. */
  readonly open: number
  /** A handler has been running for longer than `horizon`. */
  readonly isHeldUp: boolean
  claim(): void
  /** A claimed run that will not start here. */
  unclaim(): void
  /** The handler of a claimed run starts. Answers what is to be called when it has ended. */
  enter(): () => void
}

/** How soon what is claimed ahead should find a slot, ms. */
const horizon = 100

/** A pause of less, ms, in which none is taken says nothing of how long slots are taken: the next runs are on their way. */
const onTheirWay = 500

/** `most`: runs that may be claimed ahead. */
export function createSlots(clock: Clock, count: number, most = () => count): Slots {
  /** When the handlers that run began, oldest first. */
  const running = new Set<{ since: number }>()
  let claimed = 0
  /** ms between two slots that became free, over about as many as there are: where a batch of runs begins together, it also ends together. */
  let pace = Number.POSITIVE_INFINITY
  const weight = 1 / Math.max(count, 20)
  let lastFree = clock.monotonic()

  /** Since when the slot of a handler that began then could have been the next to become free. */
  const countsSince = (began: number) => (began - lastFree < onTheirWay ? Math.max(lastFree, began) : lastFree)

  /** The longer none became free, the less is known. */
  const ahead = () => {
    const now = clock.monotonic()
    const [oldest] = running
    const silent = now - countsSince(oldest?.since ?? now)
    return Math.min(most(), Math.floor(horizon / Math.max(pace, silent, 0.01)))
  }

  return {
    get room() {
      return Math.max(0, count + ahead() - running.size - claimed)
    },
    get free() {
      return running.size < count
    },
    get open() {
      return running.size + claimed
    },
    get isHeldUp() {
      const [oldest] = running
      return oldest !== undefined && clock.monotonic() - oldest.since > horizon
    },
    claim: () => void claimed++,
    unclaim: () => void claimed--,
    enter() {
      claimed--
      const handler = { since: clock.monotonic() }
      running.add(handler)
      return () => {
        running.delete(handler)
        const now = clock.monotonic()
        // Where there was nothing to do for long, that says nothing of how long it takes.
        const gap = Math.min(now - countsSince(handler.since), horizon)
        pace = Number.isFinite(pace) ? pace + weight * (gap - pace) : horizon
        lastFree = now
      }
    },
  }
}
