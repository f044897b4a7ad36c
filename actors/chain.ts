import { assign, setup } from 'xstate'
import { type Address, rootOf } from '../src/address.ts'
import type { ActorEvent } from '../src/envelope.ts'
import type { ActorType, Condition } from './actor.ts'
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
  type Progress,
  restart,
  type Send,
  type StepEnd,
  type Steps,
  whatFailed,
} from './chain/steps.ts'
import { canonical, type Payload } from './job.ts'

export interface ChainContext {
  self: Address
  /** Who started it, and as what: told how each round ended. Absent: started by hand, by a schedule or an event. */
  plan?: { address: Address; key: string }
  round: number
  /** What it was started with, by hand or by a schedule. */
  input?: Payload
  steps: Steps
  progress: Progress
  cancelled: boolean
  /** Why, if that was said. */
  cancelReason?: string
  /** Only what answers for its id is left, since then. */
  removedAt?: number
  /** Effects of the present transition; empty in every stored snapshot. */
  out: Send[]
}

type ChainEvent = { at: number; self: Address } & (
  | { type: 'start'; plan?: Address; key?: string; round?: number; steps?: Steps; input?: Payload }
  /** As its code declares them; nothing: no service has declared it. */
  | { type: 'steps'; body?: Steps }
  /** Where it failed: by whoever knows it. In a plan, the plan decides. */
  | { type: 'restart' }
  | ({ type: 'ended' } & StepEnd)
  | { type: 'predecessorEnded'; of: Address; state: string; error?: string }
  /** An operator wants one of its jobs to run again. */
  | { type: 'retry'; key: string }
  /** `plan`: of the plan that takes it out. */
  | { type: 'cancel'; reason?: string; plan?: Address }
)
type Args = { context: ChainContext; event: ChainEvent }
type Of<T extends ChainEvent['type']> = Extract<ChainEvent, { type: T }>

const moved = (f: (args: Args) => Moved | undefined) => (args: Args) => {
  const result = f(args)
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
    begin: assign(({ context, event }) => {
      const steps = event.type === 'steps' ? event.body! : (event as Of<'start'>).steps!
      return begun(context.self, steps)
    }),
    noteEnd: assign(moved(({ context: { self, steps, progress }, event }) => jobEnded(self, steps, progress, event as Of<'ended'>))),
    noteGroup: assign(
      moved(({ context: { self, steps, progress }, event }) => {
        const { of, state, error } = event as Of<'predecessorEnded'>
        return groupEnded(self, steps, progress, of, state, error)
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

/** Why it has failed. */
export const failure = ({ self, steps, progress, removedAt }: ChainContext): string => {
  if (removedAt !== undefined) return 'its steps were removed by retention'
  return Object.keys(steps).length ? whatFailed(steps, progress) : `no service has declared a chain ${rootOf(self)}`
}

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

const conflict = ({ context: { self } }: Args) => ({ code: 'CONFLICT', message: `${self} was started with another input. Use another id.` })
const notAgain = ({ context: { self, removedAt } }: Args) => ({
  code: 'NOT_ALLOWED',
  message:
    removedAt === undefined
      ? `${self} has not failed, and was not cancelled: only that can be restarted`
      : `${self} was removed on ${new Date(removedAt).toISOString()}: only its id is kept`,
})
const noCancel = ({ context: { self } }: Args) => ({ code: 'NOT_ALLOWED', message: `cancel is not possible: ${self} has ended.` })
const askPlan = ({ context: { plan } }: Args) => ({
  to: plan!.address,
  event: { type: 'restart', target: plan!.key },
  answers: true as const,
})
/** Its plan would wait for ever for the end of what cannot go on. */
const cannotStart = ({ event }: Args) => {
  const { plan, key, round } = event as Of<'start'>
  return { to: plan!, event: { type: 'ended', key, round, state: 'failed', error: 'it was removed by retention' } }
}
/** Two plans, or a plan and somebody's hand, may mean the same instance: it is of the first, and the other is told. */
const isTaken = ({ event }: Args) => {
  const { plan, key, round } = event as Of<'start'>
  return { to: plan!, event: { type: 'ended', key, round, state: 'failed', taken: true } }
}
/** What it is started with again must be the same. */
const ofAnother = { guard: 'isOfAnotherPlan', actions: { type: 'send', params: isTaken } } as const
const startedAgain = [
  ofAnother,
  { guard: 'isStartOfRemoved', actions: { type: 'send', params: cannotStart } },
  { guard: 'isOther', actions: { type: 'reject', params: conflict } },
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

/** Its steps go on together: one alone would leave what is behind it as it was. */
const refuseRetry = ({ context, event }: Args) => {
  const { key } = event as Of<'retry'>
  const terms = context.steps[key]
  return (
    terms && {
      to: addressOf(context.self, key, context.progress[key]!, terms),
      event: { type: 'notAgain', code: 'NOT_ALLOWED', message: `it is a step of ${context.self}: restart that` },
      answers: true as const,
    }
  )
}

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
  },
  states: {
    new: {
      on: {
        start: [
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
        ended: { actions: ['noteEnd', 'cancelAll', ...emit] },
        predecessorEnded: { actions: ['noteGroup', 'cancelAll', ...emit] },
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
  why,
}
