import { randomBytes } from 'node:crypto'
import { actorTypes } from '../../actors/all.ts'
import { capacityOf, type GateContext } from '../../actors/gate.ts'
import { idOf } from '../address.ts'
import { makersOf } from '../chain/makers.ts'
import { publishChains } from '../chain/published.ts'
import { type Client, createClient } from '../client.ts'
import { within } from '../clock.ts'
import { type Duration, ms } from '../duration.ts'
import { optionsOf } from '../fields.ts'
import { publishCapacity } from '../pools.ts'
import { serveApi } from './api.ts'
import { createChildren } from './children.ts'
import { serveCommands } from './command-api.ts'
import { watchContracts } from './contracts.ts'
import { serveLetters } from './dead-letters/actions.ts'
import { createHostEvents, type OnHostEvent } from './events.ts'
import { createFlow } from './flow.ts'
import { createHeart } from './heart.ts'
import { checkedOptions, checkNames, type HostOptions } from './host-options.ts'
import { createLiveness } from './liveness.ts'
import { createOwnership } from './ownership.ts'
import { type HostParts, type Partition, takePartition } from './partition.ts'
import { planQuestions } from './plans.ts'
import { checkPools, declarePools } from './pools.ts'
import { serveRuns } from './runs-service.ts'
import { checkSchedules, declareSchedules } from './schedules.ts'
import { stopOnSignals } from './signals.ts'
import { createThreads } from './threads.ts'
import { withPublished } from './to-publish.ts'
import { createWorker } from './worker.ts'

export interface Host extends AsyncDisposable {
  readonly name: string
  /** A client in the same process. */
  readonly client: Client
  readonly counts: Readonly<HostParts['counts']>
  readonly partitions: readonly number[]
  readonly on: OnHostEvent
  /**
   * No new starts; running handlers are told (`ctx.signal`, code `SHUTDOWN`), and their jobs are `stopping`. One that throws the reason
   * is queued again and loses no attempt; one that returns has succeeded; one that throws anything else has failed. What was claimed
   * and has not begun goes to other hosts at once. Resolves when all have ended and what came of them is stored, or after `grace`
   * (default 60 s): true if all have. What is left then is revived by other hosts as soon as its lease has ended.
   */
  stop(options?: { grace?: Duration }): Promise<boolean>
  /**
   * These signals (default SIGTERM and SIGINT) stop the host and end the process: with exit code 0, or 1 if a handler did not end within
   * `grace` (default 60 s). A second one ends it at once. Not done by itself: a process has other things to end as well.
   */
  stopOn(signals?: readonly NodeJS.Signals[], options?: { grace?: Duration }): void
}

/** Time of a heartbeat, of a silence that is a death, and of a run's lease, ms. */
const rhythm = { beat: 1200, ttl: 2500, lease: 2000, runBeat: 500 }

/** However short the grace is, partitions have so long to be handed over, ms. */
const shortestGrace = 1000

/** A running host. Disposal stops it. */
export async function createHost(options: HostOptions): Promise<Host> {
  const { on, handlers: given, chains, pools, schedules, slots, name: called, clock, log, retention: kept } = checkedOptions(options)
  const handlers = [...given, ...chains.flatMap((chain) => makersOf(chain, () => client))]
  checkNames(handlers)
  const name = `${called}-${randomBytes(6).toString('hex')}`
  const { bus, store, heart, inProcess, close } = await on.connect({ name, clock, log })
  const client = createClient({ bus, clock, name: `${name}.c` })
  let stopped: Promise<boolean> | undefined
  let forgetSignals = () => {}
  /** Ends all that was begun. */
  let end: (grace: number) => Promise<unknown> = close
  try {
    const registry = await watchContracts(bus)
    const publish = async () => {
      checkPools(pools, handlers, registry.pools)
      const checked = await checkSchedules(withPublished(bus.records, handlers, chains), schedules)
      await publishChains(bus.records, registry.chains, chains)
      await registry.publish(handlers)
      return checked
    }
    end = async () => {
      registry.stop()
      await close()
    }
    const declared = await publish()

    const partitions = new Map<number, Partition>()
    const durations = new Map<string, number>()
    let ids = 0
    /** Jobs that are known to be short travel several to an offer. */
    const offerSize = (name: string) => ((durations.get(name) ?? Number.POSITIVE_INFINITY) < 20 ? 20 : 1)
    const threads = createThreads(clock, slots)
    const children = createChildren({ bus, clock, name: `${name}.h` })
    const warn = (message: string) => log(`stellwerk: ${message}`)
    const worker = createWorker({
      children,
      bus,
      store,
      clock,
      name: `${name}.w`,
      slots,
      handlers: handlers.map(threads.handler),
      lease: rhythm.lease,
      beat: rhythm.runBeat,
      offerSize,
      heart:
        heart ??
        ((own) => createHeart({ ...own, now: clock.now, request: bus.request, after: (ms, then) => clock.at(clock.now() + ms, then) })),
      onNoOwner: (partition) => ownership.suspect(partition),
      onRoom: () => flow.look(),
      isAlone: () => [...liveness.hosts].length === 1,
      warn,
    })
    // On servers it gains nothing (decision 19); in virtual time who submits may be who moves the clock.
    const holdsBack = inProcess && !clock.hold
    const flow = createFlow(clock, holdsBack ? worker : { hasRoom: () => undefined })
    const events = createHostEvents(log)
    const parts: HostParts = {
      bus,
      store,
      clock,
      worker,
      actors: actorTypes,
      contracts: registry,
      flow,
      counts: { turns: 0, events: 0, writes: 0, conflicts: 0, lost: 0, superseded: 0 },
      uniqueId: () => `${name}.${ids++}`,
      offerSize,
      // What is measured on a busy event loop is too long: it counts only slowly.
      noteDuration: (name, took) => durations.set(name, Math.min(took, 1.05 * (durations.get(name) ?? took) + 0.1)),
      changed: events.tell,
      notePool(doc) {
        const capacity = capacityOf(doc.snapshot.context as GateContext)
        if (capacity) publishCapacity(bus.records, idOf(doc._id), capacity).catch(() => {})
      },
      lease: rhythm.lease,
      retention: kept,
      cacheLimit: 12_000,
      steadyFor: () => liveness.steadyFor(),
      confirm: () => liveness.confirm(),
      warn,
      onError: (error, partition) =>
        log(`stellwerk: partition ${partition} begins again: ${error instanceof Error ? error.message : error}`),
    }
    const liveness = createLiveness({
      ...{ bus, clock, name, beat: rhythm.beat, ttl: rhythm.ttl },
      changed: () => ownership.settle(),
      rests: () => !!inProcess && worker.running === 0 && ownership.owned.length === bus.partitions,
    })
    const ownership = createOwnership({
      bus,
      clock,
      name,
      liveness,
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
      onError: (error) => log(`stellwerk: ${error instanceof Error ? error.message : error}`),
    })
    const { answerFor, silence } = serveRuns({ bus, store, partitions, endTogether: !!inProcess && store.atomicTurns })
    const commands = serveCommands({ bus, clock, contracts: registry, name })
    const plans = planQuestions({ store, clock, contracts: registry, send: commands.send })
    const api = serveApi({ bus, store, clock, actors: parts.actors, plans })
    const letters = serveLetters({ bus, store, clock, contracts: registry, send: commands.send })

    end = stop
    await ownership.start()
    liveness.start()
    await worker.start()
    await declarePools(bus, name, pools)
    await declareSchedules(bus, name, declared)

    async function stop(grace: number): Promise<boolean> {
      forgetSignals()
      const over = clock.monotonic() + grace
      const ended = await worker.stop(grace)
      await threads.close()
      children.stop()
      liveness.leave()
      // A turn that waits for a server which says nothing is left to the next owner, as after a crash.
      await within(clock, Math.max(shortestGrace, over - clock.monotonic()), ownership.stop())
      liveness.stop()
      await client.close()
      api.stop()
      letters.stop()
      commands.stop()
      registry.stop()
      await close()
      return ended
    }
    const stopOnce = (grace: Duration = 60_000) => (stopped ??= stop(ms(grace, 'grace')))
    return {
      name,
      client,
      counts: parts.counts,
      on: events.on,
      get partitions() {
        return ownership.owned
      },
      stop: async (options) => stopOnce(optionsOf(options, ['grace']).grace),
      stopOn(signals = ['SIGTERM', 'SIGINT'], options) {
        const { grace = 60_000 } = optionsOf(options, ['grace'])
        ms(grace, 'grace')
        forgetSignals()
        forgetSignals = stopOnSignals(signals, () => stopOnce(grace))
      },
      async [Symbol.asyncDispose]() {
        await stopOnce()
      },
    }
  } catch (error) {
    // What has failed first is what is told.
    await end(0).catch(() => {})
    throw error
  }
}
