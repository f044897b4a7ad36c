import { type Address, checkId, isAddress } from '../address.ts'
import { invalid, quoted } from '../errors.ts'
import { checkChoice } from '../fields.ts'

/** What a job waits for beside its time and a free slot. */
export interface OrderOptions {
  /** Jobs of one lane run one at a time, in order of (time of submit, id); the next begins when the one before has ended for good. An id. */
  lane?: string
  /**
   * Jobs and groups after which it begins: addresses, or handles; at most 100. One that does not exist yet is waited for.
   */
  after?: readonly (Address | { address: Address })[]
  /** 'all-succeeded' (default): it is cancelled as soon as one of `after` ends otherwise. 'all-finished': it begins however they end. */
  when?: 'all-succeeded' | 'all-finished'
}

export const mostPredecessors = 100

export function orderOf({ lane, after, when }: OrderOptions) {
  checkChoice(when, ['all-succeeded', 'all-finished'], 'when')
  if (after !== undefined && !Array.isArray(after)) throw invalid('after', 'must be an array of addresses, or of handles')
  if (after && after.length > mostPredecessors)
    throw invalid('after', `${after.length} addresses; at most ${mostPredecessors}. Put them into a group and submit after that.`)
  return {
    lane: lane === undefined ? undefined : checkId(lane, 'lane'),
    after: after?.length ? after.map((one, i) => predecessor(typeof one === 'object' ? one?.address : one, `after.${i}`)) : undefined,
    afterWhen: when,
  }
}

function predecessor(address: unknown, field: string): Address {
  if (isAddress(address) && /^(job|group):/.test(address)) return address
  throw invalid(field, `${quoted(address)} is not the address of a job or group`)
}
