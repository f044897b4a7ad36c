import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addDays, clockTime, dateAt, instantOf, isDate, isTime, monthOf, startOfDate, weekdayOf } from '../../src/calendar/dates.ts'
import { latestTime, nextTime, type Schedule } from '../../src/calendar/schedule.ts'

const zurich = 'Europe/Zurich'
const iso = (ms: number | undefined) => ms !== undefined && new Date(ms).toISOString()
const at = (date: string, time: string, zone = zurich) => iso(instantOf(date, time, zone))

const times = suite('a time of a date in a zone, as an instant: C5 C11')

times('by the clocks of the zone, summer and winter', () => {
  assert.is(at('2026-11-23', '19:30'), '2026-11-23T18:30:00.000Z')
  assert.is(at('2026-07-23', '19:30'), '2026-07-23T17:30:00.000Z')
  assert.is(at('2026-07-23', '19:30:15', 'Asia/Kathmandu'), '2026-07-23T13:45:15.000Z')
})
times('one that does not exist is the next that does', () => {
  assert.is(at('2026-03-29', '01:59'), '2026-03-29T00:59:00.000Z')
  for (const time of ['02:00', '02:01', '02:30', '02:59:59']) assert.is(at('2026-03-29', time), '2026-03-29T01:00:00.000Z', time)
  assert.is(at('2026-03-29', '03:00'), '2026-03-29T01:00:00.000Z')
  assert.is(at('2026-03-29', '03:01'), '2026-03-29T01:01:00.000Z')
  assert.is(at('2026-10-04', '02:15', 'Australia/Lord_Howe'), '2026-10-03T15:30:00.000Z', 'half an hour there')
})
times('one that exists twice is the first', () => {
  assert.is(at('2026-10-25', '01:59'), '2026-10-24T23:59:00.000Z')
  assert.is(at('2026-10-25', '02:00'), '2026-10-25T00:00:00.000Z')
  assert.is(at('2026-10-25', '02:30'), '2026-10-25T00:30:00.000Z')
  assert.is(at('2026-10-25', '03:00'), '2026-10-25T02:00:00.000Z')
})
times('from 24:00 on they are of the next day by the clock', () => {
  assert.is(at('2026-11-23', '25:30'), '2026-11-24T00:30:00.000Z')
  assert.is(at('2026-03-28', '26:30'), '2026-03-29T01:00:00.000Z')
  assert.is(at('2026-12-31', '24:00'), '2026-12-31T23:00:00.000Z')
})
times('a date begins with its first instant', () => {
  assert.is(iso(startOfDate('2026-04-24', 'Africa/Cairo')), '2026-04-23T22:00:00.000Z', 'at 01:00')
  assert.is(clockTime(startOfDate('2026-04-24', 'Africa/Cairo'), 'Africa/Cairo', '2026-04-24'), '01:00')
  assert.is(iso(startOfDate('2011-12-30', 'Pacific/Apia')), '2011-12-30T10:00:00.000Z', 'a date that was left out')
  for (const zone of [zurich, 'Africa/Cairo', 'America/New_York', 'Asia/Tokyo', 'Pacific/Chatham'])
    for (let date = '2026-01-01'; date < '2027'; date = addDays(date, 1)) {
      const start = startOfDate(date, zone)
      assert.is(dateAt(start, zone), date)
      assert.is(dateAt(start - 1, zone), addDays(date, -1))
    }
})
times('all minutes of two years rise, and none is skipped but by a clock change', () => {
  let before = 0
  for (let date = '2026-03-27'; date < '2026-04-01'; date = addDays(date, 1))
    for (let minute = 0; minute < 1440; minute++) {
      const time = `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
      const instant = instantOf(date, time, zurich)
      const step = instant - before
      assert.ok(!before || step === 60_000 || (step === 0 && date === '2026-03-29'), `${date} ${time}`)
      before = instant
    }
})
times('for people', () => {
  assert.is(clockTime(instantOf('2026-11-23', '19:30', zurich), zurich, '2026-11-23'), '19:30')
  assert.is(clockTime(instantOf('2026-11-23', '19:30:05', zurich), zurich, '2026-11-23'), '19:30:05')
  assert.is(clockTime(instantOf('2026-11-24', '00:30', zurich), zurich, '2026-11-23'), '00:30 on 2026-11-24')
})
times('what is a date and a time', () => {
  for (const date of ['2026-02-29', '2026-13-01', '26-01-01', '2026-1-1', '', 5, undefined]) assert.is(isDate(date), false, String(date))
  assert.ok(isDate('2028-02-29'))
  for (const time of ['7:30', '48:00', '19:60', '19.30', '19:30Z', 1930]) assert.is(isTime(time), false, String(time))
  assert.is(weekdayOf('2026-11-23'), 'mon')
  assert.is(weekdayOf('1969-12-28'), 'sun')
  assert.is(monthOf('2028-02-10').length, 29)
})
times.run()

const schedules = suite('schedules: cron and interval')
const next = (schedule: Schedule, after: string, count: number) => {
  const found: string[] = []
  for (let t: number | undefined = Date.parse(after); found.length < count && (t = nextTime(schedule, t)) !== undefined; )
    found.push(new Date(t).toISOString().slice(0, 16))
  return found
}
schedules('a time of day that does not exist is the next that does, one that exists twice counts once', () => {
  const cron = (cron: string): Schedule => ({ cron, timezone: zurich })
  assert.equal(next(cron('30 2 * * *'), '2026-03-28T12:00Z', 2), ['2026-03-29T01:00', '2026-03-30T00:30'])
  assert.equal(next(cron('15 2,4 * * *'), '2026-03-28T12:00Z', 3), ['2026-03-29T01:00', '2026-03-29T02:15', '2026-03-30T00:15'])
  assert.equal(next(cron('30 2 * * *'), '2026-10-24T12:00Z', 2), ['2026-10-25T00:30', '2026-10-26T01:30'])
  // At 02:10 for the second time it has been 02:45 before.
  assert.is(latestTime(cron('45 2 * * *'), 0, Date.parse('2026-10-25T01:10Z')), Date.parse('2026-10-25T00:45Z'))
})
schedules('hours that are named are times of day, however they and their minutes are written', () => {
  const two = (n: number) => String(n).padStart(2, '0')
  const every = (step: number, last: number) => Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => i * step)
  for (const [cron, hours, minutes] of [
    ['0 */2 * * *', every(2, 23), [0]],
    ['0 0-22/2 * * *', every(2, 22), [0]],
    ['*/15 2 * * *', [2], every(15, 59)],
    ['* 2-2 * * *', [2], every(1, 59)],
    ['*/30 22,23 * * *', [22, 23], [0, 30]],
    ['0 5,20-40/10 ?/1 * * *', every(1, 23), [5, 20, 30, 40]],
  ] as [string, number[], number[]][])
    for (const [timezone, first] of [
      [zurich, '2027-03-27'],
      [zurich, '2027-10-30'],
      ['Australia/Lord_Howe', '2026-10-03'],
      ['Australia/Lord_Howe', '2027-04-03'],
      ['America/Nuuk', '2026-03-27'],
      ['America/Nuuk', '2026-10-23'],
      ['Pacific/Apia', '2011-12-29'],
      ['Antarctica/Troll', '2026-10-24'],
    ] as const) {
      const dates = [0, 1, 2].map((days) => addDays(first, days))
      const all = dates.flatMap((date) => hours.flatMap((h) => minutes.map((m) => instantOf(date, `${two(h)}:${two(m)}`, timezone))))
      // Those that do not exist meet at the next that does.
      const meant = [...new Set(all)].map((ms) => new Date(ms).toISOString().slice(0, 16))
      assert.equal(next({ cron, timezone }, `${new Date(all[0]! - 1).toISOString()}`, meant.length), meant, `${cron} ${timezone} ${first}`)
      for (const ms of new Set(all)) {
        assert.is(latestTime({ cron, timezone }, 0, ms), ms)
        const before = all.findLast((other) => other < ms)
        if (before) assert.is(latestTime({ cron, timezone }, 0, ms - 1), before)
      }
    }
})
schedules('with every hour it goes by elapsed time', () => {
  const half: Schedule = { cron: '*/30 * * * *', timezone: zurich }
  assert.equal(next(half, '2026-10-25T00:00Z', 4), ['2026-10-25T00:30', '2026-10-25T01:00', '2026-10-25T01:30', '2026-10-25T02:00'])
  assert.equal(next(half, '2026-03-29T00:30Z', 2), ['2026-03-29T01:00', '2026-03-29T01:30'])
})
schedules('intervals are the same instants wherever they are asked for', () => {
  assert.equal(next({ every: '15m' }, '2026-11-23T10:07Z', 2), ['2026-11-23T10:15', '2026-11-23T10:30'])
  const from = '2026-11-23T12:05:00+01:00'
  assert.equal(next({ every: '1h', from }, '2026-11-23T08:00Z', 2), ['2026-11-23T11:05', '2026-11-23T12:05'])
  assert.equal(next({ every: '1h', from }, '2026-11-23T11:05Z', 1), ['2026-11-23T12:05'], 'after, not at')
})
schedules('intervals that are no whole ms are rounded: each time has one after it, and one before', () => {
  for (const every of ['1.0007s', 3_600_000 / 7, '2.3456789s', 1000.4])
    for (let i = 0, at = Date.parse('2026-11-23'); i < 2000; i++) {
      const time = nextTime({ every }, at)!
      assert.ok(time > at && Number.isInteger(time), `${every}: ${time} after ${at}`)
      assert.is(latestTime({ every }, 0, time), time, `${every}: ${time}`)
      at = time
    }
})
schedules('one that never comes has no next time', () => {
  assert.is(nextTime({ cron: '0 0 30 2 *', timezone: zurich }, 0), undefined)
})
schedules('bad ones are refused, and the field is named', () => {
  const refused = (schedule: object, message: RegExp) => assert.throws(() => nextTime(schedule as never, 0), message)
  refused({ cron: '61 * * * *', timezone: zurich }, /^ValidationError: cron: |cron: /)
  refused({ cron: '* * *', timezone: zurich }, /cron: /)
  refused({ cron: '2026-11-23T10:00:00', timezone: zurich }, /cron: .*five fields/)
  refused({ cron: '@daily', timezone: zurich }, /cron: .*five fields/)
  refused({ cron: 5, timezone: zurich }, /cron: /)
  refused({ cron: '* * * * *' }, /timezone: /)
  refused({ every: '10ms' }, /every: must be a second/)
  refused({ every: 'soon' }, /every: .*not a duration/)
  refused({ every: '1h', from: 'x' }, /from: /)
})
schedules.run()
