import type { Address } from '../../src/address.ts'
import type { Payload } from './content.ts'
import type { GroupFacts, JobContext, Membership } from './context.ts'
import type { Args, JobEvent } from './events.ts'

/** Sent with a granted claim: all that the worker needs to start the handler. */
export interface Grant {
  address: Address
  job: string
  dispatch: number
  worker: string
  attempt: number
  input: Payload
  timeout?: number
  member?: Membership
  group?: GroupFacts
  /** The round that began with this entry, what came in the one before, and the state that the suspend left. */
  round?: number
  given?: Record<string, Payload>
  state?: Payload
}

/** Losses in a row that use no attempt because nothing was seen to begin; after that each uses one. */
const freeLosses = 3

export const offer = ({ context }: Args) => ({ job: context.job, priority: context.terms.priority, dispatch: context.dispatch })

export const grant = ({ context }: Args): Grant => ({
  address: context.self,
  job: context.job,
  dispatch: context.run!.dispatch,
  worker: context.run!.worker,
  attempt: context.attempts.used + 1,
  input: context.input,
  timeout: context.terms.timeout,
  member: context.member,
  group: context.group,
  round: context.rounds?.round,
  given: context.rounds?.given,
  state: context.rounds?.state,
})

/** What a loss would bring the used attempts to. Unseen to begin, the first few in a row are free; those after them are not, until something is seen. */
export function afterLoss({ attempts: { used, unbegun } }: JobContext, begun: boolean) {
  if (begun) return { used: used + 1, unbegun: 0 }
  return unbegun < freeLosses ? { used, unbegun: unbegun + 1 } : { used: used + 1, unbegun }
}

/** From the worker that holds the current run. */
export function isCurrent({ context: { run }, event }: Args): boolean {
  return 'worker' in event && !!run && run.dispatch === event.dispatch && run.worker === event.worker
}

export const outcome = (event: JobEvent) => (event.type === 'result' ? event.outcome : undefined)
