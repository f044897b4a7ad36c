import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Change } from '../../actors/plan/changes.ts'
import { show } from '../../actors/plan/show.ts'
import { nextAt, step } from '../../actors/plan/step.ts'
import { defineCalendar } from '../../src/calendar/calendar.ts'
import { instantOf } from '../../src/calendar/dates.ts'
import { resolvePlan } from '../../src/plan/resolve.ts'
import { chainTerms, checkChains } from '../../src/plan/runs.ts'
import { chain, type Day, day, monday, on, saturday, saturdays, six, six_and, workdays, zone } from './day.ts'

const all = ['B 18:00', 'D 18:40', 'E 18:40', 'F 19:30', 'G 20:00', 'I/workday 20:10']
/** B takes 40 minutes. */
const B40 = { B: { minutes: 40 } }
const factsOf = (day: Day, name: string, more: object = {}) =>
  Object.values(day.plan.runs)
    .filter((run) => run.chain === name)
    .map(({ run, after, at, withoutPredecessorsAt, missed }) => ({ run, after, at, withoutPredecessorsAt, missed, ...more }))

const C1 = suite('C1: in the plan only if the calendar of one of its runs is active on the date')
C1('a workday runs as the table says', () => {
  const d = day(six, monday, B40)
  assert.equal(
    d
      .rows()
      .filter(({ inPlan }) => inPlan)
      .map(({ chain, run }) => `${chain}/${run}`),
    ['B/main', 'D/main', 'E/main', 'F/main', 'G/main', 'I/workday'],
  )
  d.until('24:00')
  assert.equal(d.log(), all)
  assert.equal(d.row('I/saturday').words, 'not in the plan of 2026-11-23: saturdays is not active, it is a monday')
})
C1('on a Sunday nothing is', () => {
  const d = day(six, '2026-11-29')
  d.until('30:00')
  assert.equal(d.log(), [])
  assert.ok(d.rows().every(({ state }) => state === 'inactive'))
})
C1('a holiday of the calendar of B only: those after it do not wait for it', () => {
  const bankdays = defineCalendar({ name: 'bankdays', timezone: zone, days: ['mon'], holidays: [monday] })
  const d = day(six_and(chain('B', on(bankdays, { at: '18:00' }))), monday)
  d.until('24:00')
  assert.equal(d.log(), ['D 15:00', 'E 16:00', 'F 19:30', 'G 20:00', 'I/workday 20:10'])
})
C1('any date can be shown without being made', () => {
  const plan = resolvePlan(six, zone, '2031-02-14')
  assert.ok(plan.runs['B/main']!.inactive === undefined)
  assert.ok(resolvePlan(six, zone, '2031-02-15').runs['B/main']!.inactive)
})
C1('runs of other zones are in other plans', () => {
  const tokyo = defineCalendar({ name: 'tokyo', timezone: 'Asia/Tokyo', days: ['mon'] })
  const both = [...six, chain('T', on(tokyo, { at: '18:00' }))]
  assert.is(resolvePlan(both, zone, monday).runs['T/main'], undefined)
  assert.equal(Object.keys(resolvePlan(both, 'Asia/Tokyo', monday).runs), ['T/main'])
})
C1.run()

const C2 = suite('C2: all predecessors in the plan must have succeeded')
C2('each of them: the last one decides', () => {
  const d = day(six, monday, { ...B40, E: { minutes: 120 } })
  d.until('24:00')
  assert.equal(d.starts('I/workday'), ['20:40'])
})
for (const ends of ['failed', 'cancelled'] as const)
  C2(`one that ${ends} blocks, until it is restarted and succeeds`, () => {
    const d = day(six, monday, { B: { minutes: 40, ends } })
    d.until('21:00')
    assert.equal(d.log(), ['B 18:00'])
    const [why] = d.row('E').why
    assert.is(why!.code, 'PREDECESSOR_STUCK')
    assert.is(why!.stuck, true)
    assert.is(why!.on, 'chain:B/2026-11-23/main')
    assert.match(
      why!.message,
      /waits for B, which (failed|was cancelled) at 18:40: until it is restarted and succeeds, is removed, or E is released/,
    )
    assert.match(d.row('I/workday').why[0]!.message, /waits for D, which waits for B/)
    assert.is(d.row('I/workday').why[0]!.stuck, true, 'behind one that is stuck')
    d.course('B', { minutes: 5, ends })
    d.change({ type: 'restart', target: 'B' })
    d.until('21:30')
    assert.equal(d.log(), ['B 18:00', 'B 21:00'], 'failed again: it blocks still')
    d.course('B', { minutes: 5 })
    d.change({ type: 'restart', target: 'B' })
    d.until('24:00')
    assert.equal(d.log().slice(2), ['B 21:30', 'D 21:35', 'E 21:35', 'F 21:35', 'G 21:35', 'I/workday 21:45'])
  })
C2('until it is removed, or deactivated', () => {
  for (const type of ['remove', 'deactivate'] as const) {
    const d = day(six, monday, { B: { minutes: 40, ends: 'failed' } })
    d.until('19:00')
    d.change({ type, target: 'B' })
    d.until('24:00')
    assert.equal(d.log(), ['B 18:00', 'D 19:00', 'E 19:00', 'F 19:30', 'G 20:00', 'I/workday 20:10'])
  }
})
C2('until the successor is released: it alone, and not before its time', () => {
  const d = day(six, monday, { B: { minutes: 40, ends: 'failed' } })
  d.until('19:00')
  d.change({ type: 'release', target: 'E' })
  d.change({ type: 'release', target: 'F' })
  assert.match(d.row('F').words, /starts at 19:30: released at 19:00/)
  d.change({ type: 'release', target: 'G', now: true })
  d.until('24:00')
  assert.equal(d.log(), ['B 18:00', 'E 19:00', 'G 19:00', 'F 19:30'])
  assert.match(d.row('I/workday').words, /waits for D, which waits for B/)
})
C2('D and F removed, E failed, G at 20:00: I waits for E', () => {
  const d = day(six, monday, { ...B40, E: { ends: 'failed' } })
  d.until('17:00')
  d.change({ type: 'remove', target: 'D' })
  d.change({ type: 'remove', target: 'F' })
  d.until('21:00')
  assert.equal(d.log(), ['B 18:00', 'E 18:40', 'G 20:00'])
  assert.equal(
    d.row('I/workday').why.map(({ on }) => on),
    ['chain:E/2026-11-23/main'],
  )
  d.course('E', {})
  d.change({ type: 'restart', target: 'E' })
  d.until('22:00')
  assert.equal(d.starts('I/workday'), ['21:10'])
})
C2('what is restarted after midnight releases those of yesterday', () => {
  const d = day(six, monday, { B: { ends: 'failed' } })
  d.until('25:00')
  d.course('B', { minutes: 30 })
  d.change({ type: 'restart', target: 'B' })
  d.until('30:00')
  const next = ' on 2026-11-24'
  assert.equal(d.log(), [
    'B 18:00',
    `B 01:00${next}`,
    `D 01:30${next}`,
    `E 01:30${next}`,
    `F 01:30${next}`,
    `G 01:30${next}`,
    `I/workday 01:40${next}`,
  ])
})
C2('only what has failed can be restarted, only what waits released', () => {
  const d = day(six, monday, B40)
  d.refuses({ type: 'restart', target: 'E' }, /E has not started: only what has failed/)
  d.until('19:00')
  d.refuses({ type: 'restart', target: 'B' }, /B is succeeded/)
  d.refuses({ type: 'release', target: 'B' }, /B is succeeded: only what waits/)
  d.refuses({ type: 'release', target: 'I/saturday' }, /not in the plan of 2026-11-23/)
})
C2.run()

const C3 = suite('C3: a predecessor that is not in the plan is not waited for')
C3('while one is left, that is waited for; with none left it is at the time without predecessors', () => {
  const d = day([...six, chain('J', on(workdays, { after: ['D', 'E'], withoutPredecessorsAt: '21:00' }))], monday, B40)
  d.until('17:00')
  d.change({ type: 'remove', target: 'D' })
  assert.equal(
    d.row('J').why.map(({ on }) => on),
    ['chain:E/2026-11-23/main'],
  )
  d.until('20:30')
  assert.equal(d.starts('J'), ['18:50'])
  const e = day([...six, chain('J', on(workdays, { after: ['D', 'E'], withoutPredecessorsAt: '21:00' }))], monday, B40)
  e.until('17:00')
  e.change({ type: 'remove', target: 'D' })
  e.change({ type: 'deactivate', target: 'E' })
  assert.match(e.row('J').words, /starts at 21:00; D was removed, E was deactivated/)
  e.until('24:00')
  assert.equal(e.starts('J'), ['21:00'])
})
C3('without such a time it is at its own', () => {
  const d = day(six_and(chain('G', on(workdays, { after: ['B'], at: '20:00' }))), monday)
  d.change({ type: 'remove', target: 'B' })
  assert.is(d.row('G').start, '20:00')
  d.until('24:00')
  assert.equal(d.starts('G'), ['20:00'])
})
C3('both times: the one without predecessors counts, though it is before the other', () => {
  const G = chain('G', on(workdays, { after: ['B'], at: '20:00', withoutPredecessorsAt: '16:30' }))
  const d = day(six_and(G), monday, B40)
  d.until('24:00')
  assert.equal(d.starts('G'), ['20:00'])
  const e = day(six_and(G), monday)
  e.change({ type: 'remove', target: 'B' })
  e.until('24:00')
  assert.equal(e.starts('G'), ['16:30'])
})
C3('all four removed on a workday: I stays out, says so, and nobody waits for it, until it is released', () => {
  const d = day([...six, chain('J', on(workdays, { after: ['I'], withoutPredecessorsAt: '22:00' }))], monday)
  d.until('12:00')
  for (const target of ['D', 'E', 'F', 'G']) d.change({ type: 'remove', target })
  const row = d.row('I/workday')
  assert.is(row.state, 'no-time')
  assert.is(row.inPlan, false)
  assert.is(row.why[0]!.stuck, true)
  assert.match(row.words, /no predecessor and no time of its own: it stays out until it is released/)
  assert.is(d.row('J').start, '22:00')
  d.until('20:00')
  assert.equal(d.log(), ['B 18:00'])
  d.change({ type: 'release', target: 'I' })
  d.until('24:00')
  assert.equal(d.log(), ['B 18:00', 'I/workday 20:00', 'J 20:10'], 'released it is in the plan: J waits for it')
})
C3('a run of another calendar of the same chain is not waited for', () => {
  const d = day([...six, chain('J', on(workdays, { after: ['I'] }))], monday, B40)
  d.until('24:00')
  assert.equal(d.starts('J'), ['20:20'])
})
C3('every run of a predecessor that is in the plan is waited for', () => {
  const twice = chain('B', on(workdays, { name: 'early', at: '08:00' }), on(workdays, { name: 'late', at: '18:00' }))
  const d = day(six_and(twice), monday)
  d.until('24:00')
  assert.equal(d.starts('E'), ['18:10'])
})
C3.run()

const C4 = suite('C4: added, changed and removed at any time: it counts for what has not started')
C4('B2 added at 18:20 for 18:45, before E: E waits for both', () => {
  const d = day(six, monday, { ...B40, B2: { minutes: 30 } })
  d.until('18:20')
  const [facts] = factsOf(d, 'B')
  d.change({ type: 'add', chain: 'B2', runs: [{ ...facts!, run: 'main', at: facts!.at! + 45 * 60_000 }] })
  d.change({ type: 'link', target: 'E', after: ['B', 'B2'] })
  assert.equal(d.row('B2').differs, ['not in code: only in this plan'])
  assert.equal(d.row('E').differs, ['after: B, B2; in code: B'])
  assert.equal(
    d.row('E').why.map(({ message }) => message),
    ['waits for B, which runs since 18:00', 'waits for B2, which starts at 18:45'],
  )
  d.until('24:00')
  assert.equal(d.starts('B2'), ['18:45'])
  assert.equal(d.starts('E'), ['19:15'])
  assert.equal(d.starts('D'), ['18:40'])
})
C4('a dependency that is taken away', () => {
  for (const missed of ['run', 'skip'] as const) {
    const d = day(six_and(chain('E', on(workdays, { after: ['B'], withoutPredecessorsAt: '16:00', missed }))), monday, B40)
    d.until('17:45')
    d.change({ type: 'link', target: 'E', after: [] })
    assert.equal(d.starts('E'), ['17:45'], 'no predecessor is left, and 16:00 has passed; it was not missed')
    d.refuses({ type: 'link', target: 'E', after: ['D'] }, /E has started \(running\)/)
  }
})
C4('a dependency on what has succeeded already', () => {
  const d = day(six, monday, B40)
  d.until('19:00')
  d.change({ type: 'link', target: 'G', after: ['D'] })
  d.until('24:00')
  assert.equal(d.starts('G'), ['20:00'])
})
for (const [missed, log] of [
  ['run', ['late 18:20']],
  ['skip', ['late skipped']],
] as const)
  C4(`added after its time, ${missed}`, () => {
    const d = day(six, monday, B40)
    d.until('18:20')
    const [facts] = factsOf(d, 'B', { run: 'main', missed })
    d.change({ type: 'add', chain: 'late', runs: [facts!] })
    assert.equal(d.log().slice(1), log)
    d.until('24:00')
    assert.equal(
      d.log().filter((line) => line.startsWith('late')),
      log,
    )
    const decision = d.decisions.find(({ key }) => key === 'late/main')!
    assert.is('late' in decision && decision.late, 20 * 60_000)
  })
C4('what is kept beside code stays kept, also when one run of it has begun and code says the same again', () => {
  const A = chain('A', on(workdays, { name: 'x', at: '04:00' }), on(workdays, { name: 'y', at: '20:00' }))
  const d = day([A, chain('X', on(workdays, { at: '12:00' }))], monday)
  d.change({ type: 'link', target: 'X', after: ['A'] })
  d.until('02:00')
  d.change({ type: 'declare', chains: { A: [] } })
  d.until('10:00')
  d.change({ type: 'declare', chains: { A: [] } })
  d.until('24:00')
  assert.equal([d.starts('A/y'), d.starts('X')], [['20:00'], ['20:10']])
})
C4('a run that code brings in the place of another comes into the plan, though one beside it was removed by hand', () => {
  const E = chain('E', on(workdays, { name: 'x', at: '12:00' }), on(workdays, { name: 'y', at: '13:00' }))
  const d = day([E], monday)
  const said = factsOf(d, 'E')
  d.change({ type: 'remove', target: 'E/x' })
  d.change({ type: 'declare', chains: { E: [said[0]!, { ...said[1]!, run: 'main' }] } })
  d.until('24:00')
  assert.equal([d.starts('E'), d.starts('E/x'), d.starts('E/y')], [['13:00'], [], []])
})
C4('what was released by hand stays in the plan, though code says that it is not active', () => {
  const d = day(six, monday)
  d.until('12:00')
  d.change({ type: 'release', target: 'G' })
  d.change({ type: 'declare', chains: { G: factsOf(d, 'G', { inactive: 'it is a holiday' }) } })
  d.until('24:00')
  assert.equal(d.starts('G'), ['20:00'])
  assert.is(d.row('G').differs.length, 1)
})
for (const [what, before] of [
  ['it is new', undefined],
  ['it was inactive before', on(saturdays, { after: ['B'], withoutPredecessorsAt: '10:00', missed: 'skip' })],
  ['it waited for another time before', on(workdays, { after: ['B'], at: '20:00' })],
] as const)
  C4(`added after its time, skip, and what it is after had left the plan before: ${what}`, () => {
    const d = day(before ? six_and(chain('J', before)) : six, monday)
    const [facts] = factsOf(d, 'E', { run: 'main', missed: 'skip' })
    d.until('17:00')
    d.change({ type: 'remove', target: 'B' })
    const starts = d.starts('E')
    d.until('17:30')
    d.change({ type: 'add', chain: 'J', runs: [facts!] })
    d.until('24:00')
    assert.equal([starts, d.starts('J')], [['17:00'], ['skipped']])
  })
C4('added after the end of what it is after, with no time of its own: it starts', () => {
  const d = day(six, monday, B40)
  d.until('19:00')
  d.change({ type: 'add', chain: 'J', runs: [{ run: 'main', after: ['B'], missed: 'skip' }] })
  assert.equal(d.starts('J'), ['19:00'])
})
C4('a time that is changed', () => {
  const d = day(six, monday, B40)
  d.until('19:00')
  const [facts] = factsOf(d, 'G')
  d.change({ type: 'add', chain: 'G', runs: [{ ...facts!, at: facts!.at! + 3_600_000 }] })
  assert.equal(d.row('G').differs, ['at: 21:00; in code: 20:00'])
  d.until('24:00')
  assert.equal(d.starts('G'), ['21:00'])
  const e = day(six, monday, B40)
  e.change({ type: 'add', chain: 'G', runs: [{ ...factsOf(e, 'G')[0]!, at: facts!.at! + 3_600_000 }] })
  e.change({ type: 'add', chain: 'G', runs: factsOf(day(six, monday), 'G') })
  assert.equal(e.row('G').differs, [], 'as in code again')
})
C4('a typo and a cycle are refused, and nothing has changed', () => {
  const d = day(six, monday, B40)
  const add = (after: string[]) => ({ type: 'add', chain: 'J', runs: [{ run: 'main', after, missed: 'run' }] }) as const
  d.refuses(add(['Bb']), /J is after "Bb", and the plan has no such chain\. Is B meant\?/)
  d.refuses(add(['payroll']), /the plan has no such chain\.$/)
  d.refuses(add(['J']), /J after J/)
  d.refuses({ type: 'link', target: 'B', after: ['I'] }, /B after I after D after B: each of them would wait/)
  d.refuses({ type: 'link', target: 'E', after: ['d'] }, /Is D meant/)
  d.refuses({ type: 'remove', target: 'b' }, /there is no chain "b" in Europe\/Zurich\. Is B meant\?/)
  d.refuses({ type: 'remove', target: 'I/saturday' }, /not in the plan/)
})
C4('so are they in definitions', () => {
  const refused = (chains: Parameters<typeof checkChains>[0], message: RegExp) => assert.throws(() => checkChains(chains), message)
  refused(six_and(chain('E', on(workdays, { after: ['Bb'] }))), /after: E is after "Bb".*Is B meant/)
  refused(six_and(chain('B', on(workdays, { after: ['I'] }))), /: D after B after I after D: each of them/)
  refused([...six, six[0]!], /two chains "B"/)
  const london = defineCalendar({ name: 'london', timezone: 'Europe/London', days: ['mon'] })
  refused([...six, chain('L', on(london, { after: ['B'] }))], /never in one plan: L runs in Europe\/London, B in Europe\/Zurich/)
  const bad = (name: string, runs: unknown, message: RegExp) => assert.throws(() => chainTerms(name, runs as never), message)
  bad('a b', [], /name: "a b" is not a name/)
  bad('A', [{ calendar: 'workdays' }], /runs\.0\.calendar: is no calendar/)
  bad('A', [on(workdays, { at: '7:30' })], /runs\.0\.at: "7:30" is not a time/)
  bad('A', [on(workdays, { withoutPredecessorsAt: '99:00' })], /runs\.0\.withoutPredecessorsAt/)
  bad('A', [on(workdays), on(saturdays)], /runs\.1\.name: there is another run "main"/)
  bad('A', [on(workdays, { missed: 'later' as never })], /runs\.0\.missed/)
  bad('A', [on(workdays, { after: ['A'] })], /runs\.0\.after\.0: a chain cannot come after itself/)
  bad('A', [{ calendar: workdays, before: [] }], /runs\.0\.before: there is no such field/)
})
C4('other code: it counts for what has not started, what was changed by hand stays and is told, what code does not name stays', () => {
  const d = day(six, monday, B40)
  d.until('17:00')
  d.change({ type: 'link', target: 'E', after: [] })
  d.change({ type: 'add', chain: 'B2', runs: [{ ...factsOf(d, 'B')[0]!, run: 'main' }] })
  d.change({ type: 'remove', target: 'D' })
  d.change({ type: 'link', target: 'F', after: [] })
  const later = (name: string) => factsOf(d, name).map((facts) => ({ ...facts, at: (facts.at ?? factsOf(d, 'B')[0]!.at!) + 3_600_000 }))
  const code = {
    D: later('D'),
    E: later('E').map((facts) => ({ ...facts, after: ['B'] })),
    F: later('F').map((facts) => ({ ...facts, after: ['B'] })),
    G: later('G'),
    J: [{ run: 'main', after: ['G'], missed: 'run' }],
  } as const
  d.change({ type: 'declare', chains: code })
  assert.equal(d.row('E').differs, ['after: nothing; in code: B', 'at: none; in code: 19:00'])
  assert.equal(d.row('F').differs, ['after: nothing; in code: B', 'at: 19:30; in code: 20:30'])
  assert.equal(d.row('G').differs, [])
  assert.is(d.row('D').state, 'removed')
  assert.equal(d.row('B2').differs, ['not in code: only in this plan'])
  d.change({ type: 'declare', chains: { B: [{ run: 'main', after: ['J'], missed: 'run' }] } })
  assert.equal(d.row('B').differs, ['after: nothing; in code: J', 'at: 18:00; in code: none'])
  d.until('24:00')
  assert.equal(d.log(), ['E 17:00', 'B 18:00', 'B2 18:00', 'F 19:30', 'G 21:00', 'I/workday 21:10', 'J 21:10'])
})
C4(
  'code that makes a circle with what was changed by hand: what is in the plan stays, the difference is told, what is new comes in',
  () => {
    const d = day(six, monday, B40)
    d.until('12:00')
    d.change({ type: 'link', target: 'D', after: ['E'] })
    const code = {
      E: factsOf(d, 'E').map((facts) => ({ ...facts, after: ['D'] })),
      J: [{ run: 'main', after: ['G'], missed: 'run' }],
    } as const
    d.change({ type: 'declare', chains: code })
    const told = { E: ['after: B; in code: D'], D: ['after: nothing; in code: '], J: [] }
    assert.equal(d.row('E').differs, told.E)
    assert.equal(d.row('J').differs, told.J)
    d.change({ type: 'declare', chains: code })
    assert.equal(d.row('E').differs, told.E)
    d.until('24:00')
    assert.equal(d.starts('D').length + d.starts('J').length, 2)
  },
)
C4('code without a chain that others were put after by hand: it stays in the plan, and the difference is told', () => {
  const d = day([...six, chain('K', on(workdays, { at: '17:00' }))], monday, B40)
  d.until('12:00')
  d.change({ type: 'link', target: 'D', after: ['K'] })
  d.change({ type: 'declare', chains: { K: [], J: [{ run: 'main', after: ['G'], missed: 'run' }] } })
  assert.equal(d.row('K').differs, ['not in code: only in this plan'])
  d.until('24:00')
  assert.equal([d.starts('K'), d.starts('D'), d.starts('J').length], [['17:00'], ['17:10'], 1])
})
C4('what was changed by hand and code no longer has stays, and the difference is told', () => {
  const d = day(six, monday, B40)
  d.until('12:00')
  d.change({ type: 'link', target: 'E', after: ['D'] })
  d.change({ type: 'declare', chains: { E: [], I: [] } })
  assert.equal(d.row('E').differs, ['not in code: only in this plan'])
  assert.not.ok(d.rows().some(({ chain }) => chain === 'I'))
})
C4('a run that code no longer has is not in the plan any more, unless it has started', () => {
  const twice = chain('B', on(workdays, { name: 'early', at: '08:00' }), on(workdays, { name: 'late', at: '18:00' }))
  const d = day(six_and(twice), monday)
  d.until('12:00')
  d.change({ type: 'declare', chains: { B: [] } })
  assert.equal(d.starts('E'), ['12:00'])
  assert.is(d.row('B/early').state, 'succeeded')
  assert.is(d.plan.runs['B/late'], undefined)
})
C4('what was taken out by hand, or released, stays so when its run leaves the code and comes back', () => {
  const more = [chain('X', on(workdays, { at: '18:00' })), chain('L', on(workdays, { after: ['B'], at: '17:00' }))]
  const d = day([...six, ...more], monday, B40)
  d.until('10:00')
  d.change({ type: 'remove', target: 'X' })
  d.change({ type: 'release', target: 'L' })
  const code = { X: factsOf(d, 'X'), L: factsOf(d, 'L') }
  d.change({ type: 'declare', chains: { X: [], L: [] } })
  assert.equal([d.row('X').state, d.row('X').differs], ['removed', ['not in code: only in this plan']])
  d.change({ type: 'declare', chains: code })
  d.until('24:00')
  assert.equal([d.starts('X'), d.row('X').differs, d.starts('L')], [[], [], ['17:00']])
})
C4('a run that code brings new to a chain that was taken out, or is all by hand, is taken out as well', () => {
  const [b] = factsOf(day(six, monday), 'B')
  const code = { B: [b!, { ...b!, run: 'evening' }] }
  const d = day(six, monday)
  d.until('10:00')
  d.change({ type: 'remove', target: 'B' })
  d.change({ type: 'declare', chains: code })
  assert.is(d.row('B/evening').state, 'removed')
  d.change({ type: 'declare', chains: { B: [{ ...b!, run: 'evening' }] } })
  d.until('24:00')
  assert.equal(d.log(), ['D 15:00', 'E 16:00', 'F 19:30', 'G 20:00', 'I/workday 20:10'])

  const added = day(six, monday)
  added.until('10:00')
  added.change({ type: 'add', chain: 'B', runs: [{ ...b!, at: b!.at! + 3_600_000 }] })
  added.change({ type: 'declare', chains: code })
  added.until('24:00')
  assert.equal(added.log().slice(0, 2), ['B 19:00', 'D 19:10'])
})
C4('what was said by hand stays, though code says the same, and then something else', () => {
  const d = day(six, monday, B40)
  d.until('10:00')
  const [b] = factsOf(d, 'B')
  const [e] = factsOf(d, 'E')
  const later = { ...b!, at: b!.at! + 3_600_000 }
  d.change({ type: 'add', chain: 'B', runs: [later] })
  d.change({ type: 'link', target: 'E', after: ['B'] })
  d.change({ type: 'declare', chains: { B: [later], E: [e!] } })
  assert.equal([d.row('B').differs, d.row('E').differs], [[], []])
  d.change({ type: 'declare', chains: { B: [b!], E: [{ ...e!, after: [] }] } })
  assert.equal([d.row('B').differs, d.row('E').differs], [['at: 19:00; in code: 18:00'], ['after: B; in code: nothing']])
  d.until('24:00')
  assert.equal([d.starts('B'), d.starts('E')], [['19:00'], ['19:40']])
})
C4('what has failed and is added again waits anew, as it says', () => {
  for (const removed of [false, true]) {
    const d = day(six, monday, { B: { minutes: 40, ends: 'failed' } })
    d.until('19:00')
    const [b] = factsOf(d, 'B')
    if (removed) d.change({ type: 'remove', target: 'B' })
    d.course('B', {})
    d.change({ type: 'add', chain: 'B', runs: [{ ...b!, at: b!.at! + 3 * 3_600_000 }] })
    assert.is(d.row('B').words, 'starts at 21:00')
    d.until('24:00')
    assert.equal([d.starts('B'), d.starts('G')], [['18:00', '21:00'], ['21:10']])
  }
})
const noMonday = defineCalendar({ name: 'no-monday', timezone: zone, days: ['tue'] })
/** What code, or a hand, says of B if it does not run on Mondays. */
const notToday = Object.values(resolvePlan([chain('B', on(noMonday, { at: '18:00' }))], zone, monday).runs).map(
  ({ chain: _, rounds: __, ...said }) => said,
)
for (const [until, state] of [
  ['18:30', 'running'],
  ['19:00', 'succeeded'],
  ['19:00', 'failed'],
] as const)
  C4(`code with a calendar that is not active today: what has ${state} stays what it is, and the difference is told`, () => {
    const d = day(six, monday, { B: { minutes: 40, ends: state === 'failed' ? 'failed' : 'succeeded' } })
    d.until(until)
    const before = d.log()
    d.change({ type: 'declare', chains: { B: notToday } })
    assert.equal([d.row('B').state, d.row('B').differs], [state, ['inactive: active; in code: no-monday is not active, it is a monday']])
    assert.equal(d.log(), before, 'nothing starts by it')
    if (state === 'failed') {
      d.course('B', {})
      d.change({ type: 'restart', target: 'B' })
    }
    d.until('24:00')
    assert.equal(d.log().length, state === 'failed' ? 7 : 6)
  })
C4('what leaves the plan late by its calendar, by hand or by code, allows it then: that is not missed', () => {
  const E = chain('E', on(workdays, { after: ['B'], withoutPredecessorsAt: '16:00', missed: 'skip' }))
  for (const change of [
    { type: 'declare', chains: { B: notToday } },
    { type: 'add', chain: 'B', runs: notToday },
  ] as const) {
    const d = day(six_and(E), monday)
    d.until('17:45')
    d.change(change)
    assert.equal(d.starts('E'), ['17:45'])
  }
})
C4('a run that is gone from code late allows it then, also what has a time of its own', () => {
  const twice = chain('B', on(workdays, { name: 'early', at: '08:00' }), on(workdays, { name: 'late', at: '18:00' }))
  const d = day(six_and(twice, chain('E', on(workdays, { after: ['B'], at: '16:00', missed: 'skip' }))), monday)
  d.until('17:45')
  d.change({ type: 'declare', chains: { B: factsOf(d, 'B').filter(({ run }) => run === 'early') } })
  assert.equal(d.starts('E'), ['17:45'])
})
C4('one conflict with what was changed by hand keeps its own chains back, and no others', () => {
  const more = [chain('X', on(workdays, { at: '18:00' })), chain('Y', on(workdays, { at: '20:00' }))]
  const d = day([...six, ...more], monday, B40)
  d.until('12:00')
  d.change({ type: 'link', target: 'D', after: ['E'] })
  const [x] = factsOf(d, 'X')
  d.change({
    type: 'declare',
    chains: { E: factsOf(d, 'E').map((facts) => ({ ...facts, after: ['D'] })), X: [{ ...x!, at: x!.at! - 3_600_000 }], Y: [] },
  })
  assert.equal(d.row('E').differs, ['after: B; in code: D'])
  d.until('24:00')
  assert.equal([d.starts('X'), d.starts('Y')], [['17:00'], []])
})
C4('what has started keeps nothing back by what it came after', () => {
  const chains = [
    chain('F', on(saturdays, { at: '05:00' })),
    chain('I', on(workdays, { after: ['F'], withoutPredecessorsAt: '06:00' })),
    chain('J', on(workdays, { after: ['I'], at: '07:00' })),
    chain('X', on(workdays, { at: '18:00' })),
    chain('Y', on(workdays, { at: '20:00' })),
  ]
  const d = day(chains, monday)
  d.until('09:00')
  assert.equal(d.log(), ['I 06:00', 'J 07:00'])
  const [x] = factsOf(d, 'X')
  d.change({ type: 'declare', chains: { F: [], Y: [], I: [], X: [{ ...x!, at: x!.at! - 3_600_000 }] } })
  assert.equal([d.row('I').state, d.row('I').differs], ['succeeded', ['not in code: only in this plan']])
  assert.not.ok(d.rows().some(({ chain }) => chain === 'F' || chain === 'Y'))
  d.until('24:00')
  assert.equal(d.log().slice(2), ['X 17:00'])
})
C4('code may turn round what has started', () => {
  const d = day([chain('A', on(workdays, { at: '08:00' })), chain('Z', on(workdays, { after: ['A'], at: '18:00' }))], monday)
  d.until('12:00')
  d.change({ type: 'link', target: 'Z', after: [] })
  d.change({ type: 'declare', chains: { A: [{ run: 'main', after: ['Z'], missed: 'run' }] } })
  d.change({ type: 'link', target: 'Z', after: ['A'] })
  d.until('24:00')
  assert.equal(d.log(), ['A 08:00', 'Z 18:00'])
})
C4('a later link, or add, counts before an earlier release', () => {
  const later = (d: Day): Change[] => {
    const [f] = factsOf(d, 'F')
    return [
      { type: 'link', target: 'F', after: ['B', 'B2'] },
      { type: 'add', chain: 'F', runs: [{ ...f!, after: ['B', 'B2'] }] },
    ]
  }
  for (const which of [0, 1]) {
    const d = day([...six, chain('B2', on(workdays, { at: '21:00' }))], monday, B40)
    d.until('15:00')
    d.change({ type: 'release', target: 'F' })
    d.change(later(d)[which]!)
    assert.match(d.row('F').words, /waits for B, .*; waits for B2/)
    d.until('24:00')
    assert.equal(d.starts('F'), ['21:10'])
  }
})
C4('what was released, and is removed and restored, waits again', () => {
  const d = day(six, monday, { B: { minutes: 40 } })
  d.until('15:00')
  d.change({ type: 'release', target: 'F' })
  d.change({ type: 'remove', target: 'F' })
  d.change({ type: 'restore', target: 'F' })
  assert.match(d.row('F').words, /waits for B/)
  d.course('B', { minutes: 180 })
  d.until('24:00')
  assert.equal(d.starts('F'), ['21:00'])
})
C4('what comes back into the plan makes no circle with what came after it meanwhile', () => {
  const d = day([chain('A', on(workdays, { at: '20:00' })), chain('B', on(workdays, { at: '18:00' }))], monday, { B: { minutes: 60 } })
  d.until('12:00')
  d.change({ type: 'link', target: 'B', after: ['A'] })
  d.change({ type: 'release', target: 'B', now: true })
  d.change({ type: 'link', target: 'A', after: ['B'] })
  d.change({ type: 'remove', target: 'B' })
  d.change({ type: 'add', chain: 'J', runs: [{ run: 'main', after: ['A'], missed: 'run' }] })
  d.refuses({ type: 'restore', target: 'B' }, /A after B after A: each/)
  d.change({ type: 'link', target: 'B', after: [] })
  d.change({ type: 'restore', target: 'B' })
  d.until('24:00')
  assert.equal(d.log(), ['B 12:00', 'B 18:00', 'A 20:00', 'J 20:10'])
})
C4('released in a plan to come, it starts when its date does; with now, now', () => {
  const plan = resolvePlan(six, zone, monday)
  const friday = plan.from - 60 * 3_600_000
  const later = step(plan, { type: 'release', target: 'E' }, friday)
  assert.equal(later.decisions, [])
  assert.is(nextAt(later.plan, friday), plan.from)
  assert.match(show(later.plan, friday).find(({ chain }) => chain === 'E')!.words, /starts at 00:00: released for its date/)
  assert.equal(
    step(later.plan, { type: 'time' }, plan.from).decisions.map(({ key }) => key),
    ['E/main'],
  )
  const now = step(plan, { type: 'release', target: 'E', now: true }, friday)
  assert.equal(
    now.decisions.map(({ key }) => key),
    ['E/main'],
  )
})
C4('released in a plan to come, it starts now: what comes after it does when its date begins', () => {
  const plan = resolvePlan(six, zone, monday)
  const friday = plan.from - 60 * 3_600_000
  const keys = ({ decisions }: { decisions: readonly { key: string }[] }) => decisions.map(({ key }) => key)
  const released = step(plan, { type: 'release', target: 'B', now: true }, friday)
  const ended = step(released.plan, { type: 'ended', key: 'B/main', round: 1, state: 'succeeded' }, friday + 600_000)
  assert.equal([keys(released), keys(ended), nextAt(ended.plan, friday + 600_000)], [['B/main'], [], plan.from])
  assert.equal(keys(step(ended.plan, { type: 'time' }, plan.from)), ['D/main', 'E/main'])
})
C4('a link of a chain that is out of the plan names chains that there are, and not itself', () => {
  const d = day(six, monday, {}, '12:00')
  d.change({ type: 'deactivate', target: 'D' })
  d.refuses({ type: 'link', target: 'D', after: ['nope'] }, /D is after "nope", and the plan has no such chain/)
  d.refuses({ type: 'link', target: 'D', after: ['D'] }, /D after D: each of them would wait/)
  d.change({ type: 'link', target: 'D', after: ['E'] })
  d.change({ type: 'restore', target: 'D' })
  d.until('24:00')
  assert.is(d.row('D').state, 'succeeded')
})
C4('a run that was skipped can be added again, released, or restarted; it is in the plan again', () => {
  const S = chain('S', on(workdays, { at: '18:00', missed: 'skip' }))
  const after = chain('T', on(workdays, { after: ['S'] }))
  for (const [how, starts] of [
    ['add', ['23:00']],
    ['release', ['20:00']],
    ['restart', ['20:00']],
  ] as const) {
    const d = day([S, after], monday)
    d.until('17:00')
    d.downUntil('20:00')
    assert.equal([d.log(), d.row('T').state], [['S skipped'], 'no-time'])
    d.refuses({ type: 'link', target: 'S', after: [] }, /S was skipped: add it again, release or restart it/)
    const [s] = factsOf(d, 'S')
    d.change(how === 'add' ? { type: 'add', chain: 'S', runs: [{ ...s!, at: s!.at! + 5 * 3_600_000 }] } : { type: how, target: 'S' })
    d.until('24:00')
    assert.equal(d.starts('S'), ['skipped', ...starts])
    assert.is(d.starts('T').length, 1)
  }
})
C4('what is added removes the other runs of its chain: also one that failed, or runs', () => {
  for (const [until, log] of [
    ['18:30', []],
    ['19:00', []],
  ] as const) {
    const d = day(six, monday, { B: { minutes: 40, ends: 'failed' } })
    d.until(until)
    d.change({ type: 'add', chain: 'B', runs: [{ ...factsOf(d, 'B')[0]!, run: 'second', at: undefined, after: log }] })
    assert.is(d.row('B/main').state, 'removed')
    assert.is(d.decisions.filter((one) => one.do === 'cancel').length, until === '18:30' ? 1 : 0)
    d.until('24:00')
    assert.is(d.row('B/main').state, 'removed')
  }
})
C4('what runs goes on as it began when its chain is changed', () => {
  const d = day(six, monday, B40)
  d.until('18:10')
  d.change({ type: 'add', chain: 'B', runs: [{ ...factsOf(d, 'B')[0]!, at: undefined }] })
  d.until('24:00')
  assert.equal(d.log(), all)
})
C4.run()

const C5 = suite('C5: B removed or deactivated at 15:30: E starts at 16:00')
const C6 = suite('C6: B removed or deactivated at 17:45: E starts at once')
for (const type of ['remove', 'deactivate'] as const) {
  C5(`${type} at 15:30`, () => {
    const d = day(six, monday)
    d.until('15:30')
    d.change({ type, target: 'B' })
    assert.equal(d.log(), ['D 15:30'], 'the time of D, 15:00, has passed')
    assert.is(d.row('E').start, '16:00')
    assert.match(d.row('E').words, new RegExp(`starts at 16:00; B was ${type}d`))
    d.until('24:00')
    assert.equal(d.log(), ['D 15:30', 'E 16:00', 'F 19:30', 'G 20:00', 'I/workday 20:10'])
  })
  C6(`${type} at 17:45`, () => {
    const d = day(six, monday)
    d.until('17:45')
    d.change({ type, target: 'B' })
    assert.equal(d.log(), ['D 17:45', 'E 17:45'])
    d.until('24:00')
    assert.equal(d.log(), ['D 17:45', 'E 17:45', 'F 19:30', 'G 20:00', 'I/workday 20:10'])
  })
}
C5('and back in the plan at 15:45: E waits for it', () => {
  const d = day(six, monday, B40)
  d.until('15:30')
  d.change({ type: 'remove', target: 'B' })
  d.until('15:45')
  d.change({ type: 'restore', target: 'B' })
  d.until('24:00')
  assert.equal(d.log(), ['D 15:30', 'B 18:00', 'E 18:40', 'F 19:30', 'G 20:00', 'I/workday 20:10'])
})
C6('E starts though it says that a missed time is skipped: it was not its time that was missed', () => {
  const d = day(six_and(chain('E', on(workdays, { after: ['B'], withoutPredecessorsAt: '16:00', missed: 'skip' }))), monday)
  d.until('17:45')
  d.change({ type: 'remove', target: 'B' })
  assert.equal(d.starts('E'), ['17:45'])
})
for (const type of ['add', 'declare'] as const)
  C6(`so it is where B is left without a time of its own, by ${type}`, () => {
    const d = day(six_and(chain('E', on(workdays, { after: ['B'], withoutPredecessorsAt: '16:00', missed: 'skip' }))), monday)
    const timeless = { ...factsOf(d, 'B')[0]!, at: undefined }
    const code = { type: 'declare', chains: { B: [timeless] } } as const
    d.until('17:45')
    d.change(type === 'declare' ? code : { type, chain: 'B', runs: [timeless] })
    d.change(code)
    assert.equal([d.row('B').state, d.starts('E')], ['no-time', ['17:45']])
  })
for (const type of ['add', 'declare', 'link'] as const)
  C6(`so it is where M is left without those that it was after, by ${type}`, () => {
    const A = chain('A', on(workdays, { at: '21:00' }))
    const M = chain('M', on(workdays, { after: ['A'] }))
    const d = day([A, M, chain('E', on(workdays, { after: ['M'], withoutPredecessorsAt: '04:30', missed: 'skip' }))], monday)
    d.until('08:11')
    const alone = { ...factsOf(d, 'M')[0]!, after: [] }
    if (type === 'add') d.change({ type, chain: 'M', runs: [alone] })
    else d.change(type === 'link' ? { type, target: 'M', after: [] } : { type, chains: { M: [alone] } })
    assert.equal([d.row('M').state, d.starts('E')], ['no-time', ['08:11']])
  })
for (const type of ['add', 'declare'] as const)
  C6(`so it is where B is given a time that has passed, and is skipped for it, by ${type}`, () => {
    const after = { after: ['B'], withoutPredecessorsAt: '10:00' } as const
    const d = day(six_and(chain('E', on(workdays, { ...after, missed: 'skip' }))), monday)
    d.until('14:00')
    const facts = { ...factsOf(d, 'B')[0]!, at: instantOf(monday, '09:00', zone), missed: 'skip' as const }
    d.change(type === 'declare' ? { type, chains: { B: [facts] } } : { type, chain: 'B', runs: [facts] })
    assert.equal([d.row('B').state, d.starts('E')], ['skipped', ['14:00']])
    assert.is(d.plan.runs['E/main']!.instance!.late, undefined)
  })
C5.run()
C6.run()

const C7 = suite('C7: 19:00, B succeeded: it cannot be removed')
for (const type of ['remove', 'deactivate'] as const)
  C7(`${type} what has succeeded`, () => {
    const d = day(six, monday, B40)
    d.until('19:00')
    d.refuses({ type, target: 'B' }, new RegExp(`B succeeded at 18:40: what is done cannot be ${type}d`))
    assert.is(d.row('B').state, 'succeeded')
    assert.is(d.row('B').words, 'succeeded at 18:40')
    assert.equal(d.row('B').why, [])
    assert.equal(d.starts('E'), ['18:40'])
    d.until('24:00')
    assert.equal(d.log(), all)
  })
C7('of a chain with several runs those that have not succeeded can be', () => {
  const twice = chain('B', on(workdays, { name: 'early', at: '08:00' }), on(workdays, { name: 'late', at: '18:00' }))
  const d = day(six_and(twice), monday)
  d.until('12:00')
  d.refuses({ type: 'remove', target: 'B/early' }, /B\/early succeeded at 08:10/)
  d.change({ type: 'remove', target: 'B' })
  assert.is(d.row('B/early').state, 'succeeded')
  assert.is(d.row('B/late').state, 'removed')
  assert.equal(d.starts('E'), ['12:00'], 'all that is left of B has succeeded')
})
C7.run()

const C8 = suite('C8: 19:00, B failed: removing it starts E; not removing it, E does not start')
for (const type of ['remove', 'deactivate'] as const)
  C8(`${type} what has failed`, () => {
    const d = day(six, monday, { B: { minutes: 40, ends: 'failed' } })
    d.until('19:00')
    assert.equal(d.starts('E'), [])
    d.change({ type, target: 'B' })
    assert.equal(d.starts('E'), ['19:00'])
    assert.is(d.row('B').state, `${type}d`)
  })
C8('not removed', () => {
  const d = day(six, monday, { B: { minutes: 40, ends: 'failed' } })
  d.until('47:00')
  assert.equal(d.log(), ['B 18:00'])
})
C8.run()

const C9 = suite('C9: 19:00, B not yet complete: removing it starts E, and it gets a cancel')
for (const onCancel of ['cancelled', 'failed', 'succeeded'] as const)
  for (const type of ['remove', 'deactivate'] as const)
    C9(`${type}; it ends ${onCancel}: that starts nothing, and added again E does not run twice`, () => {
      const d = day(six, monday, { B: { minutes: 120, onCancel } })
      d.until('19:00')
      d.change({ type, target: 'B' })
      assert.equal(d.log(), ['B 18:00', 'D 19:00', 'E 19:00'])
      assert.equal(
        d.decisions.filter((one) => one.do === 'cancel'),
        [{ do: 'cancel', key: 'B/main' }],
      )
      assert.match(d.row('B').words, /d at 19:00; its run was told to cancel/)
      const before = d.log().length
      d.until('19:05')
      assert.is(d.log().length, before, 'its end starts nothing')
      d.course('B', { minutes: 5 })
      d.change({ type: 'restore', target: 'B' })
      d.until('24:00')
      assert.equal(d.starts('E'), ['19:00'])
      assert.equal(d.starts('B'), onCancel === 'succeeded' ? ['18:00'] : ['18:00', '19:05'], 'what has succeeded does not run again')
      assert.equal(d.starts('F'), ['19:30'])
      assert.equal(d.starts('I/workday'), ['20:10'])
    })
C9('out of the plan by its calendar, by hand: it gets a cancel, and added again it starts anew, or stays what it is', () => {
  const d = day(six, monday, { B: { minutes: 120 } })
  d.until('18:30')
  const said = factsOf(d, 'B')
  d.change({ type: 'add', chain: 'B', runs: notToday })
  assert.equal(d.log(), ['B 18:00', 'D 18:30', 'E 18:30'])
  assert.equal(
    d.decisions.filter((one) => one.do === 'cancel'),
    [{ do: 'cancel', key: 'B/main' }],
  )
  assert.match(d.row('B').words, /not in the plan of 2026-11-23: no-monday .*; its run was told to cancel/)
  d.until('18:45')
  assert.is(d.row('B').state, 'inactive')
  d.course('B', { minutes: 20 })
  d.change({ type: 'add', chain: 'B', runs: said })
  d.until('24:00')
  assert.equal(d.starts('B'), ['18:00', '18:45'])
  assert.equal([d.starts('E'), d.starts('F')], [['18:30'], ['19:30']])

  const failed = day(six, monday, { B: { minutes: 40, ends: 'failed' } })
  failed.until('19:00')
  failed.change({ type: 'add', chain: 'B', runs: notToday })
  assert.equal([failed.row('B').state, failed.starts('E')], ['inactive', ['19:00']])
  failed.change({ type: 'add', chain: 'B', runs: said })
  assert.equal([failed.row('B').state, failed.starts('B')], ['running', ['18:00', '19:00']], 'it waits anew, for a time that has passed')

  const succeeded = day(six, monday, B40)
  succeeded.until('19:00')
  succeeded.change({ type: 'add', chain: 'B', runs: notToday })
  assert.equal([succeeded.row('B').state, succeeded.log().length], ['succeeded', 3])
})
C9('it gets one cancel, however often it is removed', () => {
  const d = day(six, monday, { B: { minutes: 120 } })
  d.until('19:00')
  d.change({ type: 'remove', target: 'B' })
  d.change({ type: 'remove', target: 'B' })
  d.change({ type: 'deactivate', target: 'B' })
  assert.is(d.decisions.filter((one) => one.do === 'cancel').length, 1)
})
C9('added again while it is still being cancelled: those that have not started wait for it, and it starts anew', () => {
  const d = day(six, monday, { B: { minutes: 120 } })
  d.until('19:00')
  d.change({ type: 'remove', target: 'B' })
  d.change({ type: 'add', chain: 'B', runs: factsOf(d, 'B') })
  assert.match(d.row('F').words, /waits for B, which was told to cancel; not before 19:30/)
  d.course('B', { minutes: 60 })
  d.until('24:00')
  assert.equal(d.log(), ['B 18:00', 'D 19:00', 'E 19:00', 'B 19:01', 'F 20:01', 'G 20:01', 'I/workday 20:11'])
})
C9('restored after it ran it has missed nothing: it starts anew, also if it says skip', () => {
  for (const missed of ['run', 'skip'] as const) {
    const d = day(six_and(chain('B', on(workdays, { at: '18:00', missed }))), monday, { B: { minutes: 60 } })
    d.until('18:10')
    d.change({ type: 'remove', target: 'B' })
    d.until('18:20')
    d.change({ type: 'restore', target: 'B' })
    assert.match(d.row('B').words, /^runs since 18:20$/)
    assert.is(d.row('B').late, undefined)
    assert.equal(d.starts('B'), ['18:00', '18:20'])
  }
})
C9('restored while it waits, it shows nothing of its earlier start, and can be released', () => {
  const d = day(six, monday)
  d.until('18:15')
  assert.equal(d.starts('D'), ['18:10'])
  d.change({ type: 'remove', target: 'D' })
  d.until('18:18')
  d.change({ type: 'link', target: 'D', after: ['G'] })
  d.change({ type: 'restore', target: 'D' })
  const { state, startedAt, endedAt } = d.row('D')
  assert.equal([state, startedAt, endedAt], ['waiting', undefined, undefined])
  d.change({ type: 'release', target: 'D' })
  assert.equal(d.starts('D'), ['18:10', '18:18'])
})
C9('a late end of an earlier start, and an end told twice, change nothing', () => {
  const d = day(six, monday, { B: { minutes: 40, ends: 'failed' } })
  d.until('19:00')
  d.change({ type: 'restart', target: 'B' })
  d.event({ type: 'ended', key: 'B/main', round: 1, state: 'succeeded' })
  assert.is(d.row('B').state, 'running')
  assert.equal(d.starts('E'), [])
  d.event({ type: 'ended', key: 'B/main', round: 2, state: 'succeeded' })
  d.event({ type: 'ended', key: 'B/main', round: 2, state: 'failed' })
  assert.is(d.row('B').state, 'succeeded')
  assert.equal(d.starts('E'), ['19:00'])
})
C9.run()

const C10 = suite('C10: Saturday: I at 14:00, whatever the others do on that Saturday')
C10('alone', () => {
  const d = day(six, saturday)
  d.until('24:00')
  assert.equal(d.log(), ['I/saturday 14:00'])
})
C10('with D, E, F, G and a B2 planned, failing or running', () => {
  const also = defineCalendar({ name: 'also-saturdays', timezone: zone, also: [workdays, saturdays] })
  for (const ends of ['succeeded', 'failed'] as const) {
    const others = ['D', 'E', 'F', 'G'].map((name) => chain(name, on(also, { after: ['B2'], at: '09:00' })))
    const d = day(six_and(...others, chain('B2', on(also, { at: '08:00' }))), saturday, { B2: { minutes: 600 }, D: { ends } })
    d.until('13:00')
    d.change({ type: 'release', target: 'D' })
    d.until('30:00')
    assert.equal(d.starts('I/saturday'), ['14:00'])
    assert.equal(d.starts('I/workday'), [])
  }
})
C10.run()

const C11 = suite('C11: B in the plan, 16:00 passes: E does not start at 16:00')
C11('it waits for B, and says so', () => {
  const d = day(six, monday)
  d.until('17:00')
  assert.equal(d.log(), [])
  assert.equal(d.row('E').words, 'waits for B, which starts at 18:00')
  assert.is(d.row('E').start, undefined)
  assert.equal(d.row('F').words, 'waits for B, which starts at 18:00; not before 19:30')
})
C11('nor while B runs, however long', () => {
  const d = day(six, monday, { B: { minutes: 600 } })
  d.until('27:00')
  assert.equal(d.log(), ['B 18:00'])
})
C11.run()

const missed = suite('a time that passed while no host was up is run or skipped, and told: C4 C12')
missed('run: it starts when a host is up, and how late is told', () => {
  const d = day(six, monday, B40)
  d.until('17:00')
  d.downUntil('19:00')
  assert.equal(d.log(), ['B 19:00'])
  assert.equal(d.decisions.at(-1), { do: 'start', key: 'B/main', round: 1, late: 3_600_000 })
  d.until('24:00')
  assert.equal(d.log(), ['B 19:00', 'D 19:40', 'E 19:40', 'F 19:40', 'G 20:00', 'I/workday 20:10'])
})
missed('skip: it is as not in the plan from then on', () => {
  const d = day(six_and(chain('B', on(workdays, { at: '18:00', missed: 'skip' }))), monday)
  d.until('17:00')
  d.downUntil('19:00')
  assert.equal(d.log(), ['B skipped', 'D 19:00', 'E 19:00'])
  assert.match(d.row('B').words, /skipped: its own time had passed at 18:00, and it says missed: 'skip'/)
  d.until('19:10')
  d.change({ type: 'restart', target: 'B' })
  d.until('24:00')
  assert.equal(d.log(), ['B skipped', 'D 19:00', 'E 19:00', 'B 19:10', 'F 19:30', 'G 20:00', 'I/workday 20:10'])
})
missed('skip: a plan that the first host makes at 17:00', () => {
  const d = day([chain('A', on(workdays, { at: '05:00', missed: 'skip' })), chain('Z', on(workdays, { at: '18:00' }))], monday, {}, '17:00')
  d.until('24:00')
  assert.equal(d.log(), ['A skipped', 'Z 18:00'])
})
missed('skip: what comes after one that was skipped had its time when that had, and skips it as well', () => {
  const S = chain('S', on(workdays, { at: '18:00', missed: 'skip' }))
  for (const [missed, log] of [
    ['skip', ['S skipped', 'T skipped']],
    ['run', ['S skipped', 'T 20:00']],
  ] as const) {
    const d = day([S, chain('T', on(workdays, { after: ['S'], withoutPredecessorsAt: '19:00', missed }))], monday)
    d.until('17:00')
    d.downUntil('20:00')
    d.until('24:00')
    assert.equal(d.log(), log)
  }
})
missed('skip: so has what comes after one that was skipped, though its own time was before that, and through one that stays out', () => {
  const S = chain('S', on(workdays, { at: '18:00', missed: 'skip' }))
  const out = chain('Out', on(workdays, { after: ['S'] }))
  for (const after of ['S', 'Out'])
    for (const [missed, log, late] of [
      ['skip', ['S skipped', 'T skipped'], undefined],
      ['run', ['S skipped', 'T 20:00'], 7_200_000],
    ] as const) {
      const d = day([S, out, chain('T', on(workdays, { after: [after], withoutPredecessorsAt: '17:30', missed }))], monday)
      d.until('17:00')
      d.downUntil('20:00')
      d.until('24:00')
      assert.equal(d.log(), log, `${missed} after ${after}`)
      if (late) assert.equal(d.decisions.at(-1), { do: 'start', key: 'T/main', round: 1, late })
    }
})
missed('skip: what a take-over makes late by a minute is in time', () => {
  for (const [up, log] of [
    ['18:01', ['A 18:01']],
    ['18:01:01', ['A skipped']],
  ] as const) {
    const d = day([chain('A', on(workdays, { at: '18:00', missed: 'skip' }))], monday)
    d.downUntil(up)
    assert.equal(d.log(), log)
  }
})
missed('skip: what waited for others was not missed when they end late', () => {
  const d = day(six_and(chain('G', on(workdays, { after: ['B'], at: '20:00', missed: 'skip' }))), monday, { B: { minutes: 180 } })
  d.until('24:00')
  assert.equal(d.starts('G'), ['21:00'])
})
missed.run()

const clocks = suite('on the dates of a clock change times are those of the clocks: C5')
clocks('one that does not exist, and one that exists twice, start once', () => {
  const daily = defineCalendar({ name: 'daily', timezone: zone, days: ['sun'] })
  const night = [chain('N', on(daily, { at: '02:30' })), chain('M', on(daily, { after: ['N'], at: '03:15' }))]
  const spring = day(night, '2026-03-29')
  spring.until('24:00')
  assert.equal(spring.log(), ['N 03:00', 'M 03:15'])
  const autumn = day(night, '2026-10-25')
  autumn.until('24:00')
  assert.equal(autumn.log(), ['N 02:30', 'M 03:15'])
})
clocks.run()
