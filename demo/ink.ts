import { type Color, PDFDocument, type PDFFont, type PDFPage, rgb, StandardFonts } from 'pdf-lib'

/** A4, upright. */
export const sheet = { width: 595, height: 842, margin: 48 }

export const colors = {
  ink: rgb(0.11, 0.15, 0.21),
  muted: rgb(0.45, 0.49, 0.55),
  line: rgb(0.89, 0.91, 0.93),
  tile: rgb(0.965, 0.973, 0.98),
  white: rgb(1, 1, 1),
  rain: rgb(0.27, 0.51, 0.79),
}

const kinds: Record<string, Color> = {
  sun: rgb(0.96, 0.74, 0.26),
  rain: colors.rain,
  drizzle: rgb(0.6, 0.76, 0.9),
  fog: rgb(0.72, 0.74, 0.77),
  snow: rgb(0.56, 0.49, 0.76),
}
export const colorOf = (weather: string): Color => kinds[weather] ?? colors.muted

const scale: [number, [number, number, number]][] = [
  [0, [0.33, 0.47, 0.75]],
  [8, [0.42, 0.69, 0.76]],
  [14, [0.62, 0.78, 0.5]],
  [20, [0.97, 0.76, 0.33]],
  [28, [0.88, 0.4, 0.28]],
]

/** Colour of a temperature, °C: the same on every page. */
export function colorAt(temperature: number): Color {
  const above = scale.findIndex(([at]) => at >= temperature)
  if (above === 0) return rgb(...scale[0]![1])
  if (above < 0) return rgb(...scale.at(-1)![1])
  const [from, low] = scale[above - 1]!
  const [to, high] = scale[above]!
  const part = (temperature - from) / (to - from)
  const mix = (i: 0 | 1 | 2) => low[i] + part * (high[i] - low[i])
  return rgb(mix(0), mix(1), mix(2))
}

/** Colour of a month's precipitation, mm: the more, the darker, up to 300. */
export function colorOfRain(amount: number): Color {
  const part = Math.min(1, amount / 300)
  return rgb(0.93 - 0.6 * part, 0.96 - 0.4 * part, 0.99 - 0.14 * part)
}

export interface Ink {
  page: PDFPage
  text(text: string, x: number, y: number, style?: TextStyle): void
  box(x: number, y: number, width: number, height: number, color: Color): void
  line(x1: number, x2: number, y: number, color?: Color): void
}

interface TextStyle {
  size?: number
  color?: Color
  bold?: boolean
  /** What `x` is of the text. Default: its left end. */
  align?: 'left' | 'center' | 'right'
}

/** What draws on the pages of one document. */
export async function inkOf(document: PDFDocument): Promise<(page: PDFPage) => Ink> {
  const plain = await document.embedFont(StandardFonts.Helvetica)
  const bold = await document.embedFont(StandardFonts.HelveticaBold)
  return (page) => ({
    page,
    text(text, x, y, { size = 9, color = colors.ink, bold: heavy = false, align = 'left' } = {}) {
      const font = heavy ? bold : plain
      page.drawText(text, { x: x - before(font, text, size, align), y, size, font, color })
    },
    box: (x, y, width, height, color) => page.drawRectangle({ x, y, width, height, color }),
    line: (x1, x2, y, color = colors.line) => page.drawLine({ start: { x: x1, y }, end: { x: x2, y }, thickness: 0.6, color }),
  })
}

function before(font: PDFFont, text: string, size: number, align: TextStyle['align']): number {
  if (align === 'left') return 0
  return font.widthOfTextAtSize(text, size) / (align === 'center' ? 2 : 1)
}

/** No time in it: the same report is the same bytes, whoever makes it and whenever. */
export async function emptyDocument(title: string): Promise<PDFDocument> {
  const document = await PDFDocument.create({ updateMetadata: false })
  document.setTitle(title)
  document.setCreator('stellwerk demo')
  return document
}
