import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { defineCalendar } from '../src/calendar/calendar.ts'
import type { ChainDefinition } from '../src/chain/definition.ts'
import { publishChains } from '../src/chain/published.ts'
import { defineJob } from '../src/definition.ts'
import { createHost } from '../src/host/host.ts'
import type { RunOptions } from '../src/plan/runs.ts'
import type { ScheduleOptions } from '../src/schedule.ts'
import { replay } from '../src/testing/replay.ts'
import { chain, chainDay, monday, on, saturday, saturdays, six, sixWith, workdays, zone } from './support/chain-day.ts'
import { refused } from './support/refused.ts'

/** The rules themselves have their specs in specs/plan; these see that hosts, plans and chains keep them. */

const rules = suite('a day of chains, in a host: C1 C2 C3 C4 C5 C6 C7 C8 C9 C10 C11 [embedded]')

rules('C1 only what has an active calendar is in the plan', async () => {
  const day = await chainDay()
  assert.is((await day.row('I/saturday')).words, 'not in the plan of 2026-11-23: saturdays is not active, it is a monday')
  assert.is((await day.row('I/workday')).state, 'waiting')
  await day.host.stop()
})

rules('C2 C11 all run in order; E does not start at 16:00 because B is in the plan', async () => {
  const day = await chainDay()
  await day.until('17:00')
  assert.equal(day.starts, [])
  assert.is((await day.row('E')).words, 'waits for B, which starts at 18:00')
  await day.until('23:00')
  assert.equal(day.starts, ['B 18:00', 'D 18:10', 'E 18:10', 'F 19:30', 'G 20:00', 'I 20:10'])
  assert.is((await day.client.actor('plan:Europe-Zurich/2026-11-23').view()).state, 'over')
  await day.host.stop()
})

rules('C2 one that failed blocks those after it, until it is restarted and succeeds', async () => {
  const day = await chainDay({ courses: { B: { ends: 'failed' } } })
  await day.until('21:00')
  assert.equal(day.starts, ['B 18:00'])
  const { words, why } = await day.row('E')
  assert.is((await day.row('B')).words, 'failed at 18:10: step work failed: B does not work today')
  assert.match(words, /waits for B, which failed at 18:10: until it is restarted and succeeds, is removed, or E is released/)
  assert.is(why[0]!.stuck, true)
  day.courses.B = {}
  await day.plan.restart('B')
  await day.until('23:00')
  assert.equal(day.starts.slice(1).sort(), ['B 21:00', 'D 21:10', 'E 21:10', 'F 21:10', 'G 21:10', 'I 21:20'])
  await day.host.stop()
})

rules('C2 an operator releases a successor', async () => {
  const day = await chainDay({ courses: { B: { ends: 'failed' } } })
  await day.until('19:00')
  await day.plan.release('E')
  await day.plan.release('F')
  await day.until('23:00')
  assert.equal(day.starts, ['B 18:00', 'E 19:00', 'F 19:30'], 'a time of its own holds')
  await day.host.stop()
})

rules('C3 D and F removed, E failed: G at 20:00, and I waits for E', async () => {
  const day = await chainDay({ courses: { E: { ends: 'failed' } } })
  await day.until('12:00')
  await day.plan.remove('D')
  await day.plan.remove('F')
  await day.until('23:00')
  assert.equal(day.starts, ['B 18:00', 'E 18:10', 'G 20:00'])
  assert.match((await day.row('I/workday')).words, /waits for E, which failed/)
  await day.host.stop()
})

rules('C3 all four removed on a workday: I has no predecessor and no time of its own, until it is released', async () => {
  const day = await chainDay()
  for (const name of ['D', 'E', 'F', 'G']) await day.plan.remove(name)
  await day.until('23:00')
  assert.equal(day.starts, ['B 18:00'])
  assert.match((await day.row('I/workday')).words, /no predecessor and no time of its own/)
  await day.plan.release('I')
  await day.until('23:30')
  assert.equal(day.starts, ['B 18:00', 'I 23:00'])
  await day.host.stop()
})

rules('C4 B2 is added at 18:20 for 18:45, and E waits for both', async () => {
  const b2 = chain('B2')
  const day = await chainDay({ chains: [...six, b2], courses: { B: { minutes: 60 } } })
  await day.until('18:20')
  await day.plan.add(b2, [on(workdays, { at: '18:45' })])
  await day.plan.link('E', ['B', 'B2'])
  day.courses.B2 = { minutes: 30 }
  await day.until('23:00')
  assert.equal(day.startsOf('B2'), ['18:45'])
  assert.equal(day.startsOf('E'), ['19:15'])
  assert.equal(day.startsOf('D'), ['19:00'])
  const row = await day.row('E')
  assert.equal(row.differs, ['after: B, B2; in code: B'])
  assert.equal((await day.row('B2')).differs, ['not in code: only in this plan'])
  await day.host.stop()
})

rules('C4 added after its time it starts at once, or not, as it says', async () => {
  const late = chain('late')
  const skipped = chain('skipped')
  const day = await chainDay({ chains: [...six, late, skipped] })
  await day.until('12:00')
  await day.plan.add('late', [on(workdays, { at: '09:00' })])
  await day.plan.add('skipped', [on(workdays, { at: '09:00', missed: 'skip' })])
  await day.until('12:30')
  assert.equal(day.starts, ['late 12:00'])
  assert.match((await day.row('skipped')).words, /skipped: its own time had passed/)
  assert.is((await day.row('late')).late, 3 * 3_600_000)
  await day.host.stop()
})

rules('C4 what has started is not started again by any change', async () => {
  const day = await chainDay()
  await day.until('18:15')
  await day.plan.add('D', [on(workdays, { at: '22:00' })])
  await day.plan.add('B', [on(workdays, { at: '22:00' })])
  await refused('NOT_ALLOWED', /D has started/, () => day.plan.link('D', []))
  await day.until('23:59')
  assert.equal(day.startsOf('D'), ['18:10'])
  assert.equal(day.startsOf('B'), ['18:00'])
  await day.host.stop()
})

rules('C4 unknown names, circles and bad input are refused, by the field, and nothing has changed', async () => {
  const day = await chainDay()
  const before = JSON.stringify((await day.plan.show()).rows)
  await refused('VALIDATION', /after: E is after "Bb", and the plan has no such chain. Is B meant\?/, () => day.plan.link('E', ['Bb']))
  await refused('VALIDATION', /each of them would wait for the next/, () => day.plan.link('B', ['I']))
  await refused('NOT_FOUND', /there is no chain "X" in Europe\/Zurich/, () => day.plan.remove('X'))
  await refused('VALIDATION', /^target: must be the name of a chain, or <chain>\/<run>$/, () => day.plan.remove({ name: 'B' } as never))
  await refused('NOT_FOUND', /no host has published a chain "X"/, () => day.plan.add('X', [on(workdays)]))
  await refused('VALIDATION', /^runs: /, () => day.plan.add('E', []))
  await refused('VALIDATION', /runs.0.at: "25" is not a time/, () => day.plan.add('E', [on(workdays, { at: '25' })]))
  await refused('VALIDATION', /date: "2026-02-30" is not a date/, () => day.client.plan('2026-02-30').show())
  await refused('NOT_FOUND', /does not exist, and its date has passed/, () => day.client.plan('2026-11-01').remove('B'))
  assert.is(JSON.stringify((await day.plan.show()).rows), before)
  await day.host.stop()
})

rules('C4 what is no chain, no name and no list is refused by its field', async () => {
  const day = await chainDay()
  const plan = day.plan as unknown as Record<string, (...given: unknown[]) => Promise<void>>
  const runs = [on(workdays, { at: '12:00' })]
  for (const none of [5, {}, null, undefined]) await refused('VALIDATION', /^chain: .*no chain/, () => plan.add!(none, runs))
  for (const none of ['B', undefined, 5]) await refused('VALIDATION', /^after: must be an array/, () => plan.link!('E', none))
  for (const none of [5, null, {}]) await refused('VALIDATION', /^after.1: /, () => plan.link!('E', ['B', none]))
  for (const verb of ['remove', 'deactivate', 'restore', 'release', 'restart'])
    for (const none of [undefined, null, 5, 'B C']) await refused('VALIDATION', /^target: /, () => plan[verb]!(none))
  await refused('VALIDATION', /^options: must be an object/, () => day.plan.release('E', null as never))
  await day.plan.release('E')
  await day.host.stop()
})

rules('C4 a chain that needs an input is not added to a plan, which has none', async () => {
  const told = { ...chain('told'), input: z.object({ of: z.string() }) }
  const day = await chainDay({ chains: [...six, told] })
  await refused('VALIDATION', /^chain: told needs an input/, () => day.plan.add('told', [on(workdays, { at: '12:00' })]))
  await day.host.stop()
})

rules('C4 a change that is refused makes no plan of a date to come, and there is none in a zone without chains', async () => {
  const day = await chainDay()
  const later = day.client.plan('2026-12-24')
  await refused('NOT_FOUND', /there is no chain "Bx".*Is B meant\?/, () => later.remove('Bx'))
  await refused('VALIDATION', /Is B meant\?/, () => later.link('E', ['Bx']))
  await refused('NOT_ALLOWED', /only what has failed/, () => later.restart('B'))
  assert.is((await later.show()).made, false)
  for (const zone of ['Mars', 'Europe/Paris', 'europe/zurich']) {
    const elsewhere = day.client.plan('2026-12-24', { zone })
    await refused('VALIDATION', /^zone: there is no chain in .*There are chains in Europe\/Zurich/, () => elsewhere.show())
    await refused('VALIDATION', /^zone: /, () => elsewhere.remove('B'))
  }
  await refused('NOT_FOUND', /does not exist, and its date has passed/, () => day.client.plan('2026-11-19').show())
  await day.host.stop()
})

const later: [what: string, now: readonly RunOptions[], starts: readonly string[]][] = [
  ['another time', [on(workdays, { at: '08:00' })], ['08:00 on 2026-11-24']],
  ['another calendar', [on(saturdays, { at: '00:00' })], []],
  ['a predecessor', [on(workdays, { after: ['A'], at: '00:00' })], ['06:10 on 2026-11-24']],
  ['a run of another name', [on(workdays, { name: 'other', at: '08:00', missed: 'skip' })], ['08:00 on 2026-11-24']],
]
for (const [what, now, starts] of later)
  rules(`C1 C2 C12 a plan that was made ahead starts nothing before it is told what code says on its date: ${what}`, async () => {
    const others = [chain('A', on(workdays, { at: '06:00' })), chain('X', on(workdays, { at: '12:00' }))]
    const day = await chainDay({ chains: [...others, chain('N', on(workdays, { at: '00:00' }))] })
    await day.client.plan('2026-11-24').remove('X')
    await day.until('12:00')
    await day.host.stop()
    const host = await day.start([...others, chain('N', ...now)])
    await day.until('23:59', '2026-11-24')
    assert.equal(day.startsOf('N'), ['00:00', ...starts])
    await host.stop()
  })

const lateCode: [what: string, now: (A: RunOptions, E: RunOptions) => ChainDefinition[]][] = [
  ['another predecessor', (A) => [chain('A', A), chain('E', on(workdays, { at: '06:00', missed: 'skip' }))]],
  ['a predecessor that is not active', (A, E) => [chain('A', { ...A, calendar: saturdays }), chain('E', E)]],
  ['a predecessor that is given up', (A, E) => [chain('A', { ...A, name: 'other', calendar: saturdays }), chain('E', E)]],
]
for (const [what, now] of lateCode)
  rules(`C4 a plan that was made ahead, and is told late, is as if code had said so when its date began: ${what}`, async () => {
    const A = on(workdays, { at: '05:00', missed: 'skip' })
    const E = on(workdays, { after: ['A'], withoutPredecessorsAt: '06:00', missed: 'skip' })
    const X = chain('X', on(workdays, { at: '12:00' }))
    const day = await chainDay({ chains: [X, chain('A', A), chain('E', E)] })
    await day.client.plan('2026-11-25').remove('X')
    await day.until('20:00')
    await day.host.stop()
    await day.until('10:00', '2026-11-25')
    const before = day.startsOf('E').length
    const host = await day.start([X, ...now(A, E)])
    await day.until('12:30', '2026-11-25')
    assert.is(day.startsOf('E').filter((at) => at.endsWith('2026-11-25')).length, 0, `${before}`)
    assert.match((await host.client.plan('2026-11-25').show()).rows.find(({ chain }) => chain === 'E')!.words, /skipped/)
    await host.stop()
  })

rules('C4 a plan that was made ahead is shown, and changed, as code says now', async () => {
  const X = chain('X', on(workdays, { at: '12:00' }))
  const day = await chainDay({ chains: [X] })
  const plan = day.client.plan('2026-11-25')
  await plan.deactivate('X')
  const other = await day.start([chain('X', on(workdays, { at: '13:00' })), chain('N', on(workdays, { at: '00:00' }))])
  await day.until('12:00')
  const times = async () => (await plan.show()).rows.map(({ chain, state, startAt }) => [chain, state, startAt])
  assert.equal(
    (await times()).map(([name, state]) => `${name} ${state}`),
    ['X deactivated', 'N waiting'],
  )
  assert.match((await day.client.chain('N').run('2026-11-25/main').why()).conditions[0]!.message, /starts at 00:00/)
  await plan.remove('N')
  await day.until('12:00', '2026-11-25')
  assert.equal(
    day.startsOf('N').filter((at) => at.endsWith('2026-11-25')),
    [],
  )
  await other.stop()
  await day.host.stop()
})

for (const back of ['2026-11-25', '2027-02-03', '2027-11-24'])
  rules(`C12 a plan that was made ahead, and for whose whole date nobody was up, is told and made up for: on ${back}`, async () => {
    const old = chain('N', on(workdays, { at: '00:00' }))
    const day = await chainDay({ chains: [old] })
    await day.client.plan('2026-11-24').release('N')
    await day.until('12:00')
    await day.host.stop()
    await day.clock.advanceTo(`${back}T10:00:00+01:00`)
    const host = await day.start([old])
    await day.until('12:00', back)
    const days = back === '2026-11-25' ? 2 : 7 // its own, and the workdays of a week
    assert.equal(day.startsOf('N'), ['00:00', ...Array(days).fill(`10:00 on ${back}`)])
    assert.is(day.said.filter((line) => line.includes('no plans in Europe/Zurich for dates before')).length, days > 2 ? 1 : 0)
    assert.equal(
      (await host.client.plan('2026-11-24').show()).rows.map(({ state }) => state),
      ['succeeded'],
    )
    await host.stop()
  })

rules('C4 what a program asks of a plan is checked before anything of it is made', async () => {
  const day = await chainDay()
  const outside = await day.world.connect({ name: 'outside', clock: day.clock, log: () => {} })
  const date = '2026-12-24'
  type Answer = { ok: boolean; error?: { code: string; message: string } }
  const ask = async (change: unknown, more: object = {}) => {
    const { ok, error } = (await outside.bus.request('api.changePlan', { date, change, ...more }, 5000)) as Answer
    return ok ? 'ok' : `${error!.code} ${error!.message}`
  }
  const bad: [unknown, RegExp, object?][] = [
    [undefined, /^VALIDATION request: Unrecognized key: "foo"/, { foo: 1 }],
    ['x', /^VALIDATION request.change: must have a type/],
    [{ type: 'bogus' }, /^VALIDATION request.change/],
    [{ type: 'ended', key: 'B/main', round: 1, state: 'succeeded' }, /^VALIDATION request.change/],
    [{ type: 'remove' }, /^VALIDATION request.change.target/],
    [{ type: 'remove', target: 5 }, /^VALIDATION request.change.target: must be the name of a chain/],
    [{ type: 'link', target: 'E' }, /^VALIDATION request.change.after/],
    [{ type: 'link', target: 'E', after: 'B' }, /^VALIDATION request.change.after/],
    [{ type: 'release', target: 'E', now: 'yes' }, /^VALIDATION request.change.now/],
    [{ type: 'add', chain: 'B', runs: 'x' }, /^VALIDATION request.change.runs/],
    [{ type: 'add', chain: 'B', runs: [] }, /^VALIDATION request.change.runs/],
  ]
  for (const [change, message, more] of bad) assert.match(await ask(change, more), message)
  const { error } = (await outside.bus.request('api.changePlan', { date, change: bad.at(-1)![0] }, 5000)) as { error: { issues: unknown } }
  assert.match(JSON.stringify(error.issues), /^\[\{"path":\["request","change","runs"\]/)
  assert.is((await day.client.plan(date).show()).made, false)
  assert.is(await ask({ type: 'remove', target: 'B' }), 'ok')
  assert.is((await day.client.plan(date, { zone: 'Europe-Zurich' }).show()).zone, 'Europe/Zurich')
  await outside.close()
  await day.host.stop()
})

rules('C2 why of a run that has not started is what its plan says', async () => {
  const day = await chainDay()
  const [waits] = (await day.client.chain('E').run(`${monday}/main`).why()).conditions
  assert.match(waits!.message, /B/)
  const { state } = await day.client.chain('B').run('2026-11-24/main').why()
  assert.is(state, 'waiting')
  await refused('NOT_FOUND', /does not exist yet, or is in no plan/, () => day.client.chain('E').run(`${monday}/main`).view())
  await refused('NOT_FOUND', /does not exist/, () => day.client.chain('E').run(`${monday}/nothing`).why())
  await refused('NOT_FOUND', /does not exist/, () => day.client.chain('E').run('2020-01-01/main').why())
  await day.host.stop()
})

rules('C4 runs that were replaced by hand do not come back when code says them again', async () => {
  const day = await chainDay()
  const tomorrow = day.client.plan('2026-11-24')
  await tomorrow.add('E', [on(workdays, { name: 'late', at: '22:00' })])
  const states = async () => (await tomorrow.show()).rows.filter(({ chain }) => chain === 'E').map(({ run, state }) => `${run} ${state}`)
  assert.equal(await states(), ['main removed', 'late waiting'])
  await day.until('12:00', '2026-11-24')
  assert.equal(await states(), ['main removed', 'late waiting'])
  await day.until('23:59', '2026-11-24')
  assert.equal(day.startsOf('E').slice(1), ['22:00 on 2026-11-24'])
  await day.host.stop()
})

rules('C4 code that has no run of a chain in this zone any more: it leaves the plan', async () => {
  const day = await chainDay()
  await day.until('12:00')
  await day.host.stop()
  const host = await day.start(sixWith(chain('E'), chain('I', on(saturdays, { name: 'saturday', at: '14:00' }))))
  await day.until('23:59')
  assert.equal(day.starts, ['B 18:00', 'D 18:10', 'F 19:30', 'G 20:00'])
  const { rows } = await host.client.plan(monday).show()
  assert.not.ok(rows.some(({ chain, run }) => chain === 'E' || run === 'workday'))
  await host.stop()
})

rules(
  'C4 the last chains of a zone are retired, or move to another: its plans learn that, also those that were made in advance',
  async () => {
    const both = [chain('B', on(workdays, { at: '18:00' })), chain('D', on(workdays, { after: ['B'] }))]
    const tokyo = { ...workdays, terms: { ...workdays.terms, timezone: 'Asia/Tokyo' } }
    for (const later of [
      [chain('B'), chain('D')],
      [chain('B', on(tokyo, { at: '23:00' })), chain('D')],
    ]) {
      const day = await chainDay({ chains: both })
      await day.until('10:00')
      const next = day.client.plan('2026-11-24', { zone: 'Europe/Zurich' })
      await next.link('D', [])
      const other = await day.start(later)
      await day.until('20:00', '2026-11-24')
      assert.equal(day.starts, later[0]!.terms.runs.length ? ['B 15:00', 'B 15:00 on 2026-11-24'] : [])
      assert.equal(
        (await next.show()).rows.map(({ chain, differs }) => [chain, differs]),
        [['D', ['not in code: only in this plan']]],
      )
      await other.stop()
      await day.host.stop()
    }
  },
)

rules(
  'C12 what another plan has started, or somebody by hand, is not started again: this plan says so, and nobody waits unseen',
  async () => {
    const tokyo = { ...workdays, terms: { ...workdays.terms, timezone: 'Asia/Tokyo' } }
    const day = await chainDay({
      chains: [...six, chain('T', on(tokyo, { at: '23:00' })), chain('H', on(workdays, { at: '12:00' }))],
      courses: { B: { minutes: 20 } },
    })
    const { client } = day
    const inTokyo = client.plan(monday, { zone: 'Asia/Tokyo' })
    const inZurich = client.plan(monday, { zone: 'Europe/Zurich' })
    const row = async (name: string) => (await inZurich.show()).rows.find(({ chain }) => chain === name)!
    await day.until('12:00')
    await inTokyo.add('B', [on(tokyo, { at: '20:00' })]) // that passed at 12:00 in Zurich
    await day.until('18:05')
    assert.equal(day.startsOf('B'), ['12:00'])
    assert.match((await row('B')).words, /could not start at 18:00: chain:B\/2026-11-23\/main is another plan's/)
    assert.match((await row('E')).words, /waits for B, which failed/)
    const stuck = (await client.actor('plan:Europe-Zurich/2026-11-23').why()).conditions.filter((one) => one.stuck)
    assert.ok(stuck.length)
    await inZurich.restart('B')
    await day.until('18:10')
    assert.is((await row('B')).state, 'failed', 'and it is not taken over later')
    assert.equal(day.startsOf('B'), ['12:00'])
    await inZurich.remove('B')
    await day.until('18:20')
    assert.equal(day.startsOf('E'), ['18:10'])
    await day.host.stop()
  },
)

rules('C4 hosts refuse chains with unknown names and circles, also together with what others have published', async () => {
  const day = await chainDay()
  await refused('VALIDATION', /K is after "Q"/, () => day.start([chain('K', on(workdays, { after: ['Q'] }))]))
  await refused('VALIDATION', /would wait for the next/, () =>
    day.start([chain('K', on(workdays, { after: ['I'] })), chain('B', on(workdays, { after: ['K'], at: '18:00' }))]),
  )
  await refused('VALIDATION', /D is after B, and they are never in one plan.*D is as a host has published it: if it is retired/, () =>
    day.start([chain('B')]),
  )
  const other = await day.start([chain('K', on(workdays, { after: ['I'] }))])
  await day.until('22:00')
  assert.equal(day.startsOf('K'), ['20:20'])
  await other.stop()
  await day.host.stop()
})

rules('C4 a host that is refused for its schedules has published nothing', async () => {
  const day = await chainDay()
  await day.until('10:00')
  const chains = [chain('N', on(workdays, { at: '12:00' }))]
  const odd = defineJob({ name: 'odd' })
  const start = (bad: ScheduleOptions) =>
    createHost({ on: day.world, clock: day.clock, chains, handlers: [odd.handler(() => 1)], schedules: { bad }, log: () => {} })
  await refused('VALIDATION', /^schedules.bad.cron: "x"/, () => start({ cron: 'x', timezone: zone, starts: odd }))
  await refused('NOT_FOUND', /^schedules\.[a-z]+\.starts\.chain: no host has published a chain named "unknown"/, () =>
    start({ every: '1h', starts: { chain: 'unknown' } }),
  )
  await day.until('13:00')
  assert.not.ok((await day.plan.show()).rows.some(({ chain }) => chain === 'N'))
  await refused('NOT_FOUND', /no host has published a job named "odd"/, () => day.client.submit('odd', {}))
  await day.host.stop()
})

rules('C4 two services that publish the halves of a circle at the same time: it is refused, and the next date has its plan', async () => {
  const day = await chainDay({ chains: [chain('B', on(workdays, { at: '18:00' })), chain('C', on(workdays, { at: '19:00' }))] })
  const half = (name: string, after: string) => day.start([chain(name, on(workdays, { after: [after], at: '18:00' }))])
  const ends = await Promise.allSettled([half('B', 'C'), half('C', 'B')])
  assert.ok(ends.some((end) => end.status === 'rejected' && /would wait for the next/.test(String(end.reason))))
  await day.until('20:00', '2026-11-24')
  assert.is(new Set(day.startsOf('B')).size + new Set(day.startsOf('C')).size, 4)
  for (const end of ends) if (end.status === 'fulfilled') await end.value.stop()
  await day.host.stop()
})

rules('C5 B removed at 15:30: E starts at 16:00', async () => {
  for (const how of ['remove', 'deactivate'] as const) {
    const day = await chainDay()
    await day.until('15:30')
    await day.plan[how]('B')
    assert.equal((await day.row('E')).start, '16:00')
    await day.until('21:00')
    assert.equal(day.starts, ['D 15:30', 'E 16:00', 'F 19:30', 'G 20:00', 'I 20:10'])
    await day.host.stop()
  }
})

rules('C6 B removed at 17:45: E starts immediately', async () => {
  const day = await chainDay()
  await day.until('17:45')
  await day.plan.remove('B')
  await day.clock.settled()
  assert.equal(day.starts, ['D 17:45', 'E 17:45'])
  await day.host.stop()
})

rules('C7 at 19:00 B has succeeded: it cannot be removed, and is shown as done', async () => {
  const day = await chainDay()
  await day.until('19:00')
  await refused('NOT_ALLOWED', /B succeeded at 18:10: what is done cannot be removed, and those after it may have started/, () =>
    day.plan.remove('B'),
  )
  assert.is((await day.row('B')).words, 'succeeded at 18:10')
  assert.equal(day.startsOf('E'), ['18:10'])
  await day.host.stop()
})

rules('C8 at 19:00 B has failed: removing it starts E in that instant; not removing it, E does not start', async () => {
  const day = await chainDay({ courses: { B: { ends: 'failed' } } })
  await day.until('19:00')
  assert.equal(day.startsOf('E'), [])
  await day.plan.remove('B')
  await day.clock.settled()
  assert.equal(day.startsOf('E'), ['19:00'])
  await day.host.stop()
})

for (const deaf of [false, true])
  rules(`C9 at 19:00 B runs: removing it starts E in that instant, and its end ${deaf ? 'as succeeded ' : ''}starts nothing`, async () => {
    const day = await chainDay({ courses: { B: { minutes: 120, deaf } } })
    await day.until('19:00')
    await day.plan.remove('B')
    await day.clock.settled()
    assert.equal(day.starts, ['B 18:00', 'D 19:00', 'E 19:00'])
    assert.match((await day.row('B')).words, deaf ? /removed at 19:00; its run was told to cancel/ : /removed at 19:00/)
    await day.plan.restore('B')
    await day.until('23:59')
    assert.equal(day.startsOf('E'), ['19:00'], 'E does not run twice')
    assert.equal(day.startsOf('B'), deaf ? ['18:00'] : ['18:00', '19:00'])
    await day.host.stop()
  })

rules('C10 on a Saturday I starts at 14:00, whatever others do on it', async () => {
  const b2 = chain('B2', on(saturdays, { at: '13:00' }))
  const day = await chainDay({ date: saturday, chains: sixWith(b2), courses: { B2: { ends: 'failed' } } })
  await day.plan.add('D', [on(saturdays, { at: '10:00' })])
  day.courses.D = { minutes: 600 }
  await day.until('23:00')
  assert.equal(day.starts, ['D 10:00', 'B2 13:00', 'I 14:00'])
  await day.host.stop()
})
rules.run()

const making = suite('who makes plans, and when: C12 [embedded]')

making('at the start of each date in its zone, one per date; any future date can be shown, and is not made by that', async () => {
  const day = await chainDay()
  const tomorrow = await day.client.plan('2026-11-24').show()
  assert.is(tomorrow.made, false)
  assert.equal(
    tomorrow.rows.map(({ chain, state }) => `${chain} ${state}`),
    ['B waiting', 'D waiting', 'E waiting', 'F waiting', 'G waiting', 'I waiting', 'I inactive'],
  )
  await day.until('23:59')
  assert.is((await day.client.plan('2026-11-24').show()).made, false)
  await day.until('00:00', '2026-11-24')
  assert.is((await day.client.plan('2026-11-24').show()).made, true)
  await day.until('23:00', '2026-11-27')
  assert.is(day.starts.length, 5 * 6, 'five workdays')
  await day.host.stop()
})

making('four hosts just before midnight: one plan, and each run once', async () => {
  const day = await chainDay({ from: '23:59' })
  const hosts = await Promise.all([day.start(), day.start(), day.start()])
  await day.until('23:00', '2026-11-24')
  assert.equal(
    day.starts.slice(6),
    ['B 18:00', 'D 18:10', 'E 18:10', 'F 19:30', 'G 20:00', 'I 20:10'].map((line) => `${line} on 2026-11-24`),
  )
  const plans: string[] = []
  for await (const { id } of day.client.find({ type: 'plan' })) plans.push(id)
  assert.equal(plans, ['Europe-Zurich/2026-11-23', 'Europe-Zurich/2026-11-24'])
  for (const host of [...hosts, day.host]) await host.stop()
})

making('the first host is up after the start of the date: missed starts are run or skipped as they say, and reported', async () => {
  const day = await chainDay({
    from: '21:00',
    chains: [
      chain('run', on(workdays, { at: '09:00' })),
      chain('skip', on(workdays, { at: '09:00', missed: 'skip' })),
      chain('due', on(workdays, { at: '22:00' })),
    ],
  })
  await day.until('23:00')
  assert.equal(day.starts, ['run 21:00', 'due 22:00'])
  assert.is((await day.row('run')).words, 'succeeded at 21:10 (missed 09:00)')
  assert.is((await day.row('skip')).state, 'skipped')
  await day.host.stop()
})

making('all hosts are down over dates: those are made as well, in order, when one is up again', async () => {
  const day = await chainDay({
    date: '2026-11-24',
    chains: [chain('run', on(workdays, { at: '09:00' })), chain('skip', on(workdays, { at: '09:00', missed: 'skip' }))],
  })
  await day.until('12:00')
  await day.host.stop()
  await day.clock.advanceTo('2026-11-26T12:00:00+01:00')
  const host = await day.start()
  await day.clock.advance('1h')
  assert.equal(day.startsOf('run'), ['09:00', '12:00 on 2026-11-26', '12:00 on 2026-11-26'])
  const states = async (date: string) => (await host.client.plan(date).show()).rows.map(({ state }) => state)
  assert.equal(await states('2026-11-25'), ['succeeded', 'skipped'])
  assert.equal(await states('2026-11-26'), ['succeeded', 'skipped'])
  await host.stop()
})

for (const [down, dates] of [
  ['2026-11-30', ['2026-11-24', '2026-11-25', '2026-11-26', '2026-11-27', '2026-11-28', '2026-11-29']],
  ['2026-12-01', ['2026-11-24', '2026-11-25', '2026-11-26', '2026-11-27', '2026-11-28', '2026-11-29', '2026-11-30']],
  ['2026-12-05', ['2026-11-28', '2026-11-29', '2026-11-30', '2026-12-01', '2026-12-02', '2026-12-03', '2026-12-04']],
] as const)
  making(
    `all hosts are down until ${down}: the seven dates before it are made at most, and who reads the log learns of the others`,
    async () => {
      const everyDay = defineCalendar({ name: 'all', timezone: 'Europe/Zurich', days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] })
      const day = await chainDay({ chains: [chain('run', on(everyDay, { at: '09:00' }))] })
      await day.until('12:00')
      await day.host.stop()
      await day.clock.advanceTo(`${down}T08:00:00+01:00`)
      const host = await day.start()
      await day.clock.advance('30m')
      const plans: string[] = []
      for await (const { id } of host.client.find({ type: 'plan' })) plans.push(id)
      assert.equal(
        plans,
        ['2026-11-23', ...dates, down].map((date) => `Europe-Zurich/${date}`),
      )
      assert.is(day.starts.length, 1 + dates.length)
      const told = day.said.filter((line) => line.includes('no plans in Europe/Zurich for dates before 2026-11-28'))
      assert.is(told.length, down === '2026-12-05' ? 1 : 0)
      await host.stop()
    },
  )

making('a plan that was made in advance does not hide the dates before it', async () => {
  const day = await chainDay({ chains: [chain('run', on(workdays, { at: '09:00' })), chain('more', on(workdays, { at: '10:00' }))] })
  await day.until('12:00')
  await day.client.plan('2026-11-26').remove('more')
  await day.host.stop()
  await day.clock.advanceTo('2026-11-27T08:00:00+01:00')
  const host = await day.start()
  await day.clock.advance('30m')
  assert.is(day.startsOf('run').length, 4)
  assert.is(day.startsOf('more').length, 3)
  await host.stop()
})

making('what failed yesterday and is restarted after midnight releases those of yesterday', async () => {
  const day = await chainDay({ courses: { B: { ends: 'failed' } } })
  await day.until('23:59')
  day.courses.B = {}
  await day.until('01:00', '2026-11-24')
  await day.plan.restart('B')
  await day.until('02:00', '2026-11-24')
  assert.equal([...day.starts].sort(), [
    'B 01:00 on 2026-11-24',
    'B 18:00',
    ...['D 01:10', 'E 01:10', 'F 01:10', 'G 01:10', 'I 01:20'].map((line) => `${line} on 2026-11-24`),
  ])
  assert.ok((await day.plan.show()).rows.every(({ id, state }) => id.includes(monday) && (state === 'succeeded' || state === 'inactive')))
  await day.host.stop()
})

making('a date to come is changed before it begins, and then made with that', async () => {
  const day = await chainDay()
  await day.client.plan('2026-11-24').remove('B')
  await day.until('23:59', '2026-11-24')
  assert.equal(
    day.starts.slice(6).map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['D 15:00', 'E 16:00', 'F 19:30', 'G 20:00', 'I 20:10'],
  )
  await day.host.stop()
})

making(
  'code says something else while the day goes on: that counts, but what was changed by hand wins, and the difference is shown',
  async () => {
    const day = await chainDay()
    await day.until('12:00')
    await day.plan.link('E', ['D'])
    await day.host.stop()
    const host = await day.start(
      sixWith(chain('B', on(workdays, { at: '17:00' })), chain('E', on(workdays, { after: ['B', 'D'], withoutPredecessorsAt: '16:00' }))),
    )
    await day.clock.advance('1s')
    const rows = (await host.client.plan(monday).show()).rows
    assert.equal(rows.find((row) => row.chain === 'E')!.differs, ['after: D; in code: B, D'])
    await day.until('18:00')
    assert.equal(day.starts, ['B 17:00', 'D 17:10', 'E 17:20'])
    await host.stop()
  },
)

making('under the shortest retention, and through restarts, no date is made twice and nothing runs again', async () => {
  const retention = { finished: { age: '1m' }, failed: { age: '1m' }, tombstones: { age: '1m' } }
  const day = await chainDay({ chains: [chain('B', on(workdays, { at: '08:00' }))], retention })
  let host = day.host
  for (const at of ['12:00', '18:00']) {
    await day.until(at)
    await host.stop()
    host = await day.start()
  }
  await day.until('12:00', '2026-11-25')
  await host.stop()
  host = await day.start()
  await day.until('12:00', '2026-12-04')
  assert.equal(
    day.starts.map((line) => line.replace('08:00 on ', '')),
    [
      'B 08:00',
      ...['24', '25', '26', '27', '30'].map((date) => `B 2026-11-${date}`),
      ...['01', '02', '03', '04'].map((date) => `B 2026-12-${date}`),
    ],
  )
  const kept: string[] = []
  for await (const { id } of host.client.find({ type: 'plan' })) kept.push(id)
  assert.is(kept[0], 'Europe-Zurich/2026-11-26', 'nine days later a plan goes')
  await host.stop()
})

making('a chain that retention has removed cannot be restarted: its plan says that it has failed again', async () => {
  const retention = { failed: { age: '1m' } }
  const day = await chainDay({ chains: [chain('B', on(workdays, { at: '08:00' }))], courses: { B: { ends: 'failed' } }, retention })
  await day.until('12:00')
  assert.ok((await day.client.chain('B').run('2026-11-23/main').view()).removedAt)
  await day.plan.restart('B')
  await day.until('13:00')
  assert.match((await day.row('B')).words, /failed at 12:00: it was removed by retention/)
  await day.host.stop()
})

making('nor can one of which nothing is left, not even its id: it does not run anew', async () => {
  const retention = { failed: { age: '1m' }, tombstones: { age: '1m' } }
  const day = await chainDay({ chains: [chain('B', on(workdays, { at: '08:00' }))], courses: { B: { ends: 'failed' } }, retention })
  await day.until('12:00')
  assert.is(
    await day.client
      .chain('B')
      .run('2026-11-23/main')
      .view()
      .then(
        () => 'there',
        ({ code }) => code,
      ),
    'NOT_FOUND',
  )
  const begun = day.starts.length
  await day.plan.restart('B')
  await day.until('13:00')
  assert.match((await day.row('B')).words, /failed at 12:00: it was removed by retention/)
  assert.is(day.starts.length, begun)
  await day.host.stop()
})

making('a service that has no host here publishes a chain: today’s plan has it', async () => {
  const day = await chainDay()
  await day.until('12:00')
  const { bus, close } = await day.world.connect({ name: 'outside', clock: day.clock, log: () => {} })
  await publishChains(bus.records, { all: six.map(({ terms }) => terms) }, [chain('K', on(workdays, { at: '13:00' }))])
  await day.until('14:00')
  assert.equal(day.starts, ['K 13:00'])
  await close()
  await day.host.stop()
})

making('a calendar that this host cannot settle: it says so, and all else goes on; without it the plan is made', async () => {
  const day = await chainDay({ partitions: 1 })
  await day.until('12:00')
  const { bus, close } = await day.world.connect({ name: 'outside', clock: day.clock, log: () => {} })
  const calendar = { ...workdays.terms, moons: ['full'] }
  const revision = await bus.records.put(
    'chain.K',
    { name: 'K', steps: {}, runs: [{ name: 'main', calendar, after: [], missed: 'run' }] },
    0,
  )
  await day.until('22:00')
  assert.is(day.starts.length, 6)
  await day.until('01:00', '2026-11-24')
  assert.ok(day.said.some((line) => /plan:Europe-Zurich\/2026-11-24 cannot be made here: moons: there is no such field/.test(line)))
  await bus.records.put('chain.K', { name: 'K', steps: {}, runs: [] }, revision!)
  await day.until('22:00', '2026-11-24')
  assert.is(day.starts.length, 12)
  await close()
  await day.host.stop()
})

making('two zones: each has its plans, and a date must say which is meant', async () => {
  const tokyo = { ...on({ ...workdays, terms: { ...workdays.terms, timezone: 'Asia/Tokyo' } }, { at: '18:00' }) }
  const day = await chainDay({ chains: [...six, chain('T', tokyo)] })
  await refused('VALIDATION', /zone: there are plans in Asia\/Tokyo, Europe\/Zurich/, () => day.plan.show())
  await day.until('22:00')
  assert.equal(day.startsOf('T'), ['10:00'])
  const shown = await day.client.plan(monday, { zone: 'Asia/Tokyo' }).show()
  assert.equal(
    shown.rows.map(({ id, state }) => `${id} ${state}`),
    ['T/2026-11-23/main succeeded'],
  )
  await day.host.stop()
})

making('every change is in the history of the plan; plans, chains and their steps are replayed as they were recorded', async () => {
  const day = await chainDay()
  await day.until('15:30')
  await day.plan.remove('B')
  await day.until('22:00')
  const { history } = await (await day.plan.actor()).history()
  assert.equal(
    history.map(({ event }) => event.type).filter((type) => ['make', 'remove', 'ended'].includes(type)),
    ['make', 'remove', ...Array(5).fill('ended')],
  )
  const addresses = ['plan:Europe-Zurich/2026-11-23', 'chain:E/2026-11-23/main', 'job:E/2026-11-23/main/work']
  for (const address of addresses) assert.equal(replay(await day.client.actor(address).history()).differences, [])
  await day.host.stop()
})
making.run()
