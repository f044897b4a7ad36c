import type { Address } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import { type Clock, sleep } from '../clock.ts'
import { JobCancelledError, JobFailedError, type StellwerkError } from '../errors.ts'
import type { View } from '../host/api.ts'
import type { Ask } from './questions.ts'

export interface WaitOptions {
  signal?: AbortSignal
}

/** Waits for what has not ended, for as long as it takes. */
export interface Ends {
  ended(address: Address, options?: WaitOptions): Promise<View>
  /** undefined: there is no such actor. While nobody can answer it goes on waiting. */
  viewIfAny(address: Address, signal?: AbortSignal): Promise<View | undefined>
}

/** The feed may lose a message: who waits asks again after so long, ms. */
const askAgain = 15_000

export function endsOf({ bus, clock, ask, closed }: { bus: Bus; clock: Clock; ask: Ask; closed(): boolean }): Ends {
  /** Told of the end by the feed; asks once at the beginning and, since the feed may lose a message, now and then. */
  async function ended(address: Address, { signal }: WaitOptions = {}): Promise<View> {
    const [type, id] = [address.slice(0, address.indexOf(':')), address.slice(address.indexOf(':') + 1)]
    let wake = () => {}
    const listening = bus.listen(`feed.${type}.${id.split('/')[0]}`, (changes) => {
      if ((changes as { address: string; final: boolean }[]).some((change) => change.address === address && change.final)) wake()
    })
    try {
      for (;;) {
        signal?.throwIfAborted()
        const told = new Promise<void>((done) => (wake = done))
        const view = await viewIfAny(address, signal)
        if (view?.final) return view
        await firstOf(told, signal)
      }
    } finally {
      listening.stop()
    }
  }

  async function viewIfAny(address: Address, signal?: AbortSignal): Promise<View | undefined> {
    for (;;) {
      signal?.throwIfAborted()
      try {
        return (await ask<{ view: View }>('get', { address })).view
      } catch (error) {
        const { code } = error as StellwerkError
        if (code === 'NOT_FOUND') return undefined
        if (code !== 'UNAVAILABLE' || closed()) throw error
        await sleep(clock, 250)
      }
    }
  }

  async function firstOf(told: Promise<void>, signal?: AbortSignal): Promise<void> {
    let cancel = () => {}
    const late = new Promise<void>((done) => {
      cancel = clock.at(clock.now() + askAgain, done)
      signal?.addEventListener('abort', () => done(), { once: true })
    })
    await Promise.race([told, late])
    cancel()
  }

  return { ended, viewIfAny }
}

/** The output of a job that has ended; or its error. */
export function outcome(view: View): unknown {
  if (view.state === 'succeeded') return view.output ?? undefined
  if (view.state === 'cancelled') throw new JobCancelledError(`${view.address} was cancelled`)
  throw new JobFailedError(`${view.address} ${view.state}: ${view.error?.message ?? 'no message'}`, { cause: view.error })
}
