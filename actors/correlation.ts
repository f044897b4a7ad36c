import { assign, setup } from 'xstate'
import type { Address } from '../src/address.ts'
import type { ActorEvent } from '../src/envelope.ts'
import type { ActorType, Condition } from './actor.ts'
import { leaf } from './job/why.ts'
import type { Payload } from './job.ts'

/**
 * A correlation id: another address of the job that has registered it last.
 *
 *            callback                     register
 *   (none) ───────────► unclaimed ──────────────────► registered ───────────► released
 *      │                    │ a day                    ▲  │ callback: passed on, with the round
 *      └────────────────────┼────────── register ──────┘  │ register by another job: refused
 *                           ▼
 *                        expired
 *
 * What comes before the id is registered is kept (the first for each name, so many names, a day from the first of them on) and passed on
 * then. What comes later is passed on with the round that the id was registered for, and answered as the job answers: a late repeat can
 * so not count for the next round. The job that has it keeps it until it has ended or registers another one.
 */
export interface CorrelationContext {
  self: Address
  job?: Address
  round?: number
  kept: { name: string; value: Payload }[]
  keptSince?: number
  /** What was kept and then refused by the job: nobody waited any more to be told. The latest few. */
  refused?: { name: string; code: string; message: string }[]
}

type CorrelationEvent = { at: number; self: Address } & (
  | { type: 'resume'; name: string; value: Payload }
  | { type: 'register'; job: Address; round: number }
  | { type: 'release'; job: Address }
  | { type: 'answered'; name: string; kept?: true; refused?: { code: string; message: string } }
)
type Of<T extends CorrelationEvent['type']> = Extract<CorrelationEvent, { type: T }>
type Args = { context: CorrelationContext; event: CorrelationEvent }

/** How long what nobody has registered for is kept, ms, and how many names. */
const keptFor = 24 * 60 * 60 * 1000
const mostKept = 32
const mostRefused = 10

const passOn = ({ context, event }: Args) => {
  const { name, value } = event as Of<'resume'>
  const { self, job, round } = context
  return { to: job!, event: { type: 'resume', name, value, round, via: self }, answers: true as const }
}

/** What was kept, in the order in which it came. Its senders have been answered. */
const passOnKept = ({ context, event }: Args) => {
  const { job, round } = event as Of<'register'>
  const send = ({ name, value }: CorrelationContext['kept'][number]) => ({
    type: 'send',
    params: { to: job, event: { type: 'resume', name, value, round, via: context.self, kept: true } },
  })
  return { effects: context.kept.map(send) }
}

const refuseSecond = ({ context, event }: Args) => {
  const { job, round } = event as Of<'register'>
  const as = context.self.slice(context.self.indexOf(':') + 1)
  return { to: job, event: { type: 'notRegistered', as, round, by: context.job } }
}

const known = ({ context, event }: Args) => ({
  code: 'CONFLICT',
  message: `${(event as Of<'resume'>).name} is kept for ${context.self} already: the first value counts`,
})
const full = ({ context }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `${context.self} is not registered, and keeps ${mostKept} callbacks: no more until a job registers it`,
})
const over = ({ context, event }: Args) => ({
  code: 'SUPERSEDED',
  message: `${(event as Of<'resume'>).name} came too late: ${context.self} belonged to ${context.job}, which has ended or uses another id`,
})

const correlationSetup = setup({
  types: { context: {} as CorrelationContext, events: {} as CorrelationEvent },
  delays: { untilExpired: ({ context, event }) => Math.max(0, (context.keptSince ?? event.at) + keptFor - event.at) },
  guards: {
    known: ({ context, event }) => event.type === 'resume' && context.kept.some(({ name }) => name === event.name),
    full: ({ context }) => context.kept.length >= mostKept,
    mine: ({ context, event }) => 'job' in event && context.job === event.job,
    keptRefused: ({ event }) => event.type === 'answered' && !!event.kept && !!event.refused,
    refused: ({ event }) => event.type === 'answered' && !!event.refused,
  },
  actions: {
    // for the host: see ActorType
    send: (_, _params: { to: Address; event: ActorEvent; answers?: true }) => {},
    emit: (_, _params: { effects: unknown[] }) => {},
    reject: (_, _params: { code: string; message: string }) => {},

    keep: assign(({ context, event }) => {
      const { self, name, value, at } = event as Of<'resume'>
      return { self, kept: [...context.kept, { name, value }], keptSince: context.keptSince ?? at }
    }),
    register: assign(({ event }) => {
      const { self, job, round } = event as Of<'register'>
      return { self, job, round, kept: [], keptSince: undefined }
    }),
    forget: assign({ kept: [], keptSince: undefined }),
    note: assign(({ context, event }) => {
      const { name, refused } = event as Of<'answered'>
      return { refused: [...(context.refused ?? []), { name, ...refused! }].slice(-mostRefused) }
    }),
  },
})

const registers = { target: '#registered', actions: [{ type: 'emit', params: passOnKept }, 'register'] } as const

export const correlationMachine = correlationSetup.createMachine({
  id: 'correlation',
  context: { self: '', kept: [] },
  initial: 'new',
  on: {
    release: {},
    answered: [
      { guard: 'keptRefused', actions: 'note' },
      { guard: 'refused', actions: { type: 'reject', params: ({ event }) => event.refused! } },
      {},
    ],
  },
  states: {
    new: { on: { resume: { target: 'unclaimed', actions: 'keep' }, register: registers } },
    unclaimed: {
      after: { untilExpired: { target: 'expired', actions: 'forget' } },
      on: {
        resume: [
          { guard: 'known', actions: { type: 'reject', params: known } },
          { guard: 'full', actions: { type: 'reject', params: full } },
          { actions: 'keep' },
        ],
        register: registers,
      },
    },
    registered: {
      id: 'registered',
      on: {
        resume: { actions: { type: 'send', params: passOn } },
        register: [{ guard: 'mine', actions: 'register' }, { actions: { type: 'send', params: refuseSecond } }],
        release: { guard: 'mine', target: 'released' },
      },
    },
    released: { on: { resume: { actions: { type: 'reject', params: over } }, register: registers } },
    expired: { on: { resume: { target: 'unclaimed', actions: 'keep' }, register: registers } },
  },
})

const final = new Set(['released', 'expired'])

export const correlation: ActorType = {
  name: 'correlation',
  version: 1,
  machine: correlationMachine,
  creates: new Set(['resume', 'register']),
  unmarked: new Set(),
  view(snapshot) {
    const state = leaf(snapshot.value)
    return { state, final: final.has(state) }
  },
  // What comes too late is answered so for as long as the job is there, which could else register it once more.
  neededBy: (snapshot) => {
    const { job } = snapshot.context as CorrelationContext
    return job === undefined ? [] : [job]
  },
  why(snapshot): Condition[] {
    if (leaf(snapshot.value) !== 'unclaimed') return []
    const { kept, keptSince } = snapshot.context as CorrelationContext
    const names = kept.map(({ name }) => name)
    const until = keptSince! + keptFor
    return [
      {
        code: 'UNREGISTERED',
        message: `no job has registered it: ${names.join(', ')} kept until ${new Date(until).toISOString()}`,
        until,
        kept: names,
      },
    ]
  },
}
