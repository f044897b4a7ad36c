import { assign, setup } from 'xstate'
import type { Address } from '../../src/address.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import type { Peer } from '../actor.ts'
import { isChain, unknownFor, withFollower } from '../followers.ts'
import { canonical } from '../job.ts'
import { add, allFinished, cancelRest, conflicts, type Effect, end, isKnown, noMembers, retry, type Step, turnPage } from '../members.ts'
import { type Args, added, chainKey, type Ended, type GroupContext, type GroupEvent, known, type Of, outputKey } from './context.ts'
import { isOutput } from './output.ts'
import { isContent } from './tombstone.ts'

/** Members after a step, and what should follow it beside what should already. */
const after = ({ members, out }: GroupContext, step: Step | undefined): Pick<GroupContext, 'members' | 'out'> =>
  step ? { members: step.members, out: [...out, ...step.out] } : { members, out }

/** Runs one pure step on the members. */
const step =
  (f: (args: Args) => Step | undefined) =>
  (args: Args): Pick<GroupContext, 'members' | 'out'> =>
    after(args.context, f(args))

/** A member has ended: see members.ts. Where all must succeed, the first failure is kept. */
function ended(context: GroupContext, { key, index, round, state, error }: Ended): GroupContext {
  const { self, members, when, onMemberFailure, firstFailed } = context
  const moved = after(context, end(self, members, { index: index!, round, state }, onMemberFailure === 'cancel-rest'))
  const tells = when === 'all-succeeded' && failedOf(moved) > failedOf(context)
  return { ...context, ...moved, ...(tells && { firstFailed: firstFailed ?? { key, error } }) }
}

const retriesOutput = ({ context, event }: Args) =>
  event.type === 'retry' &&
  event.key === outputKey &&
  !!context.outputEnded &&
  context.removedAt === undefined &&
  (event.round ?? context.outputRound) === context.outputRound
/** The id of a step was taken by a group that is not of its chain. */
const isOthers = ({ content, chain }: GroupContext, of: Address | undefined): boolean => of !== undefined && content !== '' && chain !== of
const failedOf = ({ members }: Pick<GroupContext, 'members'>): number => members.counts.failed

/** What the chart of a group (group.ts) names: its guards, its delays, and what its actions change. */
export const groupSetup = setup({
  types: { context: {} as GroupContext, events: {} as GroupEvent },
  delays: {
    untilGivenUp: unknownFor,
    untilSealed: ({ context, event }) => Math.max(0, (context.sealAt ?? 0) - event.at),
  },
  guards: {
    isOutput,
    early: ({ event }) => event.type === 'ended' && event.index === undefined && !event.of,
    otherOptions: ({ context, event }) => event.type === 'submit' && !isContent(context.content, canonical(event.options)),
    newWhileSealed: ({ context, event }) => context.sealed && !added(event).every(({ key }) => isKnown(known(event)[key])),
    conflicting: ({ event }) => conflicts(added(event), known(event)).length > 0,
    allKnown: ({ event }) => added(event).every(({ key }) => isKnown(known(event)[key])),
    isReserved: ({ event }) => !!(known(event)[chainKey] as Peer | undefined)?.removed,
    continuesRemoved: ({ context, event }) => context.removedAt !== undefined && event.type === 'add' && !!event.ofSubmit,
    isRemoved: ({ context }) => context.removedAt !== undefined,
    complete: ({ context }) => context.sealed && allFinished(context.members),
    completeAndCancelled: ({ context }) => context.sealed && context.cancelled && allFinished(context.members),
    completeAndFailed: ({ context }) =>
      context.sealed &&
      context.when === 'all-succeeded' &&
      allFinished(context.members) &&
      context.members.counts.succeeded < context.members.total,
    completeWithoutOutput: ({ context }) => context.sealed && !context.output && allFinished(context.members),
    outputSucceeded: (args) => isOutput(args) && (args.event as Of<'ended'>).state === 'succeeded',
    outputCancelled: (args) => isOutput(args) && (args.event as Of<'ended'>).state === 'cancelled',
    ofOutput: ({ event }) => event.type === 'retry' && event.key === outputKey,
    retriesOutput,
    asksChain: (args) => retriesOutput(args) && !(args.event as Of<'retry'>).allowed && !!args.context.followers?.some(isChain),
    sealed: ({ context }) => context.sealed,
    followsOther: ({ context, event }) => event.type === 'follow' && isChain(event.follower) && isOthers(context, event.follower),
    cancelsOther: ({ context, event }) => event.type === 'cancel' && isOthers(context, event.chain),
    tooManyFollow: ({ context, event }) => event.type === 'follow' && !withFollower(context, event.follower),
    hasSealTime: ({ context }) => context.sealAt !== undefined,
  },
  actions: {
    // for the host: see ActorType
    emit: (_, _params: { effects: Effect[] }) => {},
    send: (_, _params: { to: Address; event: ActorEvent; answers?: true } | undefined) => {},
    reject: (_, _params: { code: string; message: string }) => {},

    accept: assign(({ event }) => {
      const { self, options, at } = event as Of<'submit'>
      return {
        self,
        content: canonical(options),
        when: options.when ?? 'all-finished',
        onMemberFailure: options.onMemberFailure ?? 'continue',
        output: options.output,
        labels: options.labels,
        chain: options.chain,
        sealAt: options.sealBy === undefined ? undefined : at + options.sealBy,
        members: noMembers(options.concurrency),
        early: undefined,
      }
    }),
    add: assign(step(({ context, event }) => add(context.self, context.members, added(event), known(event)))),
    /** What adds members seals only if it says so: a large group arrives in several pieces. */
    seal: assign(({ context, event }) => ({
      sealed: context.sealed || (event.type === 'submit' || event.type === 'add' ? !!event.seal : true),
    })),
    noteEarly: assign(({ context, event }) => {
      const { self, key, state } = event as Of<'ended'>
      return { self, early: { ...context.early, [key]: state } }
    }),
    end: assign(({ context, event }) => ((event as Of<'ended'>).of ?? [event as Of<'ended'>]).reduce(ended, context)),
    retry: assign((args) => {
      const { self, members, firstFailed } = args.context
      const event = args.event as Of<'retry'>
      const moved = step(() => retry(self, members, event))(args)
      return failedOf(moved) < failedOf(args.context) && firstFailed?.key === event.key ? { ...moved, firstFailed: undefined } : moved
    }),
    cancelRest: assign(step(({ context: { self, members } }) => cancelRest(self, members))),
    noteCancel: assign(({ context, event }) => ({
      cancelled: true,
      sealed: true,
      cancelReason: context.cancelReason ?? (event as Of<'cancel'>).reason,
    })),
    noteReason: assign(({ context, event }) => ({ cancelReason: context.cancelReason ?? (event as Of<'cancel'>).reason })),
    turnPage: assign(step(({ context: { self, members }, event }) => turnPage(self, members, event as Of<'page'>))),
    noteOutput: assign(({ event }) => {
      const { state, error } = event as Of<'ended'>
      return { outputEnded: { state, error } }
    }),
    renewOutput: assign(({ context }) => ({ outputEnded: undefined, outputRound: context.outputRound + 1 })),
    noteFollower: assign(({ context, event }) => {
      const { self, follower } = event as Of<'follow'>
      return { self, followers: withFollower({ ...context, self }, follower) }
    }),
    goneWithChain: assign({ cancelReason: 'it was removed with its chain' }),
    /** That of which it is a step: it stays as long as that does. Others were only to be told. */
    noteChain: assign(({ context, event }) => {
      const { follower } = event as Of<'follow'>
      return isChain(follower) ? { followers: withFollower(context, follower) ?? context.followers } : {}
    }),
    clear: assign({ out: [] }),
  },
})
