import { type Address, addressOf } from '../address.ts'
import type { DateText } from '../calendar/dates.ts'
import type { ChainTerms } from './runs.ts'

/** The first segment of the ids of its plans: all plans of a zone live in one partition. */
export const rootOfZone = (zone: string): string => zone.replaceAll('/', '-')

export const planAddress = (zone: string, date: DateText): Address => addressOf('plan', `${rootOfZone(zone)}/${date}`)

/** In which there were plans, and no chain has a run any more. */
export function zonesLeft(chains: readonly ChainTerms[]): string[] {
  const zones = new Set(zonesOf(chains))
  return [...new Set(chains.flatMap(({ left = [] }) => left))].filter((zone) => !zones.has(zone))
}

/** In which there are plans, in alphabetical order. */
export const zonesOf = (chains: readonly ChainTerms[]): string[] =>
  [...new Set(chains.flatMap(({ runs }) => runs.map(({ calendar }) => calendar.timezone)))].sort()
