import type { Day } from './data.ts'
import { colorAt, colorOf, colors, type Ink } from './ink.ts'
import { middle } from './statistics.ts'

/** Where a chart is on the page. */
export interface Frame {
  x: number
  y: number
  width: number
  height: number
}

interface Axis {
  from: number
  to: number
  step: number
}

/** Axes that hold every month of the data set: pages can be compared. */
const temperature: Axis = { from: -10, to: 40, step: 10 }
const precipitation: Axis = { from: 0, to: 60, step: 20 }

/** For each day a bar from its coldest to its warmest, in the colour of its mean. */
export function drawTemperatures(ink: Ink, frame: Frame, days: readonly Day[]): void {
  const at = drawAxis(ink, frame, temperature, (value) => `${value}°`)
  eachDay(frame, days, (day, x, width) => {
    ink.box(x, at(day.min), width, Math.max(1.5, at(day.max) - at(day.min)), colorAt(middle(day)))
  })
}

/** For each day a bar as high as its precipitation. */
export function drawPrecipitation(ink: Ink, frame: Frame, days: readonly Day[]): void {
  const at = drawAxis(ink, frame, precipitation, String)
  eachDay(frame, days, (day, x, width) => {
    if (day.precipitation > 0) ink.box(x, at(0), width, Math.max(1, at(day.precipitation) - at(0)), colors.rain)
  })
}

/** For each day a field in the colour of its weather, and the days' numbers below. */
export function drawWeather(ink: Ink, frame: Frame, days: readonly Day[]): void {
  eachDay(frame, days, (day, x, width) => {
    ink.box(x, frame.y, width, frame.height, colorOf(day.weather))
    const number = Number(day.date.slice(8))
    if (number === 1 || number % 5 === 0)
      ink.text(String(number), x + width / 2, frame.y - 11, { size: 7.5, color: colors.muted, align: 'center' })
  })
}

/** Lines and figures of the axis; answers the height of a value on the page. */
function drawAxis(ink: Ink, { x, y, width, height }: Frame, { from, to, step }: Axis, label: (value: number) => string) {
  const at = (value: number) => y + (height * (value - from)) / (to - from)
  for (let value = from; value <= to; value += step) {
    ink.line(x, x + width, at(value), value === 0 ? colors.muted : colors.line)
    ink.text(label(value), x - 6, at(value) - 2.5, { size: 7.5, color: colors.muted, align: 'right' })
  }
  return at
}

function eachDay({ x, width }: Frame, days: readonly Day[], draw: (day: Day, x: number, width: number) => void): void {
  const pitch = width / days.length
  for (const [i, day] of days.entries()) draw(day, x + i * pitch + pitch * 0.14, pitch * 0.72)
}
