import { clockTime } from '../calendar/dates.ts'
import { refuse } from '../errors.ts'
import type { ShownPlan } from '../host/plans.ts'

/** A plan as text, a line for each run: what it is after, when it starts or started, when it ended, and why it waits. */
export function planTable(plan: ShownPlan): string {
  const { zone, date, made, rows } = shown(plan)
  const time = (at: number | undefined) => (at === undefined ? '' : clockTime(at, zone, date))
  const lines = [
    ['chain', 'after', 'start', 'end', 'state', 'why'],
    ...rows.map((row) => [
      row.run === 'main' ? row.chain : `${row.chain}/${row.run}`,
      [...new Set(row.after.map(({ chain }) => chain))].join(' '),
      time(row.startedAt ?? row.startAt),
      time(row.endedAt),
      row.state,
      oneLine(row.words),
    ]),
  ]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  return [`Plan of ${date} in ${zone}${made ? '' : ' (not made yet)'}`, '', ...text].join('\n')
}

/** Of errors too, which may hold anything. */
export const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ')

/** The plan, if it is one. */
export function shown(plan: ShownPlan): ShownPlan {
  const isRow = (row: ShownPlan['rows'][number]) =>
    typeof row?.chain === 'string' && typeof row.words === 'string' && Array.isArray(row.after)
  if (!Array.isArray(plan?.rows) || !plan.rows.every(isRow) || typeof plan.zone !== 'string' || typeof plan.date !== 'string')
    refuse('plan', 'is no plan. Give what its show() answers.')
  return plan
}
