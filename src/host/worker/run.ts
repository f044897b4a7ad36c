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
  abort: new Abort(),
})

/**
 * As an AbortController, whose signal is made when somebody asks for it: most handlers never do. A class, since V8 makes a slow object of each
 * literal with accessors, and there is one a run.
 */
export class Abort {
  #made: AbortController | undefined
  /** undefined: not aborted. */
  reason: Error | undefined

  get signal(): AbortSignal {
    if (!this.#made) {
      this.#made = new AbortController()
      if (this.reason) this.#made.abort(this.reason)
    }
    return this.#made.signal
  }

  abort(why: Error): void {
    this.reason ??= why
    this.#made?.abort(why)
  }
}
