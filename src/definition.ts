import { z } from 'zod'
import { defaultTerms, type Ended, type GroupFacts, type Terms } from '../actors/job.ts'
import type { ChainFacts, Outputs, WithMaker } from './chain/step.ts'
import { callbackName, isJobName } from './command.ts'
import { type Duration, ms } from './duration.ts'
import { type Issue, inWords, pathOf, quoted, refuse, StellwerkError, ValidationError } from './errors.ts'
import { checkChoice, checkFields, optionsOf } from './fields.ts'
import { type Isolated, type IsolateOptions, isolatedOf } from './isolate.ts'
import type { Suspended, SuspendOptions } from './suspend.ts'

/**
 * The contract of a job: what anybody needs to submit it. The handler lives where the work is done.
 * Defaults: 3 attempts, backoff 1 s, factor 2, jitter 0.1, priority 5 (0 to 9, 9 first), `onLost: 'retry'`, no timeout.
 */
export interface JobOptions<I extends z.ZodType, O extends z.ZodType, C extends Callbacks = Callbacks> {
  /** Segments of letters, digits, `_` and `-`, joined by dots, 200 characters at most: `invoice.print`. */
  name: string
  input?: I
  output?: O
  /** Values that the job may be given while it is not over, by name: 32 at most. `ctx.suspend` waits for them. */
  callbacks?: C
  /**
   * Attempts are counted from what was seen to begin. A run whose worker was lost before anybody saw it begin (in the first second or so) uses none, up to
   * 3 in a row: with `attempts: 1` a handler may so be entered again. If it must never be, say `onLost: 'hold'`.
   */
  retry?: { attempts?: number; backoff?: Duration; factor?: number; jitter?: number }
  /** For one attempt. When it has passed, `ctx.signal` aborts; what is returned within 5 s still counts, and then the attempt has failed. */
  timeout?: Duration
  /**
   * Runs once when a job of this definition has ended, however it has, whoever is alive then: it gets `Ended`, and is a job of its own, `<id>/onEnd-1`
   * (`-2` after an operator's retry). It has its own attempts; how it ends changes nothing for the one before it.
   */
  onEnd?: { name: string; terms: Terms; with(input: Ended): WithInput }
  /** For all attempts together, from the submit on: what has not ended by then has failed (`DEADLINE`); a running handler is told by `ctx.signal`, and has 5 s. */
  deadline?: Duration
  priority?: number
  /**
   * What becomes of a job whose worker was lost while it ran: again (it uses an attempt), held for an operator (never twice by
   * itself), or ended as aborted.
   */
  onLost?: 'retry' | 'hold' | 'abort'
  /** Pool in which it runs: it waits there for its units. Hosts declare pools (`createHost({ pools })`). */
  pool?: string
  /** Units that it needs of its pool, all of them or none: `{ printer: 1 }`. One of the pool's `slots` is among them if nothing else is said. */
  needs?: Record<string, number>
}

/** Schemas of callbacks, by name. */
export type Callbacks = Record<string, z.ZodType>
export type CallbackGiven<C extends Callbacks, N extends keyof C> = z.input<C[N]>
/** What a handler was given: what has come in the round before this entry. */
export type Received<C extends Callbacks> = { readonly [N in keyof C]?: z.output<C[N]> }

export interface JobDefinition<I = unknown, O = unknown, Given = I, C extends Callbacks = Callbacks> {
  readonly name: string
  readonly terms: Terms
  readonly input?: z.ZodType
  readonly output?: z.ZodType
  readonly callbacks?: C
  /** The definition with an input: a member of a group (with its key), or an output. */
  with(input: Given, options: { key: string }): MemberOf<I, O>
  /** As a step of a chain: its input is made of the outputs of the steps that it is after, when these have ended. */
  with<S extends Outputs = Outputs>(make: (outputs: S, chain: ChainFacts) => Given | Promise<Given>): WithMaker<S, O>
  with(input: Given): WithInput<O>
  handler(handle: (input: I, ctx: Context<C>) => Promise<O | Suspended> | O | Suspended): Handler
  /**
   * The same in a module of its own (`file:` URL), whose default export it is: it runs in a thread, which is terminated when the handler
   * does not end although it was told to.
   */
  handler(module: URL | string, options: IsolateOptions): Handler
}

export interface WithInput<O = unknown> {
  readonly definition: JobDefinition<never, O, never> | string
  readonly input: unknown
}

export interface MemberOf<_I = unknown, _O = unknown> extends WithInput {
  readonly key: string
}

export interface Handler {
  readonly definition: JobDefinition<never, unknown, never>
  readonly handle: (input: never, ctx: Context) => unknown
  /** It lives in a module, and runs in a thread. */
  readonly isolated?: Isolated
}

/** What a handler is told about its run. */
export interface Context<C extends Callbacks = Callbacks> {
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
  /** What has come for it, by name: the same whenever this entry is repeated. Empty at the first entry. */
  readonly callbacks: Received<C>
  /** What the suspend before this entry stored. */
  readonly state: unknown
  /** Which round of callbacks has begun with this entry: 1 at first, 1 more for each entry by a resume. */
  readonly round: number
  /** To be returned: ends this run, uses no attempt, and enters the handler again when what it waits for has come, or at the deadline. */
  suspend(options: SuspendOptions<C>): Suspended
  /** In the output of a group: the group, and its members, read page by page; while the store is away they are waited for. */
  readonly group?: GroupFacts & { members(): AsyncIterable<MemberResult> }
  /**
   * Submits a job that is this one's child, and resolves when it is stored: with its id, `<id>/<key>`. Said again (by another attempt) it is the
   * same job; with other content it is a CONFLICT. Of a run that is no longer current it is refused as SUPERSEDED: nothing is submitted.
   */
  submit<I, O, G, K extends Callbacks>(definition: JobDefinition<I, O, G, K> | string, input: G, options: { key: string }): Promise<string>
  /**
   * Part done, 0 to 1, told by the feed at once and kept nowhere: no run fails by it. What is outside is taken for the nearest; what is no number is dropped, as is what
   * comes once the run is known to be superseded, or has ended.
   */
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

/** Of units: they are keys of objects. */
export const isUnit = (name: string): boolean => isName(name) && !(name in Object.prototype)
/** Of a pool, or of a resource of it. */
export const isName = (name: unknown): name is string => typeof name === 'string' && /^[A-Za-z0-9_-]{1,100}$/.test(name)
/** Made by defineJob: no literal that looks like one, and no chain. */
export function isJob(given: unknown): given is JobDefinition {
  const { name, terms, handler } = Object(given)
  return isJobName(name) && Object(terms) === terms && typeof handler === 'function'
}

export function defineJob<
  I extends z.ZodType = z.ZodUnknown,
  O extends z.ZodType = z.ZodUnknown,
  C extends Callbacks = Record<never, never>,
>(options: JobOptions<I, O, C>): JobDefinition<z.output<I>, z.output<O>, z.input<I>, C> {
  checkFields(options, jobFields, '', 'job')
  const { name, input, output, callbacks } = options
  if (!isJobName(name))
    refuse(
      'name',
      `${quoted(name)} is not a name of a job. Use segments of letters, digits, "_" and "-", joined by dots, 200 characters at most.`,
    )
  checkSchema(input, 'input')
  checkSchema(output, 'output')
  const definition: JobDefinition<z.output<I>, z.output<O>, z.input<I>, C> = {
    name,
    terms: termsOf(options),
    input,
    output,
    callbacks,
    with: ((given: unknown, more?: { key: string }) => {
      const of = typeof given === 'function' ? { make: given } : { input: given }
      return { definition, ...of, ...optionsOf(more, ['key']) }
    }) as never,
    handler: (handle: unknown, options?: IsolateOptions) => handlerOf(definition as never, handle, options),
  }
  return definition
}

const jobFields = ['name', 'input', 'output', 'callbacks', 'retry', 'timeout', 'onEnd', 'deadline', 'priority', 'onLost', 'pool', 'needs']

export function checkSchema(schema: unknown, field: string): void {
  if (schema !== undefined && typeof (schema as { safeParse?: unknown } | null)?.safeParse !== 'function')
    refuse(field, 'must be a schema of zod: z.object({ … })')
}

function handlerOf(definition: Handler['definition'], handle: unknown, options?: IsolateOptions): Handler {
  if (options !== undefined) return { definition, handle: noThread, isolated: isolatedOf(handle, options) }
  if (typeof handle !== 'function') refuse('handler', "must be a function, or the URL of a module with { isolate: 'thread' }")
  return { definition, handle: handle as never }
}

const noThread = () => {
  throw new StellwerkError('TERMINAL', 'this handler runs in a thread of its host only')
}

/** Callbacks that one definition may declare: a document may hold the values of all. */
const mostCallbacks = 32

function namesOf(callbacks: Callbacks | undefined): string[] | undefined {
  if (callbacks === undefined) return undefined
  if (typeof callbacks !== 'object' || callbacks === null || Array.isArray(callbacks))
    refuse('callbacks', 'must be an object of schemas: { approved: z.boolean() }')
  const names = Object.keys(callbacks)
  if (!names.length) return undefined
  if (names.length > mostCallbacks) refuse('callbacks', `at most ${mostCallbacks}`)
  for (const name of names) {
    check(callbackName, name, `callbacks.${name}`)
    checkSchema(callbacks[name] ?? null, `callbacks.${name}`)
  }
  return names
}

function termsOf(options: JobOptions<z.ZodType, z.ZodType>): Terms {
  const { retry = {}, timeout, priority = defaultTerms.priority, onLost = 'retry', callbacks, pool, needs, deadline, onEnd } = options
  checkFields(retry, ['attempts', 'backoff', 'factor', 'jitter'], 'retry')
  if (onEnd !== undefined && !isJob(onEnd)) refuse('onEnd', 'must be a job, made by defineJob')
  const {
    attempts = defaultTerms.attempts,
    backoff = defaultTerms.backoff,
    factor = defaultTerms.factor,
    jitter = defaultTerms.jitter,
  } = retry
  if (!Number.isInteger(attempts) || attempts < 1) refuse('retry.attempts', 'must be a whole number, 1 or more')
  if (!Number.isInteger(priority) || priority < 0 || priority > 9) refuse('priority', 'must be a whole number from 0 to 9')
  if (!Number.isFinite(factor) || factor < 1) refuse('retry.factor', 'must be 1 or more')
  if (!Number.isFinite(jitter) || jitter < 0 || jitter > 1) refuse('retry.jitter', 'must be from 0 to 1')
  checkChoice(onLost, ['retry', 'hold', 'abort'], 'onLost')
  if (pool !== undefined && !isName(pool)) refuse('pool', 'must be letters, digits, "_" and "-"')
  if (needs && pool === undefined) refuse('needs', 'are units of a pool: name it in "pool"')
  if (needs !== undefined && (typeof needs !== 'object' || needs === null || Array.isArray(needs)))
    refuse('needs', 'must be an object of units: { printer: 1 }')
  for (const [unit, count] of Object.entries(needs ?? {}))
    if (!isUnit(unit) || !Number.isInteger(count) || count < 0) refuse(`needs.${unit}`, 'must be a whole number of units, 0 or more')
  const terms: Terms = {
    attempts,
    backoff: ms(backoff, 'retry.backoff'),
    factor,
    jitter,
    timeout: timeout === undefined ? undefined : someTime(timeout, 'timeout'),
    onEnd: onEnd && { job: onEnd.name, terms: onEnd.terms },
    deadline: deadline === undefined ? undefined : someTime(deadline, 'deadline'),
    priority,
    onLost,
    callbacks: namesOf(callbacks),
    pool,
    needs,
  }
  // They are written with every job: what is not said is not there.
  return Object.fromEntries(Object.entries(terms).filter(([, value]) => value !== undefined)) as unknown as Terms
}

/** None at all would fail every run. */
const someTime = (duration: Duration, field: string): number => ms(duration, field) || refuse(field, 'must be more than 0')

/** Checks a value against a schema; throws a ValidationError that names each field. */
export function check(schema: z.ZodType | undefined, value: unknown, field: string): unknown {
  if (!schema) return value
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issues: Issue[] = parsed.error.issues.map(({ path, message }) => ({
    path: [...pathOf(field), ...(path as (string | number)[])],
    message,
  }))
  throw new ValidationError(inWords(issues), issues)
}

/** What was not given is null in JSON: where a schema allows nothing and not null, nothing was given. */
export function checkInput(schema: z.ZodType | undefined, value: unknown, field = 'input'): unknown {
  const absent = value === null && schema?.safeParse(undefined).success && !schema.safeParse(null).success
  return check(schema, absent ? undefined : value, field)
}

/** What hosts publish of a definition, for those who do not have its code. */
export interface Contract {
  name: string
  terms: Terms
  /** JSON Schema. */
  input?: unknown
  output?: unknown
  /** By name. */
  callbacks?: Record<string, unknown>
}

export function contractOf({ name, terms, input, output, callbacks }: JobDefinition<never, unknown, never>): Contract {
  const schema = (type?: z.ZodType) => type && z.toJSONSchema(type, { unrepresentable: 'any', io: 'input' })
  const given = callbacks && Object.fromEntries(Object.entries(callbacks).map(([name, type]) => [name, schema(type)]))
  return { name, terms, input: schema(input), output: schema(output), callbacks: given }
}
