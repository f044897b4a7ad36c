import type { ScheduleTerms } from '../actors/schedule.ts'
import type { Records } from './bus/port.ts'
import { latestTime, nextTime, type Schedule } from './calendar/schedule.ts'
import type { ChainDefinition } from './chain/definition.ts'
import { inputCheck } from './chain/published.ts'
import { checkTime, type Prepare, payloadOf } from './client/prepare.ts'
import { isJob, isName, type JobDefinition, type WithInput } from './definition.ts'
import type { Duration } from './duration.ts'
import { quoted, refuse } from './errors.ts'
import { checkChoice, checkFields } from './fields.ts'
import { inlineLimit } from './payload.ts'

/** What starts again and again, and when. One of `cron`, `every` and `on`. */
export interface ScheduleOptions {
  /** `30 2 * * mon-fri`: five fields, or six with seconds first, as the clocks of `timezone` show it. See `Schedule` for days on which they are changed. */
  cron?: string
  timezone?: string
  /** Elapsed time, a second or more, counted from `from` (default: 1970). */
  every?: Duration
  from?: Date | string | number
  /** Name of an event: letters, digits, `_` and `-`. Whoever raises it (`client.raise`) starts this. */
  on?: string
  /** `job.with(input)`, a job, or a chain. Without an input: what the event brings. */
  starts: WithInput | AnyJob | ChainDefinition | { chain: ChainDefinition | string; input?: unknown }
  /** Times that passed while no host was up: start once for the latest of them (`run`, the default), or not (`skip`). */
  missed?: 'run' | 'skip'
}

type AnyJob = Pick<JobDefinition, 'name' | 'terms'>

const fields = ['cron', 'timezone', 'every', 'from', 'on', 'starts', 'missed']

/** Throws a ValidationError that names the field; a NotFoundError if it starts what nobody has published. */
export async function scheduleTerms(prepare: Prepare, records: Records, options: ScheduleOptions): Promise<ScheduleTerms> {
  checkFields(options, fields, '', 'schedule')
  const { missed = 'run' } = options
  checkChoice(missed, ['run', 'skip'], 'missed')
  const when = whenOf(options)
  return fittingTerms({ when, starts: await startsOf(prepare, records, options.starts, 'on' in when), missed })
}

/** As they travel; a document keeps them, so that they must be small. */
export function fittingTerms(terms: ScheduleTerms): ScheduleTerms {
  const text = JSON.stringify(terms)
  if (text.length > inlineLimit)
    refuse('input', `${text.length} characters of JSON; at most ${inlineLimit} are taken. Store it elsewhere and pass a reference.`)
  return JSON.parse(text)
}

export function checkEvent(event: unknown, field: string): void {
  if (!isName(event)) refuse(field, `${quoted(event)} is not a name of an event. Use letters, digits, "_" and "-", 100 at most.`)
}

/** When it starts, checked: it throws a ValidationError that names the field. */
export function whenOf({ cron, timezone, every, from, on, missed }: Omit<ScheduleOptions, 'starts'>): ScheduleTerms['when'] {
  const given = Object.entries({ cron, every, on }).filter(([, value]) => value !== undefined)
  if (given.length !== 1) refuse('cron', 'give one of cron, every and on')
  if (timezone !== undefined && cron === undefined) refuse('timezone', 'is of a cron pattern: give it with `cron` only')
  if (from !== undefined && every === undefined) refuse('from', 'is of an interval: give it with `every` only')
  if (on !== undefined) {
    if (missed !== undefined) refuse('missed', 'is of times: an event is never missed')
    checkEvent(on, 'on')
    return { on }
  }
  const schedule = (
    cron === undefined ? { every, ...(from !== undefined && { from: checkTime(from, 'from') }) } : { cron, timezone }
  ) as Schedule
  // Both know what they cannot use.
  const next = nextTime(schedule, Date.now())
  if (next === undefined) refuse('cron', `${quoted(cron)} never comes: there is no such date`)
  latestTime(schedule, 0, next)
  return schedule
}

async function startsOf(
  prepare: Prepare,
  records: Records,
  starts: ScheduleOptions['starts'],
  byEvent: boolean,
): Promise<ScheduleTerms['starts']> {
  if (!starts || typeof starts !== 'object') refuse('starts', 'must be a job, a job with its input, or a chain')
  if ('chain' in starts) checkFields(starts, ['chain', 'input'], 'starts')
  if ('chain' in starts) return chainOf(records, starts.chain, starts.input, byEvent)
  if ('makers' in starts) return chainOf(records, starts, undefined, byEvent)
  if ('definition' in starts) {
    checkFields(starts, ['definition', 'input', 'key'], 'starts')
    const { definition } = starts
    if (typeof definition !== 'string' && !isJob(definition)) refuse('starts.definition', 'must be a job, or the name of one')
    const { job, terms, input } = await prepare(starts.definition, starts.input, 'starts.input')
    return { job, terms, input }
  }
  if (!isJob(starts)) refuse('starts', 'must be a job, a job with its input, or a chain')
  // What the event brings is checked when the job begins.
  if (byEvent) return { job: starts.name, terms: starts.terms }
  const { job, terms, input } = await prepare(starts as never, undefined, 'starts.input')
  return { job, terms, input }
}

async function chainOf(
  records: Records,
  chain: ChainDefinition | string,
  input: unknown,
  byEvent: boolean,
): Promise<ScheduleTerms['starts']> {
  const name = typeof chain === 'string' ? chain : chain?.name
  if (typeof name !== 'string') refuse('starts.chain', 'must be a chain, or the name of one')
  const checkInput = await inputCheck(records, chain, 'starts.')
  // What the event brings is checked when the chain begins.
  if (byEvent && input === undefined) return { chain: name }
  const payload = payloadOf(input, 'starts.input')
  checkInput(payload.value)
  return { chain: name, input: payload }
}
