import type { Address } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import { UnavailableError } from '../errors.ts'
import { feedOf, type StateChange } from '../host/feed.ts'
import { onAbort } from '../on-abort.ts'

/**
 * Says when it is time to look at an actor again: when the feed tells of it, when a lost connection is back, and, since a message of
 * the feed may be lost, after a while without news. What the feed says is never the truth: the store is.
 */
export interface News {
  of(address: Address, concerns: (change: StateChange) => boolean): Subscription
  /** Wakes all who wait: the client is closed. */
  close(): void
}

export interface Subscription {
  /** Resolves when there is something new since the call before, and at the latest after `lookAgain`; or when the signal aborts. Throws when the client was closed. */
  next(signal?: AbortSignal): Promise<void>
  stop(): void
}

/** Without news one looks again after so long, ms. */
const lookAgain = 15_000

const wasClosed = () => new UnavailableError('This client was closed.')

export function createNews({ bus, clock }: { bus: Bus; clock: Clock }): News {
  const waiting = new Set<() => void>()
  let closed = false
  const wakeAll = () => waiting.forEach((wake) => wake())
  bus.onConnection((connected) => void (connected && wakeAll()))

  function of(address: Address, concerns: (change: StateChange) => boolean): Subscription {
    let heard = false
    let wake = () => {}
    const tell = () => {
      heard = true
      wake()
    }
    // A bus that is closed may say it in words of its own.
    if (closed) throw wasClosed()
    const listening = bus.listen(feedOf(address), (told) => {
      if (Array.isArray(told) && told.some((one) => one?.address === address && 'version' in one && concerns(one))) tell()
    })
    waiting.add(tell)
    return {
      async next(signal) {
        if (!heard && !signal?.aborted)
          await new Promise<void>((done) => {
            const end = () => {
              cancel()
              unhear()
              done()
            }
            const cancel = clock.at(clock.now() + lookAgain, end)
            const unhear = onAbort(signal, end)
            wake = end
          })
        if (closed) throw wasClosed()
        heard = false
        wake = () => {}
      },
      stop() {
        waiting.delete(tell)
        listening.stop()
      },
    }
  }
  return {
    of,
    close() {
      closed = true
      wakeAll()
    },
  }
}
