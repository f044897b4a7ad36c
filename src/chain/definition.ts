import { hash } from 'node:crypto'
import type { z } from 'zod'
import type { Steps, StepTerms } from '../../actors/chain/steps.ts'
import { defaultTerms } from '../../actors/job.ts'
import { graphIssue, inOrder, inWords } from '../../actors/plan/graph.ts'
import { asJson } from '../as-json.ts'
import { checkKey, groupSubmit, isJobName } from '../command.ts'
import { check, checkSchema, isJob, type JobDefinition, type MemberOf, type WithInput } from '../definition.ts'
import { refuse } from '../errors.ts'
import { checkChoice, checkFields, isIterable } from '../fields.ts'
import { type ChainTerms, chainTerms, type RunOptions } from '../plan/runs.ts'
import type { GroupStep, Step } from './step.ts'

export interface ChainOptions<S extends AnySteps = AnySteps, I extends z.ZodType = z.ZodType> {
  /** Letters, digits, `_` and `-`. */
  name: string
  /** On which dates it is in the plan, and when it starts there. Default: none, it is started by hand, by a schedule or an event. */
  runs?: readonly RunOptions[]
  /** What it is started with, by hand, by a schedule or an event; a plan starts it without. */
  input?: I
  /** By name: letters, digits, `_` and `-`, a letter first. */
  steps: S & Checked<S>
}

// biome-ignore lint/suspicious/noExplicitAny: any step, whatever it takes and puts out.
export type AnySteps = Record<string, Step<any, any>>
// biome-ignore lint/suspicious/noExplicitAny: a job without an output schema may put out anything.
type OutputsOf<S extends AnySteps> = { [N in keyof S]: S[N] extends Step<any, infer O> ? (unknown extends O ? any : O) : unknown }
/** What a maker says that it takes must be what the steps put out. */
type Checked<S extends AnySteps> = {
  [N in keyof S]: S[N] extends Step<infer In, unknown> ? (OutputsOf<S> extends In ? unknown : Step<OutputsOf<S>, unknown>) : unknown
}

/** A chain: a graph of jobs and groups, and when it runs. Hosts that have it (`createHost({ chains })`) publish it. */
export interface ChainDefinition<I = unknown> {
  readonly name: string
  readonly terms: ChainTerms
  readonly input?: z.ZodType<unknown, I>
  readonly steps: Steps
  /** What makes inputs and members of earlier outputs, by the name of the job that does. */
  readonly makers: ReadonlyMap<string, Made>
}
export type Made = { make(...given: never[]): unknown } | { group: GroupStep }

/** Makers only look and compute: one that has not answered in ten minutes never will. */
const makerTerms = { ...defaultTerms, attempts: 3, timeout: 600_000 }
/**
 * The job that makes the input of a step. Its name says what the step is like: during a deploy, old code makes no inputs for instances that new code has
 * begun, nor the other way round, where the steps they come after, or what they are, differ.
 */
export const makerOf = (chain: string, step: string, shape: unknown): string =>
  `${chain}.input.${step}.${hash('sha1', JSON.stringify(shape), 'base64url').slice(0, 8)}`

/** All steps of a chain, in characters of JSON: its document keeps them. */
const mostSteps = 96 * 1024

/** Throws a ValidationError that names the field. */
export function defineChain<S extends AnySteps, I extends z.ZodType = z.ZodUnknown>(
  options: ChainOptions<S, I>,
): ChainDefinition<z.input<I>> {
  checkFields(options, ['name', 'runs', 'input', 'steps'], '', 'chain')
  const { name, runs = [], input, steps: given } = options
  checkSchema(input, 'input')
  const terms = chainTerms(name, runs)
  if (runs.length && input && !input.safeParse(undefined).success && !input.safeParse(null).success)
    refuse(
      'input',
      'runs of a plan have no input, and this schema needs one. Make it optional, or start the chain by a schedule that gives one.',
    )
  const makers = new Map<string, Made>()
  const steps = stepsOf(name, given, makers)
  const size = JSON.stringify(steps).length
  if (size > mostSteps) refuse('steps', `${size} characters of JSON; at most ${mostSteps} are taken. Make large inputs of something else.`)
  return { name, terms, input: input as never, steps, makers }
}

function stepsOf(chain: string, given: AnySteps, makers: Map<string, Made>): Steps {
  const names = Object.keys(given ?? {})
  if (!names.length) refuse('steps', 'a chain has one step or more')
  const graph = new Map(names.map((name) => [name, new Set(afterOf(name, given[name]!))]))
  for (const name of names)
    if (!/^[A-Za-z][A-Za-z0-9_-]{0,59}$/.test(name) || name === 'input')
      refuse(`steps.${name}`, 'is not a name of a step. Use letters, digits, "_" and "-", a letter first, 60 at most; "input" is taken.')
  const issue = graphIssue(graph)
  if (issue) refuse(`steps.${issue.chain}.after`, inWords(issue, 'there is no such step'))
  return Object.fromEntries(inOrder(graph).order.map((name) => [name, termsOf(chain, name, given[name]!, makers)]))
}

function afterOf(name: string, step: Step): readonly string[] {
  if (!isObject(step?.work)) refuse(`steps.${name}`, notStep)
  checkFields(step, ['work', 'after', 'when'], `steps.${name}`)
  const { after = [], when } = step
  if (!Array.isArray(after) || !after.every((other) => typeof other === 'string'))
    refuse(`steps.${name}.after`, 'must be an array of names of steps')
  checkChoice(when, ['all-succeeded', 'all-finished'], `steps.${name}.when`)
  return after
}

function termsOf(chain: string, name: string, { work, after = [], when = 'all-succeeded' }: Step, makers: Map<string, Made>): StepTerms {
  const graph = { after: [...new Set(after)], when }
  const maker = (made: Made, of: string) => {
    const job = makerOf(chain, name, [[...graph.after].sort(), when, of])
    makers.set(job, made)
    return { job, terms: makerTerms }
  }
  if ('members' in work) {
    checkGroup(work, `steps.${name}`)
    return { ...graph, work: { group: true, maker: maker({ group: work }, '') } }
  }
  const { definition } = work
  if (typeof definition === 'string')
    refuse(`steps.${name}`, 'needs the definition of its job, not its name: a chain says how its jobs are run')
  if (!isJob(definition)) refuse(`steps.${name}`, notStep)
  checkFields(work, ['definition', 'make' in work ? 'make' : 'input'], `steps.${name}`)
  const job = { job: definition.name, terms: definition.terms }
  if ('make' in work) return { ...graph, work: { ...job, maker: maker({ make: work.make }, definition.name) } }
  return { ...graph, work: { ...job, input: { value: inputOf(definition, work.input, `steps.${name}.input`) ?? null } } }
}

/** What is known already is checked now, not in the night in which it runs. */
function inputOf(definition: Pick<JobDefinition, 'input'>, input: unknown, field: string): unknown {
  const { value } = asJson(input, field)
  check(definition.input, value, field)
  return value
}

const notStep = 'is no step. Make it with step(job.with(…)) or step({ members, output }).'
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** A generator, or a stream: the second run of its chain would find nothing in it. */
export function isReadOnce(members: Iterable<unknown> | AsyncIterable<unknown>): boolean {
  if (!(Symbol.iterator in members)) return true
  const [first, second] = [members[Symbol.iterator](), members[Symbol.iterator]()]
  return first === second
}

function checkGroup(group: GroupStep, at: string): void {
  checkFields(group, ['members', 'output', 'when', 'onMemberFailure', 'concurrency'], at)
  const { members, output, when, onMemberFailure, concurrency } = group
  if (typeof members !== 'function' && !(isObject(members) && isIterable(members)))
    refuse(`${at}.members`, 'must be members, or a function that makes them')
  if (typeof members !== 'function' && isReadOnce(members))
    refuse(`${at}.members`, 'could be read only once, and a chain runs again and again. Give an array, or a function that makes them.')
  if (Array.isArray(members)) checkMembers(members, `${at}.members`)
  if (output !== undefined) checkWork(output, ['definition', 'input'], `${at}.output`, 'must be a job with its input: job.with(…)')
  check(groupSubmit.shape.when, when, `${at}.when`)
  check(groupSubmit.shape.onMemberFailure, onMemberFailure, `${at}.onMemberFailure`)
  check(groupSubmit.shape.concurrency, concurrency, `${at}.concurrency`)
}

function checkMembers(members: readonly MemberOf[], at: string): void {
  const keys = new Set<string>()
  for (const [i, member] of members.entries()) {
    checkWork(member, ['definition', 'input', 'key'], `${at}.${i}`, 'is no member. Make it with job.with(input, { key })')
    checkKey(member.key, `${at}.${i}.key`)
    if (keys.has(member.key)) refuse(`${at}.${i}.key`, `"${member.key}" is the key of another member`)
    keys.add(member.key)
  }
}

/** A job with its input, or one by its name, of which others know more. */
function checkWork(given: WithInput, fields: readonly string[], at: string, words: string): void {
  if (!isObject(given) || 'make' in given) refuse(at, words)
  const { definition, input } = given
  if (typeof definition === 'string' ? !isJobName(definition) : !isJob(definition)) refuse(at, words)
  checkFields(given, fields, at)
  inputOf(typeof definition === 'string' ? {} : definition, input, `${at}.input`)
}
