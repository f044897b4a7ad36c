import type { Address } from '../../src/address.ts'
import type { Payload } from './content.ts'
import type { JobContext, JobError } from './context.ts'
import type { Args, Of } from './events.ts'
import { isCurrent, outcome } from './runs.ts'

/** What a handler has suspended its job until. */
export interface Suspend {
  /** Names of callbacks, and how many of them must come. */
  until: string[]
  need: number
  /** ms from when it is recorded; absent: it waits without end. */
  deadline?: number
  /** At the deadline: for those that are missing. */
  fallback?: Record<string, Payload>
  /** For the entry that the resume makes: one that is repeated before finds what it found. */
  state?: Payload
  /** A correlation id: `correlation:<as>` is the job's address as well, for this round. */
  as?: string
}

/**
 * What a job knows of its callbacks. A *round* begins with the submit, and with each entry of the handler by a resume; a value is kept
 * from then on, the first for each name. The round ends when the resume's claim is granted, not when the resume is decided: what comes
 * in between is still given to that entry. What an entry was given stays until the next resume, so that a repeated entry gets the same.
 */
export interface Rounds {
  round: number
  /** What has come in this round. */
  values: Record<string, Payload>
  /** What the present entry of the handler was given, and the state that it finds. */
  given: Record<string, Payload>
  state?: Payload
  /** From the suspend to the entry that follows it. */
  suspend?: Suspend
  /** ms since 1970. */
  deadlineAt?: number
  /** Decided, and not yet granted: why. */
  resuming?: 'met' | 'deadline'
  /** The correlation id that is registered last. */
  alias?: string
}

export type Refused = { code: string; message: string }

const first: Rounds = { round: 1, values: {}, given: {} }
export const roundsOf = ({ rounds }: JobContext): Rounds => rounds ?? first

/** Which of those waited for have come. */
export function cameOf({ suspend, values }: Rounds): { came: string[]; missing: string[] } {
  const until = suspend?.until ?? []
  return { came: until.filter((name) => Object.hasOwn(values, name)), missing: until.filter((name) => !Object.hasOwn(values, name)) }
}
const isMet = (rounds: Rounds) => !!rounds.suspend && cameOf(rounds).came.length >= rounds.suspend.need

/** Why a callback is not taken; undefined: it is. */
export function refusalOf({ context, event }: Args): Refused | undefined {
  const { name, round, refused } = event as Of<'resume'>
  const { self, job, terms, endedAs } = context
  if (!job) return { code: 'NOT_FOUND', message: `${event.self} does not exist` }
  const declared = terms.callbacks ?? []
  if (!declared.includes(name)) {
    const known = declared.length ? `it declares ${declared.join(', ')}` : 'it declares none'
    return { code: 'VALIDATION', message: `name: ${JSON.stringify(name)} is no callback of ${job}: ${known}` }
  }
  if (refused) return refused
  const now = roundsOf(context)
  if (endedAs) return { code: 'SUPERSEDED', message: `${name} came too late: ${self} has ended, ${endedAs}` }
  if (round !== undefined && round < now.round)
    return { code: 'SUPERSEDED', message: `${name} of round ${round} came too late: ${self} is in round ${now.round}` }
  if (round !== undefined && round > now.round)
    return { code: 'NOT_ALLOWED', message: `round: ${self} is in round ${now.round}; round ${round} has not begun` }
  if (Object.hasOwn(now.values, name))
    return { code: 'CONFLICT', message: `${name} of round ${now.round} was given to ${self} before: the first value counts` }
  return undefined
}

/** A job that is being cancelled takes nothing more. */
export const refusalInCancelling = (args: Args): Refused =>
  refusalOf(args) ?? {
    code: 'SUPERSEDED',
    message: `${(args.event as Of<'resume'>).name} came too late: ${args.context.self} is being cancelled`,
  }

/** The reply, unless the callback came by a correlation id: then that one replies. */
export const rejection = (refuse: (args: Args) => Refused | undefined) => (args: Args) =>
  (args.event as Of<'resume'>).via ? undefined : refuse(args)

/** Tells the correlation id by which the callback came what became of it. */
export const answerVia = (refuse: (args: Args) => Refused | undefined) => (args: Args) => {
  const { via, name, kept } = args.event as Of<'resume'>
  return via ? { to: via, event: { type: 'answered', name, kept, refused: refuse(args) }, answers: true as const } : undefined
}
export const taken = () => undefined

export function withValue({ context, event }: Args): Rounds {
  const { name, value } = event as Of<'resume'>
  const now = roundsOf(context)
  return { ...now, values: { ...now.values, [name]: value } }
}

export const meets = (args: Args) => args.event.type === 'resume' && !refusalOf(args) && isMet(withValue(args))

export const suspends = (args: Args) => isCurrent(args) && outcome(args.event) === 'suspend'
export const suspendsAndMet = (args: Args) => suspends(args) && isMet(suspended(args))

export function suspended({ context, event }: Args): Rounds {
  const { suspend, at } = event as Of<'result'> & { at: number }
  const now = roundsOf(context)
  const { deadline, as } = suspend!
  return {
    ...now,
    suspend,
    deadlineAt: deadline === undefined ? undefined : at + deadline,
    resuming: undefined,
    alias: as ?? now.alias,
  }
}

export const resumed = ({ context }: Args, resuming: 'met' | 'deadline'): Rounds => ({ ...roundsOf(context), resuming })

/** The claim is granted: if it is a resume's, its round ends, and what has come in it is what the handler gets. */
export function entered({ context }: Args): Rounds | undefined {
  const now = context.rounds
  if (!now?.resuming) return now
  const given = { ...now.values }
  if (now.resuming === 'deadline')
    for (const name of cameOf(now).missing)
      if (Object.hasOwn(now.suspend!.fallback ?? {}, name)) given[name] = now.suspend!.fallback![name]!
  return { round: now.round + 1, values: {}, given, state: now.suspend!.state, alias: now.alias }
}

// ---- the correlation id --------------------------------------------------------------------------------------------------

const addressOfId = (as: string): Address => `correlation:${as}`

export const register = ({ context }: Args) => {
  const { suspend, round } = roundsOf(context)
  return suspend?.as === undefined ? undefined : { to: addressOfId(suspend.as), event: { type: 'register', job: context.self, round } }
}

/** Another one takes its place: a job has one at a time. */
export const releaseOther = ({ context, event }: Args) => {
  const { alias } = roundsOf(context)
  const as = (event as Of<'result'>).suspend?.as
  return alias === undefined || as === undefined || as === alias ? undefined : released(context.self, alias)
}
export const release = ({ context }: Args) => {
  const { alias } = roundsOf(context)
  return alias === undefined ? undefined : released(context.self, alias)
}
const released = (job: Address, alias: string) => ({ to: addressOfId(alias), event: { type: 'release', job } })

export const isTaken = ({ context, event }: Args) =>
  event.type === 'notRegistered' && roundsOf(context).round === event.round && roundsOf(context).suspend?.as === event.as

export function takenError({ event }: Args): JobError {
  const { as, by } = event as Of<'notRegistered'>
  const message = `as: the correlation id "${as}" belongs to ${by}, which has not ended. Use another one.`
  return { name: 'ConflictError', code: 'CONFLICT', message }
}
