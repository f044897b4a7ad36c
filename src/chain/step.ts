import type { JobDefinition, MemberOf, WithInput } from '../definition.ts'
import { refuse } from '../errors.ts'

/** What a maker of inputs is told beside the outputs: of which instance it is. */
export interface ChainFacts {
  /** `E/2026-11-23/main`, or `E/<id>` if it was started otherwise than by a plan. */
  id: string
  /** Its name. */
  chain: string
  /** Of its plan. */
  date?: string
  run?: string
  /** What it was started with. */
  // biome-ignore lint/suspicious/noExplicitAny: a step is written before its chain; where it is annotated it is checked.
  input: any
}

/** Outputs of the steps that a step is after, by name; of one that did not succeed it is undefined. */
// biome-ignore lint/suspicious/noExplicitAny: TypeScript cannot know the neighbours of a step where it is written; where they are annotated they are checked.
export type Outputs = Record<string, any>

/** A job whose input is made when its time has come. */
export interface WithMaker<S extends Outputs = Outputs, O = unknown> {
  readonly definition: JobDefinition<never, O, never>
  readonly make: (outputs: S, chain: ChainFacts) => unknown
}

/** A group as a step: all of its members, or what makes them of earlier outputs. */
export interface GroupStep<S extends Outputs = Outputs> {
  members: Iterable<MemberOf> | ((outputs: S, chain: ChainFacts) => MembersMade | Promise<MembersMade>)
  /** Runs once, when all members have finished: what it puts out is the step's output. */
  output?: WithInput
  when?: 'all-finished' | 'all-succeeded'
  onMemberFailure?: 'continue' | 'cancel-rest'
  concurrency?: number
}
type MembersMade = Iterable<MemberOf> | AsyncIterable<MemberOf>

export interface StepOptions {
  /** Names of steps. Default: none, it begins at once. */
  after?: readonly string[]
  /** `all-succeeded` (default), or `all-finished`: however they ended, and though they never began. */
  when?: 'all-succeeded' | 'all-finished'
}

export interface Step<S extends Outputs = Outputs, O = unknown> extends StepOptions {
  readonly work: WithInput | WithMaker<S, O> | GroupStep<S>
  /** Only for the compiler: what it puts out. */
  readonly puts?: O
}

/**
 * A step of a chain: a job with an input (`step(load.with({}))`), with one that is made of earlier outputs (`step(post.with(({ load }) => ({ rows: load.rows })), { after: ['load'] })`), or a
 * group (`step({ members, output })`). A step has the attempts of its job. Makers run as jobs of their own, with three attempts: they may be called again, so they only look and compute.
 */
export function step<O>(work: WithInput<O>, options?: StepOptions): Step<Outputs, O>
export function step<S extends Outputs, O>(work: WithMaker<S, O>, options?: StepOptions): Step<S, O>
export function step<S extends Outputs>(work: GroupStep<S>, options?: StepOptions): Step<S>
export function step(work: Step['work'], options: StepOptions = {}): Step {
  // Which fields there are is checked with those of its chain, under the name of the step.
  if (typeof options !== 'object' || options === null) refuse('options', 'must be an object with after, when')
  return { work, ...options }
}
