import { PDFDocument } from 'pdf-lib'
import { colorAt, colorOfRain, colors, emptyDocument, type Ink, inkOf, sheet } from './ink.ts'

/** What became of one month. */
export interface Bound {
  month: string
  made?: { file: string; mean: number; precipitation: number }
  /** Why it was not made. */
  error: string
}

/** One book of all reports: a cover that shows them at a glance, and their pages. What is missing is named on the cover. */
export async function bindBook(
  title: string,
  members: readonly Bound[],
  read: (file: string) => Promise<Uint8Array>,
): Promise<{ book: Uint8Array; pages: number }> {
  const document = await emptyDocument(title)
  const ink = await inkOf(document)
  drawCover(ink(document.addPage([sheet.width, sheet.height])), title, members)
  for (const { made } of members) {
    if (!made) continue
    const report = await PDFDocument.load(await read(made.file))
    for (const page of await document.copyPages(report, report.getPageIndices())) document.addPage(page)
  }
  const pages = document.getPages()
  for (const [i, page] of pages.entries())
    if (i > 0) ink(page).text(`${i + 1} / ${pages.length}`, sheet.width / 2, 30, { size: 8, color: colors.muted, align: 'center' })
  return { book: await document.save(), pages: pages.length }
}

const initials = 'JFMAMJJASOND'
const grid = { x: sheet.margin + 40, width: sheet.width - 2 * sheet.margin - 40, top: 540, row: 46, gap: 3 }

function drawCover(ink: Ink, title: string, members: readonly Bound[]): void {
  const years = [...new Set(members.map(({ month }) => month.slice(0, 4)))]
  ink.text(title, sheet.margin, 690, { size: 40, bold: true })
  ink.text(`${years[0]} to ${years.at(-1)}, a page for each of ${members.length} months`, sheet.margin, 664, {
    size: 13,
    color: colors.muted,
  })
  const bottom = drawGrid(ink, 'Mean temperature, °C', years, members, grid.top, ({ mean }) => ({
    text: mean.toFixed(1),
    color: colorAt(mean),
  }))
  drawGrid(ink, 'Precipitation, mm', years, members, bottom - 60, ({ precipitation }) => ({
    text: precipitation.toFixed(0),
    color: colorOfRain(precipitation),
  }))
  const missing = members.filter(({ made }) => !made)
  if (missing.length)
    ink.text(`Missing: ${missing.map(({ month, error }) => `${month} (${error})`).join(', ')}`.slice(0, 110), sheet.margin, 80)
  ink.text('Data: seattle-weather.csv of vega-datasets. Made by the demo of Stellwerk.', sheet.margin, 48, {
    size: 8.5,
    color: colors.muted,
  })
}

type Cell = { text: string; color: ReturnType<typeof colorAt> }

/** A row a year, a field a month; answers where it ends. */
function drawGrid(
  ink: Ink,
  title: string,
  years: readonly string[],
  members: readonly Bound[],
  top: number,
  cellOf: (made: NonNullable<Bound['made']>) => Cell,
): number {
  const pitch = grid.width / 12
  ink.text(title, sheet.margin, top + 24, { size: 11, bold: true })
  for (const [i, initial] of [...initials].entries())
    ink.text(initial, grid.x + (i + 0.5) * pitch, top + 6, { size: 8.5, color: colors.muted, align: 'center' })
  for (const [i, year] of years.entries()) ink.text(year, sheet.margin, top - (i + 0.5) * grid.row - 3, { size: 10, color: colors.muted })
  for (const { month, made } of members) {
    const x = grid.x + (Number(month.slice(5)) - 1) * pitch
    const y = top - (years.indexOf(month.slice(0, 4)) + 1) * grid.row
    const { text, color } = made ? cellOf(made) : { text: '?', color: colors.tile }
    ink.box(x, y, pitch - grid.gap, grid.row - grid.gap, color)
    ink.text(text, x + (pitch - grid.gap) / 2, y + grid.row / 2 - 5, { size: 9.5, align: 'center' })
  }
  return top - years.length * grid.row
}
