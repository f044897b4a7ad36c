import type { ActorType } from '../../actors/actor.ts'
import type { Grant } from '../../actors/job.ts'
import type { Address } from '../address.ts'
import type { Bus, FrameConsumer, IncomingFrame } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import type { Outcome } from '../decide.ts'
import type { ActorDocument, Timer } from '../document.ts'
import type { Envelope } from '../envelope.ts'
import { UnavailableError } from '../errors.ts'
import type { Store } from '../store/port.ts'
import { type Cache, createCache } from './cache.ts'
import { type Contracts, pageOut } from './door.ts'
import { createDueTimes } from './due-times.ts'
import type { StateChange } from './feed.ts'
import type { Flow } from './flow.ts'
import { createHousekeeping } from './housekeeping.ts'
import { type Collected, createIntake, type Item } from './intake.ts'
import { createLeases, type Leases } from './leases.ts'
import { createLosses } from './losses.ts'
import { offersOf, type Waiting } from './offers.ts'
import { createPlanner } from './planner.ts'
import { createReconciler } from './reconcile.ts'
import { createReplies } from './replies.ts'
import type { Retention } from './retention.ts'
import { runTurn } from './turn.ts'

/** The part of a host's own worker that its partitions use to grant at once. */
export interface OwnWorker {
  readonly name: string
  /** A slot for this job, if one is free and no offer of this job waits for it. */
  reserve(job: string): boolean
  release(job: string): void
  /** `since`: when the write that granted it was sent. Like every run it begins within its lease, or is given back. */
  begin(grant: Grant, since: number): void
  /** It has the handler of this job. */
  handles(job: string): boolean
}

/** What all partitions of a host share. */
export interface HostParts {
  bus: Bus
  store: Store
  clock: Clock
  actors: ReadonlyMap<string, ActorType>
  worker?: OwnWorker
  contracts: Contracts
  flow: Flow
  counts: Counts
  uniqueId(): string
  /** Jobs of this definition that travel together in one offer. */
  offerSize(job: string): number
  noteDuration(job: string, ms: number): void
  /** What a turn has committed. */
  changed?(changes: readonly StateChange[]): void
  /** A pool was read or written: its capacity may be another. */
  notePool(doc: ActorDocument): void
  /** Length of a lease, ms. */
  lease: number
  retention: Retention
  cacheLimit: number
  /** ms for which the owner has heard its own heartbeat without a gap; 0 while it does not. */
  steadyFor(): number
  /** Resolves when it is sure that this host is alive for the others: without that no turn begins. */
  confirm(): Promise<void>
  onError(error: unknown, partition: number): void
  /** Something that an operator should know, and that ends nothing. */
  warn(message: string): void
}

export interface Counts {
  turns: number
  events: number
  writes: number
  conflicts: number
  /** Runs whose loss was recorded. */
  lost: number
  /** What came from runs that were no longer current. */
  superseded: number
}

export interface Partition extends HostParts {
  readonly number: number
  readonly cache: Cache
  readonly leases: Leases
  noted(doc: ActorDocument): void
  /** The event of this timer of it cannot be written now. */
  putOff(doc: ActorDocument, timer: Pick<Timer, 'id' | 'generation'>): void
  /** An actor has ended in this very write. */
  ended(doc: ActorDocument): void
  acknowledge(sequences: readonly number[]): void
  reply(command: Pick<Envelope, 'to' | 'reply'>, outcome: Outcome | undefined, doc: ActorDocument | undefined): void
  sendReplies(): void
  claim(address: Address, dispatch: number, worker: string): Promise<Grant | undefined>
  /** Hands in an event that needs no stream: what it does is safe without one, or its sender repeats it. */
  push(item: Item): void
  /** Offers what waits to be claimed. */
  offer(waiting: Iterable<Waiting>): Promise<void>
  /** Resolves when all that is in the stream now is applied. */
  drained(): Promise<void>
  /** A turn given up is a crash: nothing in memory is believed any more; all begins again from the oldest unacknowledged frame. */
  giveUp(error: unknown): void
  /** Finishes the turn under way, and takes no other. */
  stop(): Promise<void>
}

/**
 * Takes a partition over: its consumer is made new (older owners can neither pull nor acknowledge from then on), its due times and
 * open work are read, and only then does the first turn begin.
 */
export async function takePartition(parts: HostParts, number: number, owner: string, onLost: () => void): Promise<Partition> {
  const { bus, store, clock } = parts
  const drains: { last: number; done: () => void }[] = []
  const flow = parts.flow.join({ look: () => run(), isAwaited: () => drains.length > 0, queued: () => reconciler.ours })
  const intake = createIntake({ ...parts, flow, isShort: (job) => parts.offerSize(job) > 1 }, number)
  /** Frames that came and are not acknowledged yet, in the order of the stream; the newest that ever came. */
  const open = new Set<number>()
  let newest = 0
  let consumer: FrameConsumer | undefined
  let asked = false
  let running: Promise<void> | undefined
  let stopped = false

  const replies = createReplies(bus)
  const partition: Partition = {
    ...parts,
    number,
    cache: createCache(parts.cacheLimit),
    leases: createLeases(clock, parts.lease, bus.workerLives),
    noted(doc) {
      due.note(doc)
      if (doc.type === 'pool') parts.notePool(doc)
      if (doc.type !== 'job') return
      losses.note(doc)
      reconciler.note(doc)
    },
    putOff: (doc, timer) => due.putOff(doc, timer),
    ended: (doc) => housekeeping.ended(doc),
    acknowledge(sequences) {
      if (!sequences.length) return
      for (const sequence of sequences) open.delete(sequence)
      consumer?.acknowledge(sequences)
      for (const drain of drains.splice(0)) isApplied(drain.last) ? drain.done() : drains.push(drain)
    },
    reply: replies.add,
    sendReplies: replies.send,
    claim: (address, dispatch, worker) =>
      new Promise((answer, abandon) =>
        partition.push({ envelope: { to: address, event: { type: 'claim', dispatch, worker } }, claim: { answer, abandon } }),
      ),
    push(item) {
      if (stopped) return abandon([item])
      intake.add(item)
      run()
    },
    async offer(waiting) {
      const offers = offersOf(waiting, parts.offerSize)
      if (offers.length) await bus.offer(offers)
    },
    async drained() {
      const last = await bus.lastSequence(number)
      if (isApplied(last)) return
      const applied = new Promise<void>((done) => drains.push({ last, done }))
      run()
      await applied
    },
    giveUp(error) {
      if (stopped) return
      stopped = true
      parts.onError(error, number)
      onLost()
    },
    async stop() {
      stopped = true
      due.stop()
      losses.stop()
      reconciler.stop()
      housekeeping.stop()
      planner.stop()
      await running
      flow.leave()
      abandon(intake.takeBack())
      await consumer?.stop()
    },
  }
  const due = createDueTimes(partition)
  const losses = createLosses(partition)
  const reconciler = createReconciler(partition)
  const housekeeping = createHousekeeping(partition)
  const planner = createPlanner(partition)

  function isApplied(last: number): boolean {
    const [oldest = Number.POSITIVE_INFINITY] = open
    return newest >= last && oldest > last
  }

  function run(): void {
    if (running || stopped || intake.isIdle) return
    const release = clock.hold?.()
    running = turns()
      .catch((error) => partition.giveUp(error))
      .finally(() => {
        running = undefined
        release?.()
        if (!intake.isIdle) run()
      })
  }

  async function turns(): Promise<void> {
    await undefined // what arrives together is one turn; nothing waits for more
    while (!stopped && !intake.isIdle) {
      await parts.confirm()
      await intake.open()
      const turn = intake.collect()
      if (!turn.items.length && !turn.sequences.length) continue
      await take(turn)
        .catch((error) => {
          abandon(turn.items)
          throw error
        })
        .finally(flow.over)
      parts.flow.look()
      askForFrames()
      // A store in memory waits for nothing: others, and what is said meanwhile, would have to wait for all that is there.
      if (!intake.isIdle) await new Promise(setImmediate)
    }
  }

  async function take(turn: Collected): Promise<void> {
    await storePages(turn.items)
    parts.counts.turns++
    parts.counts.events += turn.items.length
    await runTurn(partition, turn)
  }

  function abandon(items: Item[]): void {
    const reason = new UnavailableError(`partition ${number} has another owner now`)
    for (const { claim, chore } of items) {
      claim?.abandon(reason)
      chore?.abandon(reason)
    }
  }

  /** Large values go into pages before the events that bring them are decided. */
  async function storePages(items: Item[]): Promise<void> {
    const pages = items.flatMap((item) => {
      const { type, job, ms } = item.envelope.event
      if (type === 'result' && job) parts.noteDuration(job as string, ms as number)
      const out = pageOut(item.envelope)
      if (out.pages.length) item.given = item.envelope
      item.envelope = out.envelope
      item.pages = out.pages
      return out.pages
    })
    if (pages.length) await store.putPages(pages)
  }

  function askForFrames(): void {
    if (asked || stopped || intake.isFull) return
    asked = true
    consumer?.more()
  }

  function receive(frame: IncomingFrame): void {
    if (stopped) return
    asked = false
    open.add(frame.sequence)
    newest = frame.sequence
    intake.arrive(frame)
    askForFrames()
    run()
  }

  try {
    consumer = await bus.consume(number, owner, { frame: receive, lost: (reason) => partition.giveUp(new UnavailableError(reason)) })
    await due.takeOver()
    if (stopped) throw new UnavailableError(`partition ${number} was lost while it was taken over`)
    housekeeping.start()
    planner.start()
  } catch (error) {
    await partition.stop()
    throw error
  }
  askForFrames()
  return partition
}
