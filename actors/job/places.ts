import type { Address } from '../../src/address.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import type { JobContext } from './context.ts'
import type { Args, Of } from './events.ts'

/**
 * The places that a job needs before it is queued: first in its lane, then in its pool (the other way round, one that waits for its
 * lane would keep units from the one that it waits for). Pool units go back in the write that ends the run, however it ends; the place in
 * the lane only in a final state.
 */
type Sends = { effects: { type: 'send'; params: { to: Address; event: ActorEvent } }[] }

const gatesOf = ({ lane, terms: { pool } }: JobContext): Address[] => [
  ...(lane === undefined ? [] : [`lane:${lane}`]),
  ...(pool === undefined ? [] : [`pool:${pool}`]),
]
const isPool = (gate: Address): boolean => gate.startsWith('pool:')
const has = ({ places }: JobContext, gate: Address): boolean => !!places?.includes(gate)

export const hasLane = (context: JobContext): boolean => context.lane !== undefined && has(context, `lane:${context.lane}`)

const missing = (context: JobContext): Address | undefined => gatesOf(context).find((gate) => !has(context, gate))
export const lacksPlace = ({ context }: Args): boolean => missing(context) !== undefined

const permitOf = ({ permits }: JobContext, gate: Address): number => permits?.[gate] ?? 0

/** Every request has a number of its own. */
export function ask({ context }: Args): Partial<JobContext> {
  const gate = missing(context)!
  // Asked already, before a late result came: the same request is made again.
  if (context.asked === gate) return {}
  return { asked: gate, permits: { ...context.permits, [gate]: permitOf(context, gate) + 1 } }
}

/**
 * A pool goes by age, and who has had its units and asks again (another attempt, a resume) is as old as that request: else those who ask again and again
 * would be the oldest for ever, and the others starve.
 */
export const request = ({ context, event }: Args) => {
  const { self, asked: gate = '', terms, submittedAt = 0, dispatch } = context
  const since = isPool(gate) && dispatch > 0 ? event.at : submittedAt
  const needs = isPool(gate) ? terms.needs : undefined
  return { to: gate, event: { type: 'request', job: self, permit: permitOf(context, gate), priority: terms.priority, since, needs } }
}

const isPlaceAskedFor = (context: JobContext, { gate, permit }: Of<'granted'>): boolean =>
  context.asked === gate && permitOf(context, gate) === permit
export const isAskedFor = ({ context, event }: Args): boolean => event.type === 'granted' && isPlaceAskedFor(context, event)
/** The place that it has, told once more. */
export const isHeld = ({ context, event }: Args): boolean =>
  event.type === 'granted' && has(context, event.gate) && permitOf(context, event.gate) === event.permit

export const take = ({ context: { places = [] }, event }: Args): Partial<JobContext> => ({
  asked: undefined,
  places: [...places, (event as Of<'granted'>).gate],
})

const giveUp = (context: JobContext, gate: Address, type: 'release' | 'withdraw', permit = permitOf(context, gate)) => ({
  type: 'send' as const,
  params: { to: gate, event: { type, job: context.self, permit } },
})

/** A place that it no longer wants goes back. */
export const refuse = ({ context, event }: Args) => {
  const { gate, permit } = event as Of<'granted'>
  return giveUp(context, gate, 'release', permit).params
}

/** The gate has nothing of this permit any more. */
export function told({ context: { leaving }, event }: Args): Partial<JobContext> {
  const { gate, permit } = event as Of<'granted' | 'withdrawn'>
  if (!leaving?.[gate]?.includes(permit)) return {}
  const { [gate]: permits, ...others } = leaving
  const rest = permits!.filter((one) => one !== permit)
  if (rest.length) return { leaving: { ...others, [gate]: rest } }
  return { leaving: Object.keys(others).length ? others : undefined }
}

const leave = (context: JobContext, which: (gate: Address) => boolean): Sends => ({
  effects: [
    ...(context.asked === undefined ? [] : [giveUp(context, context.asked, 'withdraw')]),
    ...(context.places ?? []).filter(which).map((gate) => giveUp(context, gate, 'release')),
  ],
})

/** What was asked for is kept in mind until the gate says that it has forgotten it: so long the job must not be removed. */
function left({ context }: Args, which: (gate: Address) => boolean): Partial<JobContext> {
  const { asked, places, leaving } = context
  const rest = places?.filter((gate) => !which(gate))
  return {
    ...(places && { places: rest?.length ? rest : undefined }),
    ...(asked !== undefined && {
      asked: undefined,
      leaving: { ...leaving, [asked]: [...(leaving?.[asked] ?? []), permitOf(context, asked)] },
    }),
  }
}

export const leavePool = ({ context }: Args): Sends => leave(context, isPool)
export const withoutPool = (args: Args): Partial<JobContext> => left(args, isPool)

const all = () => true
export const leaveAll = ({ context }: Args): Sends => leave(context, all)
export const withoutPlaces = (args: Args): Partial<JobContext> => left(args, all)
