import { assign, setup } from 'xstate'
import type { Address } from '../src/address.ts'
import type { ActorEvent } from '../src/envelope.ts'
import type { ActorType, Condition } from './actor.ts'
import { unknownFor } from './followers.ts'
import type { Change } from './plan/changes.ts'
import { factsOf } from './plan/facts.ts'
import { type Packed, pack, unpack } from './plan/packed.ts'
import { show } from './plan/show.ts'
import { instanceId, type Plan, planOf, type RunFacts, type RunKey } from './plan/state.ts'
import { type Decision, isOver, nextAt, type PlanEvent, step } from './plan/step.ts'

export interface PlanContext {
  self: Address
  packed?: Packed
  /** When it must be looked at again. */
  next?: number
  /** All is done, or nothing has happened for 30 days to what is left. */
  over: boolean
  /** And its date is so long ago that nobody would make it again: it may be removed. */
  final: boolean
  /** Only what answers for its id is left, since then. */
  removedAt?: number
  /** Effects of the present transition; empty in every stored snapshot. */
  out: readonly Effect[]
}

type Effect = { type: 'send'; params: { to: Address; event: ActorEvent } }
type Said = { readonly run: string } & RunFacts
type MadeEvent = { at: number; self: Address } & (
  | {
      /** The first creates the plan; any other is what code says now. */
      type: 'make'
      code: Packed
      /** Chains that code declares, of which it has no run in this zone. */
      without?: readonly string[]
    }
  | Exclude<Change, { type: 'declare' }>
  /** From a chain. */
  | { type: 'ended'; key: RunKey; round: number; state: 'succeeded' | 'failed' | 'cancelled'; error?: string; taken?: true }
)
type Args = { context: PlanContext; event: MadeEvent }
type Made = Extract<MadeEvent, { type: 'make' }>

/** What the rules say of the event; an event of the machine's own is that time has passed. */
function stepOf({ context, event }: Args): Next {
  if (latest?.context === context && latest.event === event) return latest.next
  const before = context.packed ? unpack(context.packed) : emptyPlan((event as Made).code)
  const { plan, decisions, refused } = step(before, asPlanEvent(event), event.at)
  const next = { plan, decisions, refused, packed: pack(plan) }
  latest = { context, event, next }
  return next
}
/** Planners look back a week: a plan that was gone by then would be made, and run, again. */
const keptFor = 9 * 24 * 60 * 60 * 1000
const emptyPlan = (of: Packed): Plan => planOf(of, [])
interface Next extends ReturnType<typeof step> {
  packed: Packed
}
/** Guards and actions of one transition ask for the same. */
let latest: (Args & { next: Next }) | undefined

function asPlanEvent(event: MadeEvent): PlanEvent {
  if (event.type === 'make') return { type: 'declare', chains: saidBy(event) }
  return changes.has(event.type) || event.type === 'ended' ? event : { type: 'time' }
}

/** What a `make` says of each chain. */
export function saidBy({ code, without = [] }: Pick<Made, 'code' | 'without'>): Record<string, Said[]> {
  const chains: Record<string, Said[]> = Object.create(null)
  for (const chain of without) chains[chain] = []
  for (const { chain, run, ...more } of Object.values(unpack(code).runs)) (chains[chain] ??= []).push({ run, ...factsOf(more) })
  return chains
}

const changes: ReadonlySet<string> = new Set(['add', 'remove', 'deactivate', 'restore', 'link', 'release', 'restart'])

function effectOf(plan: Plan, self: Address, decision: Decision): Effect[] {
  const { key } = decision
  const run = plan.runs[key]!
  const to = `chain:${instanceId(plan, run)}`
  switch (decision.do) {
    case 'start':
      return [{ type: 'send', params: { to, event: { type: 'start', plan: self, key, round: decision.round } } }]
    case 'cancel':
      return [{ type: 'send', params: { to, event: { type: 'cancel', reason: `taken out of ${self}`, plan: self } } }]
    case 'skip':
      return []
  }
}

const planSetup = setup({
  types: { context: {} as PlanContext, events: {} as MadeEvent },
  delays: {
    untilNext: ({ context, event }) => (context.next === undefined ? Number.POSITIVE_INFINITY : Math.max(0, context.next - event.at)),
  },
  guards: {
    isRefused: (args) => stepOf(args).refused !== undefined,
    /** Hosts say what their code says whenever they start. */
    isNothingNew: (args) => {
      const { packed, decisions } = stepOf(args)
      return decisions.length === 0 && JSON.stringify(packed) === JSON.stringify(args.context.packed)
    },
    isRemoved: ({ context }) => context.removedAt !== undefined,
  },
  actions: {
    // for the host: see ActorType
    emit: (_, _params: { effects: readonly Effect[] }) => {},
    reject: (_, _params: { code: string; message: string }) => {},

    step: assign((args) => {
      const { plan, decisions, packed } = stepOf(args)
      const { at, self } = args.event
      const next = nextAt(plan, at)
      const over = isOver(plan, at) || isGivenUp(args, next)
      const out = decisions.flatMap((decision) => effectOf(plan, self, decision))
      const stays = Date.parse(plan.date) + keptFor
      const final = over && at >= stays
      return { self, packed, next: over ? (final ? undefined : stays) : (next ?? at + unknownFor), over, final, out }
    }),
    clear: assign({ out: [] }),
  },
})

/** Only what has failed is left, and for so long nobody has restarted or removed it: its chain may be gone. */
function isGivenUp(args: Args, next: number | undefined): boolean {
  const { type } = args.event
  const byTime = !changes.has(type) && type !== 'ended' && type !== 'make'
  const states = Object.values(stepOf(args).plan.runs).map(({ instance }) => instance?.state)
  return byTime && next === undefined && !states.includes('running') && !states.includes('cancelling')
}

const emit = [{ type: 'emit', params: ({ context }: Args) => ({ effects: context.out }) }, 'clear'] as const
/** Entered anew after each event: its timer is for what is next now. */
const goOn = { target: 'open', reenter: true, actions: ['step', ...emit] } as const
const change = [{ guard: 'isRefused', actions: { type: 'reject', params: (args: Args) => stepOf(args).refused! } }, goOn] as const
const removed = ({ context: { self, removedAt } }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `${self} was removed on ${new Date(removedAt!).toISOString()}: only its id is kept`,
})
/** What nobody needs any more says so. */
const gone = { guard: 'isRemoved', actions: { type: 'reject', params: removed } } as const

/**
 * The chains of one date in one zone. All that it decides is in plan/step.ts, a pure function of what is stored and what has come; this is only
 * its durable shell: the write that records a start is the one that sends it.
 *
 *   make ─► open ── an event, or the next time ──► open, with what starts by it
 */
const planMachine = planSetup.createMachine({
  id: 'plan',
  context: { self: '', over: false, final: false, out: [] },
  initial: 'new',
  states: {
    new: { on: { make: change } },
    open: {
      after: { untilNext: goOn },
      on: {
        make: [gone, { guard: 'isNothingNew' }, ...change],
        add: [gone, ...change],
        remove: [gone, ...change],
        deactivate: [gone, ...change],
        restore: [gone, ...change],
        link: [gone, ...change],
        release: [gone, ...change],
        restart: [gone, ...change],
        ended: [{ guard: 'isRemoved' }, goOn],
      },
    },
  },
})

/** What waits, and for what; of what is stuck all, of the others the first. */
function why({ context }: { context: unknown }, at: number): Condition[] {
  const { packed } = context as PlanContext
  if (!packed) return []
  const rows = show(unpack(packed), at).filter(({ state }) => state === 'waiting' || state === 'no-time' || state === 'due')
  const all = rows.flatMap(({ id, why }) =>
    why.map((condition) => ({ ...condition, message: `${id} ${condition.message}`, chain: `chain:${id}` })),
  )
  return [...all.filter(({ stuck }) => stuck), ...all.filter(({ stuck }) => !stuck)].slice(0, 100)
}

export const plan: ActorType = {
  name: 'plan',
  version: 1,
  machine: planMachine,
  creates: new Set(['make']),
  unmarked: new Set(['ended']),
  view: ({ value, context }) => {
    const { over, final } = context as PlanContext
    return { state: value === 'open' && over ? 'over' : (value as string), final }
  },
  tombstone: ({ context, ...snapshot }, at) => ({
    ...snapshot,
    context: { self: (context as PlanContext).self, over: true, final: true, removedAt: at, out: [] } satisfies PlanContext,
  }),
  why,
}
