import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** One day of Seattle's weather. Temperatures in °C, precipitation in mm, wind in m/s. */
export interface Day {
  /** `2012-01-31` */
  date: string
  precipitation: number
  max: number
  min: number
  wind: number
  weather: string
}

export interface DataSet {
  /** Derived from the content: the same data is the same group, other data is another one. */
  id: string
  /** Days by month (`2012-01`), both in order. */
  months: ReadonlyMap<string, readonly Day[]>
}

/** Daily weather of Seattle, 2012 to 2015, as it comes with the package vega-datasets: nothing is fetched. */
export async function readDataSet(): Promise<DataSet> {
  const folder = dirname(createRequire(import.meta.url).resolve('vega-datasets'))
  const text = await readFile(join(folder, '..', 'data', 'seattle-weather.csv'), 'utf8')
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8)
  return { id: `seattle-weather-${hash}`, months: groupBy(parse(text), ({ date }) => date.slice(0, 7)) }
}

export function groupBy<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of all) {
    const key = keyOf(one)
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  return groups
}

function parse(text: string): Day[] {
  const [header, ...lines] = text.trim().split(/\r?\n/)
  if (header !== 'date,precipitation,temp_max,temp_min,wind,weather') throw new Error(`seattle-weather.csv has other columns: ${header}`)
  return lines.map((line) => {
    const [date, precipitation, max, min, wind, weather] = line.split(',') as [string, string, string, string, string, string]
    return { date, precipitation: Number(precipitation), max: Number(max), min: Number(min), wind: Number(wind), weather }
  })
}

const names = 'January February March April May June July August September October November December'.split(' ')

/** `January 2012`, of `2012-01`. */
export function monthName(month: string): string {
  const [year, number] = month.split('-')
  return `${names[Number(number) - 1]} ${year}`
}
