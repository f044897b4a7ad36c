import { assign, setup } from 'xstate'
import { type Address, rootOf } from '../src/address.ts'
import type { ActorEvent } from '../src/envelope.ts'
import type { ActorType, Condition } from './actor.ts'
import { askPlan, cannotStart, conflict, failure, isTaken, noCancel, notAgain, notStarted, refuseRetry } from './chain/answers.ts'
import type { Args, ChainContext, ChainEvent, Of } from './chain/context.ts'
import {
  addressOf,
  advance,
  cancelAll,
  fresh,
  groupEnded,
  isComplete,
  isSuccess,
  jobEnded,
  type Moved,
  rerun,
  restart,
  type Send,
  type Steps,
} from './chain/steps.ts'
import { canonical, type Payload } from './job.ts'

export { failure } from './chain/answers.ts'
export type { ChainContext } from './chain/context.ts'

interface How {
  /** Nothing begins any more. */
  cancelling: true
}
const moved = (f: (args: Args, how?: How) => Moved | undefined) => (args: Args, how?: How) => {
  const result = f(args, how)
  return result ? { progress: result.progress, out: [...args.context.out, ...result.out] } : {}
}
const begun = (self: Address, steps: Steps) => ({ steps, ...advance(self, steps, fresh(steps)) })

const inputOf = ({ input }: { input?: Payload }): string => (!input ? 'null' : 'value' in input ? canonical(input.value) : input.page)
const isNewRound = ({ context, event }: Args) =>
  event.type === 'start' && (event.round ?? 1) > context.round && context.removedAt === undefined
const hasSteps = ({ context }: Args) => Object.keys(context.steps).length > 0

const chainSetup = setup({
  types: { context: {} as ChainContext, events: {} as ChainEvent },
  guards: {
    bringsSteps: ({ event }) => event.type === 'start' && event.steps !== undefined,
    isNewRound,
    goesOn: ({ context, event }) => isNewRound({ context, event }) && hasSteps({ context, event }),
    isOther: ({ context, event }) => event.type === 'start' && !event.plan && !context.plan && inputOf(event) !== inputOf(context),
    isPlanned: ({ context }) => context.plan !== undefined,
    isRemoved: ({ context }) => context.removedAt !== undefined,
    isStartOfRemoved: ({ context, event }) => context.removedAt !== undefined && event.type === 'start' && event.plan !== undefined,
    /** A later round of what is not there: its tombstone has gone too. */
    isForgotten: ({ event }) => event.type === 'start' && event.plan !== undefined && (event.round ?? 1) > 1,
    isOfAnotherPlan: ({ context, event }) =>
      (event.type === 'start' || event.type === 'cancel') && event.plan !== undefined && event.plan !== context.plan?.address,
    isOfPlan: ({ event }) => event.type === 'cancel' && event.plan !== undefined,
    isUnknown: ({ event }) => event.type === 'steps' && event.body === undefined,
    hasSteps,
    succeeded: ({ context: { steps, progress } }) => isSuccess(steps, progress),
    complete: ({ context: { progress } }) => isComplete(progress),
  },
  actions: {
    // for the host: see ActorType
    emit: (_, _params: { effects: Send[] }) => {},
    send: (_, _params: { to: Address; event: ActorEvent; answers?: true } | undefined) => {},
    read: (_, _params: { page: string; event: ActorEvent }) => {},

    reject: (_, _params: { code: string; message: string }) => {},

    note: assign(({ event }) => {
      const { self, plan, key, round = 1, input } = event as Of<'start'>
      return { self, round, plan: plan === undefined ? undefined : { address: plan, key: key! }, input }
    }),
    noteForgotten: assign(({ event }) => ({ removedAt: event.at })),
    begin: assign(({ context, event }) => {
      const steps = event.type === 'steps' ? event.body! : (event as Of<'start'>).steps!
      return begun(context.self, steps)
    }),
    noteEnd: assign(
      moved(({ context: { self, steps, progress }, event }, how) => jobEnded(self, steps, progress, event as Of<'ended'>, how?.cancelling)),
    ),
    noteGroup: assign(
      moved(({ context: { self, steps, progress }, event }, how) =>
        groupEnded(self, steps, progress, event as Of<'predecessorEnded'>, how?.cancelling),
      ),
    ),
    noteRerun: assign(
      moved(({ context: { self, steps, progress }, event }) => {
        const { of, round } = event as Of<'retryOutput'>
        return rerun(self, steps, progress, of, round)
      }),
    ),
    noteCancel: assign(({ event }) => ({ cancelReason: (event as Of<'cancel'>).reason })),
    cancelAll: assign(moved(({ context: { self, steps, progress, cancelReason } }) => cancelAll(self, steps, progress, cancelReason))),
    restart: assign(({ context, event }) => {
      const { self, steps, progress } = context
      return { round: nextRound(event, context.round), cancelReason: undefined, ...restart(self, steps, progress) }
    }),
    noteRound: assign(({ context, event }) => ({ round: nextRound(event, context.round), cancelReason: undefined })),
    clear: assign({ out: [] }),
  },
})

const emit = [{ type: 'emit', params: ({ context }: Args) => ({ effects: context.out }) }, 'clear'] as const

/** The plan learns of the end of each round. */
const tellPlan =
  (state: string) =>
  ({ context }: Args) => {
    const { plan, round, cancelReason } = context
    const error = state === 'failed' ? failure(context) : state === 'cancelled' ? cancelReason : undefined
    return plan && { to: plan.address, event: { type: 'ended', key: plan.key, round, state, ...(error && { error: error.slice(0, 200) }) } }
  }
const ended = (state: string, on = {}) => ({ entry: { type: 'send', params: tellPlan(state) }, on }) as const

/** A plan says which round it is; by hand it is one more. */
const nextRound = (event: ChainEvent, round: number) => (event.type === 'start' && event.round !== undefined ? event.round : round + 1)
const definitionOf = (self: Address) => ({ page: `chain.${rootOf(self)}`, event: { type: 'steps' } })
const load = [{ type: 'read', params: ({ event }: Args) => definitionOf(event.self) }] as const
const goOn = { target: 'running', actions: ['restart', ...emit] } as const
/** It failed because nobody had declared it. */
const begin = { target: 'loading', actions: ['noteRound', ...load] } as const

/** What it is started with again must be the same. */
const ofAnother = { guard: 'isOfAnotherPlan', actions: { type: 'send', params: isTaken } } as const
const startedAgain = [
  ofAnother,
  { guard: 'isStartOfRemoved', actions: { type: 'send', params: cannotStart } },
  {
    guard: 'isOther',
    actions: [
      { type: 'reject', params: conflict },
      { type: 'send', params: notStarted },
    ],
  },
  {},
] as const
const again = {
  predecessorEnded: { actions: ['noteGroup', ...emit] },
  start: [ofAnother, { guard: 'goesOn', ...goOn }, { guard: 'isNewRound', ...begin }, ...startedAgain],
  restart: [
    { guard: 'isRemoved', actions: { type: 'reject', params: notAgain } },
    { guard: 'isPlanned', actions: { type: 'send', params: askPlan } },
    { guard: 'hasSteps', ...goOn },
    begin,
  ],
} as const

/**
 * One instance of a chain: its steps, each when those that it is after have ended.
 *
 *   start ─► loading ─► running ── nothing left that can run ──► succeeded │ failed
 *               │          │ ▲                                                │
 *    not declared          │ └──────── start of the next round, restart ◄─────┤
 *               ▼   cancel ▼                                                  │
 *             failed   cancelling ── nothing under way ──► cancelled (or succeeded, if all steps have)
 *
 * What is independent of a failed step goes on; then the chain has failed.
 */
const chainMachine = chainSetup.createMachine({
  id: 'chain',
  context: { self: '', round: 0, steps: {}, progress: {}, cancelled: false, out: [] },
  initial: 'new',
  on: {
    start: startedAgain,
    restart: { actions: { type: 'reject', params: notAgain } },
    ended: {},
    predecessorEnded: {},
    // A plan takes out what has ended as well.
    cancel: [{ guard: 'isOfPlan' }, { actions: { type: 'reject', params: noCancel } }],
    steps: {},
    retry: { actions: { type: 'send', params: refuseRetry } },
    retryOutput: { actions: ['noteRerun', ...emit] },
  },
  states: {
    new: {
      on: {
        start: [
          { guard: 'isForgotten', target: 'failed', actions: ['note', 'noteForgotten'] },
          { guard: 'bringsSteps', target: 'running', actions: ['note', 'begin', ...emit] },
          { target: 'loading', actions: ['note', ...load] },
        ],
      },
    },
    loading: {
      on: {
        steps: [
          { guard: 'isUnknown', target: 'failed' },
          { target: 'running', actions: ['begin', ...emit] },
        ],
        cancel: [{ guard: 'isOfAnotherPlan' }, { target: 'cancelled', actions: 'noteCancel' }],
      },
    },
    running: {
      always: [
        { guard: 'succeeded', target: 'succeeded' },
        { guard: 'complete', target: 'failed' },
      ],
      on: {
        ended: { actions: ['noteEnd', ...emit] },
        predecessorEnded: { actions: ['noteGroup', ...emit] },
        cancel: [{ guard: 'isOfAnotherPlan' }, { target: 'cancelling', actions: ['noteCancel', 'cancelAll', ...emit] }],
      },
    },
    cancelling: {
      always: [
        { guard: 'succeeded', target: 'succeeded' },
        { guard: 'complete', target: 'cancelled' },
      ],
      on: {
        cancel: {},
        ended: { actions: [{ type: 'noteEnd', params: { cancelling: true } }, ...emit] },
        predecessorEnded: { actions: [{ type: 'noteGroup', params: { cancelling: true } }, ...emit] },
      },
    },
    succeeded: ended('succeeded'),
    failed: ended('failed', again),
    cancelled: ended('cancelled', again),
  },
})

function why({ value, context }: { value: unknown; context: unknown }): Condition[] {
  const { self, plan, steps, progress, removedAt } = context as ChainContext
  if (removedAt !== undefined) return []
  if (value === 'failed') {
    const because = failure(context as ChainContext)
    if (!Object.keys(steps).length) return [{ code: 'NOT_DECLARED', message: `${because}: deploy it, then restart this`, stuck: true }]
    return [{ code: 'STEP_FAILED', message: `${because} (restart it${plan ? ', or remove it from its plan' : ''})`, stuck: true }]
  }
  if (value !== 'running' && value !== 'cancelling') return []
  return Object.entries(progress).flatMap(([name, step]): Condition[] => {
    if (step.state !== 'preparing' && step.state !== 'running') return []
    const on = addressOf(self, name, step, steps[name]!, step.state === 'preparing')
    return [{ code: 'STEP', message: `step ${name}: ${on} has not ended`, on }]
  })
}

export const chain: ActorType = {
  name: 'chain',
  version: 1,
  machine: chainMachine,
  creates: new Set(['start']),
  unmarked: new Set(['ended', 'predecessorEnded']),
  hasMembers: true,
  view: ({ value }) => ({ state: value as string, final: value === 'succeeded' || value === 'failed' || value === 'cancelled' }),
  tombstone: ({ context, ...snapshot }, at) => {
    const { self, plan, round, input, cancelled, cancelReason } = context as ChainContext
    const kept: ChainContext = { self, plan, round, input, cancelled, cancelReason, steps: {}, progress: {}, removedAt: at, out: [] }
    return { ...snapshot, context: kept }
  },
  peer: ({ context }) => ((context as ChainContext).removedAt === undefined ? undefined : { content: '', member: false, removed: true }),
  why,
}
