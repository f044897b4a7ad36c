import { defineCalendar } from '../../src/calendar/calendar.ts'
import { weekdays } from '../../src/calendar/dates.ts'
import { type ChainDefinition, defineChain } from '../../src/chain/definition.ts'
import { step } from '../../src/chain/step.ts'
import { work } from './jobs.ts'

/** A chain for host processes, as JSON: two steps of work, the second with what the first put out. */
export interface TimedChain {
  name: string
  zone: string
  after?: string[]
  at?: string
  ms: number
}

export const timedChain = ({ name, zone, after, at, ms }: TimedChain): ChainDefinition =>
  defineChain({
    name,
    runs: [{ calendar: defineCalendar({ name: 'daily', timezone: zone, days: [...weekdays] }), after, at }],
    steps: {
      load: step(work.with({ ms, number: 7 })),
      post: step(
        work.with(({ load }: { load: number }) => ({ ms, number: load + 1 })),
        { after: ['load'] },
      ),
    },
  })

/** A zone in which today does not end, nor begin, within the next minutes. */
export const zoneOfToday = (now = new Date()): string => (now.getUTCHours() >= 22 || now.getUTCHours() < 1 ? 'Asia/Tokyo' : 'UTC')
