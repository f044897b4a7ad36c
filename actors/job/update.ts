import type { JobContext } from './context.ts'
import type { Args, Of } from './events.ts'
import { leavesPool } from './outcomes.ts'
import { hasLane } from './places.ts'
import { roundsOf } from './suspension.ts'

/**
 * What may be changed of a job that has not begun. Identity is what it was submitted with: submitted again like that it is still the
 * same job, though its input is another by now.
 */
const update = ({ event }: Args) => event as Of<'update'>

export const changed = (args: Args): Partial<JobContext> => {
  const { startAt = args.context.startAt, priority = args.context.terms.priority, input = args.context.input } = update(args)
  return { startAt, input, terms: { ...args.context.terms, priority } }
}

/** An input was checked against the contract of a job: it must be this one's. */
export const ofAnotherJob = (args: Args) => update(args).input !== undefined && update(args).job !== args.context.job

/**
 * A run that was lost is current until another is granted: its success is not thrown away, so what it works on cannot change. Nor can
 * what was begun, suspended and resumed.
 */
export const isUnderWay = (args: Args) => {
  const { startAt, input } = update(args)
  const { round, resuming } = roundsOf(args.context)
  return (!!args.context.run || round > 1 || !!resuming) && (startAt !== undefined || input !== undefined)
}

export const startsLater = (args: Args) => (update(args).startAt ?? 0) > args.event.at
/** What has begun once keeps its place in its lane until it has ended for good: that another time is later is a longer backoff. */
export const keepsLane = (args: Args) => {
  const { attempts, gaveBack } = args.context
  return startsLater(args) && (attempts.used > 0 || gaveBack === true) && hasLane(args.context)
}
export const postponed = (args: Args): Partial<JobContext> => ({ ...changed(args), retryAt: update(args).startAt })
export const startsNow = (args: Args) => update(args).startAt !== undefined && !startsLater(args)
export const hasNewPriority = (args: Args) => (update(args).priority ?? args.context.terms.priority) !== args.context.terms.priority
/** Its time was changed while it waited for something else. */
export const isTooEarly = ({ context, event }: Args) => (context.startAt ?? 0) > event.at

export const anotherJob = (args: Args) => ({
  code: 'VALIDATION',
  message: `job: ${args.context.self} is of the definition ${args.context.job}, not ${update(args).job}: an input is checked by the contract of its own job`,
})
export const underWay = ({ context: { self, run } }: Args) => {
  const why = run ? `run ${run.dispatch} of ${self} was lost and may still return` : `${self} has begun, and was suspended and resumed`
  return { code: 'NOT_ALLOWED', message: `update is not possible: ${why}; only its priority can be changed` }
}

/** In the states in which nothing has begun. */
export const refused = [
  { guard: 'ofAnotherJob', actions: { type: 'reject', params: anotherJob } },
  { guard: 'isUnderWay', actions: { type: 'reject', params: underWay } },
] as const
export const rescheduled = [
  { guard: 'keepsLane', target: '#backoff', reenter: true, actions: ['postpone', ...leavesPool] },
  { guard: 'startsLater', target: '#planned', reenter: true, actions: 'change' },
  { guard: 'startsNow', target: '#ready', reenter: true, actions: 'change' },
] as const
