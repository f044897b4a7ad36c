import type { Bus, Listening } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import { UnavailableError } from '../errors.ts'

/**
 * Which hosts live.
 *
 * A host says that it lives once every `beat`, to all at once and to itself. One that does not hear itself for `ttl` does nothing
 * more. Another one is dead if it was silent for `ttl`; or at once, if it was silent for longer than a beat and nobody answers in
 * its name. Who finds that out tells the others, and each of them asks for itself.
 *
 * Where all hosts are in one process (`rests`), one that is alone and has nothing to do says nothing: it begins again with its next turn.
 */
export interface Liveness {
  start(): void
  /** Says that this host is on its way out: it should own nothing more, and still answers for what it has. */
  leave(): void
  stop(): void
  /** Hosts that may own something: heard, and neither dead nor on their way out. */
  readonly hosts: Iterable<string>
  /** undefined: nothing is known of it. Ask. */
  isDead(host: string): boolean | undefined
  /** Asks a host whether it lives; `changed` is called when the answer, or none, is there. */
  ask(host: string): void
  /** ms for which this host has heard itself without a gap; 0 while it does not. What it did not hear of others before says nothing. */
  steadyFor(): number
  mayAct(): boolean
  /** Resolves when this host has heard itself again: at once if it may act. An event loop that was held up is no death. */
  confirm(): Promise<void>
}

export interface LivenessParts {
  bus: Bus
  clock: Clock
  /** Unique for every incarnation. */
  name: string
  beat: number
  ttl: number
  /** Something was learnt of who lives. */
  changed(): void
  /** Nothing runs here, and nobody outside this process could miss it. Default: never. */
  rests?(): boolean
}

interface Beat {
  host: string
  /** On its way out. */
  gone?: boolean
  /** Just started: who hears it says that it is there too. */
  hello?: boolean
  /** The sender found this host dead. */
  suspect?: boolean
}

export function createLiveness({ bus, clock, name, beat, ttl, changed, rests = () => false }: LivenessParts): Liveness {
  const heard = new Map<string, number>()
  /** Found dead, and not heard since. */
  const dead = new Set<string>()
  const asking = new Set<string>()
  const watches = new Map<string, () => void>()
  const listening: Listening[] = []
  const confirming: (() => void)[] = []
  let heardSelf = clock.monotonic()
  let steadySince = Number.NEGATIVE_INFINITY
  let cancelBeat = () => {}
  let leaving = false
  /** There was a turn since the last beat. */
  let acted = false
  let resting = false

  const gap = 1.2 * beat
  const deafFor = () => clock.monotonic() - heardSelf
  const mayAct = () => deafFor() < ttl
  const say = (more: Omit<Beat, 'host'>, host = name) => bus.signal('host.beat', { host, ...more } satisfies Beat)

  function tick(): void {
    cancelBeat = clock.at(clock.now() + beat, () => {
      resting = !acted && heard.size <= 1 && rests()
      acted = false
      if (resting) return
      say({})
      tick()
    })
  }

  function awake(): void {
    acted = true
    if (!resting) return
    resting = false
    say({})
    tick()
  }

  function hear(data: unknown): void {
    const { host, gone, hello, suspect } = data as Beat
    if (suspect) {
      if (heard.has(host)) ask(host)
    } else if (gone) {
      watch(host)
      if (heard.delete(host)) changed()
    } else if (host === name) hearSelf()
    else {
      awake()
      if (hello && !leaving) say({})
      hearOther(host)
    }
  }

  function hearSelf(): void {
    const news = !heard.has(name) || !mayAct()
    if (deafFor() > gap) steadySince = clock.monotonic()
    heardSelf = clock.monotonic()
    if (!leaving) heard.set(name, heardSelf)
    for (const done of confirming.splice(0)) done()
    if (news) changed()
  }

  function hearOther(host: string): void {
    const news = !heard.has(host)
    heard.set(host, clock.monotonic())
    dead.delete(host)
    watch(host)
    if (news) changed()
  }

  /** Asks after a host that should have said something by now. */
  function watch(host: string): void {
    unwatch(host)
    if (host === name || leaving) return
    const late = clock.at(clock.now() + 1.3 * beat, () => {
      watches.delete(host)
      // A host that was deaf itself knows nothing of the others.
      if (deafFor() < 2 * beat) ask(host)
      else watch(host)
    })
    watches.set(host, late)
  }

  function unwatch(host: string): void {
    watches.get(host)?.()
    watches.delete(host)
  }

  function ask(host: string): void {
    if (asking.has(host) || host === name) return
    asking.add(host)
    unwatch(host)
    const asked = clock.monotonic()
    const silentFor = () => clock.monotonic() - (heard.get(host) ?? asked)
    bus
      .request(`host.${host}.ping`, {}, Math.max(0, ttl - silentFor()) + 50)
      .then(
        () => {
          // Who answers lives; whether it may own something is for itself to say.
          if (heard.has(host)) heard.set(host, clock.monotonic())
          watch(host)
        },
        (error: { nobody?: boolean }) => {
          if (mayAct() && (error.nobody || silentFor() >= ttl)) bury(host)
          else watch(host)
        },
      )
      .finally(() => {
        asking.delete(host)
        changed()
      })
  }

  function bury(host: string): void {
    dead.add(host)
    // The others need not wait until they miss it.
    if (heard.delete(host)) say({ suspect: true }, host)
  }

  return {
    start() {
      listening.push(bus.listen('host.beat', hear))
      listening.push(bus.serve(`host.${name}.ping`, async () => ({})))
      heardSelf = clock.monotonic()
      say({ hello: true })
      tick()
    },
    leave() {
      leaving = true
      heard.delete(name)
      for (const host of watches.keys()) unwatch(host)
      say({ gone: true })
    },
    stop() {
      cancelBeat()
      for (const one of listening) one.stop()
    },
    get hosts() {
      return heard.keys()
    },
    isDead: (host) => (dead.has(host) ? true : heard.has(host) || watches.has(host) || asking.has(host) ? false : undefined),
    ask,
    steadyFor: () => (deafFor() > gap ? 0 : clock.monotonic() - steadySince),
    mayAct,
    async confirm() {
      awake()
      if (mayAct()) return
      const again = new Promise<void>((done) => confirming.push(done))
      say({})
      let cancel = () => {}
      const late = new Promise<never>((_, fail) => {
        const silent = () => fail(new UnavailableError('this host does not hear its own heartbeat: it may have been replaced'))
        cancel = clock.at(clock.now() + ttl, silent)
      })
      await Promise.race([again, late]).finally(cancel)
    },
  }
}
