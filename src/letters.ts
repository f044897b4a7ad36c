import { z } from 'zod'
import { type LetterLimits, letterLimits } from './bus/port.ts'
import { isJobName, labels, time } from './command.ts'
import { type Duration, ms } from './duration.ts'
import { quoted, refuse } from './errors.ts'
import { checkFields } from './fields.ts'

/** How long dead letters are kept, and how many: the oldest go first. Default: 30 days, 100,000. */
export interface LetterOptions {
  age?: Duration
  count?: number
}

export function limitsOf(options: LetterOptions = {}): LetterLimits {
  checkFields(options, ['age', 'count'], 'deadLetters')
  const { age = letterLimits.age, count = letterLimits.count } = options
  const limits = { age: ms(age, 'deadLetters.age'), count }
  if (limits.age < 1000) refuse('deadLetters.age', 'must be a second or more')
  if (!Number.isInteger(count) || count < 1) refuse('deadLetters.count', 'must be a whole number, 1 or more')
  return limits
}

/** Which dead letters are meant: those that match all that is given. */
export interface LetterQuery {
  /** 'job': one that has failed or was aborted. 'event': an event or command that could not be applied. */
  kind?: 'job' | 'event'
  /** Name of the definition. */
  job?: string
  /** Code of the error; of one that has none, its name. */
  code?: string
  /** When it became a dead letter. */
  since?: Date | string | number
  until?: Date | string | number
  labels?: Record<string, string>
}

const when = z.preprocess((given) => (given instanceof Date ? given.getTime() : given), time).optional()
export const letterQuery = z.strictObject({
  kind: z.enum(['job', 'event']).optional(),
  job: z.string().refine(isJobName, { error: 'must be the name of a job' }).optional(),
  code: z.string().min(1).max(200).optional(),
  since: when,
  until: when,
  labels,
})
export type CheckedQuery = z.output<typeof letterQuery>

/** In short; `client.deadLetters.get(id)` has all of it. */
export interface Letter {
  /** Of a job: `job:<id>@<end>`: one that fails again is another letter. */
  id: string
  kind: 'job' | 'event'
  /** When it became one, ms since 1970. */
  at: number
  /** The job, or the actor that the event was for, if that could be read. */
  to?: string
  job?: string
  code: string
  message: string
  /** Of a job. */
  state?: string
  attempts?: number
  group?: string
  labels?: Record<string, string>
}

/** What a request says of it: `job:<id>` alone is its present end. */
export type LetterId = { kind: 'job'; address: string; end?: number } | { kind: 'event'; place: string }

export const jobLetterId = (address: string, end: number): string => `${address}@${end}`
export const eventLetterId = (place: string): string => `event:${place}`

export function parseLetterId(id: unknown): LetterId {
  const text = typeof id === 'string' ? id : ''
  const job = /^(job:[A-Za-z0-9_/-]+)(?:@(\d{1,15}))?$/.exec(text)
  if (job) return { kind: 'job', address: job[1]!, end: job[2] === undefined ? undefined : Number(job[2]) }
  if (text.startsWith('event:')) return { kind: 'event', place: text.slice('event:'.length) }
  refuse('letter', `${quoted(id)} is not the id of a dead letter: job:<id>, job:<id>@<end> or event:<place>`)
}
