import type { Grant } from '../../../actors/job.ts'
import { type Address, partitionOf, rootOf } from '../../address.ts'
import type { Bus, TakenOffer, WorkPull } from '../../bus/port.ts'
import { type Clock, sleep } from '../../clock.ts'
import { isStellwerkError } from '../../errors.ts'
import type { Slots } from '../slots.ts'
import type { Ready } from './ready.ts'
import { keyOf, newRun, type WorkerRun } from './run.ts'

interface Backlog {
  offer: TakenOffer
  jobs: (readonly [Address, number])[]
  open: number
}

interface Claim {
  address: Address
  dispatch: number
  from: Backlog
}

/** In one request. An answer brings the grants that fit into it, inputs and all; each of the others is granted again, which is a write. */
const mostClaims = 50

interface ClaimParts {
  bus: Bus
  clock: Clock
  name: string
  lease: number
  slots: Slots
  runs: ReadonlyMap<string, WorkerRun>
  stopping(): boolean
  offerSize(job: string): number
  onNoOwner(partition: number): void
  remember(run: WorkerRun): void
  forget(key: string): void
  admit(granted: Ready): void
  giveBack(run: WorkerRun): void
  /** What was granted can never be told: its run has failed. */
  fail(run: WorkerRun, error: Error): void
  freed(): void
  onRoom(): void
}

/**
 * Takes offers, never more than there is room for, and claims what they offer, a frame at a time. An offer is acknowledged once all its
 * claims are answered: a worker that dies before leaves it to another. A run that is known here is never claimed again.
 */
export function createClaims(parts: ClaimParts) {
  const { bus, clock, name, lease, slots, runs } = parts
  const pulls = new Map<string, WorkPull>()
  const backlog: Backlog[] = []
  let refilling = false

  /** Slots that become free together, and offers that come together, are one request, not one each. */
  function refill(): void {
    if (refilling) return
    refilling = true
    setImmediate(() => {
      refilling = false
      claimBacklog()
      want()
      parts.onRoom()
    })
  }
  /** Never more offers than there is room; what is waiting in the backlog comes first. */
  function want(): void {
    const room = parts.stopping() || backlog.length ? 0 : slots.room
    for (const [job, pull] of pulls) pull.want(Math.ceil(room / parts.offerSize(job)))
  }

  /** The next free slot is for another job first: a long queue of one does not keep the others waiting. */
  function favourOthers(job: string): void {
    const pull = pulls.get(job)!
    pulls.delete(job)
    pulls.set(job, pull)
  }

  function onOffer(offer: TakenOffer): void {
    if (parts.stopping() || slots.room <= waiting()) {
      offer.giveBack()
      return
    }
    favourOthers(offer.job)
    backlog.push({ offer, jobs: [...offer.jobs], open: offer.jobs.length })
    refill()
  }
  /** Offered to this worker, and not claimed yet. */
  const waiting = (): number => backlog.reduce((sum, { jobs }) => sum + jobs.length, 0)

  function claimBacklog(): void {
    const claims = new Map<number, Claim[]>()
    while (backlog.length && slots.room && !parts.stopping()) {
      const from = backlog[0]!
      const [address, dispatch] = from.jobs.shift()!
      if (!from.jobs.length) backlog.shift()
      if (runs.has(keyOf(address, dispatch))) {
        answered(from, true)
        continue
      }
      const partition = partitionOf(rootOf(address), bus.partitions)
      const list = claims.get(partition) ?? claims.set(partition, []).get(partition)!
      list.push({ address, dispatch, from })
      parts.remember(newRun(address, dispatch, 'claiming'))
      slots.claim()
    }
    for (const [partition, list] of claims) while (list.length) void claim(partition, list.splice(0, mostClaims))
  }

  async function claim(partition: number, list: Claim[]): Promise<void> {
    const { sent, answers, error } = await askUntilAnswered(partition, list)
    if (error && list.length > 1) {
      for (const one of list) void claim(partition, [one])
      return
    }
    list.splice(0, answers?.length ?? list.length).forEach(({ address, dispatch, from }, i) => {
      const key = keyOf(address, dispatch)
      const run = runs.get(key)!
      const grant = answers?.[i]
      if (grant) {
        run.since = sent
        parts.admit({ run, grant })
      } else if (error) parts.fail(run, error)
      else if (!answers) parts.giveBack(run)
      else {
        parts.forget(key)
        slots.unclaim()
        parts.freed()
      }
      answered(from, answers !== undefined)
    })
    if (list.length) await claim(partition, list)
  }

  function answered(from: Backlog, isKnown: boolean): void {
    if (--from.open > 0) return
    if (isKnown) from.offer.acknowledge()
    else from.offer.giveBack()
  }

  /**
   * Without an answer it is not known whether the claim was granted: it is asked again (the holder is granted again). What counts is
   * the sending of the request that was answered. An error instead: the answer is there, it can never be sent, and it would be the same again.
   */
  async function askUntilAnswered(
    partition: number,
    list: Omit<Claim, 'from'>[],
  ): Promise<{ sent: number; answers?: (Grant | null)[]; error?: Error }> {
    const jobs = list.map(({ address, dispatch }) => [address, dispatch])
    for (;;) {
      const sent = clock.monotonic()
      try {
        return { sent, answers: (await bus.request(`claim.${partition}`, { worker: name, jobs }, lease)) as (Grant | null)[] }
      } catch (error) {
        if (parts.stopping()) return { sent }
        if (isStellwerkError(error, 'VALIDATION')) return { sent, error }
        parts.onNoOwner(partition)
        await sleep(clock, 100)
      }
    }
  }

  /** For a run that is granted already: as the holder it is granted again, and its lease begins anew. false: it is no longer current. */
  async function renew(run: WorkerRun): Promise<boolean> {
    const { address, dispatch } = run
    const { sent, answers } = await askUntilAnswered(partitionOf(rootOf(address), bus.partitions), [{ address, dispatch }])
    run.since = sent
    return !!answers?.[0]
  }

  return {
    refill,
    want,
    renew,
    /** No offer of this job waits for a slot, here or in its queue. */
    nothingWaits: (job: string): boolean => !backlog.length && !!pulls.get(job)?.empty,
    async start(jobs: Iterable<string>): Promise<void> {
      for (const job of jobs) pulls.set(job, await bus.pull(job, onOffer))
      want()
    },
    /** What is not claimed yet goes to another worker, at once. */
    giveBackOffers(): void {
      want()
      for (const { offer } of backlog.splice(0)) offer.giveBack()
    },
    async stop(): Promise<void> {
      for (const pull of pulls.values()) await pull.stop()
    },
  }
}
