import { actorTypes } from '../../actors/all.ts'
import { capacityOf, type GateContext } from '../../actors/gate.ts'
import { idOf } from '../address.ts'
import { within } from '../clock.ts'
import type { Handler } from '../definition.ts'
import { endAll } from '../end-all.ts'
import { publishCapacity } from '../pools.ts'
import type { Connection } from '../world.ts'
import { serveApi } from './api.ts'
import { createChildren } from './children.ts'
import { serveCommands } from './command-api.ts'
import type { Registry } from './contracts.ts'
import { serveLetters } from './dead-letters/actions.ts'
import { createHostEvents, type OnHostEvent } from './events.ts'
import { createFlow } from './flow.ts'
import { createHeart } from './heart.ts'
import type { CheckedOptions } from './host-options.ts'
import { createLiveness } from './liveness.ts'
import { createOwnership } from './ownership.ts'
import { type HostParts, type Partition, takePartition } from './partition.ts'
import { planQuestions } from './plans.ts'
import { serveRuns } from './runs-service.ts'
import { createThreads } from './threads.ts'
import { createWorker } from './worker.ts'

/** What a host does while it is up: it runs handlers, owns partitions, answers questions and takes commands. */
export interface Services {
  readonly counts: Readonly<HostParts['counts']>
  readonly owned: readonly number[]
  readonly on: OnHostEvent
  start(): Promise<void>
  /** true: all handlers have ended within the grace, and what came of them is stored. */
  stop(grace: number): Promise<boolean>
}

interface ServicesParts extends Pick<CheckedOptions, 'slots' | 'clock' | 'log' | 'retention'> {
  connection: Connection
  contracts: Registry
  handlers: readonly Handler[]
  /** Unique for every incarnation. */
  name: string
}

/** Time of a heartbeat, of a silence that is a death, and of a run's lease, ms. */
const rhythm = { beat: 1200, ttl: 2500, lease: 2000, runBeat: 500 }

/** However short the grace is, partitions have so long to be handed over, ms. */
const shortestGrace = 1000

/** Wires them: whom each of them may call is said here, and nowhere else. */
export function hostServices({ connection, contracts, handlers, name, slots, clock, log, retention }: ServicesParts): Services {
  const { bus, store, heart, inProcess = false } = connection
  const partitions = new Map<number, Partition>()
  const durations = new Map<string, number>()
  let ids = 0
  const warn = (message: string) => log(`stellwerk: ${message}`)
  const messageOf = (error: unknown) => (error instanceof Error ? error.message : error)
  /** Jobs that are known to be short travel several to an offer. */
  const offerSize = (name: string) => ((durations.get(name) ?? Number.POSITIVE_INFINITY) < 20 ? 20 : 1)
  const threads = createThreads(clock, slots)
  const workerName = `${name}.w`
  const children = createChildren({ bus, clock, name: `${name}.h` })
  const isAlone = () => [...liveness.hosts].length === 1
  const worker = createWorker({
    ...{ bus, store, clock, slots, children, offerSize, warn },
    name: workerName,
    // On servers a grant is further away: some are being written while the next ones are decided on. With several hosts others may have a slot.
    ahead: () => (inProcess || !isAlone() ? slots : Math.min(3 * slots, 1000)),
    handlers: handlers.map(threads.handler),
    lease: rhythm.lease,
    beat: rhythm.runBeat,
    heart:
      heart ??
      ((own) =>
        createHeart({ ...own, monotonic: clock.monotonic, request: bus.request, after: (ms, then) => clock.at(clock.now() + ms, then) })),
    onNoOwner: (partition) => ownership.suspect(partition),
    onRoom: () => flow.look(),
    isAlone,
  })
  // In virtual time who submits may be who moves the clock.
  const flow = createFlow(clock, clock.hold ? { hasRoom: () => undefined } : worker)
  const events = createHostEvents(log)
  const parts: HostParts = {
    ...{ bus, store, clock, worker, contracts, flow, retention, offerSize, warn },
    actors: actorTypes,
    counts: { turns: 0, events: 0, writes: 0, conflicts: 0, lost: 0, superseded: 0 },
    uniqueId: () => `${name}.${ids++}`,
    // What is measured on a busy event loop is too long: it counts only slowly.
    noteDuration: (name, took) => durations.set(name, Math.min(took, 1.05 * (durations.get(name) ?? took) + 0.1)),
    changed: events.tell,
    notePool(doc) {
      const capacity = capacityOf(doc.snapshot.context as GateContext)
      if (capacity) publishCapacity(bus.records, idOf(doc._id), capacity).catch(() => {})
    },
    lease: rhythm.lease,
    cacheLimit: 12_000,
    steadyFor: () => liveness.steadyFor(),
    confirm: () => liveness.confirm(),
    onError: (error, partition) => warn(`partition ${partition} begins again: ${messageOf(error)}`),
  }
  const hasLeases = () => [...partitions.values()].some(({ leases }) => leases.next !== undefined)
  const liveness = createLiveness({
    ...{ bus, clock, name, beat: rhythm.beat, ttl: rhythm.ttl },
    changed: () => ownership.settle(),
    // While a run that another worker left behind has its lease, that ends only if this host hears itself.
    rests: () => inProcess && worker.running === 0 && ownership.owned.length === bus.partitions && !hasLeases(),
  })
  const ownership = createOwnership({
    ...{ bus, clock, name, liveness },
    async take(number, owner) {
      partitions.set(number, await takePartition(parts, number, owner, () => ownership.lost(number)))
      answerFor(number)
    },
    async drop(number) {
      const partition = partitions.get(number)
      partitions.delete(number)
      silence(number)
      await partition?.stop()
    },
    onError: (error) => warn(String(messageOf(error))),
  })
  // In memory nothing is left to read it.
  const endsWithOwner = inProcess ? () => store.atomicTurns : (one: string) => one === workerName
  const { answerFor, silence } = serveRuns({ bus, store, partitions, endsWithOwner })
  const commands = serveCommands({ bus, clock, contracts, name })
  const plans = planQuestions({ store, clock, contracts, send: commands.send })
  const api = serveApi({ bus, store, clock, actors: actorTypes, plans })
  const letters = serveLetters({ bus, store, clock, contracts, send: commands.send })

  return {
    counts: parts.counts,
    on: events.on,
    get owned() {
      return ownership.owned
    },
    async start() {
      await ownership.start()
      liveness.start()
      await worker.start()
    },
    async stop(grace) {
      const over = clock.monotonic() + grace
      let ended = false
      await endAll([
        async () => {
          ended = await worker.stop(grace)
        },
        threads.close,
        children.stop,
        liveness.leave,
        // A turn that waits for a server which says nothing is left to the next owner, as after a crash.
        () => within(clock, Math.max(shortestGrace, over - clock.monotonic()), ownership.stop()),
        liveness.stop,
        api.stop,
        letters.stop,
        commands.stop,
      ])
      return ended
    },
  }
}
