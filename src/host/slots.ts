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
  /** All slots have handlers, and none became free since it was asked last. */
  isStuck(): boolean
  claim(): void
  /** A claimed run that will not start here. */
  unclaim(): void
  /** The handler of a claimed run starts. */
  enter(): void
  leave(): void
}

/** How soon what is claimed ahead should find a slot, ms. */
const horizon = 100

export function createSlots(clock: Clock, count: number): Slots {
  let running = 0
  let claimed = 0
  /** ms between two slots that became free, lately. */
  let pace = Number.POSITIVE_INFINITY
  let lastFree = clock.monotonic()
  /** How many became free, and how many had when it was asked. */
  let freed = 0
  let seen = 0

  /** The longer none became free, the less is known. */
  const ahead = () => {
    const expected = Math.max(pace, clock.monotonic() - lastFree)
    return Number.isFinite(pace) ? Math.min(count, Math.floor(horizon / Math.max(expected, 0.01))) : 0
  }

  return {
    get room() {
      return Math.max(0, count + ahead() - running - claimed)
    },
    get free() {
      return running < count
    },
    get open() {
      return running + claimed
    },
    isStuck() {
      const before = seen
      seen = freed
      return running >= count && freed === before
    },
    claim: () => void claimed++,
    unclaim: () => void claimed--,
    enter() {
      claimed--
      running++
    },
    leave() {
      running--
      freed++
      const now = clock.monotonic()
      const gap = now - lastFree
      pace = Number.isFinite(pace) ? 0.95 * pace + 0.05 * gap : Math.max(gap, horizon)
      lastFree = now
    },
  }
}
