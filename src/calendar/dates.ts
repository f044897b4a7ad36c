import { Temporal } from 'temporal-polyfill'

/**
 * Dates, times of day and time zones. A *date* is `YYYY-MM-DD` and has no zone; a *time of day* is `HH:MM` or `HH:MM:SS`; an *instant* is
 * in ms since 1970. The zone of the machine that this runs on counts nowhere.
 */
export type DateText = string
export type TimeText = string

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

/** A date that there is: not the 30th of February. */
export function isDate(date: unknown): date is DateText {
  if (typeof date !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(date)) return false
  const ms = Date.parse(date)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date)
}

/** `00:00` to `47:59:59`: from 24:00 on it is the next day by the clock, and still belongs to this date, as night batches do. */
export const isTime = (time: unknown): time is TimeText => typeof time === 'string' && /^([0-3]\d|4[0-7]):[0-5]\d(:[0-5]\d)?$/.test(time)

export function isTimezone(zone: unknown): zone is string {
  // Offsets are no zones: they know nothing of clock changes.
  if (typeof zone !== 'string' || !/^[A-Za-z]/.test(zone)) return false
  try {
    // One name, one spelling: it is part of ids.
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone).timeZoneId === zone
  } catch {
    return false
  }
}

const day = 86_400_000
const daysOf = (date: DateText): number => Date.parse(date) / day
const dateOf = (days: number): DateText => new Date(days * day).toISOString().slice(0, 10)

export const addDays = (date: DateText, days: number): DateText => dateOf(daysOf(date) + days)
/** 1970-01-01 was a Thursday. */
export const weekdayOf = (date: DateText): Weekday => weekdays[(((daysOf(date) + 3) % 7) + 7) % 7]!

/** All dates of its month, in order. */
export function monthOf(date: DateText): DateText[] {
  const first = daysOf(`${date.slice(0, 7)}-01`)
  const dates: DateText[] = []
  for (let d = first; dateOf(d).slice(0, 7) === date.slice(0, 7); d++) dates.push(dateOf(d))
  return dates
}

/**
 * When the clocks of a zone show this time of this date. A time that does not exist there (the clocks were put forward over it) is the next that
 * does; of one that exists twice it is the first.
 */
export function instantOf(date: DateText, time: TimeText, zone: string): number {
  const [hours, minutes, seconds = 0] = time.split(':').map(Number) as [number, number, number?]
  const wall = Temporal.PlainDate.from(addDays(date, Math.floor(hours / 24))).toPlainDateTime({
    hour: hours % 24,
    minute: minutes,
    second: seconds,
  })
  const zoned = wall.toZonedDateTime(zone, { disambiguation: 'earlier' })
  if (zoned.toPlainDateTime().equals(wall)) return zoned.epochMilliseconds
  return zoned.getTimeZoneTransition('next')!.epochMilliseconds
}

/** What the clocks of a zone show at an instant, in ms as if they were those of UTC. */
export const wallOf = (at: number, zone: string): number =>
  at + Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).offsetNanoseconds / 1e6

/** The instant at which they show it, as `instantOf` says. */
export function instantOfWall(wall: number, zone: string): number {
  const [date, time] = new Date(wall).toISOString().split('T') as [DateText, string]
  return instantOf(date, time.slice(0, 8), zone)
}

/** First instant of a date: not everywhere and always at 00:00. */
export const startOfDate = (date: DateText, zone: string): number => instantOf(date, '00:00', zone)

/** The date that the calendars of a zone show at an instant. */
export const dateAt = (at: number, zone: string): DateText =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDate().toString()

const formats = new Map<string, Intl.DateTimeFormat>()
function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (!format) {
    const parts = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' } as const
    format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', ...parts })
    formats.set(zone, format)
  }
  return format
}

/** For people: `19:30`, with seconds if there are any, and with its date if that is another than `on`. */
export function clockTime(at: number, zone: string, on?: DateText): string {
  const { year, month, day, hour, minute, second } = Object.fromEntries(
    formatOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  const time = second === '00' ? `${hour}:${minute}` : `${hour}:${minute}:${second}`
  const date = `${year}-${month}-${day}`
  return date === on ? time : `${time} on ${date}`
}
