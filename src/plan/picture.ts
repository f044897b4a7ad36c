import { inOrder } from '../../actors/plan/graph.ts'
import type { PlanRow } from '../../actors/plan/show.ts'
import { addDays, clockTime, type DateText, dateAt, instantOf } from '../calendar/dates.ts'
import { refuse } from '../errors.ts'
import { optionsOf } from '../fields.ts'
import type { ShownPlan } from '../host/plans.ts'
import { oneLine, shown } from './table.ts'

/**
 * A plan as an SVG: the graph of its chains with their states, each behind those that it is after, and below it the day, with what ran as bars and what
 * is still to start as marks.
 */
export function planPicture(plan: ShownPlan, options?: { now?: number }): string {
  const { width, height, shapes } = graphOf(shown(plan))
  const { now } = optionsOf(options, ['now'])
  if (now !== undefined && !Number.isFinite(now)) refuse('now', 'must be an instant, in ms since 1970')
  const line = timeline(plan, now)
  const w = Math.max(width, line.width)
  const h = 60 + height + line.height
  const title = `Plan of ${plan.date} in ${plan.zone}${plan.made ? '' : ', not made yet'}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" role="img" aria-label="${text(title)}">`,
    '<style>text{font:12px system-ui,sans-serif;fill:#1c2430}.s{font-size:10px;fill:#5b6675}.t{font-size:15px;font-weight:600}</style>',
    `<rect width="${w}" height="${h}" fill="#fff"/>`,
    `<text class="t" x="24" y="30">${text(title)}</text>`,
    `<g transform="translate(0 48)">${shapes.join('')}</g>`,
    `<g transform="translate(0 ${48 + height})">${line.shapes.join('')}</g>`,
    '</svg>',
  ].join('\n')
}

type Drawn = { width: number; height: number; shapes: string[] }

const box = { width: 148, height: 40, right: 56, below: 14, margin: 24 }
const colours: Record<PlanRow['state'], [fill: string, edge: string]> = {
  succeeded: ['#d9f2e0', '#2e8b57'],
  running: ['#d8e8fd', '#2368c4'],
  due: ['#d8e8fd', '#2368c4'],
  waiting: ['#f4f6f8', '#8793a3'],
  failed: ['#fbdcd9', '#c0392b'],
  cancelled: ['#fdebd0', '#b9770e'],
  cancelling: ['#fdebd0', '#b9770e'],
  'no-time': ['#fff6cc', '#a98600'],
  missed: ['#fff6cc', '#a98600'],
  skipped: ['#fff6cc', '#a98600'],
  inactive: ['#ffffff', '#c9d0d8'],
  removed: ['#ffffff', '#c9d0d8'],
  deactivated: ['#ffffff', '#c9d0d8'],
}
const isOut = ({ state }: PlanRow): boolean => state === 'inactive' || state === 'removed' || state === 'deactivated'
const keyOf = ({ chain, run }: { chain: string; run: string }): string => `${chain}/${run}`
const nameOf = ({ chain, run }: PlanRow): string => (run === 'main' ? chain : `${chain}/${run}`)

/** Columns by the longest way to a run; within them in an order that follows those before, so that few lines cross. */
function graphOf({ rows, zone, date }: ShownPlan): Drawn {
  const before = new Map(rows.map((row) => [keyOf(row), new Set(row.after.map(keyOf))]))
  const column = new Map<string, number>()
  for (const key of inOrder(before).order) {
    const ways = [...(before.get(key) ?? [])].map((other) => (column.get(other) ?? 0) + 1)
    column.set(key, Math.max(0, ...ways))
  }
  const place = new Map<string, { x: number; y: number }>()
  const columns: PlanRow[][] = []
  for (const row of rows) (columns[column.get(keyOf(row))!] ??= []).push(row)
  for (const [x, all] of columns.entries()) {
    const middle = (row: PlanRow) => {
      const ys = row.after.map((other) => place.get(keyOf(other))?.y ?? 0)
      return ys.length ? ys.reduce((sum, y) => sum + y, 0) / ys.length : 0
    }
    all.sort((a, b) => middle(a) - middle(b))
    for (const [y, row] of all.entries())
      place.set(keyOf(row), { x: box.margin + x * (box.width + box.right), y: y * (box.height + box.below) })
  }
  const edges = rows.flatMap((row) =>
    row.after.map((other) => {
      const [from, to] = [place.get(keyOf(other))!, place.get(keyOf(row))!]
      const [x1, y1, x2, y2] = [from.x + box.width, from.y + box.height / 2, to.x, to.y + box.height / 2]
      const bend = Math.max(20, (x2 - x1) / 2)
      const waited = other.waitedFor ? 'stroke="#2368c4" stroke-width="1.6"' : 'stroke="#c9d0d8"'
      return `<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}" fill="none" ${waited}/>`
    }),
  )
  const nodes = rows.map((row) => {
    const { x, y } = place.get(keyOf(row))!
    const [fill, edge] = colours[row.state]
    const name = short(nameOf(row), 16)
    const at = row.endedAt ?? row.startedAt ?? row.startAt
    const when = isOut(row) || at === undefined ? row.state : `${row.state} ${clockOf(at, zone, date)}`
    return [
      `<g><title>${text(`${row.id}: ${row.words}`)}</title>`,
      `<rect x="${x}" y="${y}" width="${box.width}" height="${box.height}" rx="6" fill="${fill}" stroke="${edge}"${isOut(row) ? ' stroke-dasharray="4 3"' : ''}/>`,
      `<text x="${x + 10}" y="${y + 17}"${fit(name, 12, box.width - 20)}>${text(name)}</text>`,
      `<text class="s" x="${x + 10}" y="${y + 31}"${fit(when, 10, box.width - 20)}>${text(when)}</text></g>`,
    ].join('')
  })
  const most = Math.max(1, ...columns.map((all) => all.length))
  return {
    width: 2 * box.margin + columns.length * (box.width + box.right) - box.right,
    height: most * (box.height + box.below) + 24,
    shapes: [...edges, ...nodes],
  }
}

const day = { left: 150, width: 720, row: 20 }

/** Only what has a time: bars from start to end, marks for starts to come. */
function timeline({ rows, zone, date, made }: ShownPlan, now = Date.now()): Drawn {
  const timed = rows.filter((row) => row.startedAt !== undefined || (!isOut(row) && row.startAt !== undefined))
  const times = timed.flatMap(({ startedAt, startAt, endedAt }) => [startedAt, startAt, endedAt].filter((at) => at !== undefined))
  const first = instantOf(date, '00:00', zone)
  const last = Math.max(instantOf(date, '24:00', zone), ...times)
  const x = (at: number) => Math.round((day.left + ((Math.max(first, at) - first) / (last - first)) * day.width) * 10) / 10
  const bottom = 24 + timed.length * day.row
  const shapes = ticks(date, zone, last).map(
    ({ at, label }) =>
      `<line x1="${x(at)}" x2="${x(at)}" y1="18" y2="${bottom}" stroke="#eef1f4"/><text class="s" x="${x(at)}" y="12" text-anchor="middle">${label}</text>`,
  )
  for (const [i, row] of timed.entries()) {
    const y = 24 + i * day.row
    const [fill, edge] = colours[row.state]
    const { startedAt, startAt, endedAt } = row
    const name = short(nameOf(row), 20)
    shapes.push(`<text class="s" x="${day.left - 10}" y="${y + 11}" text-anchor="end"${fit(name, 10, day.left - 20)}>${text(name)}</text>`)
    if (startedAt === undefined) shapes.push(`<path d="M${x(startAt!)} ${y + 2}l5 6l-5 6l-5 -6z" fill="${fill}" stroke="${edge}"/>`)
    else {
      const width = Math.max(3, x(endedAt ?? Math.max(now, startedAt)) - x(startedAt))
      shapes.push(`<rect x="${x(startedAt)}" y="${y + 2}" width="${width}" height="12" rx="2" fill="${fill}" stroke="${edge}"/>`)
    }
  }
  if (made && now >= first && now <= last)
    shapes.push(`<line x1="${x(now)}" x2="${x(now)}" y1="16" y2="${bottom}" stroke="#c0392b" stroke-dasharray="3 3"/>`)
  return { width: day.left + day.width + 40, height: bottom + 16, shapes }
}

/** Whole hours as the clocks of the zone show them, a dozen about; those of the days after say by how many: `02:00 +1`. */
function ticks(date: DateText, zone: string, until: number): { at: number; label: string }[] {
  const hours = Math.ceil((until - instantOf(date, '00:00', zone)) / 3_600_000)
  const step = [2, 3, 4, 6, 12].find((step) => hours / step < 13) ?? 24 * Math.ceil(hours / 24 / 13)
  const all: { at: number; label: string }[] = []
  for (let hour = 0; ; hour += step) {
    const [after, time] = [Math.floor(hour / 24), `${String(hour % 24).padStart(2, '0')}:00`]
    const at = instantOf(addDays(date, after), time, zone)
    if (at > until) return all
    // A time that the clocks skip is none.
    if (clockTime(at, zone, addDays(date, after)) === time) all.push({ at, label: after ? `${time} +${after}` : time })
  }
}

/** Short, as a box is: `01:30 +1` is the day after. */
function clockOf(at: number, zone: string, date: DateText): string {
  const on = dateAt(at, zone)
  const days = (Date.parse(on) - Date.parse(date)) / 86_400_000
  return clockTime(at, zone, on) + (days ? ` ${days > 0 ? '+' : ''}${days}` : '')
}

/** What may be wider than its room is drawn as wide as that: the fonts of the reader are not known. */
function fit(label: string, size: number, room: number): string {
  const wide = label.match(/[A-Z_mw]/g)?.length ?? 0
  const width = size * (0.62 * label.length + 0.3 * wide)
  return width > room ? ` textLength="${room}" lengthAdjust="spacingAndGlyphs"` : ''
}

const short = (name: string, most: number): string => (name.length > most ? `${name.slice(0, most - 1)}…` : name)
const text = (raw: string): string =>
  oneLine(raw).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)
