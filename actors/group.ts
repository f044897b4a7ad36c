import { chainOver } from '../src/address.ts'
import type { ActorType } from './actor.ts'
import { isChain, tellFollower, tellFollowers, tooManyFollowers } from './followers.ts'
import { type Args, chainKey, type GroupContext, type Of } from './group/context.ts'
import { failure } from './group/failure.ts'
import { askChain, cancelOutput, makeOutput, outputAgain } from './group/output.ts'
import { closed, conflict, otherOptions, removed, reserved, tooLate, unknownYet } from './group/refusals.ts'
import { groupSetup } from './group/setup.ts'
import { tombstoneOf } from './group/tombstone.ts'
import { stateOf, why } from './group/why.ts'
import { jobOf, type Member, noMembers } from './members.ts'

export { type GroupContext, type GroupEvent, type GroupOptions, outputKey } from './group/context.ts'
export { failure } from './group/failure.ts'

/** Hands what the steps put out to the host. */
const emit = [{ type: 'emit', params: ({ context }: Args) => ({ effects: context.out }) }, 'clear'] as const

/** An operator's retry of an output that ended without success: the group waits for it again. As a step it asks its chain first. */
const outputRetried = {
  retry: [
    { guard: 'asksChain', actions: { type: 'send', params: askChain } },
    { guard: 'retriesOutput', target: 'output', actions: ['renewOutput', { type: 'send', params: outputAgain }] },
  ],
} as const

/** Its chain would take what this makes for what it has asked for. */
const notOfChain = {
  guard: 'followsOther',
  actions: {
    type: 'send',
    params: (args: Args) => tellFollower(args.context, (args.event as Of<'follow'>).follower, 'refused', otherOptions(args).message),
  },
} as const

const whyNot = (context: GroupContext, as: string) =>
  as === 'failed' || (as === 'cancelled' && context.outputEnded) ? failure(context) : context.cancelReason
/** Jobs that were submitted after it are told, and the chain of which it is a step. */
const ended = (as: string, on = {}) =>
  ({
    entry: { type: 'emit', params: ({ context }: Args) => tellFollowers(context, as, whyNot(context, as)) },
    on: {
      follow: [
        notOfChain,
        {
          actions: [
            'noteChain',
            {
              type: 'send',
              params: ({ context, event }: Args) => tellFollower(context, (event as Of<'follow'>).follower, as, whyNot(context, as)),
            },
          ],
        },
      ],
      ...on,
    },
  }) as const
const tellTooMany = ({ context, event }: Args) => tellFollower(context, (event as Of<'follow'>).follower, tooManyFollowers)

/**
 * Members that finish together, and one output when all have.
 *
 *   submit ─► open ──── sealed and nothing unfinished ───► output ───► succeeded │ failed │ cancelled, as the output ended
 *     ▲        │ └───── the same, cancelled ──────────► cancelled
 *     │        └─────── the same, all-succeeded and one did not ► failed       │           │
 *   awaited (a member ended before its group was known)        output ◄── an operator's retry of the output
 *
 * "Sealed and nothing unfinished" is tested in the very write that applies the last end, on the set of members, never on a
 * counter; the output is the job `<group>/output`, so there can be only one.
 */
const groupMachine = groupSetup.createMachine({
  id: 'group',
  context: {
    self: '',
    content: '',
    when: 'all-finished',
    onMemberFailure: 'continue',
    sealed: false,
    cancelled: false,
    outputRound: 0,
    members: noMembers(),
    out: [],
  },
  initial: 'new',
  on: {
    ended: {},
    // An output that is run again already, or a member that comes too late.
    retry: [
      { guard: 'isRemoved', actions: { type: 'reject', params: removed } },
      { guard: 'ofOutput', actions: { type: 'send', params: outputAgain } },
      { actions: { type: 'send', params: closed } },
    ],
    page: {},
    // Known keys are the same members, whatever the state; new ones are too late.
    submit: [
      { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
      { guard: 'otherOptions', actions: { type: 'reject', params: otherOptions } },
      // Its members are gone with it: they are taken for those that it had.
      { guard: 'isRemoved' },
      { guard: 'allKnown' },
      { actions: { type: 'reject', params: tooLate } },
    ],
    add: [
      { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
      { guard: 'continuesRemoved' },
      { guard: 'isRemoved', actions: { type: 'reject', params: removed } },
      { guard: 'allKnown' },
      { actions: { type: 'reject', params: tooLate } },
    ],
    seal: {},
    follow: [notOfChain, { guard: 'tooManyFollow', actions: { type: 'send', params: tellTooMany } }, { actions: 'noteFollower' }],
  },
  states: {
    new: {
      on: {
        submit: [
          { guard: 'isReserved', actions: { type: 'reject', params: reserved } },
          { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
          { target: 'open', actions: ['accept', 'add', 'seal', ...emit] },
        ],
        follow: [
          { guard: 'isReserved', target: 'cancelled', actions: ['noteFollower', 'goneWithChain'] },
          { target: 'awaited', actions: 'noteFollower' },
        ],
        // A member that has a place has one in a group that was deleted: this must not begin a new one.
        ended: [{ guard: 'early', target: 'awaited', actions: 'noteEarly' }, { actions: { type: 'reject', params: unknownYet } }],
      },
    },
    awaited: {
      after: { untilGivenUp: 'cancelled' },
      on: {
        submit: [
          { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
          { target: 'open', actions: ['accept', 'add', 'seal', ...emit] },
        ],
        ended: { guard: 'early', actions: 'noteEarly' },
        cancel: { target: 'cancelled', actions: 'noteCancel' },
        add: { actions: { type: 'reject', params: unknownYet } },
        seal: { actions: { type: 'reject', params: unknownYet } },
      },
    },
    open: {
      initial: 'filling',
      always: [
        { guard: 'completeAndCancelled', target: 'cancelled' },
        { guard: 'completeAndFailed', target: 'failed' },
        { guard: 'completeWithoutOutput', target: 'succeeded' },
        { guard: 'complete', target: 'output', actions: { type: 'send', params: makeOutput } },
      ],
      on: {
        ended: { actions: ['end', ...emit] },
        retry: { actions: ['retry', ...emit] },
        page: { actions: ['turnPage', ...emit] },
        cancel: [{ guard: 'cancelsOther' }, { actions: ['noteCancel', 'cancelRest', ...emit] }],
        submit: [
          { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
          { guard: 'otherOptions', actions: { type: 'reject', params: otherOptions } },
          { guard: 'newWhileSealed', actions: { type: 'reject', params: tooLate } },
          { actions: ['add', 'seal', ...emit] },
        ],
        add: [
          { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
          { guard: 'newWhileSealed', actions: { type: 'reject', params: tooLate } },
          { actions: ['add', 'seal', ...emit] },
        ],
      },
      states: {
        filling: {
          always: [
            { guard: 'sealed', target: 'sealed' },
            { guard: 'hasSealTime', target: 'fillingUntil' },
          ],
          on: { seal: { target: 'sealed', actions: 'seal' } },
        },
        fillingUntil: {
          always: { guard: 'sealed', target: 'sealed' },
          after: { untilSealed: { target: 'sealed', actions: 'seal' } },
          on: { seal: { target: 'sealed', actions: 'seal' } },
        },
        sealed: {},
      },
    },
    output: {
      on: {
        ended: [
          { guard: 'outputSucceeded', target: 'succeeded', actions: 'noteOutput' },
          { guard: 'outputCancelled', target: 'cancelled', actions: 'noteOutput' },
          { guard: 'isOutput', target: 'failed', actions: 'noteOutput' },
        ],
        cancel: [{ guard: 'cancelsOther' }, { actions: ['noteReason', { type: 'send', params: cancelOutput }] }],
      },
    },
    succeeded: ended('succeeded'),
    failed: ended('failed', outputRetried),
    cancelled: ended('cancelled', outputRetried),
  },
})

/** Final states, by name. */
export const groupEnded: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled'])

export const group: ActorType = {
  name: 'group',
  version: 1,
  machine: groupMachine,
  creates: new Set(['submit', 'ended', 'follow']),
  unmarked: new Set(['ended', 'follow']),
  /** An end of the output stays alone: it is looked for by its key. */
  joined: {
    may: ({ type, index }) => type === 'ended' && (index as number) >= 0,
    as: (events) => ({ type: 'ended', of: events.map(({ type, ...end }) => end) }),
  },
  hasMembers: true,
  peers(self, event) {
    const members = Array.isArray(event.members) ? (event.members as Member[]).map(({ key }) => ({ key, address: jobOf(self, key) })) : []
    const chain = event.type === 'submit' || event.type === 'follow' ? chainOver(self) : undefined
    return chain ? [...members, { key: chainKey, address: chain }] : members
  },
  view(snapshot) {
    const state = stateOf(snapshot.value)
    return { state, final: groupEnded.has(state), labels: (snapshot.context as GroupContext).labels }
  },
  /** A step of a chain: when that is restarted, what the group has put out may be asked for. */
  neededBy: (snapshot) => ((snapshot.context as GroupContext).followers ?? []).filter(isChain),
  tombstone: tombstoneOf,
  peer: (snapshot) =>
    (snapshot.context as GroupContext).removedAt === undefined ? undefined : { content: '', member: false, removed: true },
  why,
}
