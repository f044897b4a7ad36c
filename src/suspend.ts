import type { Payload, Suspend } from '../actors/job.ts'
import { isId } from './address.ts'
import { asJson } from './as-json.ts'
import { type CallbackGiven, type Callbacks, check } from './definition.ts'
import { type Duration, ms } from './duration.ts'
import { invalid, quoted } from './errors.ts'
import { checkFields } from './fields.ts'
import { maxPayload } from './payload.ts'

/** What `ctx.suspend` waits for, and what it keeps. */
export interface SuspendOptions<C extends Callbacks = Callbacks> {
  /** Callbacks of the definition. */
  until: readonly (keyof C & string)[]
  /** How many of them must come. Default 'all'. */
  need?: 'all' | 'any' | number
  /** After so long the handler is entered with what has come. Without one the job waits until a callback comes, or it is cancelled. */
  deadline?: Duration
  /** At the deadline: values for callbacks of `until` that have not come. */
  fallback?: { readonly [N in keyof C & string]?: CallbackGiven<C, N> }
  /** `ctx.state` of the entry that follows: JSON, 512 KB at most. Default: none. */
  state?: unknown
  /**
   * A correlation id: `client.resume(as, name, value)` then reaches this job, for this round. It is this job's until it ends or suspends
   * with another one; if it is another job's by then, this job fails with CONFLICT.
   */
  as?: string
}

const mark = Symbol.for('stellwerk.suspended')

/** What `ctx.suspend` answers, and a handler returns. */
export interface Suspended {
  readonly [mark]: Suspend
}

export const suspendOf = (output: unknown): Suspend | undefined =>
  output !== null && typeof output === 'object' && mark in output ? (output as Suspended)[mark] : undefined

/** Checks all of it: what a handler asks for wrongly fails its run, with the field named. */
export function suspended(callbacks: Callbacks | undefined, options: SuspendOptions): Suspended {
  checkFields(options, ['until', 'need', 'deadline', 'fallback', 'state', 'as'], 'suspend')
  const { until, need = 'all', deadline, fallback, state, as } = options
  const declared = Object.keys(callbacks ?? {})
  if (!Array.isArray(until) || !until.length) fail('until', 'must name one callback or more')
  for (const name of until)
    if (!declared.includes(name)) fail('until', `${quoted(name)} is not declared: ${declared.join(', ') || 'there are none'}`)
  if (new Set(until).size < until.length) fail('until', 'names a callback twice')
  const count = need === 'all' ? until.length : need === 'any' ? 1 : need
  if (!Number.isInteger(count) || count < 1 || count > until.length)
    fail('need', `must be 'all', 'any', or a whole number from 1 to ${until.length}`)
  if (as !== undefined && !isId(as)) fail('as', `${quoted(as)} is not an id`)
  return {
    [mark]: {
      until: [...until],
      need: count,
      deadline: deadline === undefined ? undefined : ms(deadline, 'suspend.deadline'),
      fallback: fallback === undefined ? undefined : fallbackOf(callbacks!, until, fallback),
      state: state === undefined ? undefined : payload(state, 'state'),
      as,
    },
  }
}

function fallbackOf(callbacks: Callbacks, until: readonly string[], fallback: Record<string, unknown>): Record<string, Payload> {
  if (typeof fallback !== 'object' || fallback === null || Array.isArray(fallback))
    fail('fallback', 'must be an object of values by callback')
  const values: Record<string, Payload> = {}
  for (const [name, value] of Object.entries(fallback)) {
    if (value === undefined) continue
    if (!until.includes(name)) fail(`fallback.${name}`, 'is not one of those in until')
    check(callbacks[name], value, `suspend.fallback.${name}`)
    values[name] = payload(value, `fallback.${name}`)
  }
  return values
}

/** As it will be read: nobody can change it any more. */
function payload(given: unknown, field: string): Payload {
  const { value, length } = asJson(given, `suspend.${field}`)
  if (length > maxPayload)
    fail(field, `${length} characters of JSON; at most ${maxPayload} are kept. Store it elsewhere and keep a reference.`)
  return { value }
}

function fail(field: string, message: string): never {
  throw invalid(`suspend.${field}`, message)
}
