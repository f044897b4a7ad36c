/** Time as a port: specs bring their own. */
export interface Clock {
  /** Wall clock, ms since 1970. */
  now(): number
  /** Monotonic clock, ms since some start: leases are measured with it. */
  monotonic(): number
  /** Calls `fire` once, at or after `now() >= at`. Answers a function that takes it back. */
  at(at: number, fire: () => void): () => void
  /** Says that something is under way that takes none of this clock's time, until the answer is called: a virtual clock waits for it. */
  hold?(): () => void
}

/** Longest delay that setTimeout takes: 2^31 - 1 ms. */
const longest = 2_147_483_647

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
}

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
