import * as assert from 'uvu/assert'
import type { ActorType } from '../../actors/actor.ts'
import { group } from '../../actors/group.ts'
import { job } from '../../actors/job.ts'
import { type Address, partitionOf, rootOf } from '../../src/address.ts'
import { embeddedBus } from '../../src/bus/embedded.ts'
import type { Bus, FrameConsumer, FrameListener, IncomingFrame } from '../../src/bus/port.ts'
import type { Clock } from '../../src/clock.ts'
import type { ActorDocument } from '../../src/document.ts'
import type { Envelope } from '../../src/envelope.ts'
import { createFlow } from '../../src/host/flow.ts'
import { type HostParts, type OwnWorker, type Partition, takePartition } from '../../src/host/partition.ts'
import { type RetentionOptions, retentionOf } from '../../src/host/retention.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/port.ts'
import { type Chaos, chaos } from '../../src/testing/chaos.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { cell } from './two-actors.ts'

/** What may go wrong for one host: its ports are wrapped. */
const noChains = { of: () => undefined, learn: async () => undefined, all: [], onChange: () => () => {} }

export interface Faults {
  bus?(bus: Bus): Bus
  store?(store: Store): Store
  clock?(clock: Clock): Clock
  worker?(parts: { bus: Bus; clock: Clock }): OwnWorker
  steadyFor?(): number
  retention?: RetentionOptions
  /** true: takes a partition again that it had to give up, as hosts do. */
  again?: boolean
  /** It dies at this place (see chaos). */
  dieAt?: number
}

export interface TestHost {
  readonly name: string
  readonly parts: HostParts
  readonly bus: Bus
  readonly errors: unknown[]
  readonly chaos: Chaos
  take(partition: number): Promise<Partition>
  partition(number: number): Partition
  /** It stands still in the middle of a call: nobody waits for its turn. `goOn` ends that. */
  pause(): void
  goOn(): void
}

export type RulesWorld = ReturnType<typeof rulesWorld>

/** One bus, one store, virtual time, and hosts that are nothing but owners of partitions. */
export function rulesWorld({
  partitions = 1,
  epoch = 1,
  store = memoryStore(),
}: {
  partitions?: number
  epoch?: number
  store?: Store
} = {}) {
  const clock = virtualClock(0)
  const shared = embeddedBus({ clock, partitions, epoch })
  const outside = shared.connect('outside')
  const actors = new Map<string, ActorType>([cell, job, group].map((type) => [type.name, type]))
  let takes = 0
  let frames = 0

  function host(name: string, faults: Faults = {}): TestHost {
    const own = pausable(clock)
    const deaths = chaos({ dieAt: faults.dieAt, onDeath: () => shared.disconnect(name) })
    const bus = deaths.bus((faults.bus ?? same)(shared.connect(name)))
    const time = deaths.clock((faults.clock ?? same)(own.clock))
    const owned = new Map<number, Partition>()
    const errors: unknown[] = []
    let ids = 0
    const parts: HostParts & { owned: Map<number, Partition> } = {
      bus,
      store: deaths.store((faults.store ?? same)(store)),
      clock: time,
      actors,
      worker: faults.worker?.({ bus, clock: time }),
      contracts: { get: () => undefined, pools: { of: () => undefined }, learn: async () => {}, chains: noChains },
      flow: createFlow(time, { hasRoom: () => undefined }),
      counts: { turns: 0, events: 0, writes: 0, conflicts: 0, lost: 0, superseded: 0 },
      uniqueId: () => `${name}.${ids++}`,
      offerSize: () => 1,
      noteDuration: () => {},
      notePool: () => {},
      lease: 2000,
      retention: retentionOf(faults.retention),
      cacheLimit: 1000,
      steadyFor: faults.steadyFor ?? (() => Number.POSITIVE_INFINITY),
      confirm: async () => {},
      warn: () => {},
      onError: (error) => errors.push(error),
      owned,
    }
    async function take(number: number): Promise<Partition> {
      const partition = await takePartition(parts, number, `${++takes}-${name}`, () => void lost(number))
      owned.set(number, partition)
      return partition
    }
    async function lost(number: number): Promise<void> {
      const before = owned.get(number)
      owned.delete(number)
      await before?.stop()
      if (faults.again) time.at(time.now() + 250, () => void take(number).catch((error) => errors.push(error)))
    }
    return {
      name,
      parts,
      bus,
      errors,
      chaos: deaths,
      take,
      partition(number) {
        const found = owned.get(number)
        if (!found) throw new Error(`${name} does not own partition ${number}`)
        return found
      },
      pause: own.pause,
      goOn: own.goOn,
    }
  }

  return {
    clock,
    store,
    bus: shared,
    outside,
    host,
    partitionOf: (address: Address) => partitionOf(rootOf(address), partitions),
    /** One frame. All its events are for actors of one partition. */
    async publish(...events: Envelope[]): Promise<void> {
      const partition = partitionOf(rootOf(events[0]!.to), partitions)
      await outside.publish([{ partition, id: `outside ${frames++}`, events }])
    },
    async doc(address: Address): Promise<ActorDocument | undefined> {
      return (await store.load([address]))[0]
    },
    /** What a cell has written down. */
    async log(address: Address): Promise<string[]> {
      const [doc] = await store.load([address])
      return doc ? (doc.snapshot.context as { log: string[] }).log : []
    },
  }
}

const same = <T>(port: T): T => port

/** A clock that waits for what its host has under way, unless the host stands still. */
function pausable(clock: Clock) {
  const open = new Set<{ release?: () => void }>()
  let paused = false
  return {
    clock: {
      ...clock,
      now: clock.now,
      monotonic: clock.monotonic,
      hold() {
        const held = { release: paused ? undefined : clock.hold?.() }
        open.add(held)
        return () => {
          open.delete(held)
          held.release?.()
        }
      },
    } satisfies Clock,
    pause() {
      paused = true
      for (const held of open) {
        held.release?.()
        held.release = undefined
      }
    },
    goOn() {
      paused = false
      for (const held of open) held.release = clock.hold?.()
    },
  }
}

/** Resolves when it has come true; fails if it does not within so many turns of the event loop. */
export async function comesTrue(what: () => boolean | Promise<boolean>, name: string): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (await what()) return
    await new Promise((done) => setImmediate(done))
  }
  assert.unreachable(`this did not come true: ${name}`)
}

/** Plays a scenario without a crash, then again with the first host's death at the first place of this name. */
export async function withCrash(place: RegExp, play: (dieAt?: number) => Promise<TestHost>): Promise<void> {
  const { trace } = (await play()).chaos
  const at = trace.findIndex((name) => place.test(name)) + 1
  assert.ok(at > 0, `no place ${place} among ${trace.join(', ')}`)
  assert.ok((await play(at)).chaos.dead)
}

/** A place where calls wait until they are let through. */
export interface Gate {
  readonly waiting: number
  pass(): Promise<void>
  open(): void
}

export function gate(): Gate {
  const waiting: (() => void)[] = []
  let isOpen = false
  return {
    get waiting() {
      return waiting.length
    },
    pass: () => (isOpen ? Promise.resolve() : new Promise((done) => void waiting.push(done))),
    open() {
      isOpen = true
      for (const done of waiting.splice(0)) done()
    },
  }
}

/** Frames for which `passes` is false, and the loss of the consumer, come only when the gate is opened: a slow network. */
export function slowFrames(bus: Bus, slow: Gate, passes: (frame: IncomingFrame, partition: number) => boolean = () => false): Bus {
  return {
    ...bus,
    consume: (partition, owner, on): Promise<FrameConsumer> => {
      let line: Promise<unknown> = Promise.resolve()
      let behind = false
      const later: FrameListener = {
        frame(frame) {
          if (!behind && passes(frame, partition)) return on.frame(frame)
          behind = true
          line = line.then(() => slow.pass()).then(() => on.frame(frame))
        },
        lost: (reason) => void (line = line.then(() => slow.pass()).then(() => on.lost(reason))),
      }
      return bus.consume(partition, owner, later)
    },
  }
}

/** Commits for which `which` is true take effect only when the gate is opened, and answer then. */
export function slowCommits(store: Store, slow: Gate, which: (doc: ActorDocument) => boolean): Store {
  return {
    ...store,
    async commit(writes) {
      if (writes.some(({ doc }) => which(doc))) await slow.pass()
      return store.commit(writes)
    },
  }
}

/** Publishes for which `which` is true go out only when the gate is opened. */
export function slowPublishes(bus: Bus, slow: Gate): Bus {
  return {
    ...bus,
    async publish(frames) {
      await slow.pass()
      return bus.publish(frames)
    },
  }
}
