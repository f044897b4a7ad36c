import { assign, setup } from 'xstate'
import type { Address } from '../src/address.ts'
import type { ActorEvent } from '../src/envelope.ts'
import type { ActorType } from './actor.ts'
import { admit, enqueue, readPage, release, withdraw } from './gate/admit.ts'
import { capacityOf, type GateContext, type GateEffect, type GateEvent, isLane, type Of } from './gate/context.ts'
import { why } from './gate/why.ts'

export { beyond, capacityOf, type GateContext, limitOf, usedOf } from './gate/context.ts'
export type { Needs } from './gate/queue.ts'
export { waitingAt } from './gate/why.ts'

type Args = { context: GateContext; event: GateEvent }
const by =
  (f: (context: GateContext, event: never) => GateContext) =>
  ({ context, event }: Args): GateContext =>
    f(context, event as never)

const gateSetup = setup({
  types: { context: {} as GateContext, events: {} as GateEvent },
  guards: {
    isLane: ({ event }) => isLane(event.self),
    isSized: ({ event }) => event.type === 'resize' && !!event.capacity,
    isUndeclared: ({ context }) => !capacityOf(context),
  },
  actions: {
    // for the host: see ActorType
    emit: (_, _params: { effects: GateEffect[] }) => {},
    send: (_, _params: { to: Address; event: ActorEvent }) => {},

    begin: assign(({ event }) => ({ self: event.self })),
    enqueue: assign(by(enqueue)),
    release: assign(by(release)),
    withdraw: assign(by(withdraw)),
    readPage: assign(by(readPage)),
    admit: assign(by(admit)),
    declare: assign(({ event }) => ({ declared: (event as Of<'declare'>).capacity })),
    /** Without a capacity: as it is declared. */
    resize: assign(({ event }) => ({ resized: (event as Of<'resize'>).capacity })),
    clear: assign({ out: [] }),
  },
})

/** Hands what the steps put out to the host. */
const emit = [{ type: 'emit', params: ({ context }: { context: GateContext }) => ({ effects: context.out }) }, 'clear'] as const

/**
 * Where jobs wait until there is a place for them: a *pool*, with units of several resources, or a *lane*, with one place.
 *
 *   job ── request(permit) ─► waits ── there is a place ──► granted(permit) ─► job
 *             │                                                 │
 *             └── withdraw(permit) ─► withdrawn                 └── release(permit): when the run has ended (pool), or the job has (lane)
 *
 * Requests, places and what is sent about them carry the permit number of their job; all other numbers are of another time, and do
 * nothing. A repeat of any of these events does no harm, so that no mark need be kept for the many jobs that send them.
 */
const gateMachine = gateSetup.createMachine({
  id: 'gate',
  context: { self: '', held: {}, queues: {}, passed: 0, out: [] },
  initial: 'undeclared',
  on: {
    request: { actions: ['begin', 'enqueue', ...emit] },
    release: { actions: ['begin', 'release', ...emit] },
    withdraw: { actions: ['begin', 'withdraw', ...emit] },
    page: { actions: ['readPage', ...emit] },
    declare: { actions: ['begin', 'declare'] },
    resize: { actions: 'resize' },
    pause: {},
    resume: {},
  },
  states: {
    undeclared: {
      on: {
        request: [
          { guard: 'isLane', target: 'open', actions: ['begin', 'enqueue', 'admit', ...emit] },
          { actions: ['begin', 'enqueue', ...emit] },
        ],
        declare: { target: 'open', actions: ['begin', 'declare', 'admit', ...emit] },
        // An operator may be there before the first host that declares it.
        resize: [{ guard: 'isSized', target: 'open', actions: ['resize', 'admit', ...emit] }, { actions: 'resize' }],
        pause: { target: 'paused' },
      },
    },
    open: {
      on: {
        request: { actions: ['enqueue', 'admit', ...emit] },
        release: { actions: ['release', 'admit', ...emit] },
        withdraw: { actions: ['withdraw', 'admit', ...emit] },
        page: { actions: ['readPage', 'admit', ...emit] },
        declare: { actions: ['declare', 'admit', ...emit] },
        resize: { actions: ['resize', 'admit', ...emit] },
        pause: { target: 'paused' },
      },
    },
    paused: {
      on: {
        resume: [
          { guard: 'isUndeclared', target: 'undeclared' },
          { target: 'open', actions: ['admit', ...emit] },
        ],
      },
    },
  },
})

const busy = ({ held, queues }: GateContext): boolean => Object.keys(held).length > 0 || Object.keys(queues).length > 0

const common = {
  version: 1,
  machine: gateMachine,
  // Numbers make a repeat of what jobs send harmless, and marks of all jobs that ever passed would be many.
  unmarked: new Set(['request', 'release', 'withdraw', 'declare']),
  history: 'recent',
  why,
} as const

/** Work of a cluster with a capacity: `{ slots: 4, printer: 2 }`. It is there until its deployment ends. */
export const pool: ActorType = {
  ...common,
  name: 'pool',
  creates: new Set(['request', 'declare']),
  view: ({ value, context }) => ({
    state: value === 'paused' && !Object.keys((context as GateContext).held).length ? 'drained' : (value as string),
    final: false,
  }),
}

/** A key under which jobs run one at a time. One that nobody needs now may be removed, and is made anew. */
export const lane: ActorType = {
  ...common,
  name: 'lane',
  creates: new Set(['request']),
  needless: new Set(['release', 'withdraw']),
  view: ({ context }) => (busy(context as GateContext) ? { state: 'busy', final: false } : { state: 'idle', final: true }),
}
