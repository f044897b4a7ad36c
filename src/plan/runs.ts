import { graphIssue, graphOf, inWords } from '../../actors/plan/graph.ts'
import { type Calendar, type CalendarTerms, calendarOf, everActive } from '../calendar/calendar.ts'
import { isTime, type TimeText } from '../calendar/dates.ts'
import { quoted, refuse } from '../errors.ts'
import { checkChoice, checkFields } from '../fields.ts'

/** When a chain runs: on the dates of a calendar, after others, at a time. A chain has as many runs as it needs. */
export interface RunOptions {
  /** Letters, digits, `_` and `-`. Default `main`; where there are several, each has a name. */
  name?: string
  /** On its dates the run is in the plan, and its time zone is the plan's. */
  calendar: Calendar
  /** Chains: of each, all runs that are in the plan of the date must have succeeded. Those that are not in it are not waited for. */
  after?: readonly (string | { readonly name: string })[]
  /** `19:30`: not before, whatever it is after. Of a run without `after`: then. */
  at?: TimeText
  /** When it starts if none of `after` is in the plan, or no longer; at once if that has passed. Default: `at`. */
  withoutPredecessorsAt?: TimeText
  /** If its own time passed while no host was up, or before it was added: start at once (`run`, the default), or not on this date. */
  missed?: 'run' | 'skip'
}

/** A run as it travels: plain JSON. */
export interface RunTerms {
  readonly name: string
  readonly calendar: CalendarTerms
  readonly after: readonly string[]
  readonly at?: TimeText
  readonly withoutPredecessorsAt?: TimeText
  readonly missed: 'run' | 'skip'
}

/** What a plan must know of a chain. */
export interface ChainTerms {
  readonly name: string
  readonly runs: readonly RunTerms[]
  /** Time zones in which it had runs: their plans must be told that it has none any more. */
  readonly left?: readonly string[]
}

const isSegment = (name: unknown): name is string => typeof name === 'string' && /^[A-Za-z0-9_-]{1,80}$/.test(name)

/** Throws a ValidationError that names the field. */
export function chainTerms(name: string, runs: readonly RunOptions[]): ChainTerms {
  if (!isSegment(name)) refuse('name', `${quoted(name)} is not a name of a chain. Use letters, digits, "_" and "-", 80 at most.`)
  return { name, runs: runTermsOf(name, runs) }
}

/** The same of runs for a chain that is known. */
export function runTermsOf(chain: string, runs: readonly RunOptions[]): readonly RunTerms[] {
  if (!Array.isArray(runs)) refuse('runs', 'must be an array')
  return checked({ name: chain, runs: runs.map((run, i) => runTerms(run, `runs.${i}`)) }).runs
}

function runTerms(run: RunOptions, field: string): RunTerms {
  checkFields(run, ['name', 'calendar', 'after', 'at', 'withoutPredecessorsAt', 'missed'], field)
  const { name = 'main', calendar, after = [], at, withoutPredecessorsAt, missed = 'run' } = run
  if (!calendar?.terms) refuse(`${field}.calendar`, 'is no calendar. Make it with defineCalendar.')
  if (!Array.isArray(after)) refuse(`${field}.after`, 'must be an array of chains, or their names')
  const names = after.map((chain, i) => {
    const other: unknown = typeof chain === 'string' ? chain : chain?.name
    return typeof other === 'string' ? other : refuse(`${field}.after.${i}`, 'is no chain, nor the name of one')
  })
  return { name, calendar: calendar.terms, after: [...new Set(names)], at, withoutPredecessorsAt, missed }
}

/** What came from elsewhere is checked as what was made here. */
export function checked(chain: ChainTerms): ChainTerms {
  const names = new Set<string>()
  chain.runs.forEach(({ name, calendar, after, at, withoutPredecessorsAt, missed }, i) => {
    const field = `runs.${i}`
    if (!isSegment(name)) refuse(`${field}.name`, `${quoted(name)} is not a name of a run. Use letters, digits, "_" and "-", 80 at most.`)
    if (names.has(name))
      refuse(`${field}.name`, `there is another run "${name}". Where there are several runs, each needs a name of its own.`)
    names.add(name)
    const { timezone } = everActive(calendarOf(calendar, `${field}.calendar`), `${field}.calendar`)
    if (!/^[A-Za-z0-9_/-]+$/.test(timezone))
      refuse(
        `${field}.calendar`,
        `${timezone} cannot be the time zone of a plan: it is part of ids. Use letters, digits, "_", "-" and "/".`,
      )
    for (const [j, other] of after.entries()) if (other === chain.name) refuse(`${field}.after.${j}`, 'a chain cannot come after itself')
    for (const [time, value] of Object.entries({ at, withoutPredecessorsAt }))
      if (value !== undefined && !isTime(value))
        refuse(`${field}.${time}`, `${quoted(value)} is not a time. Use '19:30'; '25:30' is 01:30 on the day after.`)
    checkChoice(missed, ['run', 'skip'], `${field}.missed`)
  })
  return chain
}

/**
 * All chains together: names that nobody has, circles, and predecessors that are never in the same plan are refused. `published`: chains as other hosts have
 * them: what is wrong with these cannot be seen in the code at hand.
 */
export function checkChains(own: readonly ChainTerms[], published: readonly ChainTerms[] = []): void {
  const chains = [...own, ...published]
  const asPublished = (names: readonly string[]): string => {
    const name = names.find((one) => published.some((chain) => chain.name === one))
    return name === undefined
      ? ''
      : ` ${name} is as a host has published it: if it is retired, declare it with runs: []; else publish its new runs first.`
  }
  const zones = new Map<string, Set<string>>()
  for (const { name, runs } of chains) {
    if (zones.has(name)) refuse('name', `there are two chains "${name}"`)
    zones.set(name, new Set(runs.map(({ calendar }) => calendar.timezone)))
  }
  const issue = graphIssue(
    graphOf(chains.flatMap(({ name, runs }) => [{ chain: name, after: [] }, ...runs.map(({ after }) => ({ chain: name, after }))])),
  )
  if (issue) refuse('after', inWords(issue) + asPublished(issue.code === 'CYCLE' ? issue.path : [issue.chain]))
  for (const { name, runs } of chains)
    for (const { after, calendar } of runs)
      for (const other of after)
        if (!zones.get(other)!.has(calendar.timezone))
          refuse(
            'after',
            `${name} is after ${other}, and they are never in one plan: ${name} runs in ${calendar.timezone}, ${other} in ${[...zones.get(other)!].join(', ') || 'none'}.${asPublished([name])}`,
          )
}
