import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { show } from '../../actors/plan/show.ts'
import { instantOf } from '../../src/calendar/dates.ts'
import type { ShownPlan } from '../../src/host/plans.ts'
import { planPicture } from '../../src/plan/picture.ts'
import { planTable } from '../../src/plan/table.ts'
import { day, monday, six, zone } from './day.ts'

const shown = (from: string, change?: (d: ReturnType<typeof day>) => void): ShownPlan => {
  const d = day(six, monday, { E: { ends: 'failed' } })
  change?.(d)
  d.until(from)
  return { address: 'plan:Europe-Zurich/2026-11-23', zone, date: monday, made: true, rows: show(d.plan, instantOf(monday, from, zone)) }
}

const pictures = suite('a plan as a table and as a picture: C7')
pictures('the table says of each run when, and why', () => {
  const table = planTable(shown('19:00'))
  assert.match(table, /^Plan of 2026-11-23 in Europe\/Zurich\n/)
  assert.match(table, /\nE {11}B {8}18:10 {2}18:20 {2}failed +failed at 18:20\n/)
  assert.match(table, /\nI\/saturday +inactive +not in the plan/)
  assert.not.match(table, / \n/, 'no spaces at the ends of lines')
})
pictures('the picture has each run once, a line for each dependency, and a bar or a mark for each that has a time', () => {
  const svg = planPicture(
    shown('19:00', (d) => d.change({ type: 'remove', target: 'G' })),
    { now: instantOf(monday, '19:00', zone) },
  )
  const count = (what: RegExp) => svg.match(what)?.length ?? 0
  assert.is(count(/<g><title>/g), 7)
  assert.is(count(/fill="none"/g), 8)
  assert.is(count(/rx="2"/g), 3, 'B, D and E have run')
  assert.is(count(/l5 6l-5 6l-5 -6z/g), 1, 'F is still to start')
  assert.is(count(/stroke-dasharray="4 3"/g), 2, 'G is removed, I is not active on a monday')
  assert.is(count(/<title>E\/2026-11-23\/main: failed at 18:20<\/title>/g), 1)
  assert.is(count(/stroke-dasharray="3 3"/g), 1, 'now')
  assert.not.match(svg, /NaN|undefined|Infinity/)
})
pictures('every tag that is opened is closed, and nothing that a name may hold breaks it', () => {
  const plan = shown('12:00')
  const svg = planPicture({ ...plan, rows: plan.rows.map((row) => ({ ...row, words: '<b> & "quotes"' })) })
  const open: string[] = []
  for (const [, closing, name, empty] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (closing) assert.is(open.pop(), name)
    else if (!empty) open.push(name!)
  }
  assert.equal(open, [])
  assert.match(svg, /&lt;b&gt; &amp; &quot;quotes&quot;/)
})
pictures('what runs after one another, and was put round since, is drawn', () => {
  const plan = shown('19:00', (d) => {
    d.until('12:00')
    d.change({ type: 'release', target: 'F' })
    d.change({ type: 'link', target: 'B', after: ['F'] })
  })
  const svg = planPicture(plan)
  assert.is(svg.match(/<g><title>/g)!.length, 7)
  assert.not.match(svg, /NaN|undefined/)
})
pictures('what an error says breaks neither', () => {
  const plan = shown('12:00')
  const odd = { ...plan, rows: plan.rows.map((row) => ({ ...row, words: 'failed: a\u0000b\n  at c\u001b[31m' })) }
  assert.not.match(planPicture(odd).replaceAll('\n', ''), /\p{Cc}/u)
  assert.is(planTable(odd).split('\n').length, planTable(plan).split('\n').length)
})
pictures('what was removed while it ran keeps its bar', () => {
  const bars = (svg: string) => svg.match(/rx="2"/g)?.length ?? 0
  const before = shown('18:15')
  const rows = before.rows.map((row) => (row.chain === 'B' ? { ...row, state: 'removed' as const } : row))
  assert.ok(before.rows.find(({ chain }) => chain === 'B')!.startedAt)
  assert.is(bars(planPicture({ ...before, rows })), bars(planPicture(before)))
})
pictures('whole hours of its zone, and of the days after, on which what began late is still drawn', () => {
  const plan = shown('19:00')
  const hours = (ends?: number, date = monday) => {
    const rows = plan.rows.map((row) => (row.chain === 'E' ? { ...row, endedAt: ends ?? row.endedAt } : row))
    const svg = planPicture({ ...plan, date, rows: date === monday ? rows : [] })
    return [...svg.matchAll(/text-anchor="middle">([^<]*)</g)].map(([, label]) => label)
  }
  const even = ['00:00', '02:00', '04:00', '06:00', '08:00', '10:00', '12:00', '14:00', '16:00', '18:00', '20:00', '22:00', '00:00 +1']
  assert.equal(hours(), even)
  assert.equal(hours(instantOf(monday, '27:30', zone)).slice(-3), ['21:00', '00:00 +1', '03:00 +1'])
  assert.equal(hours(instantOf('2026-11-30', '12:00', zone)).slice(0, 3), ['00:00', '00:00 +1', '00:00 +2'])
  assert.equal(
    hours(undefined, '2027-03-28'),
    even.filter((time) => time !== '02:00'),
    'the clocks skip it',
  )
  assert.equal(hours(undefined, '2026-10-25'), even)
})
pictures('no label is drawn wider than its room', () => {
  const plan = shown('12:00')
  const svg = planPicture({ ...plan, rows: plan.rows.map((row) => ({ ...row, chain: 'W'.repeat(80), after: [] })) })
  const labels = [...svg.matchAll(/<text[^>]*>W+…</g)].map(([label]) => label)
  assert.ok(labels.length > 7)
  for (const label of labels) assert.match(label, /textLength="1[1-3]\d"/)
  assert.not.match(planPicture(plan), /textLength/)
})
pictures('a time of another day is as short as the others: it fits in its box', () => {
  const plan = shown('12:00')
  const rows = plan.rows.map((row) => (row.chain === 'F' ? { ...row, startAt: instantOf(monday, '25:30', zone) } : row))
  const svg = planPicture({ ...plan, rows })
  assert.match(svg, />waiting 01:30 \+1</)
  assert.not.match(svg, /textLength/)
})
pictures('an empty plan', () => {
  const plan = { ...shown('12:00'), rows: [] }
  assert.not.match(planPicture(plan), /NaN|Infinity/)
  assert.match(planTable(plan), /chain/)
})
pictures.run()
