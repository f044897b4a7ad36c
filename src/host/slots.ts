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

export function createSlots(clock: Clock, count: number): Slots {
  /** When the handlers that run began, oldest first. */
  const running = new Set<{ since: number }>()
  let claimed = 0
  /** ms between two slots that became free, lately. */
  let pace = Number.POSITIVE_INFINITY
  let lastFree = clock.monotonic()

  /** The longer none became free, the less is known. */
  const ahead = () => {
    const expected = Math.max(pace, clock.monotonic() - lastFree)
    return Number.isFinite(pace) ? Math.min(count, Math.floor(horizon / Math.max(expected, 0.01))) : 0
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
        const gap = Math.min(now - lastFree, horizon)
        pace = Number.isFinite(pace) ? 0.95 * pace + 0.05 * gap : horizon
        lastFree = now
      }
    },
  }
}
