import { type Clock, sleep } from './clock.ts'
import { isStellwerkError } from './errors.ts'

/** ms. */
const pause = 250

/** Asks again while whom it asks is UNAVAILABLE. Before each question, and each pause, `over` throws what ends it: that error, or a reason of its own. */
export async function insist<T>(clock: Clock, ask: () => Promise<T>, over: (error?: unknown) => void): Promise<T> {
  for (let unavailable: unknown; ; await sleep(clock, pause)) {
    over(unavailable)
    try {
      return await ask()
    } catch (error) {
      if (!isStellwerkError(error, 'UNAVAILABLE')) throw error
      over((unavailable = error))
    }
  }
}
