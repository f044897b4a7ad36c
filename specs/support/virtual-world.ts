import { z } from 'zod'
import { embeddedBus } from '../../src/bus/embedded.ts'
import { createClient } from '../../src/client.ts'
import { type Context, defineJob, type Handler } from '../../src/definition.ts'
import type { ActorDocument } from '../../src/document.ts'
import { RetryAt, TerminalError } from '../../src/errors.ts'
import { historyOf } from '../../src/host/history.ts'
import { createHost, type Host } from '../../src/host/host.ts'
import type { HostOptions } from '../../src/host/host-options.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { type Chaos, chaos } from '../../src/testing/chaos.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { type Effect, notAllowed } from './effects.ts'

const behaviour = z.object({
  /** Virtual time that it takes. */
  ms: z.number().default(10),
  /** Attempts that fail, counted over all runs of the job. */
  fails: z.number().default(0),
  how: z.enum(['error', 'terminal', 'retry-at']).default('error'),
  at: z.number().optional(),
  /** Goes on although it is told to end. */
  deaf: z.boolean().default(false),
})

/** One job that does what its input says, in several kinds of terms. */
const input = behaviour
const retry = { attempts: 3, backoff: 1000, factor: 2, jitter: 0 }
export const work = defineJob({ name: 'work', input, retry })
export const once = defineJob({ name: 'once', input, retry: { attempts: 1 } })
export const short = defineJob({ name: 'short', input, retry, timeout: 100 })
export const held = defineJob({ name: 'held', input, retry: { attempts: 1 }, onLost: 'hold' })
export const aborts = defineJob({ name: 'aborts', input, retry, onLost: 'abort' })
/** Runs in a pool. */
export const placed = defineJob({ name: 'placed', input, retry, pool: 'printers', needs: { printer: 1 } })
/** Tries again at once, for ever. */
export const insists = defineJob({
  name: 'insists',
  input,
  retry: { ...retry, attempts: 1000, backoff: 10, factor: 1 },
  pool: 'printers',
  needs: { printer: 1 },
})
/** An output: lists what it is given. */
export const bind = defineJob({ name: 'bind', input, retry })

export interface Start {
  job: string
  at: number
  attempt: number
  run: number
  where: string
}

const laneIn = (id: string): string | undefined => /^(lane-\w+)\//.exec(id)?.[1]

/** Hosts in virtual time over one memory bus and one memory store; any of them can die. */
export function virtualWorld({ partitions = 1 } = {}) {
  const clock = virtualClock('2026-11-23T00:00:00Z')
  const store = memoryStore()
  const bus = embeddedBus({ clock, partitions })
  const client = createClient({ bus: bus.connect('client'), clock, name: 'client' })
  const effects: Effect[] = []
  const starts: Start[] = []
  /** Runs under way, and where. */
  const active = new Map<string, string>()
  const overlaps: string[] = []
  const reasons: string[] = []
  let most = 0
  let hosts = 0

  async function run(ctx: Context, given: z.output<typeof behaviour>, dead: () => boolean, where: string): Promise<unknown> {
    if (dead()) return
    const { id, run, attempt } = ctx
    effects.push({ job: id, run, attempt, what: 'start', where })
    starts.push({ job: id, at: clock.now(), attempt, run, where })
    const lane = laneIn(id)
    for (const other of active.keys()) if (lane && laneIn(other) === lane) overlaps.push(`${id} while ${other} runs`)
    active.set(`${id} ${run}`, where)
    most = Math.max(most, active.size)
    try {
      const told = new Promise<never>((_, fail) => ctx.signal.addEventListener('abort', () => fail(ctx.signal.reason)))
      told.catch(() => {})
      await (given.deaf ? clock.sleep(given.ms) : Promise.race([clock.sleep(given.ms), told]))
    } catch (reason) {
      reasons.push(`${id} ${(reason as { code: string }).code}`)
      throw reason
    } finally {
      active.delete(`${id} ${run}`)
      if (!dead()) effects.push({ job: id, run, attempt, what: 'end', where })
    }
    const before = starts.filter(({ job }) => job === id).length
    if (before <= given.fails) {
      if (given.how === 'terminal') throw new TerminalError('never again')
      if (given.how === 'retry-at') throw new RetryAt(given.at!, 'later')
      throw new Error(`failure ${before}`)
    }
    if (!ctx.group) return { key: ctx.key ?? null }
    const members: string[] = []
    for await (const { key, state, error } of ctx.group.members())
      members.push(error ? `${key} ${state}: ${error.message}` : `${key} ${state}`)
    const { total, succeeded, failed, cancelled } = ctx.group
    return { total, succeeded, failed, cancelled, members }
  }

  /** A host that may die at one of its calls, even while it starts; `made` resolves when it runs. */
  function start({
    slots = 10,
    pools,
    handlers = [work, once, short, held, aborts, bind, ...(pools ? [placed, insists] : [])],
    during = () => {},
    dieAt,
    retention,
    more = [],
    chains,
    schedules,
    log = () => {},
  }: Pick<HostOptions, 'slots' | 'pools' | 'retention' | 'chains' | 'schedules' | 'log'> & {
    handlers?: (typeof work)[]
    /** Others, as they are. */
    more?: Handler[]
    /** What handlers do besides, when they begin. */
    during?: (ctx: Context) => void
    /** Dies at this call of its, from 1: before and after each are two. */
    dieAt?: number
  } = {}): { faults: Chaos; made: Promise<Host> } {
    const where = `h${++hosts}`
    let connection = ''
    // As the others see it: it hears nothing more, and nothing that it does has an effect.
    const onDeath = () => {
      for (const [run, at] of [...active]) if (at === where) active.delete(run)
      bus.disconnect(connection)
    }
    const faults = chaos({ dieAt, onDeath })
    const made = createHost({
      name: where,
      clock: faults.clock(clock),
      slots,
      pools,
      retention,
      chains,
      schedules,
      log,
      handlers: [
        ...handlers.map(
          (definition): Handler =>
            definition.handler((given, ctx) => {
              during(ctx)
              return run(ctx, given, () => faults.dead, where)
            }),
        ),
        ...more,
      ],
      on: {
        async connect({ name }) {
          connection = name
          const own = bus.connect(name)
          return { bus: faults.bus(own), store: faults.store(store), close: () => own.close() }
        },
      },
    })
    return { faults, made }
  }

  async function host(options: Parameters<typeof start>[0] = {}): Promise<Host & { die(): void; trace: readonly string[] }> {
    const { faults, made } = start(options)
    return Object.assign(await made, { die: faults.kill, trace: faults.trace })
  }

  const docs = () => store.find({}, undefined, 100_000)
  return {
    clock,
    store,
    bus,
    client,
    effects,
    starts,
    reasons,
    /** Two runs of one lane at once: those whose ids begin with `lane-<name>/`. */
    overlaps,
    host,
    start,
    docs,
    /** Most handlers that ran at once. */
    get most() {
      return most
    },
    async doc(address: string): Promise<ActorDocument> {
      const [doc] = await store.load([address])
      if (!doc) throw new Error(`${address} is not stored`)
      return doc
    },
    startsOf: (job: string) => starts.filter((start) => start.job === job),
    /** In virtual time, until what is asked for is so. */
    async until(what: string, ask: () => boolean | Promise<boolean>, limit = 600_000): Promise<void> {
      const end = clock.now() + limit
      await clock.settled()
      while (!(await ask())) {
        if (clock.now() >= end) throw new Error(`${what}: not within ${limit} ms`)
        await clock.step('1s')
      }
    },
    /** What is wrong with what happened: see effects.ts. */
    async problems(): Promise<string[]> {
      const all = await Promise.all((await docs()).map(async (doc) => ({ doc, history: await historyOf(store, doc) })))
      return notAllowed(effects, all)
    },
  }
}
export type VirtualWorld = ReturnType<typeof virtualWorld>
