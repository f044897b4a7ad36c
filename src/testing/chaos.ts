import type { Bus, FrameConsumer, TakenOffer, WorkPull } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import { refuse } from '../errors.ts'
import { checkFields } from '../fields.ts'
import type { Store } from '../store/port.ts'

/**
 * Kills a host at one of the calls that it makes to bus or store: before the call has any effect, or after it had all of it and
 * before the host learns so. From then on nothing that the host does has an effect, and nothing that it called returns.
 * No places: its heartbeats, the beginning of what it hears (`listen`, `serve`), asking for more frames (`more`) or offers (`want`), the end of
 * a pull, and `close`. They change nothing that is stored: who dies there leaves what a death after the call before leaves.
 */
export interface Chaos {
  bus(bus: Bus): Bus
  store(store: Store): Store
  /** Its timers stop with it. */
  clock(clock: Clock): Clock
  /** Places where the host could have died so far: two for each call, one for each that only reads. */
  readonly points: number
  /** What was called at each place. */
  readonly trace: readonly string[]
  readonly dead: boolean
  /** Kills it now, wherever it is. */
  kill(): void
}

/** `dieAt`: number of the place, from 1 on; undefined: only counts. `onDeath`: e.g. to disconnect it from the bus. */
export function chaos(options: { dieAt?: number; onDeath?: () => void } = {}): Chaos {
  checkFields(options, ['dieAt', 'onDeath'], '', 'chaos')
  const { dieAt, onDeath = () => {} } = options
  if (dieAt !== undefined && !(Number.isInteger(dieAt) && dieAt >= 1))
    refuse('dieAt', 'must be a whole number, 1 or more: else nothing ever dies')
  let points = 0
  let dead = false
  const trace: string[] = []
  const holds = new Set<() => void>()
  const never = () => new Promise<never>(() => {})

  function reached(place: string): boolean {
    if (dead) return true
    points++
    trace.push(place)
    if (points === dieAt) die()
    return dead
  }

  function die(): void {
    if (dead) return
    dead = true
    for (const release of holds) release()
    holds.clear()
    onDeath()
  }

  /** A call that answers later. */
  async function later<T>(name: string, call: () => Promise<T>): Promise<T> {
    if (reached(`before ${name}`)) return never()
    const answer = await call()
    return reached(`after ${name}`) ? never() : answer
  }
  /** One that only reads: nothing is different after it, until the next call. */
  async function read<T>(name: string, call: () => Promise<T>): Promise<T> {
    if (reached(name)) return never()
    const answer = await call()
    return dead ? never() : answer
  }
  function now(name: string, call: () => void): void {
    if (reached(`before ${name}`)) return
    call()
    reached(`after ${name}`)
  }

  const consumer = (inner: FrameConsumer): FrameConsumer => ({
    more: () => dead || inner.more(),
    acknowledge: (sequences) => now('acknowledge', () => inner.acknowledge(sequences)),
    stop: () => later('consumer.stop', () => inner.stop()),
  })
  const offer = (inner: TakenOffer): TakenOffer => ({
    ...inner,
    acknowledge: () => now('offer.acknowledge', () => inner.acknowledge()),
    giveBack: () => now('offer.giveBack', () => inner.giveBack()),
  })
  const pull = (inner: WorkPull): WorkPull => ({
    want: (offers) => dead || inner.want(offers),
    get empty() {
      return inner.empty
    },
    stop: () => inner.stop(),
  })

  return {
    bus: (inner) => ({
      partitions: inner.partitions,
      epoch: inner.epoch,
      keepsOffers: inner.keepsOffers,
      publish: (frames) =>
        later(`publish ${frames.map(({ events }) => events.map(({ event }) => event.type)).join()}`, () => inner.publish(frames)),
      consume: (partition, owner, on) => later('consume', async () => consumer(await inner.consume(partition, owner, on))),
      lastSequence: (partition) => read('lastSequence', () => inner.lastSequence(partition)),
      offer: (offers) => later('offer', () => inner.offer(offers)),
      offered: (job, priority) => read('offered', () => inner.offered(job, priority)),
      pull: (job, on) => read(`pull ${job}`, async () => pull(await inner.pull(job, (taken) => dead || on(offer(taken))))),
      signal: (subject, data) =>
        subject === 'host.beat' ? dead || inner.signal(subject, data) : now(`signal ${subject}`, () => inner.signal(subject, data)),
      tell: (subject, data) => now(`tell ${subject}`, () => inner.tell(subject, data)),
      listen: (subject, on, queue) => inner.listen(subject, on, queue),
      request: (subject, data, timeout) => later(`request ${subject}`, () => inner.request(subject, data, timeout)),
      serve: (subject, answer, queue) => inner.serve(subject, answer, queue),
      records: {
        get: (key) => read(`read record ${key}`, () => inner.records.get(key)),
        put: (key, value, revision) => later(`record ${key}`, () => inner.records.put(key, value, revision)),
        watch: (prefix, on) => read(`watch records ${prefix}`, () => inner.records.watch(prefix, on)),
      },
      deadLetter: (letters) => later('deadLetter', () => inner.deadLetter(letters)),
      letters: {
        list: (after, limit) => read('letters.list', () => inner.letters.list(after, limit)),
        get: (place) => read('letters.get', () => inner.letters.get(place)),
        remove: (places) => later('letters.remove', () => inner.letters.remove(places)),
      },
      onConnection: (on) => inner.onConnection(on),
      workerLives: (worker) => inner.workerLives(worker),
      close: () => inner.close(),
    }),
    store: (inner) => ({
      ...inner,
      commit: (writes) => later(`commit ${writes.map(({ doc }) => `${doc._id}=${doc.state}`).join(' ')}`, () => inner.commit(writes)),
      flush: () => later('flush', () => inner.flush()),
      load: (addresses) => read('load', () => inner.load(addresses)),
      find: (query, after, limit) => read('find', () => inner.find(query, after, limit)),
      getPages: (ids) => read('getPages', () => inner.getPages(ids)),
      fact: (key) => read(`fact ${key}`, () => inner.fact(key)),
      setFact: (key, value, expected) => later(`setFact ${key}`, () => inner.setFact(key, value, expected)),
      putPages: (pages) => later('putPages', () => inner.putPages(pages)),
      removePages: (ids) => later('removePages', () => inner.removePages(ids)),
      waking: (...of) => read('waking', () => inner.waking(...of)),
      // Two places: what an owner does before it knows what is due, and after.
      allWaking: async function* (...of) {
        if (reached('before waking')) await never()
        for await (const part of inner.allWaking(...of)) yield dead ? await never() : part
        if (reached('after waking')) await never()
      },
      countWaking: (...of) => read('countWaking', () => inner.countWaking(...of)),
      removePagesOf: (owners) => later(`removePagesOf ${owners.join(' ')}`, () => inner.removePagesOf(owners)),
      remove: (address, base) => later(`remove ${address}`, () => inner.remove(address, base)),
    }),
    clock: (inner) => ({
      now: () => inner.now(),
      monotonic: () => inner.monotonic(),
      at: (at, fire) => inner.at(at, () => dead || fire()),
      hold() {
        const release = inner.hold?.() ?? (() => {})
        if (dead) release()
        else holds.add(release)
        return () => {
          if (holds.delete(release)) release()
        }
      },
    }),
    get points() {
      return points
    },
    trace,
    get dead() {
      return dead
    },
    kill: die,
  }
}
