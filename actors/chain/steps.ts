import { type Address, typeOf } from '../../src/address.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import { outputKey } from '../group/context.ts'
import type { Payload, Terms } from '../job.ts'
import { jobOf, retryRefused } from '../members.ts'

/** What a chain does: a graph of jobs and groups, in an order in which each comes behind those that it is after. */
export type Steps = Readonly<Record<string, StepTerms>>

export interface StepTerms {
  readonly after: readonly string[]
  /** `all-finished`: however they ended, or though they never began. */
  readonly when: 'all-succeeded' | 'all-finished'
  readonly work: JobWork | GroupWork
}
interface Maker {
  readonly job: string
  readonly terms: Terms
}
interface JobWork extends Maker {
  /** Absent: it is what the maker puts out. */
  readonly input?: Payload
  /** A job that makes the input of the outputs of the steps before. */
  readonly maker?: Maker
}
/** A group is submitted by a job: so it may have any number of members, and they may come of earlier outputs. */
interface GroupWork {
  readonly group: true
  readonly maker: Maker
}

/** How far each step is. */
export type Progress = Readonly<Record<string, Step>>
export interface Step {
  readonly state: 'waiting' | 'preparing' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'skipped'
  /** +1 for each restart, of the same job or with a new one: what was said in an earlier round does not count. */
  readonly round: number
  /** Which of its jobs: +1 where a restart needs a new one. */
  readonly nth: number
  /** The id of its job was taken by other work: a restart needs another. */
  readonly refused?: true
  /** The job that makes its input has done so. */
  readonly made?: true
  /** Why it failed, or was cancelled, as far as it was said. */
  readonly error?: string
  /** A group whose output failed, and is run again by hand: as which round. What is heard of an earlier one does not count. */
  readonly rerun?: number
  /** It ends that first, and is then made anew: what it comes after runs again. */
  readonly anew?: true
  /** One whose output succeeded so: what ran behind it did not get what there is now. */
  readonly mended?: true
  /** A group: the job that submits it has failed. It was told to cancel, and is waited for. */
  readonly abandoned?: true
}

export interface Send {
  type: 'send'
  params: { to: Address; event: ActorEvent; answers?: true }
}
export interface Moved {
  progress: Progress
  out: Send[]
}

export const fresh = (steps: Steps): Progress =>
  Object.fromEntries(Object.keys(steps).map((name) => [name, { state: 'waiting', round: 0, nth: 1 } as const]))

const finished = ({ state }: Step): boolean => state === 'succeeded' || state === 'failed' || state === 'cancelled' || state === 'skipped'
const hasEnded = ({ state }: Step): boolean => state === 'failed' || state === 'cancelled'
const underWay = ({ state }: Step): boolean => state === 'preparing' || state === 'running'
export const isComplete = (progress: Progress): boolean => Object.values(progress).every(finished)
/** And none of them had what was mended since. */
export const isSuccess = (steps: Steps, progress: Progress): boolean =>
  Object.values(progress).every(({ state }) => state === 'succeeded') && !stale(steps, progress).length
/** Those that ran before a group that they are after was mended by hand. */
const stale = (steps: Steps, progress: Progress): string[] =>
  Object.keys(steps).filter((name) => steps[name]!.after.some((other) => progress[other]!.mended))

/** `step load failed: paper jam; step post was cancelled`. If what failed was mended by hand since, what is left to run is all there is to say. */
export function whatFailed(steps: Steps, progress: Progress): string {
  const words: { [S in Step['state']]?: string } = { failed: 'failed', cancelled: 'was cancelled', skipped: 'has not run' }
  const left = Object.entries(progress).filter(([, { state }]) => words[state])
  const failed = left.filter(([, { state }]) => state !== 'skipped')
  if (!left.length)
    return stale(steps, progress)
      .map((name) => `step ${name} ran before what it is after was run again by hand`)
      .join('; ')
  return (failed.length ? failed : left)
    .map(([name, { state, error, rerun }]) => {
      const now = rerun ? ' (run again by hand, not ended yet)' : ''
      return `step ${name} ${words[state]}${error ? `: ${error}` : ''}${now}`
    })
    .join('; ')
}

const idOf = (chain: Address): string => chain.slice(chain.indexOf(':') + 1)
/**
 * Its job or group, `<chain>/<step>`; `<chain>/2/<step>` where a restart needs a new one; the job that makes its input is `<chain>/input/<step>`. Names of steps begin with a
 * letter, and none is "input": so none of these can be another's, or a child of another's.
 */
export function addressOf(chain: Address, name: string, { nth }: Pick<Step, 'nth'>, { work }: StepTerms, making = false): Address {
  const type = 'group' in work && !making ? 'group' : 'job'
  return `${type}:${idOf(chain)}/${nth > 1 ? `${nth}/` : ''}${making ? 'input/' : ''}${name}`
}

/** Begins what can, and skips what never will: in the order of the graph once is enough. */
export function advance(chain: Address, steps: Steps, before: Progress): Moved {
  const progress: Record<string, Step> = { ...before }
  const out: Send[] = []
  for (const [name, terms] of Object.entries(steps)) {
    const step = progress[name]!
    const all = terms.after.map((other) => progress[other]!)
    if (step.state !== 'waiting' || !all.every(finished)) continue
    if (terms.when === 'all-succeeded' && all.some(({ state }) => state !== 'succeeded')) progress[name] = { ...step, state: 'skipped' }
    else {
      const preparing = terms.work.maker !== undefined
      progress[name] = { ...step, state: preparing ? 'preparing' : 'running' }
      out.push(...(preparing ? make(chain, steps, name, progress) : begin(chain, name, terms, step, undefined)))
    }
  }
  return { progress, out }
}

function make(chain: Address, steps: Steps, name: string, progress: Progress): Send[] {
  const terms = steps[name]!
  const { maker } = terms.work
  const step = progress[name]!
  const outputs = terms.after.filter((other) => progress[other]!.state === 'succeeded')
  const given = Object.fromEntries(outputs.map((other) => [other, addressOf(chain, other, progress[other]!, steps[other]!)]))
  const member = { group: chain, key: `${name}/input`, index: 0, round: step.round, wanted: true }
  const group = 'group' in terms.work ? { group: addressOf(chain, name, step, terms) } : {}
  const event = { type: 'submit', ...maker!, input: { value: { chain, step: name, steps: given, ...group } }, member }
  return [{ type: 'send', params: { to: addressOf(chain, name, step, terms, true), event } }]
}

function begin(chain: Address, name: string, terms: StepTerms, step: Step, input: Payload | undefined): Send[] {
  const to = addressOf(chain, name, step, terms)
  if ('group' in terms.work) return [follow(chain, to)]
  const { job, terms: how, input: own = { value: null } } = terms.work
  const member = { group: chain, key: name, index: 0, round: step.round }
  return [{ type: 'send', params: { to, event: { type: 'submit', job, terms: how, input: input ?? own, member } } }]
}

export interface StepEnd {
  key: string
  round: number
  state: string
  error?: string
  /** Of a job that made an input. */
  output?: Payload
}

/** A job has ended. Of an earlier round, or said again, it changes nothing. In a chain that is `cancelling` nothing begins by it. */
export function jobEnded(
  chain: Address,
  steps: Steps,
  before: Progress,
  { key, round, state, error, output }: StepEnd,
  cancelling = false,
): Moved | undefined {
  const making = key.endsWith('/input')
  const name = making ? key.slice(0, -'/input'.length) : key
  const step = before[name]
  if (!step || step.round !== round || step.state !== (making ? 'preparing' : 'running')) return undefined
  if (cancelling && (step.anew || (making && state === 'succeeded' && 'job' in steps[name]!.work))) {
    const { anew: _, ...rest } = step
    return { progress: { ...before, [name]: { ...rest, state: 'cancelled' } }, out: [] }
  }
  if (step.anew) return advance(chain, steps, { ...before, [name]: renewed(step) })
  // A group that was given up says that it was cancelled: what its members were to be made of had failed.
  const because = step.abandoned && state !== 'succeeded' ? step.error : error
  const ended: Step = { ...step, ...(because && { error: because }), ...(state === 'refused' && { refused: true as const }) }
  if (!making) {
    const to = step.abandoned && state !== 'succeeded' ? 'failed' : endOf(state)
    return advance(chain, steps, { ...before, [name]: { ...ended, state: to } })
  }
  if (state !== 'succeeded') {
    const isGroup = 'group' in steps[name]!.work
    const failed = { ...ended, error: `its ${isGroup ? 'members were' : 'input was'} not made${error ? `: ${error}` : ''}` }
    if (isGroup) return abandon(chain, steps, { ...before, [name]: failed }, name, state)
    return advance(chain, steps, { ...before, [name]: { ...failed, state: endOf(state) } })
  }
  const running = { ...before, [name]: { ...step, state: 'running' as const, made: true as const } }
  if (cancelling) return { progress: running, out: giveUp(chain, addressOf(chain, name, step, steps[name]!), `${chain} was cancelled`) }
  return { progress: running, out: begin(chain, name, steps[name]!, step, output ?? { value: null }) }
}

/**
 * A group of which nothing, a part or all was submitted. Whoever follows makes it known, so that there always is an end of it: it may even have succeeded.
 */
function abandon(chain: Address, steps: Steps, before: Progress, name: string, state: string): Moved {
  const step = before[name]!
  const to = addressOf(chain, name, step, steps[name]!)
  const abandoned: Step = { ...step, state: 'running', ...(state !== 'cancelled' && { abandoned: true }) }
  return { progress: { ...before, [name]: abandoned }, out: giveUp(chain, to, step.error!) }
}
const giveUp = (chain: Address, group: Address, reason: string): Send[] => [follow(chain, group), cancel(chain, group, reason)]

export interface GroupEnd {
  of: Address
  state: string
  error?: string
  /** Of its output: +1 each time that it ran again by hand. */
  round?: number
}

/** The same of a group, by its address. */
export function groupEnded(
  chain: Address,
  steps: Steps,
  before: Progress,
  { of, state, error, round = 0 }: GroupEnd,
  cancelling = false,
): Moved | undefined {
  const name = Object.keys(steps).find((one) => 'group' in steps[one]!.work && addressOf(chain, one, before[one]!, steps[one]!) === of)
  if (name === undefined) return undefined
  const { rerun, ...step } = before[name]!
  if (rerun !== undefined && round < rerun) return undefined
  if (rerun === undefined || !hasEnded(step))
    return jobEnded(chain, steps, { ...before, [name]: step }, { key: name, round: step.round, state, error }, cancelling)
  // Its output was run again by hand: what is behind it runs when the chain is restarted.
  const { error: _, ...rest } = step
  const mended =
    state === 'succeeded' && Object.keys(steps).some((one) => steps[one]!.after.includes(name) && before[one]!.state !== 'waiting')
  const ended: Step = { ...rest, state: endOf(state), ...(error && { error }), ...(mended && { mended }) }
  return { progress: { ...before, [name]: ended }, out: [] }
}

/**
 * An operator wants the output of a group to run again. The chain is asked, for it alone knows whether a restart has put another group in its place: then
 * the same would be put out twice. Of a rerun that it has allowed it waits for the end, also if it is restarted meanwhile.
 */
export function rerun(chain: Address, steps: Steps, before: Progress, of: Address, round: number): Moved {
  const name = of.slice(of.lastIndexOf('/') + 1)
  const step = before[name]
  const now = step && addressOf(chain, name, step, steps[name]!)
  if (now !== of) {
    const words = `${chain} was restarted since: its step ${name} is ${now ? `${now} now` : 'gone'}`
    return { progress: before, out: [retryRefused(jobOf(of, outputKey), words)] }
  }
  const event = { type: 'retry', key: outputKey, index: -1, round, allowed: true }
  const progress = hasEnded(step!) ? { ...before, [name]: { ...step!, rerun: round + 1 } } : before
  return { progress, out: [{ type: 'send', params: { to: of, event, answers: true } }] }
}

const endOf = (state: string): Step['state'] => (state === 'succeeded' || state === 'cancelled' ? state : 'failed')

const renewed = ({ round, nth }: Step): Step => ({ state: 'waiting', round: round + 1, nth: nth + 1 })

const follow = (chain: Address, group: Address): Send => ({
  type: 'send',
  params: { to: group, event: { type: 'follow', follower: chain } },
})
/** A group tells by the chain whether it is meant. */
const cancel = (chain: Address, to: Address, reason: string): Send => ({
  type: 'send',
  params: { to, event: { type: 'cancel', reason, ...(typeOf(to) === 'group' && { chain }) } },
})

/**
 * Everything under way is told; what has not begun never will. A group that is being submitted takes no more members from then on; it is waited for when the
 * job that submits it has ended.
 */
export function cancelAll(chain: Address, steps: Steps, before: Progress, because?: string): Moved {
  const out: Send[] = []
  const progress: Record<string, Step> = {}
  const reason = `${chain} was cancelled${because ? `: ${because}` : ''}`
  for (const [name, step] of Object.entries(before)) {
    progress[name] = step.state === 'waiting' ? { ...step, state: 'skipped' } : step
    const making = step.state === 'preparing'
    if (underWay(step) || step.rerun) out.push(cancel(chain, addressOf(chain, name, step, steps[name]!, making), reason))
    if (making && 'group' in steps[name]!.work) out.push(...giveUp(chain, addressOf(chain, name, step, steps[name]!), reason))
  }
  return { progress, out }
}

/**
 * What did not succeed runs again, and all that comes behind it. The job that failed, or was cancelled, is the same job, with the same idempotency key; what
 * had run behind it (`all-finished`), and a group, is a new one. An output that runs again already is waited for, by which the group is mended, or made anew then.
 */
export function restart(chain: Address, steps: Steps, before: Progress): Moved {
  const progress: Record<string, Step> = {}
  const out: Send[] = []
  for (const [name, terms] of Object.entries(steps)) {
    const { mended, rerun, ...step } = before[name]!
    const behind = terms.after.some(
      (other) => progress[other]!.state === 'waiting' || progress[other]!.state === 'running' || before[other]!.mended,
    )
    const sameJob = 'job' in terms.work && (!terms.work.maker || step.made) && !step.refused
    const { error: _, ...rest } = step
    if (step.state === 'succeeded' && !behind) progress[name] = step
    else if (rerun !== undefined) {
      progress[name] = { ...rest, rerun, state: 'running', ...(behind && { anew: true as const }) }
      if (behind) out.push(cancel(chain, addressOf(chain, name, step, terms), `${chain} was restarted, and makes it anew`))
    } else if (hasEnded(step) && !behind && sameJob) {
      progress[name] = { ...rest, state: 'running', round: step.round + 1 }
      out.push({ type: 'send', params: { to: addressOf(chain, name, step, terms), event: { type: 'again', round: step.round + 1 } } })
    } else progress[name] = step.state === 'skipped' ? { ...step, state: 'waiting' } : renewed(step)
  }
  const moved = advance(chain, steps, progress)
  return { progress: moved.progress, out: [...out, ...moved.out] }
}
