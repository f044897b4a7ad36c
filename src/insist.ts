import { type Clock, sleep } from './clock.ts'
import { isStellwerkError } from './errors.ts'

/** ms. */
const pause = 250

/** Asks again while whom it asks is UNAVAILABLE. `over` throws what ends it: it is asked before each question, and with the error after each. */
export async function insist<T>(clock: Clock, ask: () => Promise<T>, over: (error?: unknown) => void): Promise<T> {
  for (;;) {
    over()
    try {
      return await ask()
    } catch (error) {
      if (!isStellwerkError(error, 'UNAVAILABLE')) throw error
      over(error)
    }
    await sleep(clock, pause)
  }
}
