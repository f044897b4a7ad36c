import { createHash } from 'node:crypto'
import type { Bus, Listening } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import { UnavailableError } from '../errors.ts'

/**
 * Which host runs which partition.
 *
 * Hosts say that they live once every `beat`, to all at once and to themselves; rendezvous hashing over those who live says who should
 * own what; a record per partition, changed by compare-and-set, makes it so and gives each take-over a number of its own. A host that
 * has not heard itself for `ttl` does nothing more. A record is written only when an owner changes: a lease costs no message beside
 * the heartbeat, and losing it does no harm, since the store refuses what a late owner writes.
 *
 * A host is dead if it was silent for `ttl`; or at once, if it was silent for longer than a beat and nobody answers in its name. Who
 * finds that out tells the others, and each of them asks for itself.
 */
export interface Ownership {
  start(): Promise<void>
  /** Hands all partitions over, and takes no more. */
  stop(): Promise<void>
  /** ms for which this host has heard itself without a gap; 0 while it does not. What it did not hear of others before says nothing. */
  steadyFor(): number
  mayAct(): boolean
  /** Resolves when this host has heard itself again: at once if it may act. An event loop that was held up is no death. */
  confirm(): Promise<void>
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
  beat: number
  ttl: number
  take(partition: number, owner: string): Promise<void>
  drop(partition: number): Promise<void>
  onError(error: unknown): void
}

interface OwnerRecord {
  /** '' if it was handed over. */
  host: string
  epoch: number
}

type Phase = 'taking' | 'held' | 'dropping'

export function createOwnership(parts: OwnershipParts): Ownership {
  const { bus, clock, name, beat, ttl } = parts
  const heard = new Map<string, number>()
  const probing = new Set<string>()
  /** Hosts that were found dead and have not been heard since. */
  const dead = new Set<string>()
  const watches = new Map<string, () => void>()
  const records = new Map<number, { value: OwnerRecord; revision: number }>()
  const phases = new Map<number, Phase>()
  const listening: Listening[] = []
  let heardSelf = clock.monotonic()
  let steadySince = Number.NEGATIVE_INFINITY
  const confirming: (() => void)[] = []
  let cancelBeat = () => {}
  let stopping = false

  // ---- who lives ----------------------------------------------------------------------------------------------------

  function hear(data: unknown): void {
    const { host, gone, hello, suspect } = data as { host: string; gone?: boolean; hello?: boolean; suspect?: boolean }
    if (suspect) {
      if (heard.has(host)) void probe(host)
      return
    }
    if (host === name) {
      if (deafFor() > gap) steadySince = clock.monotonic()
      heardSelf = clock.monotonic()
      for (const done of confirming.splice(0)) done()
    }
    if (gone) heard.delete(host)
    else {
      const fresh = !heard.has(host)
      heard.set(host, clock.monotonic())
      dead.delete(host)
      watch(host)
      if (hello && host !== name && !stopping) say({})
      if (!fresh) return
    }
    settle()
  }

  const say = (more: { gone?: boolean; hello?: boolean }) => bus.signal('host.beat', { host: name, ...more })

  function tick(): void {
    cancelBeat = clock.at(clock.now() + beat, () => {
      say({})
      tick()
    })
  }

  /** Asks after a host that should have said something by now. */
  function watch(host: string): void {
    watches.get(host)?.()
    watches.delete(host)
    if (host === name || stopping) return
    const late = clock.at(clock.now() + 1.3 * beat, () => {
      watches.delete(host)
      if (!heard.has(host)) return
      // A host that was deaf itself knows nothing of the others.
      if (deafFor() < 2 * beat) void probe(host)
      else watch(host)
    })
    watches.set(host, late)
  }

  async function probe(host: string): Promise<void> {
    if (probing.has(host) || host === name || stopping) return
    probing.add(host)
    try {
      await bus.request(`host.${host}.ping`, {}, ttl / 2)
      heard.set(host, clock.monotonic())
    } catch (error) {
      const nobody = (error as { nobody?: boolean }).nobody
      const silent = clock.monotonic() - (heard.get(host) ?? 0)
      if (mayAct() && (nobody || silent > ttl) && heard.delete(host)) {
        dead.add(host)
        // The others need not wait until they miss it.
        bus.signal('host.beat', { host, suspect: true })
      }
    } finally {
      probing.delete(host)
      if (heard.has(host)) watch(host)
      settle()
    }
  }

  // ---- who owns what ------------------------------------------------------------------------------------------------

  function shouldOwn(partition: number): string {
    let best = ''
    let highest = ''
    for (const host of heard.keys()) {
      const weight = createHash('sha1').update(`${partition} ${host}`).digest('hex')
      if (weight > highest) [highest, best] = [weight, host]
    }
    return best
  }

  /** Brings every partition nearer to where it should be. Called whenever something was learnt. */
  function settle(): void {
    for (let p = 0; p < bus.partitions; p++) void settleOne(p).catch(parts.onError)
  }

  async function settleOne(partition: number): Promise<void> {
    const phase = phases.get(partition)
    const record = records.get(partition)
    const holder = record?.value.host
    if (phase === 'held') {
      if (holder !== name) await drop(partition)
      else if (stopping || shouldOwn(partition) !== name) await handOver(partition)
    } else if (!phase && !stopping && mayAct() && shouldOwn(partition) === name && (!holder || holder === name || !heard.has(holder))) {
      if (holder && holder !== name && !(await isDead(holder))) return
      await take(partition)
    }
  }

  /** A holder that was never heard may be about to say something. */
  async function isDead(holder: string): Promise<boolean> {
    if (dead.has(holder)) return true
    try {
      await bus.request(`host.${holder}.ping`, {}, ttl)
      heard.set(holder, clock.monotonic())
      settle()
      return false
    } catch {
      return true
    }
  }

  async function take(partition: number): Promise<void> {
    if (phases.has(partition)) return
    phases.set(partition, 'taking')
    const record = records.get(partition)
    const value: OwnerRecord = { host: name, epoch: (record?.value.epoch ?? 0) + 1 }
    try {
      const revision = await bus.records.put(`owner.${partition}`, value, record?.revision ?? 0)
      if (revision === undefined) return void phases.delete(partition)
      learn(partition, value, revision)
      await parts.take(partition, `${value.epoch}-${name}`)
      phases.set(partition, 'held')
      await settleOne(partition)
    } catch (error) {
      phases.delete(partition)
      parts.onError(error)
      retryLater()
    }
  }

  async function drop(partition: number): Promise<void> {
    phases.set(partition, 'dropping')
    try {
      await parts.drop(partition)
    } finally {
      phases.delete(partition)
    }
    settle()
  }

  /** Stops pulling, finishes the turn, and only then says that it is free. */
  async function handOver(partition: number): Promise<void> {
    const record = records.get(partition)!
    phases.set(partition, 'dropping')
    try {
      await parts.drop(partition)
      const value = { host: '', epoch: record.value.epoch }
      const revision = await bus.records.put(`owner.${partition}`, value, record.revision)
      if (revision !== undefined) learn(partition, value, revision)
    } finally {
      phases.delete(partition)
    }
  }

  function learn(partition: number, value: OwnerRecord, revision: number): void {
    if ((records.get(partition)?.revision ?? 0) < revision) records.set(partition, { value, revision })
  }

  let retrying = false
  function retryLater(): void {
    if (retrying || stopping) return
    retrying = true
    clock.at(clock.now() + 250, () => {
      retrying = false
      settle()
    })
  }

  const gap = 1.2 * beat
  const deafFor = () => clock.monotonic() - heardSelf
  const mayAct = () => deafFor() < ttl

  return {
    async start() {
      listening.push(bus.listen('host.beat', hear))
      listening.push(bus.serve(`host.${name}.ping`, async () => ({})))
      listening.push(
        await bus.records.watch('owner.', (key, { value, revision }) => {
          const partition = Number(key.slice('owner.'.length))
          learn(partition, value as OwnerRecord, revision)
          void settleOne(partition).catch(parts.onError)
        }),
      )
      heardSelf = clock.monotonic()
      say({ hello: true })
      tick()
    },
    async stop() {
      stopping = true
      say({ gone: true })
      const open = () => [...phases.keys()]
      while (open().length) {
        await Promise.all(open().map((p) => (phases.get(p) === 'held' ? handOver(p).catch(parts.onError) : undefined)))
        if (open().length) await new Promise<void>((done) => clock.at(clock.now() + 20, done))
      }
      cancelBeat()
      for (const unwatch of watches.values()) unwatch()
      for (const one of listening) one.stop()
    },
    steadyFor: () => (deafFor() > gap ? 0 : clock.monotonic() - steadySince),
    mayAct,
    async confirm() {
      if (mayAct()) return
      const heard = new Promise<void>((done) => confirming.push(done))
      say({})
      let cancel = () => {}
      const late = new Promise<never>((_, fail) => {
        const silent = () => fail(new UnavailableError('this host does not hear its own heartbeat: it may have been replaced'))
        cancel = clock.at(clock.now() + ttl, silent)
      })
      await Promise.race([heard, late]).finally(cancel)
    },
    suspect(partition) {
      const holder = records.get(partition)?.value.host
      if (holder && holder !== name) void probe(holder)
    },
    lost(partition) {
      if (phases.get(partition) !== 'held') return
      phases.set(partition, 'dropping')
      void parts
        .drop(partition)
        .catch(parts.onError)
        .finally(() => {
          phases.delete(partition)
          retryLater()
        })
    },
    get owned() {
      return [...phases].filter(([, phase]) => phase === 'held').map(([partition]) => partition)
    },
  }
}
