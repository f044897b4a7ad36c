import { assign, setup } from 'xstate'
import { type Address, addressOf, idOf } from '../src/address.ts'
import { latestTime, nextTime, type Schedule } from '../src/calendar/schedule.ts'
import type { ActorEvent } from '../src/envelope.ts'
import type { ActorType, Condition } from './actor.ts'
import { canonical, type Payload, type Terms } from './job.ts'
import { inTime } from './plan/standing.ts'

/** What is started again and again, and when: plain JSON. */
export interface ScheduleTerms {
  /** Times, or an event by its name. */
  readonly when: Schedule | { readonly on: string }
  /** A job, or a chain by its name. Without an input: what the event brings. */
  readonly starts:
    | { readonly job: string; readonly terms: Terms; readonly input?: Payload }
    | { readonly chain: string; readonly input?: Payload }
  /** Times that passed while no host was up: the latest of them is made up for (`run`), or none. */
  readonly missed: 'run' | 'skip'
}

export interface ScheduleContext {
  self: Address
  /** As code says. */
  code?: ScheduleTerms
  /** As somebody has set it: that counts, until it is unset. */
  set?: ScheduleTerms
  /** Its next time. */
  next?: number
  /** What it started last, and the time that was meant. */
  last?: { at?: number; started: Address; late?: number }
  started: number
  /** The latest that did not start: its id was taken. */
  refused?: { of: Address; at: number; error: string }
  /** Its topic, if it waits for an event. */
  topic?: Address
  /** Its topic does not tell it, for this reason. */
  notTaken?: string
  /** Effects of the present transition; empty in every stored snapshot. */
  out: { type: 'send'; params: { to: Address; event: ActorEvent; answers?: true } }[]
}

type ScheduleEvent = { at: number; self: Address; facts: Times } & (
  | { type: 'declare'; terms: ScheduleTerms }
  | { type: 'set'; terms: ScheduleTerms }
  | { type: 'unset' | 'pause' | 'resume' | 'remove' }
  /** Now, besides its times. `id`: the same is started once. */
  | { type: 'trigger'; id: string }
  /** From its topic. */
  | { type: 'occurred'; topic: Address; id: string; data: Payload }
  /** From what it was to start. */
  | { type: 'notStarted'; of: Address; error: string }
  /** From its topic: it will not be told. */
  | { type: 'notTaken'; topic: Address; reason: string }
)
/** What its times are, as known when the event was decided: recorded with it, so that a replay needs no time zones. */
interface Times {
  /** Those that have passed: all that are in time yet, else the latest. */
  due?: readonly number[]
  next?: number
}
type Args = { context: ScheduleContext; event: ScheduleEvent }
type Of<T extends ScheduleEvent['type']> = Extract<ScheduleEvent, { type: T }>

const termsOf = ({ set, code }: ScheduleContext): ScheduleTerms | undefined => set ?? code
const after = ({ context, event }: Args): ScheduleContext => {
  if (event.type === 'declare') return { ...context, code: event.terms }
  if (event.type === 'set') return { ...context, set: event.terms }
  return event.type === 'unset' ? { ...context, set: undefined } : context
}

/**
 * `<id of the schedule>/<instant, or id of the event>`: so each is started once, however often it is said. Of a chain `<chain>/<id of the schedule>/` and the
 * instant, or `_` and the id of the event: no step of a chain that is started by hand is called so, nor is a date.
 */
function start(context: ScheduleContext, { starts }: ScheduleTerms, name: string, given?: Payload): { to: Address; event: ActorEvent } {
  const id = idOf(context.self)
  if ('chain' in starts)
    return {
      to: addressOf('chain', `${starts.chain}/${id}/${/^\d{8}T\d{6}(\d{3})?Z$/.test(name) ? name : `_${name}`}`),
      event: { type: 'start', input: starts.input ?? given ?? { value: null }, schedule: context.self },
    }
  const { job, terms, input } = starts
  const event = { type: 'submit', job, terms, input: input ?? given ?? { value: null }, schedule: context.self }
  return { to: addressOf('job', `${id}/${name}`), event }
}
const nameOf = (at: number): string =>
  new Date(at)
    .toISOString()
    .replace(/\.000Z$/, 'Z')
    .replace(/[-:.]/g, '')

function begun(context: ScheduleContext, name: string, given?: Payload, meant?: { at: number; late?: number }): Partial<ScheduleContext> {
  const params = start(context, termsOf(context)!, name, given)
  return {
    out: [...context.out, { type: 'send', params }],
    started: context.started + 1,
    last: { started: params.to, ...meant },
    refused: undefined,
  }
}

/** Who asked for it by hand is answered by what is started. */
const answering = ({ out, ...moved }: Partial<ScheduleContext>): Partial<ScheduleContext> => ({
  ...moved,
  out: out!.map(({ type, params }) => ({ type, params: { ...params, answers: true } })),
})

const scheduleSetup = setup({
  types: { context: {} as ScheduleContext, events: {} as ScheduleEvent },
  delays: {
    untilNext: ({ context, event }) => (context.next === undefined ? Number.POSITIVE_INFINITY : Math.max(0, context.next - event.at)),
  },
  guards: {
    isNothingNew: ({ context, event }) => event.type === 'declare' && canonical(event.terms) === canonical(context.code ?? null),
    isAwaited: ({ context, event }) => (event.type === 'occurred' || event.type === 'notTaken') && event.topic === context.topic,
    isUnset: ({ context, event }) => termsOf(after({ context, event })) === undefined,
  },
  actions: {
    // for the host: see ActorType
    emit: (_, _params: { effects: ScheduleContext['out'] }) => {},
    reject: (_, _params: { code: string; message: string }) => {},
    send: (_, _params: { to: Address; event: ActorEvent }) => {},

    note: assign(({ context, event }) => ({ ...topicOf({ ...after({ context, event }), self: event.self }), next: event.facts.next })),
    noteNext: assign(({ event }) => ({ next: event.facts.next })),
    run: assign(({ context, event }) => {
      const { due = [], next } = event.facts
      let moved: Partial<ScheduleContext> = {}
      for (const at of due) {
        const late = event.at - at
        if (late > inTime && termsOf(context)!.missed === 'skip') continue
        moved = begun({ ...context, ...moved }, nameOf(at), undefined, { at, ...(late > inTime && { late }) })
      }
      return { ...moved, next }
    }),
    trigger: assign(({ context, event }) => answering(begun(context, (event as Of<'trigger'>).id))),
    occur: assign(({ context, event }) => {
      const { id, data } = event as Of<'occurred'>
      return begun(context, id, data)
    }),
    /** What code says counts again when something is set, and then unset. */
    noteCode: assign(({ event }) => ({ code: (event as Of<'declare'>).terms })),
    leave: assign(({ context }) => ({ ...leftTopic(context), notTaken: undefined, set: undefined, next: undefined })),
    noteRefused: assign(({ event }) => {
      const { of, at, error } = event as Of<'notStarted'>
      return { refused: { of, at, error } }
    }),
    noteNotTaken: assign(({ event }) => ({ notTaken: (event as Of<'notTaken'>).reason })),
    clear: assign({ out: [] }),
  },
})

/** Tells the topic that it waits for, and the one that it waited for until now. */
function topicOf(context: ScheduleContext): ScheduleContext {
  const { when } = termsOf(context)!
  const topic = 'on' in when ? addressOf('topic', when.on) : undefined
  if (topic === context.topic && context.notTaken === undefined) return context
  const left = leftTopic(context)
  const out =
    topic === undefined
      ? left.out
      : [...left.out, { type: 'send' as const, params: { to: topic, event: { type: 'subscribe', follower: context.self } } }]
  return { ...context, topic, notTaken: undefined, out }
}
function leftTopic(context: ScheduleContext): Pick<ScheduleContext, 'out' | 'topic'> {
  if (context.topic === undefined) return { out: context.out, topic: undefined }
  return {
    out: [...context.out, { type: 'send', params: { to: context.topic, event: { type: 'unsubscribe', follower: context.self } } }],
    topic: undefined,
  }
}

const emit = [{ type: 'emit', params: ({ context }: Args) => ({ effects: context.out }) }, 'clear'] as const
const refuse = (words: string) =>
  ({
    actions: { type: 'reject', params: ({ event }: Args) => ({ code: 'NOT_ALLOWED', message: `${event.self} ${words}` }) },
  }) as const
/** A time that has passed before the change is started as it was declared then. */
const changed = { target: 'active', reenter: true, actions: ['run', 'note', ...emit] } as const
/** It is a follower of what it does not wait for: its host has made it one, and somebody has set it otherwise. */
const notMine = {
  actions: {
    type: 'send',
    params: ({ event }: Args) => ({ to: (event as Of<'occurred'>).topic, event: { type: 'unsubscribe', follower: event.self } }),
  },
} as const
const noCode = refuse('was declared by no host: remove it, or set it')

/**
 * Starts a job or a chain at its times, or whenever its event occurs. It is the write that records a time as passed that sends the start, and what is
 * started has an id derived from that time: so each time starts once, whoever is the owner then.
 *
 *   declare, set ─► active ── the next time, an event, trigger ──► active, with what starts by it
 *                    │  ▲
 *              pause ▼  │ resume: its times from then on
 *                   paused          remove ─► removed (code does not bring it back; set does)
 */
const scheduleMachine = scheduleSetup.createMachine({
  id: 'schedule',
  context: { self: '', started: 0, out: [] },
  initial: 'new',
  on: { notStarted: { actions: 'noteRefused' } },
  states: {
    new: {
      on: {
        declare: { target: 'active', actions: ['note', ...emit] },
        set: { target: 'active', actions: ['note', ...emit] },
      },
    },
    active: {
      after: { untilNext: { target: 'active', reenter: true, actions: ['run', ...emit] } },
      on: {
        declare: [{ guard: 'isNothingNew' }, changed],
        set: changed,
        unset: [{ guard: 'isUnset', ...noCode }, changed],
        trigger: { actions: ['trigger', ...emit] },
        occurred: [{ guard: 'isAwaited', actions: ['occur', ...emit] }, notMine],
        notTaken: [{ guard: 'isAwaited', actions: 'noteNotTaken' }, {}],
        pause: 'paused',
        resume: {},
        remove: { target: 'removed', actions: ['leave', ...emit] },
      },
    },
    paused: {
      on: {
        declare: [{ guard: 'isNothingNew' }, { actions: ['note', ...emit] }],
        set: { actions: ['note', ...emit] },
        unset: [{ guard: 'isUnset', ...noCode }, { actions: ['note', ...emit] }],
        trigger: { actions: ['trigger', ...emit] },
        occurred: [{ guard: 'isAwaited' }, notMine],
        notTaken: [{ guard: 'isAwaited', actions: 'noteNotTaken' }, {}],
        pause: {},
        resume: { target: 'active', actions: 'noteNext' },
        remove: { target: 'removed', actions: ['leave', ...emit] },
      },
    },
    removed: {
      on: {
        declare: [{ guard: 'isNothingNew' }, { actions: 'noteCode' }],
        set: { target: 'active', actions: ['note', ...emit] },
        unset: refuse('was removed: set it'),
        trigger: refuse('was removed: set it'),
        pause: refuse('was removed: set it'),
        resume: refuse('was removed: set it'),
        occurred: notMine,
        notTaken: {},
        remove: {},
      },
    },
  },
})

/**
 * Somebody has to take over from a host that died: its times start late, and all of them. Of those that nobody was up for it is the latest; where the rules
 * of its zone were changed since, and by them there is none, the one that was meant.
 */
function dueOf(when: Schedule, first: number, at: number): readonly number[] {
  const due: number[] = []
  for (let time = nextTime(when, Math.max(first, at - inTime) - 1); time !== undefined && time <= at; time = nextTime(when, time))
    due.push(time)
  return due.length ? due : [latestTime(when, first - 1, at) ?? first]
}

export const schedule: ActorType = {
  name: 'schedule',
  version: 1,
  machine: scheduleMachine,
  creates: new Set(['declare', 'set']),
  unmarked: new Set(['declare']),
  history: 'recent',
  facts(snapshot, event, at): Times {
    const before = (snapshot?.context ?? { started: 0, self: event.self, out: [] }) as ScheduleContext
    const was = termsOf(before)?.when
    const isDue = was && !('on' in was) && before.next !== undefined && before.next <= at
    const when = termsOf(after({ context: before, event: event as never }))?.when
    return {
      ...(isDue && { due: dueOf(was, before.next!, at) }),
      ...(when && !('on' in when) && { next: nextTime(when, at) }),
    }
  },
  view: ({ value }) => ({ state: value as string, final: false }),
  why: ({ value, context }) => {
    const { refused } = context as ScheduleContext
    const conditions = waitsFor(value, context as ScheduleContext)
    if (!refused || value === 'removed') return conditions
    const message = `did not start at ${new Date(refused.at).toISOString()}: ${refused.error}`
    return [...conditions, { code: 'NOT_STARTED', message, on: refused.of }]
  },
}

function waitsFor(value: unknown, { next, topic, notTaken, self }: ScheduleContext): Condition[] {
  if (value === 'paused') return [{ code: 'PAUSED', message: `${self} is paused: it starts nothing until it is resumed`, stuck: true }]
  if (value !== 'active') return []
  if (notTaken !== undefined) {
    const message = `${topic} does not tell it: ${notTaken}. Set it again when there is room`
    return [{ code: 'EVENT_FULL', message, on: topic, stuck: true }]
  }
  if (topic !== undefined) return [{ code: 'EVENT', message: `waits for ${idOf(topic)} to occur`, on: topic }]
  if (next === undefined) return [{ code: 'NO_TIME', message: 'it has no time to come', stuck: true }]
  return [{ code: 'START_TIME', message: `starts at ${new Date(next).toISOString()}`, until: next }]
}
