import { type Plan, type PlannedRun, planOf, type RunFacts } from '../../actors/plan/state.ts'
import { type Address, idOf, rootOf } from '../address.ts'
import { type Calendar, type CalendarTerms, calendarOf } from '../calendar/calendar.ts'
import { type DateText, instantOf, startOfDate } from '../calendar/dates.ts'
import type { KnownChain } from '../chain/published.ts'
import { invalid } from '../errors.ts'
import { type ChainTerms, checked, type RunTerms } from './runs.ts'
import { rootOfZone } from './zones.ts'

/**
 * The plan of a date in a zone, as these chains say: of any date, made or not. Calendars, zones and clock changes are settled here, once,
 * by whoever makes the plan; from then on it is instants and names, and no host decides otherwise for having other tables of zones or holidays.
 */
export function resolvePlan(chains: readonly ChainTerms[], zone: string, date: DateText): Plan {
  // Many chains have the same calendar.
  const calendars = new Map<string, Calendar>()
  const calendar = (terms: CalendarTerms): Calendar => {
    const key = JSON.stringify(terms)
    let found = calendars.get(key)
    if (!found) calendars.set(key, (found = calendarOf(terms)))
    return found
  }
  const runs = chains.flatMap(({ name, runs }) =>
    runs
      .filter((run) => run.calendar.timezone === zone)
      .map((run): PlannedRun => ({ chain: name, run: run.name, ...factsOn(run, date, calendar(run.calendar)), rounds: 0 })),
  )
  return planOf({ zone, date, from: startOfDate(date, zone) }, runs)
}

/** What runs that are added by hand say of the date of a plan. */
export function addedRuns(
  plan: Address,
  { name, inputIssues }: KnownChain,
  runs: readonly RunTerms[],
): ({ readonly run: string } & RunFacts)[] {
  if (inputIssues(undefined).length) throw invalid('chain', `${name} needs an input, and runs of a plan have none. Start it by hand.`)
  const date = idOf(plan).slice(rootOf(plan).length + 1)
  return checked({ name, runs }).runs.map((run, i) => {
    const calendar = calendarOf(run.calendar)
    if (rootOfZone(calendar.timezone) === rootOf(plan)) return { run: run.name, ...factsOn(run, date, calendar) }
    throw invalid(`runs.${i}.calendar`, `is of ${calendar.timezone}, and this is ${plan}`)
  })
}
/** What a run says of a date. */
export function factsOn({ after, at, withoutPredecessorsAt, missed }: RunTerms, date: DateText, calendar: Calendar): RunFacts {
  const { active, because } = calendar.day(date)
  const time = (text: string | undefined) => (text === undefined ? undefined : instantOf(date, text, calendar.timezone))
  return {
    after,
    at: time(at),
    withoutPredecessorsAt: time(withoutPredecessorsAt),
    missed,
    ...(active ? {} : { inactive: `${calendar.name} is not active, ${because}` }),
  }
}
