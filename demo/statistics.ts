import { type Day, groupBy } from './data.ts'

/** What a month's page says in figures. */
export interface Statistics {
  days: number
  /** Sum, mm. */
  precipitation: number
  wetDays: number
  wettest: Day
  /** Mean of the days' means, °C. */
  mean: number
  warmest: Day
  coldest: Day
  /** Kinds of weather, the most frequent first. */
  kinds: Kind[]
}

export interface Kind {
  weather: string
  days: number
  precipitation: number
  mean: number
}

export function statisticsOf(days: readonly Day[]): Statistics {
  const highest = (of: (day: Day) => number) => days.reduce((best, day) => (of(day) > of(best) ? day : best))
  return {
    days: days.length,
    precipitation: sum(days, rain),
    wetDays: days.filter((day) => day.precipitation > 0).length,
    wettest: highest(rain),
    mean: sum(days, middle) / days.length,
    warmest: highest(({ max }) => max),
    coldest: highest(({ min }) => -min),
    kinds: kindsOf(days),
  }
}

/** Mean of a day. */
export const middle = ({ min, max }: Day): number => (min + max) / 2

const rain = ({ precipitation }: Day) => precipitation
const sum = (days: readonly Day[], of: (day: Day) => number) => days.reduce((total, day) => total + of(day), 0)

function kindsOf(all: readonly Day[]): Kind[] {
  return [...groupBy(all, ({ weather }) => weather)]
    .map(([weather, days]) => ({ weather, days: days.length, precipitation: sum(days, rain), mean: sum(days, middle) / days.length }))
    .sort((a, b) => b.days - a.days || a.weather.localeCompare(b.weather))
}
