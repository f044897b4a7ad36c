import { quoted, refuse } from '../errors.ts'
import { checkFields } from '../fields.ts'
import { addDays, type DateText, isDate, isTimezone, monthOf, type Weekday, weekdayOf, weekdays } from './dates.ts'
import { type HolidaysOf, holidaysIssue, holidaysOf } from './holidays.ts'

/** A calendar as it travels: plain JSON, with the calendars that it is made of. */
export interface CalendarTerms {
  readonly name: string
  readonly timezone: string
  readonly days?: readonly Weekday[]
  readonly holidays?: readonly (DateText | HolidaysOf)[]
  readonly extra?: readonly DateText[]
  readonly also?: readonly CalendarTerms[]
  readonly except?: readonly CalendarTerms[]
  readonly ofMonth?: readonly number[]
}

/**
 * On which dates it is active:
 *
 *   ((days − holidays + extra) ∪ also) − except      and of these, if `ofMonth` is given, only the ones with these numbers in their month
 *
 * So `{ also: [workdays], ofMonth: [-1] }` is the last working day of each month, and `{ also: [workdays], except: [monthEnd] }` all the others.
 */
export interface CalendarOptions {
  /** Letters, digits, `_` and `-`. */
  name: string
  /** IANA: `Europe/Zurich`. In it a date begins, and the times of a run are meant. Of the calendars in `also` and `except` only the dates count. */
  timezone: string
  /** Weekdays: `['mon', 'tue', 'wed', 'thu', 'fri']`. Default: none. */
  days?: readonly Weekday[]
  /** Not active on these, though the weekday is: dates, or the public holidays of a country (`{ country: 'CH', region: 'ZH' }`, with the package date-holidays). */
  holidays?: readonly (DateText | HolidaysOf)[]
  /** Active on these, though the weekday is not, or they are holidays. */
  extra?: readonly DateText[]
  /** Active also when one of these is. */
  also?: readonly Calendar[]
  /** Never active when one of these is. */
  except?: readonly Calendar[]
  /** 1 is the first active day of a month, -1 the last. Default: all of them. */
  ofMonth?: readonly number[]
}

/** Whether a calendar is active on a date, and why: `it is a sunday`, `it is a holiday (Karfreitag)`. */
export interface Day {
  active: boolean
  because: string
}

export interface Calendar {
  readonly name: string
  readonly timezone: string
  readonly terms: CalendarTerms
  day(date: DateText): Day
}

/** Throws a ValidationError that names the field. */
export function defineCalendar(given: CalendarOptions): Calendar {
  checkFields(given, fields, '', 'calendar')
  const { also, except, ...options } = given
  const termsOf = (calendars: readonly Calendar[] | undefined, field: string) => {
    if (calendars !== undefined && !Array.isArray(calendars)) refuse(field, 'must be an array of calendars')
    return calendars?.map((calendar, i) => calendar?.terms ?? refuse(`${field}.${i}`, 'is no calendar. Make it with defineCalendar.'))
  }
  return everActive(calendarOf({ ...options, also: termsOf(also, 'also'), except: termsOf(except, 'except') }))
}

/** Refuses one that is on no date: a mistake, of which nothing else would ever tell. Most are active within a week, so that little is looked at. */
export function everActive(calendar: Calendar, at = ''): Calendar {
  const { terms } = calendar
  const isActive = (date: DateText) => calendar.day(date).active
  const isWithin = (year: number) => {
    for (let date = `${year}-01-01`; date < `${year + 5}`; date = addDays(date, 1)) if (isActive(date)) return true
    return false
  }
  if (extraOf(terms).some(isActive) || isWithin(2024)) return calendar
  // Else the dates that it names are the reason, in their months: or that it is active only after them.
  const months = [...new Set(namedIn(terms).map((date) => date.slice(0, 7)))].sort()
  const last = Number(months.at(-1)?.slice(0, 4) ?? 0)
  if (months.some((month) => monthOf(`${month}-01`).some(isActive)) || (last >= 2024 && isWithin(last + 1))) return calendar
  const field = terms.except?.length ? 'except' : terms.ofMonth ? 'ofMonth' : terms.holidays?.length ? 'holidays' : 'also'
  refuse([...(at ? [at] : []), field].join('.'), 'the calendar is never active: it leaves none of its days')
}

/** All dates that it, and what it is made of, names. */
const namedIn = ({ extra = [], holidays = [], also = [], except = [] }: CalendarTerms): DateText[] => [
  ...extra,
  ...holidays.filter((holiday) => typeof holiday === 'string'),
  ...[...also, ...except].flatMap(namedIn),
]

const extraOf = ({ extra = [], also = [] }: CalendarTerms): DateText[] => [...extra, ...also.flatMap(extraOf)]

/** The calendar that these terms describe, wherever they come from: they are checked as those of `defineCalendar`, as the fields of `at`. */
export function calendarOf(terms: CalendarTerms, at = ''): Calendar {
  check(terms, at && `${at}.`)
  // What travels holds only what was said.
  const said = JSON.parse(JSON.stringify(terms)) as CalendarTerms
  return { name: said.name, timezone: said.timezone, terms: said, day: (date) => dayOf(said, date) }
}

/** Plans ask for the same date again and again: once for each run. */
function remembering(find: (date: DateText) => Day): (date: DateText) => Day {
  const days = new Map<DateText, Day>()
  return (date) => {
    let day = days.get(date)
    if (!day) {
      if (!isDate(date)) refuse('date', notDate(date))
      if (days.size > 1000) days.clear()
      days.set(date, (day = find(date)))
    }
    return day
  }
}

/** Days of a month that are counted in months that are counted: each is found once. */
const found = new WeakMap<CalendarTerms, (date: DateText) => Day>()

function dayOf(terms: CalendarTerms, date: DateText): Day {
  let find = found.get(terms)
  if (!find) found.set(terms, (find = remembering((each) => countedDay(terms, each))))
  return find(date)
}

function countedDay(terms: CalendarTerms, date: DateText): Day {
  const day = anyDay(terms, date)
  const { ofMonth } = terms
  if (!ofMonth || !day.active) return day
  const active = monthOf(date).filter((each) => anyDay(terms, each).active)
  const number = active.indexOf(date) + 1
  const because = `it is active day ${number} of ${active.length} of its month`
  return { active: ofMonth.some((n) => n === number || n === number - active.length - 1), because }
}

/** Before days of a month are counted. */
function anyDay({ days = [], holidays = [], extra = [], also = [], except = [] }: CalendarTerms, date: DateText): Day {
  for (const other of except) if (dayOf(other, date).active) return { active: false, because: `${other.name} is active, and excepted` }
  if (extra.includes(date)) return { active: true, because: 'it is an extra day' }
  const other = also.find((one) => dayOf(one, date).active)
  if (other) return { active: true, because: `${other.name} is active` }
  const weekday = weekdayOf(date)
  const isDay = days.includes(weekday)
  const holiday = isDay ? holidayOn(holidays, date) : undefined
  if (holiday !== undefined) return { active: false, because: `it is a holiday${holiday && ` (${holiday})`}` }
  const none = [...(extra.length ? ['it is no extra day'] : []), ...also.map(({ name }) => `${name} is not active`)]
  return { active: isDay, because: days.length || !none.length ? `it is a ${fullNames[weekday]}` : none.join(', ') }
}

const fullNames: Record<Weekday, string> = {
  mon: 'monday',
  tue: 'tuesday',
  wed: 'wednesday',
  thu: 'thursday',
  fri: 'friday',
  sat: 'saturday',
  sun: 'sunday',
}

/** Its name, '' if it has none; undefined: it is none. */
function holidayOn(holidays: readonly (DateText | HolidaysOf)[], date: DateText): string | undefined {
  if (holidays.includes(date)) return ''
  for (const of of holidays) {
    const name = typeof of === 'string' ? undefined : holidaysOf(of, Number(date.slice(0, 4))).get(date)
    if (name !== undefined) return name
  }
  return undefined
}

/** Calendars and countries that one is made of: a program may send any. */
const mostParts = 100

const fields = ['name', 'timezone', 'days', 'holidays', 'extra', 'also', 'except', 'ofMonth']

function check(terms: CalendarTerms, at: string, parts = { count: 0 }): void {
  const another = (field: string) => {
    if (++parts.count > mostParts) refuse(field, `more than ${mostParts} calendars and countries in one calendar`)
  }
  checkFields(terms, fields, at.slice(0, -1), 'calendar')
  const { name, timezone, days, holidays, extra, also, except, ofMonth } = terms
  if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,100}$/.test(name))
    refuse(`${at}name`, `${quoted(name)} is not a name of a calendar. Use letters, digits, "_" and "-", 100 at most.`)
  if (!isTimezone(timezone)) refuse(`${at}timezone`, `${quoted(timezone)} is not a time zone. Use a name such as 'Europe/Zurich'.`)
  each(days, `${at}days`, (day) => (weekdays.includes(day) ? undefined : `${quoted(day)} is not a weekday. Use ${weekdays.join(', ')}.`))
  each(extra, `${at}extra`, (date) => (isDate(date) ? undefined : notDate(date)))
  if (Array.isArray(ofMonth) && !ofMonth.length)
    refuse(`${at}ofMonth`, 'the calendar is never active. Give a number, or leave it out for all of its days.')
  each(ofMonth, `${at}ofMonth`, (n) =>
    Number.isInteger(n) && n !== 0 && Math.abs(n) <= 31
      ? undefined
      : `${quoted(n)} must be a whole number: 1 is the first active day, -1 the last`,
  )
  each(holidays, `${at}holidays`, (holiday, field) => {
    if (typeof holiday !== 'object' || holiday === null || holiday instanceof Date) return isDate(holiday) ? undefined : notDate(holiday)
    another(field)
    checkFields(holiday, ['country', 'region'], field)
    const issue = holidaysIssue(holiday)
    return issue && refuse(`${field}.${issue.field}`, issue.message)
  })
  const part = (other: CalendarTerms, field: string) => {
    another(field)
    check(other, `${field}.`, parts)
    return undefined
  }
  each(also, `${at}also`, part)
  each(except, `${at}except`, part)
  if (!days?.length && !extra?.length && !also?.length) refuse(`${at}days`, 'the calendar is never active. Give days, extra or also.')
}

const notDate = (date: unknown) => `${quoted(date)} is not a date. Use one that there is, as '2026-12-25'.`

function each<T>(values: readonly T[] | undefined, field: string, issue: (value: T, field: string) => string | undefined): void {
  if (values === undefined) return
  if (!Array.isArray(values)) refuse(field, 'must be an array')
  values.forEach((value, i) => {
    const message = issue(value, `${field}.${i}`)
    if (message) refuse(`${field}.${i}`, message)
  })
}
