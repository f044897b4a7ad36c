import { isChain } from '../followers.ts'
import type { GroupFacts } from '../job.ts'
import { again, jobOf } from '../members.ts'
import { type Args, type GroupContext, type Of, outputKey } from './context.ts'

export const isOutput = ({ context, event }: Args) =>
  event.type === 'ended' && event.key === outputKey && event.round === context.outputRound

const facts = ({ self, members: { total, counts } }: GroupContext): GroupFacts => ({
  id: self.slice(self.indexOf(':') + 1),
  total,
  succeeded: counts.succeeded,
  failed: counts.failed,
  cancelled: counts.cancelled,
})

export function makeOutput({ context }: Args) {
  const { job, input, terms } = context.output!
  const member = { group: context.self, key: outputKey, index: -1, round: 0 }
  return { to: jobOf(context.self, outputKey), event: { type: 'submit', job, input, terms, member, group: facts(context) } }
}

export const cancelOutput = ({ context: { self }, event }: Args) => ({
  to: jobOf(self, outputKey),
  event: { type: 'cancel', reason: (event as Of<'cancel'>).reason },
})

/** Its chain may have made another group in its place. */
export function askChain({ context: { self, followers, outputRound } }: Args) {
  const chain = followers?.find(isChain)
  return chain && { to: chain, event: { type: 'retryOutput', of: self, round: outputRound }, answers: true as const }
}

export const outputAgain = ({ context }: Args) => again(jobOf(context.self, outputKey), context.outputRound).params
