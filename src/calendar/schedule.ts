import { Cron } from 'croner'
import { type Duration, ms } from '../duration.ts'
import { quoted, refuse } from '../errors.ts'
import { instantOfWall, isTimezone, wallOf } from './dates.ts'

/**
 * When something starts again and again, as plain JSON.
 * - `{ cron: '30 2 * * mon-fri', timezone: 'Europe/Zurich' }`: five fields, or six with seconds first. Where it names hours, also by steps, it means times of day: one that
 *   does not exist on the date of a clock change is the next that does, one that exists twice counts once. With `*` as its hour (`0,30 * * * *`, every half an hour) it goes by elapsed time.
 * - `{ every: '15m', from: '2026-11-23T00:00:00+01:00' }`: elapsed time, counted from `from` (default: 1970), so that all hosts mean the same instants.
 */
export type Schedule = { cron: string; timezone: string } | { every: Duration; from?: Date | string | number }

/** First instant of the schedule after `after` (ms); undefined: there is none. Throws a ValidationError that names the field. */
export function nextTime(schedule: Schedule, after: number): number | undefined {
  if ('cron' in schedule) return nextOf(schedule, after)
  const every = ms(schedule.every, 'every')
  if (every < 1000) refuse('every', 'must be a second or more')
  const from = schedule.from === undefined ? 0 : new Date(schedule.from).getTime()
  if (Number.isNaN(from)) refuse('from', `${quoted(schedule.from)} is not a time. Use ISO 8601 with an offset.`)
  return after < from ? from : from + (Math.floor((after - from) / every) + 1) * every
}

/** Last instant of the schedule after `after` and not after `at` (ms); undefined: there is none. */
export function latestTime(schedule: Schedule, after: number, at: number): number | undefined {
  const last = 'cron' in schedule ? latestOf(schedule, at) : lastOf(schedule, at)
  return last !== undefined && last > after ? last : undefined
}

function lastOf(schedule: Extract<Schedule, { every: Duration }>, at: number): number | undefined {
  const last = nextTime(schedule, at)! - ms(schedule.every, 'every')
  return nextTime(schedule, last - 1) === last ? last : undefined
}

type Pattern = Extract<Schedule, { cron: string }>

/** A pattern that names hours means what clocks show: it is matched there, and each match is the instant at which they show it. */
const isOfDay = ({ cron }: Pattern): boolean => {
  const fields = cron.trim().split(/\s+/)
  return !/^[*?]$/.test(fields[fields.length - 4]!)
}

function nextOf(schedule: Pattern, after: number): number | undefined {
  const cron = cronOf(schedule)
  if (!isOfDay(schedule)) return cron.nextRun(new Date(after))?.getTime()
  for (let wall = wallOf(after, schedule.timezone); ; ) {
    const next = cron.nextRun(new Date(wall))
    if (!next) return undefined
    wall = next.getTime()
    const at = instantOfWall(wall, schedule.timezone)
    if (at > after) return at
  }
}

/** Clocks that were put back a short time ago have shown later times than they do now. */
const shortTime = 24 * 3_600_000

function latestOf(schedule: Pattern, at: number): number | undefined {
  const cron = cronOf(schedule)
  const before = (ms: number) => cron.previousRuns(1, new Date(ms + 1))[0]?.getTime()
  if (!isOfDay(schedule)) return before(at)
  const { timezone } = schedule
  const now = wallOf(at, timezone)
  const putBack = Math.max(0, wallOf(at - shortTime, timezone) + shortTime - now)
  for (let wall = before(now + putBack); wall !== undefined; wall = before(wall - 1000)) {
    const match = instantOfWall(wall, timezone)
    if (match <= at) return match
  }
  return undefined
}

const crons = new Map<string, Cron>()

function cronOf({ cron, timezone }: { cron: string; timezone: string }): Cron {
  const key = typeof timezone === 'string' && typeof cron === 'string' ? `${timezone} ${cron}` : ''
  let parsed = crons.get(key)
  if (parsed) return parsed
  if (timezone === undefined) refuse('timezone', "must say by which clocks: 'Europe/Zurich'")
  if (!isTimezone(timezone)) refuse('timezone', `${quoted(timezone)} is not a time zone. Use a name such as 'Europe/Zurich'.`)
  // Its parser takes a date as well, which would be one time only, and nicknames.
  if (!key || /[:@]/.test(cron)) refuse('cron', `${quoted(cron)} is not a cron pattern. Use five fields: '30 2 * * *'.`)
  try {
    const options = { paused: true, mode: '5-or-6-parts' } as const
    parsed = new Cron(cron, { ...options, timezone })
    // Only a pattern that it takes has fields.
    if (isOfDay({ cron, timezone })) parsed = new Cron(cron, { ...options, timezone: 'UTC' })
  } catch (error) {
    refuse('cron', `${quoted(cron)} is not a cron pattern: ${(error as Error).message}`)
  }
  if (crons.size > 1000) crons.clear()
  crons.set(key, parsed)
  return parsed
}
