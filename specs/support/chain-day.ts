import { z } from 'zod'
import { type Calendar, defineCalendar } from '../../src/calendar/calendar.ts'
import { clockTime, instantOf } from '../../src/calendar/dates.ts'
import type { ChainDefinition } from '../../src/chain/definition.ts'
import { defineChain } from '../../src/chain/definition.ts'
import { step } from '../../src/chain/step.ts'
import { defineJob, type Handler } from '../../src/definition.ts'
import { embedded } from '../../src/embedded.ts'
import { createHost, type Host } from '../../src/host/host.ts'
import type { HostOptions } from '../../src/host/host-options.ts'
import type { RunOptions } from '../../src/plan/runs.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

export const zone = 'Europe/Zurich'
export const workdays = defineCalendar({ name: 'workdays', timezone: zone, days: ['mon', 'tue', 'wed', 'thu', 'fri'] })
export const saturdays = defineCalendar({ name: 'saturdays', timezone: zone, days: ['sat'] })
export const monday = '2026-11-23'
export const saturday = '2026-11-28'

/** Does nothing, for as long as its chain's course says, and ends as that says. */
const work = defineJob({ name: 'work', input: z.object({ chain: z.string() }), retry: { attempts: 1 } })

export const chain = (name: string, ...runs: RunOptions[]): ChainDefinition =>
  defineChain({ name, runs, steps: { work: step(work.with({ chain: name })) } })
export const on = (calendar: Calendar, more: Omit<RunOptions, 'calendar'> = {}): RunOptions => ({ calendar, ...more })

/** B → D, E, F, G → I, as the requirements say. */
export const six: readonly ChainDefinition[] = [
  chain('B', on(workdays, { at: '18:00' })),
  chain('D', on(workdays, { after: ['B'], withoutPredecessorsAt: '15:00' })),
  chain('E', on(workdays, { after: ['B'], withoutPredecessorsAt: '16:00' })),
  chain('F', on(workdays, { after: ['B'], at: '19:30', withoutPredecessorsAt: '19:30' })),
  chain('G', on(workdays, { after: ['B'], at: '20:00', withoutPredecessorsAt: '20:00' })),
  chain('I', on(workdays, { name: 'workday', after: ['D', 'E', 'F', 'G'] }), on(saturdays, { name: 'saturday', at: '14:00' })),
]
export const sixWith = (...more: readonly ChainDefinition[]): ChainDefinition[] => [
  ...six.filter(({ name }) => !more.some((other) => other.name === name)),
  ...more,
]

/** A run takes so many minutes (10) and ends so. `deaf`: it does not end when it is told to. */
interface Course {
  minutes?: number
  ends?: 'succeeded' | 'failed'
  deaf?: boolean
}

interface Options {
  chains?: readonly ChainDefinition[]
  date?: string
  courses?: Record<string, Course>
  partitions?: number
  /** When the first host comes up, on that date. */
  from?: string
  retention?: HostOptions['retention']
}

/** Hosts in one process over a day in virtual time, with chains that do nothing but take time. */
export async function chainDay({ chains = six, date = monday, courses = {}, partitions = 4, from = '00:00', retention }: Options = {}) {
  const clock = virtualClock(instantOf(date, from, zone))
  const world = embedded(':memory:', { partitions })
  const starts: string[] = []
  const said: string[] = []
  const running = new Map<string, number>()
  let most = 0

  const handler: Handler = work.handler(async (input, ctx) => {
    const { minutes = 10, ends = 'succeeded', deaf } = courses[input.chain] ?? {}
    starts.push(`${input.chain} ${clockTime(clock.now(), zone, date)}`)
    running.set(input.chain, (running.get(input.chain) ?? 0) + 1)
    most = Math.max(most, running.get(input.chain)!)
    try {
      const told = new Promise<never>((_, fail) => ctx.signal.addEventListener('abort', () => fail(ctx.signal.reason)))
      told.catch(() => {})
      await (deaf ? clock.sleep(minutes * 60_000) : Promise.race([clock.sleep(minutes * 60_000), told]))
      if (ends === 'failed') throw new Error(`${input.chain} does not work today`)
    } finally {
      running.set(input.chain, running.get(input.chain)! - 1)
    }
  })
  const start = (with_: readonly ChainDefinition[] = chains): Promise<Host> =>
    createHost({ on: world, clock, handlers: [handler], chains: with_, retention, log: (line) => said.push(line) })

  const host = await start()
  await clock.settled()
  const { client } = host
  return {
    clock,
    client,
    host,
    world,
    /** Another host of the same deployment. */
    start,
    starts,
    /** What hosts have logged. */
    said,
    startsOf: (name: string) => starts.filter((line) => line.split(' ')[0] === name).map((line) => line.slice(name.length + 1)),
    courses,
    /** Runs of one chain at the same time. */
    get most() {
      return most
    },
    plan: client.plan(date),
    until: (time: string, on = date) => clock.advanceTo(instantOf(on, time, zone)),
    async row(name: string) {
      const [chainName, run = 'main'] = name.split('/')
      const { rows } = await client.plan(date).show()
      const row = rows.find((one) => one.chain === chainName && one.run === run)
      if (!row) throw new Error(`${name} is not in the plan`)
      return { ...row, start: row.startAt === undefined ? undefined : clockTime(row.startAt, zone, date) }
    },
  }
}
