/** One line of the JSON. `peer`: BullMQ with fsync at every write, in the same run. `ratio`: value / peer. */
export interface Row {
  scenario: string
  backend: string
  metric: string
  unit: string
  value: number
  peer: number | null
  ratio: number | null
  /** BullMQ with fsync once a second. */
  peerEverysec: number | null
}

export const unitOf = (metric: string): string => (metric.endsWith('/s') ? metric : /p50|p99|max/.test(metric) ? 'ms' : 'per member')
const isBetterHigh = (metric: string) => metric.endsWith('/s')

const show = (value: number | null): string => {
  if (value === null || !Number.isFinite(value)) return '-'
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

export function tableOf(rows: readonly Row[]): string {
  const head = ['scenario', 'backend', 'metric', 'unit', 'better', 'ours', 'BullMQ always', 'ratio', 'BullMQ everysec']
  const body = rows.map(({ scenario, backend, metric, unit, value, peer, ratio, peerEverysec }) => [
    scenario,
    backend,
    metric,
    unit,
    unit === 'per member' ? '' : isBetterHigh(metric) ? 'higher' : 'lower',
    show(value),
    show(peer),
    show(ratio),
    show(peerEverysec),
  ])
  const widths = head.map((title, i) => Math.max(title.length, ...body.map((cells) => cells[i]!.length)))
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => (i < 5 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`
  return [
    line(head),
    `|${widths.map((width, i) => (i < 5 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`,
    ...body.map(line),
  ].join('\n')
}
