import type { Grant } from '../../actors/job.ts'
import { type Address, partitionOf, rootOf } from '../address.ts'
import type { Bus, TakenOffer, WorkPull } from '../bus/port.ts'
import { type Clock, sleep } from '../clock.ts'
import type { Handler } from '../definition.ts'
import { JobCancelledError, StellwerkError, SupersededError } from '../errors.ts'
import type { Store } from '../store/port.ts'
import type { Answer, Heart, Wearer } from './heart.ts'
import type { OwnWorker } from './partition.ts'
import { createResults, type Ended } from './results.ts'
import { runHandler, timeoutGrace } from './run.ts'
import { createSlots } from './slots.ts'

/**
 * The part of a host that runs handlers.
 *
 *   offer ─► claiming ─── granted in time ─► ready ─── a slot ───► running ─── returned, threw ─► done ─── settled ─► (forgotten)
 *              │  └────── refused ► (forgotten) │                                                    ▲
 *              └─ granted late, shutdown ───────┴─ no slot came ► given back: 'unbegun' ─────────────┘
 *
 * A handler starts only after the job's actor has granted the claim and committed it, and only while the lease, counted from the
 * sending of the very request that was answered, still runs. A run is remembered until it is settled, and never claimed twice.
 */
export interface Worker extends OwnWorker {
  /** Handlers that run now. */
  readonly running: number
  start(): Promise<void>
  /** No new starts; told handlers give back or finish. Resolves when none runs any more, or after `grace` ms. true: all have ended. */
  stop(grace: number): Promise<boolean>
}

export interface WorkerParts {
  bus: Bus
  store: Store
  clock: Clock
  /** Unique for every incarnation: it is what a run is granted to. */
  name: string
  slots: number
  handlers: readonly Handler[]
  /** Length of a lease, ms, and the pause between heartbeats. */
  lease: number
  beat: number
  heart(parts: Wearer): Heart
  /** Jobs of this definition that travel together in one offer. */
  offerSize(job: string): number
  /** Nobody serves the partition that a heartbeat or claim was meant for: its owner may be dead. */
  onNoOwner(partition: number): void
}

interface Run {
  address: Address
  dispatch: number
  state: 'claiming' | 'ready' | 'running' | 'done'
  begun: boolean
  abort: AbortController
  over: boolean
}

interface Backlog {
  offer: TakenOffer
  jobs: (readonly [Address, number])[]
  open: number
}

/** Granted, and waits for a slot. */
interface Ready {
  run: Run
  grant: Grant
  /** When the request was sent by which the lease began. */
  since: number
}

/** What was granted ahead and found no slot for so long goes back, ms: another worker may have one. */
const patience = 500

const keyOf = (address: Address, dispatch: number) => `${address} ${dispatch}`

const newRun = (address: Address, dispatch: number, state: 'claiming' | 'ready'): Run => ({
  address,
  dispatch,
  state,
  begun: false,
  over: false,
  abort: new AbortController(),
})

export function createWorker(parts: WorkerParts): Worker {
  const { bus, store, clock, name, lease } = parts
  const handlers = new Map(parts.handlers.map((handler) => [handler.definition.name, handler]))
  const pulls = new Map<string, WorkPull>()
  const runs = new Map<string, Run>()
  const backlog: Backlog[] = []
  const slots = createSlots(clock, parts.slots)
  const ready: Ready[] = []
  let impatient: (() => void) | undefined
  let stopping = false
  let refilling = false
  let idle: (() => void) | undefined

  const results = createResults({ bus, clock, name, onSettled: forget })

  const heart = parts.heart({ worker: name, beat: parts.beat, lease, onAnswer: obey, onNoOwner: parts.onNoOwner })

  function remember(run: Run, timeout?: number): void {
    const { address, dispatch, begun } = run
    const key = keyOf(address, dispatch)
    runs.set(key, run)
    const until = timeout === undefined ? undefined : clock.now() + timeout + 2 * timeoutGrace
    heart.set(key, { partition: partitionOf(rootOf(address), bus.partitions), address, dispatch, begun, until })
  }
  function forget(key: string): void {
    runs.delete(key)
    heart.delete(key)
  }

  // ---- slots --------------------------------------------------------------------------------------------------------

  function admit(granted: Ready): void {
    granted.run.state = 'ready'
    ready.push(granted)
    startReady()
  }

  function startReady(): void {
    while (ready.length && (slots.free || stopping)) {
      const { run, grant, since } = ready.shift()!
      if (stopping || clock.monotonic() - since >= lease) giveBack(run)
      else start(run, grant)
    }
    if (ready.length && !impatient) impatient = clock.at(clock.now() + patience, giveBackOld)
    else if (!ready.length) disarm()
  }

  function giveBackOld(): void {
    impatient = undefined
    while (ready.length && clock.monotonic() - ready[0]!.since >= patience) giveBack(ready.shift()!.run)
    startReady()
  }

  function disarm(): void {
    impatient?.()
    impatient = undefined
  }

  function freed(): void {
    startReady()
    refill()
    if (!slots.open) idle?.()
  }
  /** Slots that become free together are filled by one request, not by one each. */
  function refill(): void {
    if (refilling) return
    refilling = true
    setImmediate(() => {
      refilling = false
      claimBacklog()
      want()
    })
  }
  /** Never more offers than there is room; what is waiting in the backlog comes first. */
  function want(): void {
    const room = stopping || backlog.length ? 0 : slots.room
    for (const [job, pull] of pulls) pull.want(Math.ceil(room / parts.offerSize(job)))
  }

  /** The next free slot is for another job first: a long queue of one does not keep the others waiting. */
  function favourOthers(job: string): void {
    const pull = pulls.get(job)!
    pulls.delete(job)
    pulls.set(job, pull)
  }

  // ---- claims -------------------------------------------------------------------------------------------------------

  function onOffer(offer: TakenOffer): void {
    if (stopping || !slots.room) {
      offer.giveBack()
      return
    }
    favourOthers(offer.job)
    const jobs = offer.jobs.filter(([address, dispatch]) => !runs.has(keyOf(address, dispatch)))
    if (jobs.length) backlog.push({ offer, jobs, open: jobs.length })
    else offer.acknowledge()
    claimBacklog()
    want()
  }

  function claimBacklog(): void {
    const claims = new Map<number, { address: Address; dispatch: number; from: Backlog }[]>()
    while (backlog.length && slots.room && !stopping) {
      const from = backlog[0]!
      const [address, dispatch] = from.jobs.shift()!
      if (!from.jobs.length) backlog.shift()
      const partition = partitionOf(rootOf(address), bus.partitions)
      const list = claims.get(partition) ?? claims.set(partition, []).get(partition)!
      list.push({ address, dispatch, from })
      remember(newRun(address, dispatch, 'claiming'))
      slots.claim()
    }
    for (const [partition, list] of claims) void claim(partition, list)
  }

  async function claim(partition: number, list: { address: Address; dispatch: number; from: Backlog }[]): Promise<void> {
    const { sent, answers } = await askUntilAnswered(partition, list)
    list.forEach(({ address, dispatch, from }, i) => {
      const key = keyOf(address, dispatch)
      const run = runs.get(key)!
      const grant = answers?.[i]
      if (grant) admit({ run, grant, since: sent })
      else if (!answers) giveBack(run)
      else {
        forget(key)
        slots.unclaim()
        freed()
      }
      if (--from.open > 0) return
      if (answers) from.offer.acknowledge()
      else from.offer.giveBack()
    })
  }

  /**
   * Without an answer it is not known whether the claim was granted: it is asked again (the holder is granted again). What counts is
   * the sending of the request that was answered.
   */
  async function askUntilAnswered(partition: number, list: { address: Address; dispatch: number }[]) {
    const jobs = list.map(({ address, dispatch }) => [address, dispatch])
    for (;;) {
      const sent = clock.monotonic()
      try {
        return { sent, answers: (await bus.request(`claim.${partition}`, { worker: name, jobs }, lease)) as (Grant | null)[] }
      } catch {
        if (stopping) return { sent, answers: undefined }
        parts.onNoOwner(partition)
        await sleep(clock, 100)
      }
    }
  }

  function giveBack(run: Run): void {
    slots.unclaim()
    end(run, { outcome: 'unbegun' })
  }

  // ---- runs ---------------------------------------------------------------------------------------------------------

  function start(run: Run, grant: Grant): void {
    slots.enter()
    run.state = 'running'
    run.begun = true
    remember(run, grant.timeout)
    const handler = handlers.get(grant.job)!
    void runHandler({ bus, store, clock }, handler, grant, run.abort).then((ended) => {
      slots.leave()
      end(run, ended)
    })
  }

  function end(run: Run, ended: Ended): void {
    run.state = 'done'
    const key = keyOf(run.address, run.dispatch)
    if (run.over) forget(key)
    else results.send(key, run.address, run.dispatch, ended)
    freed()
  }

  // ---- what the heartbeats answer ----------------------------------------------------------------------------------

  /** What was said of a claim does not count for the run that was granted meanwhile. */
  function obey(key: string, answer: Answer, begun: boolean): void {
    const run = runs.get(key)
    if (!run || run.state === 'claiming' || run.begun !== begun) return
    if (answer === 'cancel') run.abort.abort(new JobCancelledError(`${run.address} was cancelled`))
    else if (answer === 'over' && run.state === 'done') {
      results.forget(key)
    } else if (answer === 'over') {
      run.over = true
      run.abort.abort(new SupersededError(`run ${run.dispatch} of ${run.address} is no longer current`))
    } else if (run.state === 'done') results.repeat(key)
  }

  return {
    name,
    get running() {
      return slots.open
    },
    reserve(job) {
      if (stopping || !slots.room || backlog.length || !handlers.has(job) || !pulls.get(job)?.empty) return false
      slots.claim()
      want()
      return true
    },
    release() {
      slots.unclaim()
      freed()
    },
    begin(grant, since) {
      const run = newRun(grant.address, grant.dispatch, 'ready')
      if (slots.free) runs.set(keyOf(grant.address, grant.dispatch), run)
      else remember(run)
      admit({ run, grant, since })
    },
    async start() {
      for (const job of handlers.keys()) pulls.set(job, await bus.pull(job, onOffer))
      want()
    },
    async stop(grace) {
      stopping = true
      want()
      startReady()
      for (const { offer } of backlog.splice(0)) offer.giveBack()
      for (const run of runs.values()) if (run.state === 'running') run.abort.abort(shutdownReason())
      const ended = await within(clock, grace, slots.open ? new Promise<void>((done) => (idle = done)) : Promise.resolve())
      await within(clock, ended ? grace : 0, results.delivered())
      await heart.stop()
      for (const pull of pulls.values()) await pull.stop()
      results.stop()
      return ended
    },
  }
}

/** Whether it came to pass within so many ms. No timer is left, which would keep the process alive. */
async function within(clock: Clock, ms: number, passed: Promise<void>): Promise<boolean> {
  let cancel = () => {}
  const late = new Promise<boolean>((done) => (cancel = clock.at(clock.now() + ms, () => done(false))))
  const inTime = await Promise.race([passed.then(() => true), late])
  cancel()
  return inTime
}

/** Reason of `ctx.signal` at shutdown: a handler that throws it is queued again and loses no attempt. */
export const shutdownReason = () => new StellwerkError('SHUTDOWN', 'the host shuts down')
