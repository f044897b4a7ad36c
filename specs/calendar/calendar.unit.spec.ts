import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CalendarOptions, calendarOf, defineCalendar } from '../../src/calendar/calendar.ts'
import { addDays, monthOf, weekdayOf } from '../../src/calendar/dates.ts'
import { isStellwerkError, type ValidationError } from '../../src/errors.ts'

const timezone = 'Europe/Zurich'
const days = ['mon', 'tue', 'wed', 'thu', 'fri'] as const
const workdays = defineCalendar({ name: 'workdays', timezone, days, holidays: ['2026-12-25', '2027-01-01'], extra: ['2026-12-26'] })
const activeOf = (options: CalendarOptions, from: string, count: number) => {
  const calendar = defineCalendar(options)
  return Array.from({ length: count }, (_, i) => addDays(from, i)).filter((date) => calendar.day(date).active)
}

const calendars = suite('calendars: the dates on which they are active: C1')

calendars('weekdays, without holidays, with extra days, and why', () => {
  assert.equal(workdays.day('2026-11-23'), { active: true, because: 'it is a monday' })
  assert.equal(workdays.day('2026-11-28'), { active: false, because: 'it is a saturday' })
  assert.equal(workdays.day('2026-12-25'), { active: false, because: 'it is a holiday' })
  assert.equal(workdays.day('2026-12-26'), { active: true, because: 'it is an extra day' })
})

calendars('an extra day that is a holiday is active', () => {
  assert.equal(activeOf({ name: 'a', timezone, days, holidays: ['2026-12-25'], extra: ['2026-12-25'] }, '2026-12-25', 1), ['2026-12-25'])
})

calendars('last and first working days of a month, around holidays and extra days', () => {
  const monthEnd = (options: Partial<CalendarOptions>) =>
    activeOf({ name: 'month-end', timezone, days, ofMonth: [-1], ...options }, '2026-12-01', 90)
  assert.equal(monthEnd({}), ['2026-12-31', '2027-01-29', '2027-02-26'])
  assert.equal(monthEnd({ holidays: ['2026-12-31'] }), ['2026-12-30', '2027-01-29', '2027-02-26'])
  assert.equal(monthEnd({ extra: ['2027-01-30'] }), ['2026-12-31', '2027-01-30', '2027-02-26'])
  assert.equal(monthEnd({ ofMonth: [1, -2], holidays: ['2027-01-01'] }), [
    '2026-12-01',
    '2026-12-30',
    '2027-01-04',
    '2027-01-28',
    '2027-02-01',
    '2027-02-25',
  ])
  assert.equal(monthEnd({ days: ['fri'], ofMonth: [3] }), ['2026-12-18', '2027-01-15', '2027-02-19'], 'the third Friday')
  assert.equal(monthEnd({ ofMonth: [23] }), ['2026-12-31'], 'months that have no 23rd working day have none')
  assert.equal(activeOf({ name: 'leap', timezone, days: ['tue'], ofMonth: [-1] }, '2028-02-01', 29), ['2028-02-29'])
})

calendars('joined and subtracted, and days of the month are counted after that', () => {
  const saturdays = defineCalendar({ name: 'saturdays', timezone, days: ['sat'] })
  const monthEnd = defineCalendar({ name: 'month-end', timezone, also: [workdays], ofMonth: [-1] })
  assert.equal(activeOf({ name: 'both', timezone, also: [workdays, saturdays] }, '2026-11-23', 7).length, 6)
  const rest = defineCalendar({ name: 'rest', timezone, also: [workdays], except: [monthEnd] })
  assert.equal(rest.day('2026-11-30'), { active: false, because: 'month-end is active, and excepted' })
  assert.is(rest.day('2026-11-27').active, true)
  assert.equal(activeOf({ name: 'before', timezone, also: [rest], ofMonth: [-1] }, '2026-11-01', 30), ['2026-11-27'])
  const extra = defineCalendar({ name: 'extra', timezone, extra: ['2026-11-28', '2026-11-30'], except: [monthEnd] })
  assert.is(extra.day('2026-11-30').active, false)
  assert.equal(extra.day('2026-11-29'), { active: false, because: 'it is no extra day' })
  const joined = defineCalendar({ name: 'joined', timezone, extra: ['2026-11-28'], also: [saturdays] })
  assert.equal(joined.day('2026-11-29').because, 'it is no extra day, saturdays is not active')
})

calendars('is plain JSON, and the same again from that', () => {
  const both = defineCalendar({ name: 'both', timezone, also: [workdays], holidays: [{ country: 'CH', region: 'ZH' }], ofMonth: [-1, 1] })
  const again = calendarOf(JSON.parse(JSON.stringify(both.terms)))
  assert.equal(again.terms, both.terms)
  for (let i = 0; i < 100; i++) assert.equal(again.day(addDays('2026-11-01', i)), both.day(addDays('2026-11-01', i)))
})

calendars('one that is active only before, between or after the dates that it names is no mistake', () => {
  const saturdays = Array.from({ length: 400 }, (_, week) => addDays('2023-01-07', 7 * week))
  const not = defineCalendar({ name: 'not', timezone, extra: saturdays })
  for (const options of [{ except: [not] }, { holidays: saturdays }, { except: [not], ofMonth: [-1] }]) {
    const { day } = defineCalendar({ name: 'later', timezone, days: ['sat'], ...options })
    assert.equal([day('2026-11-28').active, day('2031-11-29').active], [false, true])
  }
  const all = defineCalendar({ name: 'all', timezone, days: [...days, 'sat', 'sun'], holidays: ['2031-02-04'] })
  assert.ok(defineCalendar({ name: 'one', timezone, days: ['tue'], except: [all] }).day('2031-02-04').active)
})

calendars('does not change when what it was made of is changed', () => {
  const extra = ['2026-11-28']
  const calendar = defineCalendar({ name: 'a', timezone, extra })
  extra.push('2026-11-29')
  assert.is(calendar.day('2026-11-29').active, false)
})
calendars.run()

const countries = suite('the working days of 2027 in five countries, against another source: C1')
const other = JSON.parse(readFileSync(join(import.meta.dirname, 'holidays-2027.json'), 'utf8')) as {
  countries: Record<string, Record<string, string>>
}
for (const [key, holidays] of Object.entries(other.countries))
  countries(key, () => {
    const [country, region] = key.split('-') as [string, string?]
    const calendar = defineCalendar({ name: 'work', timezone, days, holidays: [{ country, region }] })
    for (let date = '2027-01-01'; date < '2028'; date = addDays(date, 1)) {
      const expected = !['sat', 'sun'].includes(weekdayOf(date)) && !(date in holidays)
      assert.is(calendar.day(date).active, expected, `${date} ${holidays[date] ?? ''}`)
    }
  })
countries('a region has holidays that the country has not, and is named', () => {
  const of = (region?: string) => defineCalendar({ name: 'work', timezone, days, holidays: [{ country: 'DE', region }] })
  assert.is(of().day('2027-01-06').active, true)
  assert.is(of('BY').day('2027-01-06').active, false)
  assert.is(of('BY').day('2027-08-08').active, false)
  assert.match(of('BY').day('2027-01-06').because, /holiday \(Heilige Drei Könige\)/)
})
countries('a day that is free from noon on is a working day', () => {
  assert.is(defineCalendar({ name: 'work', timezone, days, holidays: [{ country: 'IS' }] }).day('2027-12-31').active, true)
})
countries.run()

const nested = suite('calendars in calendars')
nested('days of a month may be counted of days that are counted, and so on', () => {
  let calendar = defineCalendar({ name: 'all', timezone, days })
  for (let i = 0; i < 20; i++)
    calendar = defineCalendar({
      name: 'but-first',
      timezone,
      also: [calendar],
      ofMonth: [-1, ...Array.from({ length: 30 }, (_, n) => n + 2)],
    })
  const began = process.cpuUsage().user
  const active = monthOf('2026-10-01').filter((date) => calendar.day(date).active)
  assert.is(active.at(-1), '2026-10-30')
  assert.ok(active.length < 22)
  assert.ok(process.cpuUsage().user - began < 2_000_000)
})
nested.run()

const bad = suite('calendars that make no sense are refused, and the field is named')
const refused = (options: object, field: string, message: RegExp) => {
  try {
    defineCalendar({ name: 'a', timezone, days: ['mon'], ...options } as never)
  } catch (error) {
    assert.ok(isStellwerkError(error, 'VALIDATION'), String(error))
    assert.is((error as ValidationError).issues[0]!.path.join('.'), field)
    assert.match((error as ValidationError).message, message)
    return
  }
  assert.unreachable(`${JSON.stringify(options)} was accepted`)
}
bad('made of too many', () => {
  const one = defineCalendar({ name: 'a', timezone, days: ['mon'] })
  assert.ok(defineCalendar({ name: 'a', timezone, also: Array(100).fill(one) }).day('2026-11-23').active)
  refused({ also: Array(101).fill(one) }, 'also.100', /more than 100/)
  refused({ holidays: Array(101).fill({ country: 'CH' }) }, 'holidays.100', /more than 100/)
  let deep = one.terms
  for (let i = 0; i < 2000; i++) deep = { name: 'a', timezone, also: [deep] }
  try {
    calendarOf(deep)
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, /more than 100/)
  }
})
bad('each of them', () => {
  refused({ holidays: [{ country: '__proto__' }] }, 'holidays.0.country', /two letters/)
  refused({ holidays: [{ country: 'DE', region: 'constructor' }] }, 'holidays.0.region', /BY/)
  refused({ name: 'work days' }, 'name', /letters, digits/)
  refused({ timezone: 'Europe/Zuric' }, 'timezone', /Europe\/Zurich/)
  for (const timezone of ['europe/zurich', 'asia/kolkata', 'Asia/kolkata', 'asia/calcutta', 'us/pacific', 'etc/utc', 'est'])
    refused({ timezone }, 'timezone', /not a time zone/)
  const zones = [
    'Asia/Kolkata',
    'Asia/Calcutta',
    'US/Pacific',
    'Etc/UTC',
    'EST',
    'America/Port-au-Prince',
    'Asia/Ho_Chi_Minh',
    'Australia/LHI',
  ]
  for (const timezone of [...zones, ...Intl.supportedValuesOf('timeZone')])
    assert.is(defineCalendar({ name: 'a', timezone, days }).timezone, timezone)
  refused({ timezone: '+01:00' }, 'timezone', /not a time zone/)
  refused({ timezone: undefined }, 'timezone', /not a time zone/)
  refused({ days: ['monday'] }, 'days.0', /mon, tue/)
  refused({ days: 'mon' }, 'days', /array/)
  refused({ holidays: ['2026-02-30'] }, 'holidays.0', /not a date/)
  refused({ holidays: ['25.12.2026'] }, 'holidays.0', /not a date/)
  refused({ holidays: [{ country: 'Switzerland' }] }, 'holidays.0.country', /two letters/)
  refused({ holidays: [{ country: 'DE', region: 'XX' }] }, 'holidays.0.region', /BY/)
  refused({ holidays: [{ country: 'DE', region: 'BY-X' }] }, 'holidays.0.region', /There are A/)
  refused({ extra: ['2026-1-1'] }, 'extra.0', /not a date/)
  refused({ ofMonth: [0] }, 'ofMonth.0', /-1 the last/)
  refused({ also: [{}] }, 'also.0', /defineCalendar/)
  refused({ days: [] }, 'days', /never active/)
  refused({ weekdays: ['mon'] }, 'weekdays', /no such field/)
  refused({ holidays: [{ country: 'DE', regoin: 'BY' }] }, 'holidays.0.regoin', /There are country, region/)
  refused({ ofMonth: [] }, 'ofMonth', /never active/)
  refused({ holidays: [new Date(0)] }, 'holidays.0', /not a date/)
  const mondays = defineCalendar({ name: 'mondays', timezone, days: ['mon'] })
  refused({ days: undefined, also: [mondays], except: [mondays] }, 'except', /never active/)
  refused({ days: ['sat'], ofMonth: [6] }, 'ofMonth', /never active/)
  refused({ days: undefined, extra: ['2031-02-03'], except: [mondays] }, 'except', /never active/)
  assert.ok(defineCalendar({ name: 'a', timezone, extra: ['2031-02-04'], except: [mondays] }).day('2031-02-04').active)
  assert.ok(defineCalendar({ name: 'a', timezone, days: ['sat'], ofMonth: [5] }).day('2026-10-31').active)
  assert.throws(() => defineCalendar(undefined as never), /calendar: must be an object/)
  assert.throws(() => calendarOf(undefined as never), /calendar: must be an object/)
  assert.throws(() => calendarOf({ name: 'a', timezone, also: [{ name: 'b', timezone, days: ['x' as never] }] }), /also\.0\.days\.0/)
  assert.throws(() => workdays.day('2026-02-30'), /date: .*not a date/)
})
bad.run()
