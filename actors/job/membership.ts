import type { JobContext } from './context.ts'
import type { Args, Of } from './events.ts'

export const isNewRound = ({ context: { member }, event }: Args) => event.type === 'again' && !!member && event.round > member.round

/** Of a row of jobs, each after the one before: what those in between say is left out, and the first reason stays. */
const between = /^(?:\S+, after which it was to begin, is cancelled: )+(?=\S+, after which it was to begin, )/

/** Why it did not succeed, as far as it was said. */
export const because = ({ endedAs, error, cancelReason }: Pick<JobContext, 'endedAs' | 'error' | 'cancelReason'>): string | undefined =>
  (endedAs === 'cancelled' ? cancelReason : endedAs === 'succeeded' ? undefined : error?.message)?.replace(between, '').slice(0, 200)

export const end = ({ context, context: { member, endedAs, output } }: Args) =>
  member && {
    to: member.group,
    event: {
      type: 'ended',
      key: member.key,
      index: member.index,
      round: member.round,
      state: endedAs,
      error: because(context),
      ...(member.wanted && { output }),
    },
  }

export const conflict = ({ context }: Args) => ({
  code: 'CONFLICT',
  message: context.content
    ? `${context.self} exists with other content (it is of the definition ${context.job}). Use another id, or the same definition and input.`
    : `${context.self} was waited for and never submitted: it was given up. Use another id.`,
})

/** The id is taken by other work: its group must not wait for it for ever, and its schedule must not take it for started. */
export const refusedEnd = (args: Args) => {
  const { self, member, schedule } = args.event as Of<'submit'>
  const error = conflict(args).message.slice(0, 200)
  if (schedule) return { to: schedule, event: { type: 'notStarted', of: self, error } }
  if (member?.index === undefined) return undefined
  const { group, key, index, round } = member
  return { to: group, event: { type: 'ended', key, index, round, state: 'refused', error } }
}

/** Whoever asked is answered by what the group says. */
export const askGroup = ({ context: { member, endedAs } }: Args) =>
  member && {
    to: member.group,
    event: { type: 'retry', key: member.key, index: member.index, round: member.round, state: endedAs },
    answers: true as const,
  }
