import type { Grant } from '../../actors/job.ts'
import { partitionOf, rootOf } from '../address.ts'
import type { Bus, Listening } from '../bus/port.ts'
import { type Clock, within } from '../clock.ts'
import type { Handler } from '../definition.ts'
import type { Envelope } from '../envelope.ts'
import { JobCancelledError, StellwerkError, SupersededError } from '../errors.ts'
import type { Store } from '../store/port.ts'
import type { Children } from './children.ts'
import type { Room } from './flow.ts'
import { serveHandlers } from './handlers-up.ts'
import type { Answer, Heart, Wearer } from './heart.ts'
import type { OwnWorker } from './partition.ts'
import { createResults, type Ended } from './results.ts'
import { runHandler, timeoutGrace } from './run.ts'
import { createSlots } from './slots.ts'
import { errorOf } from './thrown.ts'
import { createClaims } from './worker/claims.ts'
import { createReadyLine } from './worker/ready.ts'
import { keyOf, newRun, type WorkerRun } from './worker/run.ts'

/**
 * The part of a host that runs handlers.
 *
 *   offer ─► claiming ─────── granted ─────► ready ─── a slot ───► running ─── returned, threw ─► done ─── settled ─► (forgotten)
 *              │  └────── refused ► (forgotten) │                     │                              ▲
 *              └─ shutdown ─────────────────────┴─ no slot came ──────┴─ lost meanwhile ► 'unbegun' ─┘
 *
 * A handler starts only after the job's actor has granted the claim and committed it, and only while the lease, counted from the
 * sending of the very request that was answered, still runs: once that is over it asks again. A run is remembered until it is settled, and never claimed twice.
 */
export interface Worker extends OwnWorker, Room {
  /** Handlers that run now. */
  readonly running: number
  start(): Promise<void>
  /**
   * No new starts; told handlers give back or finish. Resolves when none runs any more and what came of them is delivered, or after
   * `grace` ms. true: so it is.
   */
  stop(grace: number): Promise<boolean>
}

export interface WorkerParts {
  bus: Bus
  store: Store
  clock: Clock
  /** Unique for every incarnation: it is what a run is granted to. */
  name: string
  slots: number
  /** Runs that may be claimed ahead of free slots, at most, now. */
  ahead(): number
  handlers: readonly Handler[]
  children: Pick<Children, 'submit'>
  /** Length of a lease, ms, and the pause between heartbeats. */
  lease: number
  beat: number
  heart(parts: Wearer): Heart
  /** Jobs of this definition that travel together in one offer. */
  offerSize(job: string): number
  /** Nobody serves the partition that a heartbeat or claim was meant for: its owner may be dead. */
  onNoOwner(partition: number): void
  warn(message: string): void
  /** No other host is up. */
  isAlone(): boolean
  /** Slots became free. */
  onRoom(): void
}

/** Below so many slots nothing is held back in the stream: see flow.ts. */
const fewSlots = 50

export function createWorker(parts: WorkerParts): Worker {
  const { bus, store, clock, name, lease } = parts
  const handlers = new Map(parts.handlers.map((handler) => [handler.definition.name, handler]))
  const runs = new Map<string, WorkerRun>()
  const slots = createSlots(clock, parts.slots, parts.ahead)
  let serving: Listening[] = []
  let stopping = false
  let idle: (() => void) | undefined

  const onKept = (key: string, partition: number, event: Envelope) => heart.returned?.(key, partition, event)
  const results = createResults({ bus, clock, name, onSettled: forget, onKept, warn: parts.warn })
  const heart = parts.heart({ worker: name, beat: parts.beat, lease, onAnswer: obey, onNoOwner: parts.onNoOwner })
  const shared = { clock, slots, lease, stopping: () => stopping, giveBack }
  const line = createReadyLine({ ...shared, start })
  const { offerSize, onNoOwner } = parts
  const claims = createClaims({
    ...shared,
    bus,
    name,
    runs,
    offerSize,
    onNoOwner,
    remember,
    forget,
    admit: line.admit,
    fail,
    freed,
    onRoom: parts.onRoom,
  })

  function remember(run: WorkerRun): void {
    const { address, dispatch, begun, until } = run
    const key = keyOf(address, dispatch)
    runs.set(key, run)
    const told = (begun && stopping) || undefined
    heart.set(key, { partition: partitionOf(rootOf(address), bus.partitions), address, dispatch, begun, stopping: told, until })
  }
  function forget(key: string): void {
    runs.delete(key)
    heart.delete(key)
  }

  function freed(): void {
    line.startReady()
    claims.refill()
    if (!slots.open) idle?.()
  }

  function giveBack(run: WorkerRun): void {
    endUnbegun(run, { outcome: 'unbegun' })
  }

  function fail(run: WorkerRun, error: Error): void {
    parts.warn(`${run.address} cannot begin, and its run has failed: ${error.message}`)
    endUnbegun(run, { outcome: 'fail', terminal: true, error: errorOf(error) })
  }

  /** A claimed run that will not start here. */
  function endUnbegun(run: WorkerRun, ended: Ended): void {
    slots.unclaim()
    end(run, ended)
    freed()
  }

  function start(run: WorkerRun, grant: Grant): void {
    const leave = slots.enter()
    run.state = 'running'
    run.until = grant.timeout === undefined ? undefined : clock.monotonic() + grant.timeout + 2 * timeoutGrace
    remember(run)
    const handler = handlers.get(grant.job)!
    // Not heard of for a lease, it may have been frozen, and another run may have its place.
    const isHeard = () => clock.monotonic() - run.heard < lease
    const { ended, returned } = runHandler(
      { bus, store, clock, children: parts.children },
      handler,
      grant,
      run.abort,
      () => begin(run),
      isHeard,
    )
    void ended.then((what) => end(run, what))
    // What has failed by its timeout may go on: its slot is taken for as long.
    void returned.then(() => {
      leave()
      freed()
    })
  }

  /**
   * The last moment at which it may turn out that another run has its place: the heart may have given it back, because the event loop was
   * blocked, and reading its input may have taken longer than its lease.
   */
  function begin(run: WorkerRun): boolean | Promise<boolean> {
    if (clock.monotonic() - run.since >= lease) return claims.renew(run)
    run.begun = heart.begin(keyOf(run.address, run.dispatch))
    run.heard = clock.monotonic()
    return run.begun
  }

  function end(run: WorkerRun, ended: Ended): void {
    run.state = 'done'
    const key = keyOf(run.address, run.dispatch)
    if (run.over) forget(key)
    // The heart has given it back, and sees to it that this is known.
    else if (!run.begun && heart.giveBack?.(key) === false) runs.delete(key)
    else results.send(key, run.address, run.dispatch, ended)
  }

  /** What was said of a claim does not count for the run that was granted meanwhile. */
  function obey(key: string, answer: Answer, begun: boolean): void {
    const run = runs.get(key)
    if (!run || run.state === 'claiming') return
    // What is over, and has not begun, cannot begin any more once its lease has ended, and until then nothing has its place.
    if (answer === 'over' && !begun && (run.begun || run.state !== 'done')) return
    if (answer !== 'over') run.heard = clock.monotonic()
    if (answer === 'cancel') run.abort.abort(new JobCancelledError(`${run.address} was cancelled`))
    else if (answer === 'over' && run.state === 'done') results.over(key)
    else if (answer === 'over') {
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
      if (stopping || !slots.room || !handlers.has(job) || !claims.nothingWaits(job)) return false
      slots.claim()
      claims.want()
      return true
    },
    release() {
      slots.unclaim()
      freed()
    },
    begin(grant, since) {
      const run = newRun(grant.address, grant.dispatch, 'ready')
      run.since = since
      if (slots.free) runs.set(keyOf(grant.address, grant.dispatch), run)
      else remember(run)
      line.admit({ run, grant })
    },
    handles: (job) => handlers.has(job),
    hasRoom(jobs, coming, waiting) {
      // With few slots a turn would create too few jobs; of many that come together most must queue all the same.
      if (stopping || parts.slots < fewSlots || jobs > 2 * parts.slots || coming + waiting <= 2 * parts.slots) return undefined
      // A handler that takes long may wait for one of them.
      if (slots.isHeldUp || !parts.isAlone()) return undefined
      const spare = Math.ceil(parts.slots / 10)
      return slots.open + coming === 0 || slots.room >= coming + Math.min(jobs, parts.slots) + spare
    },
    start() {
      serving = serveHandlers(bus, handlers.keys())
      return claims.start(handlers.keys())
    },
    async stop(grace) {
      stopping = true
      for (const one of serving) one.stop()
      claims.giveBackOffers()
      line.startReady()
      for (const run of runs.values()) {
        if (run.state !== 'running') continue
        run.abort.abort(shutdownReason())
        remember(run)
      }
      const end = clock.monotonic() + grace
      const idled = slots.open ? new Promise<void>((done) => (idle = done)) : Promise.resolve()
      const settled = idled.then(() => results.delivered())
      const ended = await within(clock, end - clock.monotonic(), settled)
      await heart.stop()
      await claims.stop()
      results.stop()
      return ended
    },
  }
}

/** Reason of `ctx.signal` at shutdown: a handler that throws it is queued again and loses no attempt. */
export const shutdownReason = () => new StellwerkError('SHUTDOWN', 'the host shuts down')
