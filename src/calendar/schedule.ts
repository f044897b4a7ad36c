import { Cron } from 'croner'
import { type Duration, ms } from '../duration.ts'
import { quoted, refuse } from '../errors.ts'
import { isTimezone } from './dates.ts'

/**
 * When something starts again and again, as plain JSON.
 * - `{ cron: '30 2 * * mon-fri', timezone: 'Europe/Zurich' }`: five fields, or six with seconds first. Where it names hours, also by steps, it means times of day: one that
 *   does not exist on the date of a clock change is the next that does, one that exists twice counts once. With `*` as its hour (`0,30 * * * *`, every half an hour) it goes by elapsed time.
 * - `{ every: '15m', from: '2026-11-23T00:00:00+01:00' }`: elapsed time, counted from `from` (default: 1970), so that all hosts mean the same instants.
 */
export type Schedule = { cron: string; timezone: string } | { every: Duration; from?: Date | string | number }

/** First instant of the schedule after `after` (ms); undefined: there is none. Throws a ValidationError that names the field. */
export function nextTime(schedule: Schedule, after: number): number | undefined {
  if ('cron' in schedule) return cronOf(schedule).nextRun(new Date(after))?.getTime()
  const every = ms(schedule.every, 'every')
  if (every < 1000) refuse('every', 'must be a second or more')
  const from = schedule.from === undefined ? 0 : new Date(schedule.from).getTime()
  if (Number.isNaN(from)) refuse('from', `${quoted(schedule.from)} is not a time. Use ISO 8601 with an offset.`)
  return after < from ? from : from + (Math.floor((after - from) / every) + 1) * every
}

/** Last instant of the schedule after `after` and not after `at` (ms); undefined: there is none. */
export function latestTime(schedule: Schedule, after: number, at: number): number | undefined {
  const last =
    'cron' in schedule
      ? cronOf(schedule)
          .previousRuns(1, new Date(at + 1))[0]
          ?.getTime()
      : lastOf(schedule, at)
  return last !== undefined && last > after ? last : undefined
}

function lastOf(schedule: Extract<Schedule, { every: Duration }>, at: number): number | undefined {
  const last = nextTime(schedule, at)! - ms(schedule.every, 'every')
  return nextTime(schedule, last - 1) === last ? last : undefined
}

const crons = new Map<string, Cron>()

function cronOf({ cron, timezone }: { cron: string; timezone: string }): Cron {
  const key = `${timezone} ${cron}`
  let parsed = crons.get(key)
  if (parsed) return parsed
  if (!isTimezone(timezone)) refuse('timezone', `${quoted(timezone)} is not a time zone. Use a name such as 'Europe/Zurich'.`)
  // Its parser takes a date as well, which would be one time only, and nicknames.
  if (typeof cron !== 'string' || /[:@]/.test(cron)) refuse('cron', `${quoted(cron)} is not a cron pattern. Use five fields: '30 2 * * *'.`)
  try {
    const options = { timezone, paused: true, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' } as const
    parsed = new Cron(cron, options)
    // Only a pattern that it takes is written in other words.
    parsed = new Cron(timesOfDay(cron), options)
  } catch (error) {
    refuse('cron', `${quoted(cron)} is not a cron pattern: ${(error as Error).message}`)
  }
  if (crons.size > 1000) crons.clear()
  crons.set(key, parsed)
  return parsed
}

/** A valid pattern that names hours, with all of its hours, minutes and seconds named: so they are times of day. */
function timesOfDay(cron: string): string {
  const fields = cron.trim().split(/\s+/)
  const hours = fields.length - 3
  if (/^[*?]$/.test(fields[hours - 1]!)) return cron
  return fields.map((field, i) => (i < hours ? named(field, i === hours - 1 ? 23 : 59) : field)).join(' ')
}

/** Each value of a field by itself: `0-40/20` is `0,20,40`. */
function named(field: string, last: number): string {
  return field.replace(/(?:[*?]|(\d+)-(\d+))(?:\/(\d+))?/g, (_, from = 0, to = last, step = 1) => {
    const all: number[] = []
    for (let n = Number(from); n <= Number(to); n += Number(step)) all.push(n)
    return all.join()
  })
}
