import { assign, setup } from 'xstate'
import type { Address } from '../src/address.ts'
import type { ActorEvent } from '../src/envelope.ts'
import type { ActorType, Condition } from './actor.ts'
import { canonical, type GroupFacts, type Payload, type Terms } from './job.ts'
import {
  add,
  allFinished,
  cancelRest,
  conflicts,
  type Effect,
  end,
  isKnown,
  jobOf,
  type Member,
  type Members,
  noMembers,
  retry,
  type Step,
  turnPage,
} from './members.ts'

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
export interface GroupContext {
  self: Address
  /** The options as submitted: the same id with other options is a conflict. */
  content: string
  when: 'all-finished' | 'all-succeeded'
  onMemberFailure: 'continue' | 'cancel-rest'
  output?: { job: string; input: Payload; terms: Terms }
  labels?: Record<string, string>
  sealAt?: number
  sealed: boolean
  cancelled: boolean
  members: Members
  /** Ends of members that were submitted beside the group, until it is known. */
  early?: Record<string, string>
  outputEnded?: { state: string; error?: string }
  /** +1 for each operator's retry of the output: an end of an earlier round is not the end of this one. */
  outputRound: number
  /** Effects of the present transition; empty in every stored snapshot. */
  out: Effect[]
}

export interface GroupOptions {
  when?: GroupContext['when']
  onMemberFailure?: GroupContext['onMemberFailure']
  concurrency?: number
  output?: { job: string; input: Payload; terms: Terms }
  /** ms from the submit to the seal that comes by itself. */
  sealBy?: number
  labels?: Record<string, string>
}

export type GroupEvent = { at: number; self: Address } & (
  | { type: 'submit'; options: GroupOptions; members: Member[]; seal?: boolean; known?: Record<string, unknown> }
  | { type: 'add'; members: Member[]; seal?: boolean; known?: Record<string, unknown> }
  | { type: 'seal' }
  | { type: 'cancel'; reason?: string }
  | { type: 'ended'; key: string; index?: number; round: number; state: string; error?: string }
  | { type: 'retry'; key: string; index: number }
  | { type: 'page'; for: string; first: number; body: string[] }
)

/** Key of the output among the jobs of a group. */
export const outputKey = 'output'

type Args = { context: GroupContext; event: GroupEvent }
type Of<T extends GroupEvent['type']> = Extract<GroupEvent, { type: T }>

const added = (event: GroupEvent): Member[] => ('members' in event ? event.members : [])
const known = (event: GroupEvent) => ('known' in event && event.known) || {}
const isOutput = ({ context, event }: Args) => event.type === 'ended' && event.key === outputKey && event.round === context.outputRound

/** Runs one pure step on the members. */
const step = (f: (args: Args) => Step | undefined) => (args: Args) => {
  const result = f(args)
  return result ? { members: result.members, out: [...args.context.out, ...result.out] } : {}
}

/** Hands what the steps put out to the host. */
const emit = [{ type: 'emit', params: ({ context }: Args) => ({ effects: context.out }) }, 'clear'] as const

const facts = ({ self, members: { total, counts } }: GroupContext): GroupFacts => ({
  id: self.slice(self.indexOf(':') + 1),
  total,
  succeeded: counts.succeeded,
  failed: counts.failed,
  cancelled: counts.cancelled,
})

function makeOutput({ context }: Args) {
  const { job, input, terms } = context.output!
  const member = { group: context.self, key: outputKey, index: -1, round: 0 }
  return { to: jobOf(context.self, outputKey), event: { type: 'submit', job, input, terms, member, group: facts(context) } }
}

const again = ({ context }: Args) => ({
  to: jobOf(context.self, outputKey),
  event: { type: 'again', round: context.outputRound },
})

function conflict({ event }: Args) {
  const keys = conflicts(added(event), known(event))
  return {
    code: 'CONFLICT',
    message: `members.${keys[0]}: exists with other content${keys.length > 1 ? `, and ${keys.length - 1} more` : ''}. Nothing of this was added.`,
  }
}

const otherOptions = ({ context }: Args) => ({
  code: 'CONFLICT',
  message: `${context.self} exists with other options. Use another id, or the same options.`,
})

const unknownYet = ({ event }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `${event.self} was not submitted yet (members of it have ended already): submit it first. Nothing was changed.`,
})

const tooLate = ({ context }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `${context.self} is sealed: no new members. Nothing of this was added.`,
})

/** An operator's retry of an output that ended without success: the group waits for it again. */
const outputRetried = {
  retry: { guard: 'retriesOutput', target: 'output', actions: ['renewOutput', { type: 'send', params: again }] },
} as const

const groupMachine = setup({
  types: { context: {} as GroupContext, events: {} as GroupEvent },
  delays: { untilSealed: ({ context, event }) => Math.max(0, (context.sealAt ?? 0) - event.at) },
  guards: {
    isOutput,
    early: ({ event }) => event.type === 'ended' && event.index === undefined,
    otherOptions: ({ context, event }) => event.type === 'submit' && context.content !== canonical(event.options),
    newWhileSealed: ({ context, event }) => context.sealed && !added(event).every(({ key }) => isKnown(known(event)[key])),
    conflicting: ({ event }) => conflicts(added(event), known(event)).length > 0,
    allKnown: ({ event }) => added(event).every(({ key }) => isKnown(known(event)[key])),
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
    retriesOutput: ({ context, event }) => event.type === 'retry' && event.key === outputKey && !!context.outputEnded,
    sealed: ({ context }) => context.sealed,
    hasSealTime: ({ context }) => context.sealAt !== undefined,
  },
  actions: {
    // for the host: see ActorType
    emit: (_, _params: { effects: Effect[] }) => {},
    send: (_, _params: { to: Address; event: ActorEvent }) => {},
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
    end: assign(
      step(({ context, event }) => {
        const { self, members, onMemberFailure } = context
        const { index, round, state } = event as Of<'ended'>
        return end(self, members, { index: index!, round, state }, onMemberFailure === 'cancel-rest')
      }),
    ),
    retry: assign(
      step(({ context, event }) => {
        const { key, index } = event as Of<'retry'>
        return context.members.sweeping === undefined ? retry(context.self, context.members, key, index) : undefined
      }),
    ),
    cancelRest: assign(step(({ context: { self, members } }) => (members.sweeping === undefined ? cancelRest(self, members) : undefined))),
    noteCancel: assign({ cancelled: true, sealed: true }),
    turnPage: assign(
      step(({ context, event }) => {
        const { for: purpose, first, body } = event as Of<'page'>
        return turnPage(context.self, context.members, purpose, first, body)
      }),
    ),
    noteOutput: assign(({ event }) => {
      const { state, error } = event as Of<'ended'>
      return { outputEnded: { state, error } }
    }),
    renewOutput: assign(({ context }) => ({ outputEnded: undefined, outputRound: context.outputRound + 1 })),
    clear: assign({ out: [] }),
  },
}).createMachine({
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
    retry: {},
    page: {},
    // Known keys are the same members, whatever the state; new ones are too late.
    submit: [
      { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
      { guard: 'otherOptions', actions: { type: 'reject', params: otherOptions } },
      { guard: 'allKnown' },
      { actions: { type: 'reject', params: tooLate } },
    ],
    add: [
      { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
      { guard: 'allKnown' },
      { actions: { type: 'reject', params: tooLate } },
    ],
    seal: {},
  },
  states: {
    new: {
      on: {
        submit: [
          { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
          { target: 'open', actions: ['accept', 'add', 'seal', ...emit] },
        ],
        // A member that has a place has one in a group that was deleted: this must not begin a new one.
        ended: [{ guard: 'early', target: 'awaited', actions: 'noteEarly' }, { actions: { type: 'reject', params: unknownYet } }],
      },
    },
    awaited: {
      on: {
        submit: [
          { guard: 'conflicting', actions: { type: 'reject', params: conflict } },
          { target: 'open', actions: ['accept', 'add', 'seal', ...emit] },
        ],
        ended: { guard: 'early', actions: 'noteEarly' },
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
        cancel: { actions: ['noteCancel', 'cancelRest', ...emit] },
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
        cancel: {
          actions: { type: 'send', params: ({ context }: Args) => ({ to: jobOf(context.self, outputKey), event: { type: 'cancel' } }) },
        },
      },
    },
    succeeded: {},
    failed: { on: outputRetried },
    cancelled: { on: outputRetried },
  },
})

/** Final states, by name. */
export const groupEnded: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled'])

const stateOf = (value: unknown): string => (typeof value === 'string' ? value : Object.keys(value as object)[0]!)

export const group: ActorType = {
  name: 'group',
  version: 1,
  machine: groupMachine,
  creates: new Set(['submit', 'ended']),
  unmarked: new Set(['ended']),
  peers: (self, event) =>
    Array.isArray(event.members) ? (event.members as Member[]).map(({ key }) => ({ key, address: jobOf(self, key) })) : [],
  view(snapshot) {
    const state = stateOf(snapshot.value)
    return { state, final: groupEnded.has(state), labels: (snapshot.context as GroupContext).labels }
  },
  why(snapshot): Condition[] {
    const { self, sealed, sealAt, members, early } = snapshot.context as GroupContext
    const state = stateOf(snapshot.value)
    const { counts, total, window } = members
    if (state === 'awaited')
      return [
        {
          code: 'GROUP_UNKNOWN',
          message: `${Object.keys(early ?? {}).length} members ended; the group itself was not submitted yet`,
          stuck: true,
        },
      ]
    if (state === 'output') return [{ code: 'OUTPUT', message: 'its output has not ended', on: jobOf(self, outputKey) }]
    if (state !== 'open') return []
    const conditions: Condition[] = []
    if (!sealed)
      conditions.push(
        sealAt === undefined
          ? { code: 'NOT_SEALED', message: 'more members may be added: seal it', stuck: true }
          : { code: 'NOT_SEALED', message: `more members may be added until ${new Date(sealAt).toISOString()}`, until: sealAt },
      )
    const left = total - counts.succeeded - counts.failed - counts.cancelled
    if (left)
      conditions.push({
        code: 'MEMBERS',
        message: `${left} of ${total} members have not finished${window ? `; ${window.active} of ${window.concurrency} at once are begun` : ''}`,
        left,
        total,
      })
    return conditions
  },
}
