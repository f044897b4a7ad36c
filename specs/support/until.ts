import { setTimeout as sleep } from 'node:timers/promises'

/** Asks until the answer is there; an error that says what was waited for if it is not within `limit` ms. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  limit = 60_000,
  pause = 50,
): Promise<T> {
  const end = performance.now() + limit
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > end) throw new Error(`${what}: not within ${limit / 1000} s`)
    await sleep(pause)
  }
}
