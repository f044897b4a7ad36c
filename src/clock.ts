/** Time as a port: specs bring their own. */
export interface Clock {
  /** Wall clock, ms since 1970. */
  now(): number
  /** Monotonic clock, ms since some start: leases are measured with it. */
  monotonic(): number
  /** Calls `fire` once, after as long as there is from now until `at`, even if the wall clock is set meanwhile. Answers a function that takes it back. */
  at(at: number, fire: () => void): () => void
  /** The same, as soon as `now() >= at` and not before, even if the wall clock is set meanwhile. A clock that is never set has no need of it. */
  atWall?(at: number, fire: () => void): () => void
  /** Says that something is under way that takes none of this clock's time, until the answer is called: a virtual clock waits for it. */
  hold?(): () => void
}

/** Longest delay that setTimeout takes: 2^31 - 1 ms. */
const longest = 2_147_483_647
/** How often the wall clock is looked at while a time of it is waited for, ms: timers do not notice that it was set, nor that the machine was suspended. */
const look = 1000
/** Times that are further away than that: one watch for all. */
const far = new Set<() => void>()
let watch: NodeJS.Timeout | undefined

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  at(at, fire) {
    let timer: NodeJS.Timeout
    const arm = () => {
      const left = at - Date.now()
      timer = left > longest ? setTimeout(arm, longest) : setTimeout(fire, Math.max(0, left))
    }
    arm()
    return () => clearTimeout(timer)
  },
  atWall(at, fire) {
    let timer: NodeJS.Timeout | undefined
    const arm = () => {
      const left = at - Date.now()
      if (left > look) return wait(arm)
      leave(arm)
      timer = setTimeout(() => (Date.now() < at ? arm() : fire()), Math.max(0, left))
    }
    arm()
    return () => {
      clearTimeout(timer)
      leave(arm)
    }
  },
}

function wait(arm: () => void): void {
  far.add(arm)
  watch ??= setInterval(() => far.forEach((arm) => arm()), look)
}

function leave(arm: () => void): void {
  far.delete(arm)
  if (far.size) return
  clearInterval(watch)
  watch = undefined
}

/** A time of the wall clock: what is due at a date, and not after a while. */
export const atWall = (clock: Clock, at: number, fire: () => void): (() => void) => clock.atWall?.(at, fire) ?? clock.at(at, fire)

/** Resolves after so many milliseconds of this clock. */
export const sleep = (clock: Clock, ms: number): Promise<void> => new Promise((done) => void clock.at(clock.now() + ms, done))

/** Whether it came to pass within so many ms. No timer is left, which would keep the process alive. */
export async function within(clock: Clock, ms: number, passed: Promise<unknown>): Promise<boolean> {
  let cancel = () => {}
  const late = new Promise<boolean>((done) => (cancel = clock.at(clock.now() + ms, () => done(false))))
  const inTime = await Promise.race([passed.then(() => true), late])
  cancel()
  return inTime
}
