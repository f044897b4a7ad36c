import { assign, setup } from 'xstate'
import type { ActorType } from '../../actors/actor.ts'
import { type Address, partitionOf } from '../../src/address.ts'
import type { ActorEvent } from '../../src/envelope.ts'

/**
 * The smallest actor with which every rule of delivery can be seen: a cell keeps a log, and does what the events say that it gets. So a
 * spec writes down what is sent by whom in the events themselves, and reads in the logs what came, how often and in which order.
 */
export interface Deed extends ActorEvent {
  type: 'do'
  /** Goes into the log. */
  note?: string
  /** The time at which it was decided goes into the log, and on to those it is sent to. */
  stamp?: boolean
  send?: { to: Address; event: ActorEvent }[]
  /** Sets timers: after `delay` ms the cell gets `event`. */
  later?: { id: string; delay: number; event: ActorEvent }[]
}

interface CellContext {
  log: string[]
}

type CellEvent = { at: number } & (Deed | { type: 'shut' } | { type: 'open' } | { type: 'fragile'; note: string })

type Args = { context: CellContext; event: CellEvent }

/** What a cell asks the host for, in the words of ActorType. */
function effectsOf({ event }: Args) {
  if (event.type !== 'do') return { effects: [] }
  const sends = (event.send ?? []).map(({ to, event: sent }) => ({
    type: 'send',
    params: { to, event: event.stamp ? { ...sent, note: String(event.at) } : sent },
  }))
  return { effects: [...sends, ...(event.later ?? []).map((params) => ({ type: 'xstate.raise', params }))] }
}

const machine = setup({
  types: { context: {} as CellContext, events: {} as CellEvent },
  actions: {
    emit: (_, _params: { effects: unknown[] }) => {},
    reject: (_, _params: { code: string; message: string }) => {},
    write: assign(({ context, event }) => {
      const note = event.type === 'do' && event.stamp ? String(event.at) : 'note' in event ? event.note : undefined
      return note === undefined ? {} : { log: [...context.log, note] }
    }),
  },
  guards: {
    breaks: (): boolean => {
      throw new Error('it breaks')
    },
  },
}).createMachine({
  id: 'cell',
  context: { log: [] },
  initial: 'open',
  states: {
    open: {
      on: {
        do: { actions: ['write', { type: 'emit', params: effectsOf }] },
        shut: 'shut',
        fragile: { guard: 'breaks' },
      },
    },
    /** Takes nothing, and says so; what would have broken it is written down. */
    shut: {
      on: {
        do: { actions: { type: 'reject', params: { code: 'SHUT', message: 'it is shut' } } },
        open: 'open',
        fragile: { actions: 'write' },
      },
    },
  },
})

export const cell: ActorType = {
  name: 'cell',
  version: 1,
  machine,
  creates: new Set(['do', 'fragile']),
  unmarked: new Set(),
  view: ({ value }) => ({ state: value as string, final: false }),
  why: () => [],
}

export const deed = (note: string | undefined, rest: Omit<Deed, 'type' | 'note'> = {}): Deed => ({ type: 'do', note, ...rest })

/** A cell's address in this partition. */
export function cellIn(partition: number, partitions: number, name: string): Address {
  for (let i = 0; ; i++) if (partitionOf(`${name}${i}`, partitions) === partition) return `cell:${name}${i}`
}
