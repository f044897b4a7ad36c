import { createRequire } from 'node:module'
import { quoted } from '../errors.ts'
import { addDays, type DateText } from './dates.ts'

/** The public holidays of a country, or of a part of it, as the package `date-holidays` names them: `{ country: 'CH', region: 'ZH' }`, `{ country: 'DE', region: 'BY-A' }`. */
export interface HolidaysOf {
  /** ISO 3166-1, two letters. */
  country: string
  /** State or canton, and with a `-` the part of it. */
  region?: string
}

/** Names of the holidays of a year, by date. */
export type Holidays = ReadonlyMap<DateText, string>

interface Entry {
  date: string
  start: Date
  end: Date
  name: string
  type: string
}
interface Library {
  new (
    country?: string,
    state?: string,
    region?: string,
  ): {
    getHolidays(year: number, language?: string): Entry[]
    getCountries(): object
    getStates(country: string): object
    getRegions(country: string, state: string): object
  }
}

let library: Library | undefined
/** An optional dependency: whoever names no country need not install it. */
function load(): Library {
  library ??= createRequire(import.meta.url)('date-holidays') as Library
  return library
}

const known = new Map<string, Holidays>()
const keyOf = ({ country, region }: HolidaysOf, year: number) => `${country}-${region ?? ''} ${year}`

/** Whole days only: what begins at noon leaves a working day. */
export function holidaysOf(of: HolidaysOf, year: number): Holidays {
  const key = keyOf(of, year)
  let dates = known.get(key)
  if (!dates) known.set(key, (dates = read(of, year)))
  return dates
}

function read({ country, region = '' }: HolidaysOf, year: number): Holidays {
  const [state, part] = region.split('-') as [string, string?]
  const dates = new Map<DateText, string>()
  // A holiday of several days may begin in the year before, the substitute of one in the year after may fall on this.
  for (const from of [year - 1, year, year + 1])
    for (const { date, start, end, name, type } of new (load())(country, state || undefined, part).getHolidays(from)) {
      if (type !== 'public' || !date.includes(' 00:00:00')) continue
      const days = Math.max(1, Math.round((end.getTime() - start.getTime()) / 86_400_000))
      for (let i = 0; i < days; i++) {
        const each = addDays(date.slice(0, 10), i)
        if (Number(each.slice(0, 4)) === year) dates.set(each, name)
      }
    }
  return dates
}

/** What is wrong with it, and in which field; undefined: nothing. */
export function holidaysIssue({ country, region }: HolidaysOf): { field: 'country' | 'region'; message: string } | undefined {
  let countries: Record<string, unknown>
  try {
    countries = new (load())().getCountries() as never
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'MODULE_NOT_FOUND') throw cause
    return {
      field: 'country',
      message: 'the holidays of countries are in the package "date-holidays". Install it: npm install date-holidays',
    }
  }
  if (typeof country !== 'string' || !Object.hasOwn(countries, country))
    return { field: 'country', message: `${quoted(country)} is no country that "date-holidays" knows. Use two letters: 'CH'.` }
  if (region === undefined) return undefined
  const [state, part, ...more] = String(region).split('-') as [string, string?]
  const states = (new (load())().getStates(country) ?? {}) as Record<string, unknown>
  const parts = part === undefined ? undefined : ((new (load())().getRegions(country, state) ?? {}) as Record<string, unknown>)
  if (typeof region === 'string' && Object.hasOwn(states, state) && !more.length && (part === undefined || Object.hasOwn(parts!, part)))
    return undefined
  const names = Object.keys(Object.hasOwn(states, state) ? (parts ?? {}) : states)
  return {
    field: 'region',
    message: `${quoted(region)} is no region of ${country}. ${names.length ? `There are ${names.join(', ')}.` : 'There are none.'}`,
  }
}
