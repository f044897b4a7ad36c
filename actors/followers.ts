import type { Address } from '../src/address.ts'

/** The jobs that begin after an actor has ended: it keeps their addresses, and tells each of them when it has. */
const mostFollowers = 1000
/** What others wait for, and nobody submits, is given up after 30 days (ms). */
export const unknownFor = 30 * 24 * 60 * 60 * 1000
export const tooManyFollowers = `followed by ${mostFollowers} already`

/** A chain, of which it is a step; else a job that comes after it. */
export const isChain = (follower: Address): boolean => follower.startsWith('chain:')

export interface Followed {
  self: Address
  followers?: readonly Address[]
  /** Of a group: +1 each time that its output ran again by hand. */
  outputRound?: number
}

/** One more; undefined: there are too many. */
export function withFollower({ followers = [] }: Followed, follower: Address): readonly Address[] | undefined {
  if (followers.includes(follower)) return followers
  return followers.length < mostFollowers ? [...followers, follower] : undefined
}

const tell = (to: Address, { self, outputRound }: Followed, state: string, error?: string) => ({
  type: 'send' as const,
  params: { to, event: { type: 'predecessorEnded', of: self, state, ...(error && { error }), ...(outputRound && { round: outputRound }) } },
})

/** `error`: why it did not succeed. */
export const tellFollowers = (of: Followed, state: string, error?: string) => ({
  effects: (of.followers ?? []).map((to) => tell(to, of, state, error)),
})
export const tellFollower = (of: Followed, follower: Address, state: string, error?: string) => tell(follower, of, state, error).params
