import { z } from 'zod'
import { defaultTerms, type GroupFacts, type Terms } from '../actors/job.ts'
import { type Duration, ms } from './duration.ts'
import { type Issue, ValidationError } from './errors.ts'

/**
 * The contract of a job: what anybody needs to submit it. The handler lives where the work is done.
 * Defaults: 3 attempts, backoff 1 s, factor 2, jitter 0.1, priority 5 (0 to 9, 9 first), `onLost: 'retry'`, no timeout.
 */
export interface JobOptions<I extends z.ZodType, O extends z.ZodType> {
  /** Segments of letters, digits, `_` and `-`, joined by dots: `invoice.print`. */
  name: string
  input?: I
  output?: O
  /**
   * Attempts are counted from what was seen to begin. A run whose worker was lost before anybody saw it begin uses none, up to 3 in a row: with
   * `attempts: 1` a handler may so be entered again. If it must never be, say `onLost: 'hold'`.
   */
  retry?: { attempts?: number; backoff?: Duration; factor?: number; jitter?: number }
  /** For one attempt. When it has passed, `ctx.signal` aborts, and the attempt has failed. */
  timeout?: Duration
  priority?: number
  /**
   * What becomes of a job whose worker was lost while it ran: again (it uses an attempt), held for an operator (never twice by
   * itself), or ended as aborted.
   */
  onLost?: 'retry' | 'hold' | 'abort'
}

export interface JobDefinition<I = unknown, O = unknown, Given = I> {
  readonly name: string
  readonly terms: Terms
  readonly input?: z.ZodType
  readonly output?: z.ZodType
  /** The definition with an input: a member of a group (with its key), or an output. */
  with(input: Given, options: { key: string }): MemberOf<I, O>
  with(input: Given): WithInput
  handler(handle: (input: I, ctx: Context) => Promise<O> | O): Handler
}

export interface WithInput {
  readonly definition: JobDefinition<never, unknown, never> | string
  readonly input: unknown
}

export interface MemberOf<_I = unknown, _O = unknown> extends WithInput {
  readonly key: string
}

export interface Handler {
  readonly definition: JobDefinition<never, unknown, never>
  readonly handle: (input: never, ctx: Context) => unknown
}

/** What a handler is told about its run. */
export interface Context {
  /** Id of the job. */
  readonly id: string
  /** The same for every run of this job, and of no other: give it to whatever must happen once. */
  readonly idempotencyKey: string
  /** Key of the member, in a group. */
  readonly key?: string
  /** 1 for the first attempt. */
  readonly attempt: number
  /** Unique for every start of the handler. */
  readonly run: number
  /** Aborts with the reason: TimeoutError, JobCancelledError, SupersededError, or a shutdown. */
  readonly signal: AbortSignal
  /** In the output of a group: the group, and its members. */
  readonly group?: GroupFacts & { members(): AsyncIterable<MemberResult> }
  /** Part done, 0 to 1, for those who watch. */
  progress(part: number): void
}

export interface MemberResult {
  key: string
  /** Id of its job. */
  job: string
  state: 'succeeded' | 'failed' | 'cancelled' | 'aborted'
  output?: unknown
  error?: { name: string; message: string }
}

const namePattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

export function defineJob<I extends z.ZodType = z.ZodUnknown, O extends z.ZodType = z.ZodUnknown>(
  options: JobOptions<I, O>,
): JobDefinition<z.output<I>, z.output<O>, z.input<I>> {
  const { name, input, output } = options
  if (typeof name !== 'string' || !namePattern.test(name))
    fail('name', `${JSON.stringify(name)} is not a name of a job. Use segments of letters, digits, "_" and "-", joined by dots.`)
  const definition: JobDefinition<z.output<I>, z.output<O>, z.input<I>> = {
    name,
    terms: termsOf(options),
    input,
    output,
    with: ((given: unknown, more?: { key: string }) => ({ definition, input: given, ...more })) as never,
    handler: (handle) => ({ definition: definition as never, handle: handle as never }),
  }
  return definition
}

function termsOf({ retry = {}, timeout, priority = defaultTerms.priority, onLost = 'retry' }: JobOptions<z.ZodType, z.ZodType>): Terms {
  const {
    attempts = defaultTerms.attempts,
    backoff = defaultTerms.backoff,
    factor = defaultTerms.factor,
    jitter = defaultTerms.jitter,
  } = retry
  if (!Number.isInteger(attempts) || attempts < 1) fail('retry.attempts', 'must be a whole number, 1 or more')
  if (!Number.isInteger(priority) || priority < 0 || priority > 9) fail('priority', 'must be a whole number from 0 to 9')
  if (!(factor >= 1)) fail('retry.factor', 'must be 1 or more')
  if (!(jitter >= 0 && jitter <= 1)) fail('retry.jitter', 'must be from 0 to 1')
  if (!['retry', 'hold', 'abort'].includes(onLost)) fail('onLost', "must be 'retry', 'hold' or 'abort'")
  return {
    attempts,
    backoff: ms(backoff, 'retry.backoff'),
    factor,
    jitter,
    timeout: timeout === undefined ? undefined : ms(timeout, 'timeout'),
    priority,
    onLost,
  }
}

function fail(field: string, message: string): never {
  throw new ValidationError(`${field}: ${message}`, [{ path: [field], message }])
}

/** Checks a value against a schema; throws a ValidationError that names each field. */
export function check(schema: z.ZodType | undefined, value: unknown, field: string): unknown {
  if (!schema) return value
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issues: Issue[] = parsed.error.issues.map(({ path, message }) => ({ path: [field, ...(path as (string | number)[])], message }))
  throw new ValidationError(issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '), issues)
}

/** What hosts publish of a definition, for those who do not have its code. */
export interface Contract {
  name: string
  terms: Terms
  /** JSON Schema. */
  input?: unknown
  output?: unknown
}

export function contractOf({ name, terms, input, output }: JobDefinition<never, unknown, never>): Contract {
  const schema = (type?: z.ZodType) => type && z.toJSONSchema(type, { unrepresentable: 'any', io: 'input' })
  return { name, terms, input: schema(input), output: schema(output) }
}
