import { createHash } from 'node:crypto'
import type { Bus, Listening } from '../bus/port.ts'
import { type Clock, sleep } from '../clock.ts'
import type { Liveness } from './liveness.ts'

/**
 * Which host runs which partition.
 *
 * Rendezvous hashing over the hosts that live says who should own what; a record per partition, changed by compare-and-set, makes it
 * so and gives each take-over a number of its own. A record is written only when an owner changes: a lease costs no message beside
 * the heartbeat, and losing it does no harm, since the store refuses what a late owner writes.
 *
 *              take (record: us)                 drop
 *     free  ───────────────────────▶  serving  ────────▶  free, and the record still says us
 *      ▲                                                        │
 *      └────────────────────────────────────────────────────────┘  release (record: nobody)
 *
 * Each step looks at what is so, takes one thing on, and looks again when that is over: what was learnt meanwhile was not acted upon.
 */
export interface Ownership {
  start(): Promise<void>
  /** Hands all partitions over, and takes no more. */
  stop(): Promise<void>
  /** Brings every partition nearer to where it should be. To be called whenever something was learnt of who lives. */
  settle(): void
  /** Nobody serves this partition: its owner may be dead. */
  suspect(partition: number): void
  /** The partition was given up: begins again, if it still is ours. */
  lost(partition: number): void
  readonly owned: readonly number[]
}

export interface OwnershipParts {
  bus: Bus
  clock: Clock
  /** Unique for every incarnation. */
  name: string
  liveness: Liveness
  take(partition: number, owner: string): Promise<void>
  drop(partition: number): Promise<void>
  onError(error: unknown): void
}

interface OwnerRecord {
  /** '' if it was handed over. */
  host: string
  epoch: number
}

/** After what went wrong, ms. */
const pause = 250

export function createOwnership(parts: OwnershipParts): Ownership {
  const { bus, clock, name, liveness } = parts
  const records = new Map<number, { value: OwnerRecord; revision: number }>()
  const serving = new Set<number>()
  /** Given up by whoever serves them: to be taken over once more. */
  const broken = new Set<number>()
  /** Something is under way. */
  const busy = new Set<number>()
  const waiting: (() => void)[] = []
  let watching: Listening | undefined
  let stopping = false
  let stopped = false
  /** A step of theirs has failed: until the pause is over, nothing that is heard begins another. */
  const resting = new Set<number>()
  let pausing = false

  function settle(): void {
    for (let partition = 0; partition < bus.partitions; partition++) look(partition)
  }

  function look(partition: number): void {
    if (busy.has(partition) || stopped || (resting.has(partition) && !stopping)) return
    const holder = records.get(partition)?.value.host ?? ''
    const wanted = !stopping && shouldOwn(partition) === name
    if (serving.has(partition)) {
      if (holder !== name || !wanted || broken.has(partition)) during(partition, drop)
    } else if (wanted) {
      if (liveness.mayAct() && isFree(holder)) during(partition, take)
    } else if (holder === name) during(partition, release)
  }

  function shouldOwn(partition: number): string {
    let best = ''
    let highest = ''
    for (const host of liveness.hosts) {
      const weight = createHash('sha1').update(`${partition} ${host}`).digest('hex')
      if (weight > highest) [highest, best] = [weight, host]
    }
    return best
  }

  /** A holder that was never heard may be about to say something: it is asked, and then all is looked at again. */
  function isFree(holder: string): boolean {
    if (holder === '' || holder === name) return true
    const dead = liveness.isDead(holder)
    if (dead === undefined) liveness.ask(holder)
    return dead === true
  }

  async function during(partition: number, step: (partition: number) => Promise<void>): Promise<void> {
    busy.add(partition)
    try {
      await step(partition)
      busy.delete(partition)
      look(partition)
    } catch (error) {
      busy.delete(partition)
      resting.add(partition)
      parts.onError(error)
      lookLater()
    }
    if (!busy.size) for (const done of waiting.splice(0)) done()
  }

  async function take(partition: number): Promise<void> {
    broken.delete(partition)
    const epoch = (records.get(partition)?.value.epoch ?? 0) + 1
    if (!(await put(partition, { host: name, epoch }))) return
    await parts.take(partition, `${epoch}-${name}`)
    serving.add(partition)
  }

  /** Stops pulling, and finishes the turn under way. */
  async function drop(partition: number): Promise<void> {
    serving.delete(partition)
    await parts.drop(partition)
    if (broken.delete(partition)) await sleep(clock, pause)
  }

  async function release(partition: number): Promise<void> {
    await put(partition, { host: '', epoch: records.get(partition)!.value.epoch })
  }

  /** false: somebody else was first, and what they wrote is known. */
  async function put(partition: number, value: OwnerRecord): Promise<boolean> {
    const key = `owner.${partition}`
    const revision = await bus.records.put(key, value, records.get(partition)?.revision ?? 0)
    if (revision !== undefined) {
      learn(partition, value, revision)
      return true
    }
    const now = await bus.records.get(key)
    if (now) learn(partition, now.value as OwnerRecord, now.revision)
    return false
  }

  function learn(partition: number, value: OwnerRecord, revision: number): void {
    if ((records.get(partition)?.revision ?? 0) < revision) records.set(partition, { value, revision })
  }

  function lookLater(): void {
    if (pausing || stopping) return
    pausing = true
    clock.at(clock.now() + pause, () => {
      pausing = false
      resting.clear()
      settle()
    })
  }

  return {
    settle,
    async start() {
      watching = await bus.records.watch('owner.', (key, { value, revision }) => {
        const partition = Number(key.slice('owner.'.length))
        learn(partition, value as OwnerRecord, revision)
        look(partition)
      })
    },
    async stop() {
      stopping = true
      settle()
      while (busy.size) await new Promise<void>((done) => waiting.push(done))
      stopped = true
      watching?.stop()
    },
    suspect(partition) {
      const holder = records.get(partition)?.value.host
      if (holder) liveness.ask(holder)
    },
    lost(partition) {
      broken.add(partition)
      look(partition)
    },
    get owned() {
      return [...serving]
    },
  }
}
