import type { Address } from '../../address.ts'

/** A run as its worker knows it: from the claim until its actor has settled it. */
export interface WorkerRun {
  address: Address
  dispatch: number
  state: 'claiming' | 'ready' | 'running' | 'done'
  begun: boolean
  /** Monotonic clock: its heart stops listing it then. */
  until?: number
  abort: Abort
  over: boolean
  /** When the request was sent by which its lease began, ms of the monotonic clock. */
  since: number
  /** When it was last heard that it is current, on the same clock. */
  heard: number
}

export const keyOf = (address: Address, dispatch: number) => `${address} ${dispatch}`

export const newRun = (address: Address, dispatch: number, state: 'claiming' | 'ready'): WorkerRun => ({
  address,
  dispatch,
  state,
  begun: false,
  over: false,
  since: Number.NEGATIVE_INFINITY,
  heard: Number.NEGATIVE_INFINITY,
  abort: lazyAbort(),
})

/** As an AbortController, whose signal is made when somebody asks for it: most handlers never do. */
export interface Abort {
  readonly signal: AbortSignal
  /** undefined: not aborted. */
  readonly reason: Error | undefined
  abort(reason: Error): void
}

export function lazyAbort(): Abort {
  let made: AbortController | undefined
  let reason: Error | undefined
  return {
    get signal() {
      if (!made) {
        made = new AbortController()
        if (reason) made.abort(reason)
      }
      return made.signal
    },
    get reason() {
      return reason
    },
    abort(why) {
      reason ??= why
      made?.abort(why)
    },
  }
}
