import { hash } from 'node:crypto'
import { assign, setup } from 'xstate'
import type { Address } from '../src/address.ts'
import type { ActorEvent } from '../src/envelope.ts'
import type { ActorType, Condition } from './actor.ts'

/**
 * One piece of work.
 *
 *            startAt / window                claim             ok
 *   submit ─► planned ─────────► queued ───────────► running ─────────► succeeded
 *                                ▲  ▲ │                │ │ │ └─ fail, no attempt left ► failed
 *                                │  │ │ late ok        │ │ └─── lost, by onLost ► queued │ held │ aborted │ failed
 *                 backoff ───────┘  │ └─► succeeded    │ └───── cancel ► cancelling ► cancelled (ok: succeeded)
 *                    ▲              └── give-back ─────┤
 *                    └───────── fail, attempts left ───┘
 *
 * A *run* is one granted dispatch. Every queueing has a new dispatch number; results count only from the worker that holds the run.
 * The last granted run stays current until the next one is granted or the job has ended: a result that was thought lost still counts.
 */

/** How a job is run: resolved from its definition when it is submitted. Durations in ms. */
export interface Terms {
  attempts: number
  backoff: number
  factor: number
  /** Part of the backoff, 0 to 1, that is spread by chance (derived from the address, so that replay agrees). */
  jitter: number
  timeout?: number
  priority: number
  onLost: 'retry' | 'hold' | 'abort'
}

export const defaultTerms: Terms = { attempts: 3, backoff: 1000, factor: 2, jitter: 0.1, priority: 5, onLost: 'retry' }

/** A value, or the page that holds it when it is large. */
export type Payload = { value: unknown } | { page: string; bytes: number }

export interface Membership {
  group: Address
  key: string
  /** Place among the members; -1 is the output; absent: submitted beside its group. */
  index?: number
  /** +1 for each operator's retry: an end of an earlier round is not the end of this one. */
  round: number
}

export interface JobError {
  name: string
  message: string
  code?: string
  stack?: string
}

export interface GroupFacts {
  id: string
  total: number
  succeeded: number
  failed: number
  cancelled: number
}

export interface JobContext {
  self: Address
  job: string
  input: Payload
  terms: Terms
  /** Hash of definition and input: the same id with other content is a conflict. */
  content: string
  member?: Membership
  group?: GroupFacts
  labels?: Record<string, string>
  startAt?: number
  dispatch: number
  queuedAt: number
  run?: { dispatch: number; worker: string; at: number; lapsed: boolean }
  attempts: { used: number; unbegun: number }
  retryAt?: number
  output?: Payload
  error?: JobError
  cancelReason?: string
  endedAs?: 'succeeded' | 'failed' | 'cancelled' | 'aborted'
}

export interface JobSubmit extends ActorEvent {
  type: 'submit'
  job: string
  input: Payload
  terms: Terms
  member?: Membership
  /** A member that may start only when its group says so. */
  window?: boolean
  group?: GroupFacts
  labels?: Record<string, string>
  startAt?: number
}

export type JobEvent = { at: number; self: Address } & (
  | JobSubmit
  | { type: 'begin' }
  | { type: 'claim'; dispatch: number; worker: string }
  | {
      type: 'result'
      dispatch: number
      worker: string
      outcome: Outcome
      output?: Payload
      error?: JobError
      terminal?: boolean
      retryAt?: number
    }
  | { type: 'lost'; dispatch: number; worker: string; begun: boolean }
  | { type: 'cancel'; reason?: string }
  | { type: 'retry' }
  | { type: 'again'; round: number; window?: boolean }
  | { type: 'reconcile' }
)

/** What came of a run: `back`: it ended early because its host shuts down; `unbegun`: the handler was never entered. */
export type Outcome = 'ok' | 'fail' | 'back' | 'unbegun'

/** Sent with a granted claim: all that the worker needs to start the handler. */
export interface Grant {
  address: Address
  job: string
  dispatch: number
  worker: string
  attempt: number
  input: Payload
  timeout?: number
  member?: Membership
  group?: GroupFacts
}

/** Losses in a row that use no attempt because nothing was seen to begin; after that each uses one. */
const freeLosses = 3

export const contentOf = (job: string, input: Payload): string => hash('sha1', `${job}\0${canonical(input)}`, 'base64url')

/** JSON with sorted keys: the order in which a program writes fields is not content. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const record = value as Record<string, unknown>
  const fields = Object.keys(record)
    .filter((k) => record[k] !== undefined)
    .sort()
  return `{${fields.map((k) => `${JSON.stringify(k)}:${canonical(record[k])}`).join()}}`
}

/** Backoff before the next attempt, ms. */
export function backoff({ self, terms, attempts }: Pick<JobContext, 'self' | 'terms' | 'attempts'>): number {
  const full = terms.backoff * terms.factor ** Math.max(0, attempts.used - 1)
  const chance = hash('sha1', `${self} ${attempts.used}`, 'buffer').readUInt32LE() / 2 ** 32
  return Math.round(full * (1 + terms.jitter * (2 * chance - 1)))
}

type Of<T extends JobEvent['type']> = Extract<JobEvent, { type: T }>
type Args = { context: JobContext; event: JobEvent }

const emptyContext: JobContext = {
  self: '',
  job: '',
  input: { value: null },
  terms: defaultTerms,
  content: '',
  dispatch: 0,
  queuedAt: 0,
  attempts: { used: 0, unbegun: 0 },
}

const offer = ({ context }: Args) => ({ job: context.job, priority: context.terms.priority, dispatch: context.dispatch })

const grant = ({ context }: Args): Grant => ({
  address: context.self,
  job: context.job,
  dispatch: context.run!.dispatch,
  worker: context.run!.worker,
  attempt: context.attempts.used + 1,
  input: context.input,
  timeout: context.terms.timeout,
  member: context.member,
  group: context.group,
})

const conflict = ({ context }: Args) => ({
  code: 'CONFLICT',
  message: `${context.self} exists with other content (it is a ${context.job}). Use another id, or the same definition and input.`,
})

/** What a loss would bring the used attempts to. Unseen to begin, the first few in a row are free. */
function afterLoss({ attempts }: JobContext, begun: boolean) {
  return !begun && attempts.unbegun < freeLosses
    ? { used: attempts.used, unbegun: attempts.unbegun + 1 }
    : { used: attempts.used + 1, unbegun: 0 }
}

/** From the worker that holds the current run. */
function isCurrent({ context: { run }, event }: Args): boolean {
  return 'worker' in event && !!run && run.dispatch === event.dispatch && run.worker === event.worker
}

const isNewRound = ({ context: { member }, event }: Args) => event.type === 'again' && !!member && event.round > member.round

const outcome = (event: JobEvent) => (event.type === 'result' ? event.outcome : undefined)

const end = ({ context: { member, endedAs, error } }: Args) =>
  member && {
    to: member.group,
    event: {
      type: 'ended',
      key: member.key,
      index: member.index,
      round: member.round,
      state: endedAs,
      error: error?.message.slice(0, 200),
    },
  }

/** The id is taken by other work: its group must not wait for it for ever. */
const refusedEnd = (args: Args) => {
  const { group, key, index, round } = (args.event as Of<'submit'>).member!
  return { to: group, event: { type: 'ended', key, index, round, state: 'refused', error: conflict(args).message.slice(0, 200) } }
}

const askGroup = ({ context: { member } }: Args) =>
  member && { to: member.group, event: { type: 'retry', key: member.key, index: member.index } }

/** How a run that is current ends a running or held job. */
const afterRun = [
  { guard: 'returned', target: '#succeeded', actions: 'succeed' },
  { guard: 'givenBack', target: '#queued', actions: 'forgetRun' },
  { guard: 'failedWithAttemptLeft', target: '#backoff', actions: 'fail' },
  { guard: 'current', target: '#failed', actions: 'fail' },
] as const

/** A member's retry is decided by its group: it says `again`. What has succeeded is never run again. */
const retried = {
  again: [
    { guard: 'newRoundInWindow', target: '#waiting', actions: 'renew' },
    { guard: 'newRound', target: '#queued', actions: 'renew' },
  ],
  retry: [
    { guard: 'inGroup', actions: { type: 'send', params: askGroup } },
    { target: '#queued', actions: 'renew' },
  ],
} as const

export const jobMachine = setup({
  types: { context: {} as JobContext, events: {} as JobEvent },
  delays: {
    untilStart: ({ context, event }) => Math.max(0, (context.startAt ?? 0) - event.at),
    untilRetry: ({ context, event }) => Math.max(0, (context.retryAt ?? 0) - event.at),
  },
  guards: {
    waitsForTime: ({ event }) => event.type === 'submit' && event.startAt !== undefined && event.startAt > event.at,
    waitsForWindow: ({ event }) => event.type === 'submit' && !!event.window,
    sameContent: ({ context, event }) => event.type === 'submit' && context.content === contentOf(event.job, event.input),
    fromGroup: ({ event }) => event.type === 'submit' && event.member?.index !== undefined,
    joins: ({ context, event }) =>
      event.type === 'submit' &&
      event.member?.index !== undefined &&
      context.member?.index === undefined &&
      context.content === contentOf(event.job, event.input),
    offered: ({ context, event }) => event.type === 'claim' && event.dispatch === context.dispatch,
    holdsRun: (args) => args.event.type === 'claim' && isCurrent(args),
    current: isCurrent,
    returned: (args) => isCurrent(args) && outcome(args.event) === 'ok',
    givenBack: (args) => isCurrent(args) && ['back', 'unbegun'].includes(outcome(args.event) ?? ''),
    failedWithAttemptLeft: (args) =>
      isCurrent(args) &&
      args.event.type === 'result' &&
      !args.event.terminal &&
      args.context.attempts.used + 1 < args.context.terms.attempts,
    lostAndHeld: (args) => isCurrent(args) && args.context.terms.onLost === 'hold',
    lostAndAborted: (args) => isCurrent(args) && args.context.terms.onLost === 'abort',
    lostWithAttemptLeft: (args) =>
      isCurrent(args) && args.event.type === 'lost' && afterLoss(args.context, args.event.begun).used < args.context.terms.attempts,
    inGroup: ({ context }) => context.member?.index !== undefined,
    newRound: isNewRound,
    newRoundInWindow: (args) => isNewRound(args) && args.event.type === 'again' && !!args.event.window,
  },
  actions: {
    // for the host: see ActorType
    send: (_, _params: { to: Address; event: ActorEvent } | undefined) => {},
    offer: (_, _params: { job: string; priority: number; dispatch: number }) => {},
    grant: (_, _params: Grant) => {},
    refuse: (_, _params: { dispatch: number }) => {},
    reject: (_, _params: { code: string; message: string }) => {},
    superseded: () => {},

    accept: assign(({ event }) => {
      const { self, job, input, terms, member, group, labels, startAt } = event as Of<'submit'>
      return { self, job, input, terms, content: contentOf(job, input), member, group, labels, startAt }
    }),
    join: assign(({ context, event }) => {
      const { member, group } = event as Of<'submit'>
      return { member, group: group ?? context.group }
    }),
    queue: assign(({ context, event }) => ({ dispatch: context.dispatch + 1, queuedAt: event.at })),
    hold: assign(({ event }) => {
      const { dispatch, worker, at } = event as Of<'claim'>
      return { run: { dispatch, worker, at, lapsed: false } }
    }),
    succeed: assign(({ event }) => ({ output: (event as Of<'result'>).output, error: undefined, run: undefined })),
    fail: assign(({ context, event }) => {
      const { error, retryAt, at } = event as Of<'result'>
      const attempts = { used: context.attempts.used + 1, unbegun: 0 }
      return { attempts, error, run: undefined, retryAt: retryAt ?? at + backoff({ ...context, attempts }) }
    }),
    forgetRun: assign({ run: undefined }),
    lapse: assign(({ context, event }) => {
      const { worker, dispatch } = event as Of<'lost'>
      const message = `worker ${worker} did not renew its lease on run ${dispatch}`
      return { run: context.run && { ...context.run, lapsed: true }, error: { name: 'LostError', code: 'LOST', message } }
    }),
    useAttempt: assign(({ context, event }) => ({ attempts: afterLoss(context, (event as Of<'lost'>).begun) })),
    noteCancel: assign(({ event }) => ({ cancelReason: (event as Of<'cancel'>).reason })),
    renew: assign(({ context, event }) => ({
      attempts: { used: 0, unbegun: 0 },
      // A lost run stays current until the next one is granted; after a final state nothing of it counts.
      run: context.endedAs ? undefined : context.run,
      error: undefined,
      cancelReason: undefined,
      endedAs: undefined,
      member: event.type === 'again' && context.member ? { ...context.member, round: event.round } : context.member,
    })),
    endAs: assign((_, { as }: { as: JobContext['endedAs'] }) => ({ endedAs: as })),
  },
}).createMachine({
  id: 'job',
  context: emptyContext,
  initial: 'new',
  on: {
    // Said again, a submit is the same job; with other content it is refused.
    submit: [
      { guard: 'sameContent' },
      {
        guard: 'fromGroup',
        actions: [
          { type: 'reject', params: conflict },
          { type: 'send', params: refusedEnd },
        ],
      },
      { actions: { type: 'reject', params: conflict } },
    ],
    claim: { actions: { type: 'refuse', params: ({ event }) => ({ dispatch: event.dispatch }) } },
    result: { actions: 'superseded' },
    lost: {},
    begin: {},
    again: {},
    reconcile: {},
  },
  states: {
    new: {
      on: {
        submit: [
          { guard: 'waitsForWindow', target: '#waiting', actions: 'accept' },
          { guard: 'waitsForTime', target: '#planned', actions: 'accept' },
          { target: '#queued', actions: 'accept' },
        ],
      },
    },

    pending: {
      initial: 'planned',
      on: {
        cancel: { target: '#cancelled', actions: 'noteCancel' },
        submit: { guard: 'joins', actions: 'join' },
      },
      states: {
        planned: { id: 'planned', after: { untilStart: '#queued' } },
        waiting: { id: 'waiting', on: { begin: '#queued' } },
        queued: {
          id: 'queued',
          entry: ['queue', { type: 'offer', params: offer }],
          on: {
            claim: { guard: 'offered', target: '#running', actions: 'hold' },
            // Thought lost, and queued again: its success still counts, until another run is granted.
            result: [
              { guard: 'returned', target: '#succeeded', actions: 'succeed' },
              { guard: 'current', actions: 'forgetRun' },
            ],
            reconcile: { actions: { type: 'offer', params: offer } },
          },
        },
        backoff: { id: 'backoff', after: { untilRetry: '#queued' } },
        held: {
          id: 'held',
          on: {
            result: [...afterRun],
            retry: { target: '#queued', actions: 'renew' },
          },
        },
      },
    },

    active: {
      initial: 'running',
      on: {
        claim: { guard: 'holdsRun', actions: { type: 'grant', params: grant } },
        submit: { guard: 'joins', actions: 'join' },
      },
      states: {
        running: {
          id: 'running',
          entry: { type: 'grant', params: grant },
          on: {
            result: [...afterRun],
            lost: [
              { guard: 'lostAndHeld', target: '#held', actions: 'lapse' },
              { guard: 'lostAndAborted', target: '#aborted', actions: 'lapse' },
              { guard: 'lostWithAttemptLeft', target: '#queued', actions: ['lapse', 'useAttempt'] },
              { guard: 'current', target: '#failed', actions: ['lapse', 'useAttempt'] },
            ],
            cancel: { target: '#cancelling', actions: 'noteCancel' },
          },
        },
        cancelling: {
          id: 'cancelling',
          on: {
            cancel: {},
            result: [
              { guard: 'returned', target: '#succeeded', actions: 'succeed' },
              { guard: 'current', target: '#cancelled', actions: 'forgetRun' },
            ],
            lost: { guard: 'current', target: '#cancelled', actions: 'lapse' },
          },
        },
      },
    },

    ended: {
      initial: 'succeeded',
      on: {
        submit: { guard: 'joins', actions: ['join', { type: 'send', params: end }] },
      },
      states: {
        succeeded: {
          id: 'succeeded',
          entry: [
            { type: 'endAs', params: { as: 'succeeded' } },
            { type: 'send', params: end },
          ],
        },
        failed: {
          id: 'failed',
          entry: [
            { type: 'endAs', params: { as: 'failed' } },
            { type: 'send', params: end },
          ],
          on: retried,
        },
        cancelled: {
          id: 'cancelled',
          entry: [
            { type: 'endAs', params: { as: 'cancelled' } },
            { type: 'send', params: end },
          ],
          on: retried,
        },
        aborted: {
          id: 'aborted',
          entry: [
            { type: 'endAs', params: { as: 'aborted' } },
            { type: 'send', params: end },
          ],
          on: retried,
        },
      },
    },
  },
})

/** Final states, by name. */
export const ended: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'aborted'])

const leaf = (value: unknown): string => (typeof value === 'string' ? value : leaf(Object.values(value as object)[0]))

export const job: ActorType = {
  name: 'job',
  version: 1,
  machine: jobMachine,
  creates: new Set(['submit']),
  unmarked: new Set(['claim', 'result', 'lost', 'reconcile']),
  view(snapshot) {
    const context = snapshot.context as JobContext
    const state = leaf(snapshot.value)
    const { job: name, terms, dispatch, queuedAt, run } = context
    const work = { job: name, priority: terms.priority }
    return {
      state,
      final: ended.has(state),
      group: context.member?.group,
      labels: context.labels,
      work:
        state === 'queued'
          ? { ...work, state: 'queued', dispatch, at: queuedAt }
          : state === 'running' || state === 'cancelling'
            ? {
                ...work,
                state: 'running',
                dispatch: run!.dispatch,
                worker: run!.worker,
                at: run!.at,
                cancelling: state === 'cancelling' ? true : undefined,
              }
            : undefined,
    }
  },
  peer(snapshot) {
    const { content, member } = snapshot.context as JobContext
    return { content, member: member?.index !== undefined }
  },
  why(snapshot, at): Condition[] {
    const context = snapshot.context as JobContext
    const { job: name, dispatch, queuedAt, run, attempts, terms, startAt, retryAt, error, member } = context
    switch (leaf(snapshot.value)) {
      case 'planned':
        return [{ code: 'START_TIME', message: `starts at ${new Date(startAt!).toISOString()}`, until: startAt }]
      case 'waiting':
        return [
          {
            code: 'GROUP_WINDOW',
            message: `its group ${member!.group} runs as many members at once as its concurrency allows`,
            on: member!.group,
          },
        ]
      case 'queued':
        return [
          {
            code: 'NO_WORKER_YET',
            message: `offered since ${new Date(queuedAt).toISOString()} (dispatch ${dispatch}): waits for a free slot at a worker that has a handler for ${name}`,
            job: name,
            since: queuedAt,
          },
        ]
      case 'running':
        return [
          {
            code: 'RUNNING',
            message: `run ${run!.dispatch} at worker ${run!.worker} since ${new Date(run!.at).toISOString()}`,
            worker: run!.worker,
            since: run!.at,
          },
        ]
      case 'cancelling':
        return [
          {
            code: 'CANCELLING',
            message: `worker ${run!.worker} was told to cancel run ${run!.dispatch}; it ends when the handler reacts or its lease ends`,
            worker: run!.worker,
          },
        ]
      case 'backoff':
        return [
          {
            code: 'BACKOFF',
            message: `attempt ${attempts.used} of ${terms.attempts} failed (${error?.message ?? 'no message'}); the next starts in ${Math.max(0, retryAt! - at)} ms`,
            until: retryAt,
          },
        ]
      case 'held':
        return [
          {
            code: 'HELD',
            message: `run ${run?.dispatch} was lost and the job says onLost: 'hold': retry or cancel it, or let its result arrive`,
            stuck: true,
          },
        ]
      default:
        return []
    }
  },
}
