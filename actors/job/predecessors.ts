import type { Address } from '../../src/address.ts'
import type { JobContext } from './context.ts'
import type { Args, Of } from './events.ts'

/** The jobs and groups after which a job was submitted: it tells each that it follows it, and is told when that has ended. */
export const waiting = 'waiting'

export const followed = (after: readonly Address[]): Record<Address, string> =>
  Object.fromEntries(after.map((address) => [address, waiting]))

export const follow = ({ context: { self, after = {} } }: Args) => ({
  effects: Object.keys(after).map((to) => ({ type: 'send' as const, params: { to, event: { type: 'follow', follower: self } } })),
})

/** How it ended; and why it did not succeed, where that ends this one as well. */
export function note({ context: { after, afterWhen }, event }: Args): Partial<JobContext> {
  const { of, state, error } = event as Of<'predecessorEnded'>
  const how = error && afterWhen !== 'all-finished' ? `${state}: ${error}` : state
  return after?.[of] === waiting ? { after: { ...after, [of]: how } } : {}
}

const statesOf = ({ context: { after = {} } }: Args): string[] => Object.values(after)
export const follows = (args: Args): boolean => statesOf(args).includes(waiting)

/** One of them ended otherwise, and it may begin only if all succeed. */
export const isInVain = (args: Args): boolean =>
  args.context.afterWhen !== 'all-finished' && statesOf(args).some((state) => state !== waiting && state !== 'succeeded')

export function inVain({ context: { after = {} } }: Args): Partial<JobContext> {
  const [of, state] = Object.entries(after).find(([, ended]) => ended !== waiting && ended !== 'succeeded')!
  return { cancelReason: `${of}, after which it was to begin, is ${state}` }
}

/** Who follows it is who it follows: each would wait for the other, for ever. */
export const isCircle = ({ context: { after }, event }: Args): boolean => event.type === 'follow' && after?.[event.follower] === waiting

export const circle = ({ event }: Args): Partial<JobContext> => ({
  cancelReason: `${(event as Of<'follow'>).follower}, after which it was to begin, was submitted after this one`,
})
