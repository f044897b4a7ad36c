import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { ActorDocument } from '../document.ts'

/**
 * Who says that a run is lost: the owner of its job, when the run's lease has ended. A lease is the owner's memory: it begins with
 * the grant, is renewed by the worker's heartbeats, and costs no write. A new owner gives every open run a full lease.
 */
export interface Leases {
  /** After each commit or load of a document: grants begin a lease, everything else ends it. */
  note(doc: Pick<ActorDocument, '_id' | 'work'>): void
  /** A heartbeat of a worker: what it should do about each run that it lists. undefined: not a run that holds a lease here. */
  renew(worker: string, address: Address, dispatch: number, begun: boolean): 'go' | 'cancel' | undefined
  /** A worker says of its run that it has begun. true: the second time, so that it lasts. To be asked before `renew`. */
  lasts(worker: string, address: Address, dispatch: number): boolean
  /** A worker that shuts down says so of its run. true: it had not said so before. */
  stops(worker: string, address: Address, dispatch: number): boolean
  /** All leases begin anew: after a time in which heartbeats could not be heard. */
  renewAll(): void
  /** Those whose lease has ended. */
  ended(): Run[]
  /** Its loss is being recorded. */
  forget(run: Run): void
  /** When the next lease ends, on the monotonic clock. */
  readonly next: number | undefined
}

export interface Run {
  address: Address
  dispatch: number
  worker: string
  /** It was seen to have begun: a loss uses an attempt. */
  begun: boolean
}

interface Lease extends Run {
  until: number
  cancelling: boolean
  lasting: boolean
  stopping?: boolean
}

export function createLeases(clock: Clock, length: number, workerLives: (worker: string) => boolean | undefined): Leases {
  const leases = new Map<Address, Lease>()
  const heldBy = (worker: string, address: Address, dispatch: number): Lease | undefined => {
    const lease = leases.get(address)
    return lease?.dispatch === dispatch && lease.worker === worker ? lease : undefined
  }
  return {
    note({ _id, work }) {
      if (work?.state !== 'running') return void leases.delete(_id)
      const cancelling = !!work.cancelling
      const present = leases.get(_id)
      if (present?.dispatch === work.dispatch && present.worker === work.worker) present.cancelling = cancelling
      else {
        // Where the bus knows that the worker's process is gone, nothing is waited for.
        const until = workerLives(work.worker!) === false ? 0 : clock.monotonic() + length
        const { dispatch, worker, begun = false } = work
        leases.set(_id, { address: _id, dispatch, worker: worker!, begun, lasting: begun, until, cancelling })
      }
    },
    renew(worker, address, dispatch, begun) {
      const lease = heldBy(worker, address, dispatch)
      if (!lease) return undefined
      lease.until = clock.monotonic() + length
      lease.begun ||= begun
      return lease.cancelling ? 'cancel' : 'go'
    },
    lasts(worker, address, dispatch) {
      const lease = heldBy(worker, address, dispatch)
      if (!lease?.begun || lease.lasting || lease.cancelling || lease.stopping) return false
      lease.lasting = true
      return true
    },
    stops(worker, address, dispatch) {
      const lease = heldBy(worker, address, dispatch)
      if (!lease || lease.stopping || lease.cancelling) return false
      lease.stopping = true
      return true
    },
    renewAll() {
      for (const lease of leases.values()) lease.until = clock.monotonic() + length
    },
    ended: () => [...leases.values()].filter(({ until }) => until <= clock.monotonic()),
    forget(run) {
      if (leases.get(run.address) === run) leases.delete(run.address)
    },
    get next() {
      let next: number | undefined
      for (const { until } of leases.values()) if (next === undefined || until < next) next = until
      return next
    },
  }
}
