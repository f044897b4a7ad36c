import { drawPrecipitation, drawTemperatures, drawWeather } from './chart.ts'
import type { Day } from './data.ts'
import { colorOf, colors, emptyDocument, type Ink, inkOf, sheet } from './ink.ts'
import { type Kind, type Statistics, statisticsOf } from './statistics.ts'

const left = sheet.margin
const right = sheet.width - sheet.margin
const chart = { x: left + 24, width: right - left - 24 }

/** The report of one month: one page. */
export async function drawMonth(title: string, days: readonly Day[]): Promise<Uint8Array> {
  const document = await emptyDocument(`Seattle weather, ${title}`)
  const ink = (await inkOf(document))(document.addPage([sheet.width, sheet.height]))
  const statistics = statisticsOf(days)
  drawHead(ink, title, statistics)
  drawTiles(ink, statistics)
  heading(ink, 592, 'Temperature', '°C, from the coldest to the warmest of each day')
  drawTemperatures(ink, { ...chart, y: 408, height: 172 }, days)
  heading(ink, 374, 'Precipitation', 'mm a day')
  drawPrecipitation(ink, { ...chart, y: 268, height: 92 }, days)
  drawWeather(ink, { ...chart, y: 246, height: 10 }, days)
  drawTable(ink, 200, statistics)
  return document.save()
}

function drawHead(ink: Ink, title: string, { days, wetDays }: Statistics): void {
  ink.text('SEATTLE WEATHER', left, 784, { size: 9, bold: true, color: colors.muted })
  ink.text(title, left, 750, { size: 28, bold: true })
  ink.text(`${days} days, ${wetDays} of them wet`, right, 750, { size: 10, color: colors.muted, align: 'right' })
  ink.line(left, right, 734)
}

function drawTiles(ink: Ink, { mean, warmest, coldest, precipitation, wettest }: Statistics): void {
  const tiles = [
    ['Mean temperature', degrees(mean), 'of all days'],
    ['Warmest day', degrees(warmest.max), dayOf(warmest)],
    ['Coldest night', degrees(coldest.min), dayOf(coldest)],
    [
      'Precipitation',
      `${precipitation.toFixed(1)} mm`,
      precipitation ? `${wettest.precipitation.toFixed(1)} mm on ${dayOf(wettest)}` : 'none at all',
    ],
  ] as const
  const gap = 12
  const width = (right - left - gap * (tiles.length - 1)) / tiles.length
  for (const [i, [label, value, note]] of tiles.entries()) {
    const x = left + i * (width + gap)
    ink.box(x, 636, width, 78, colors.tile)
    ink.text(label, x + 11, 694, { size: 8.5, color: colors.muted })
    ink.text(value, x + 11, 666, { size: 19, bold: true })
    ink.text(note, x + 11, 648, { size: 8.5, color: colors.muted })
  }
}

function heading(ink: Ink, y: number, title: string, note: string): void {
  ink.text(title, left, y, { size: 11, bold: true })
  ink.text(note, right, y, { size: 8.5, color: colors.muted, align: 'right' })
}

const columns = { kind: left, days: left + 150, precipitation: left + 240, mean: left + 320, share: left + 350 }

function drawTable(ink: Ink, top: number, { kinds, days }: Statistics): void {
  const label = { size: 8.5, color: colors.muted }
  ink.text('Kind of weather', columns.kind, top, { size: 11, bold: true })
  ink.text('days', columns.days, top, { ...label, align: 'right' })
  ink.text('precipitation', columns.precipitation, top, { ...label, align: 'right' })
  ink.text('mean', columns.mean, top, { ...label, align: 'right' })
  ink.text('share of the month', right, top, { ...label, align: 'right' })
  ink.line(left, right, top - 8)
  for (const [i, kind] of kinds.entries()) drawRow(ink, top - 24 - i * 18, kind, days)
}

function drawRow(ink: Ink, y: number, { weather, days, precipitation, mean }: Kind, all: number): void {
  ink.box(columns.kind, y - 1, 9, 9, colorOf(weather))
  ink.text(weather, columns.kind + 16, y, { size: 10 })
  ink.text(String(days), columns.days, y, { size: 10, align: 'right' })
  ink.text(`${precipitation.toFixed(1)} mm`, columns.precipitation, y, { size: 10, align: 'right' })
  ink.text(degrees(mean), columns.mean, y, { size: 10, align: 'right' })
  const width = right - columns.share
  ink.box(columns.share, y - 1, width, 9, colors.tile)
  ink.box(columns.share, y - 1, (width * days) / all, 9, colorOf(weather))
}

/** With a minus sign of the width of a plus. */
export const degrees = (value: number): string => `${value.toFixed(1).replace('-', '–')} °C`

/** `Jan 31`, of 2012-01-31. */
const dayOf = ({ date }: Day): string => {
  const short = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
  return `${short[Number(date.slice(5, 7)) - 1]} ${Number(date.slice(8))}`
}
