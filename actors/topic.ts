import { assign, setup } from 'xstate'
import type { Address } from '../src/address.ts'
import type { ActorEvent } from '../src/envelope.ts'
import type { ActorType } from './actor.ts'
import type { Payload } from './job.ts'

/** Schedules that wait for one event: one write sends to all of them. */
const mostFollowers = 50

interface TopicContext {
  followers: readonly Address[]
}

type TopicEvent = { at: number; self: Address } & (
  | { type: 'subscribe' | 'unsubscribe'; follower: Address }
  /** `id`: the same occurs once. */
  | { type: 'raise'; id: string; data: Payload }
)
type Args = { context: TopicContext; event: TopicEvent }

const topicSetup = setup({
  types: { context: {} as TopicContext, events: {} as TopicEvent },
  guards: {
    tooMany: ({ context: { followers }, event }) =>
      event.type === 'subscribe' && followers.length >= mostFollowers && !followers.includes(event.follower),
    isThere: ({ context: { followers }, event }) => event.type === 'subscribe' && followers.includes(event.follower),
  },
  actions: {
    // for the host: see ActorType
    emit: (_, _params: { effects: { type: 'send'; params: { to: Address; event: ActorEvent } }[] }) => {},
    reject: (_, _params: { code: string; message: string }) => {},

    add: assign(({ context: { followers }, event }) => ({ followers: [...followers, (event as { follower: Address }).follower] })),
    drop: assign(({ context: { followers }, event }) => ({
      followers: followers.filter((one) => one !== (event as { follower: Address }).follower),
    })),
  },
})

const tellAll = ({ context: { followers }, event }: Args) => {
  const { id, data, self } = event as Extract<TopicEvent, { type: 'raise' }>
  return { effects: followers.map((to) => ({ type: 'send' as const, params: { to, event: { type: 'occurred', topic: self, id, data } } })) }
}

const full = `${mostFollowers} schedules wait for it already`
/** Else it would wait for ever without knowing. */
const tellFull = ({ event }: Args) => {
  const { follower: to, self } = event as Extract<TopicEvent, { type: 'subscribe' }>
  return { effects: [{ type: 'send' as const, params: { to, event: { type: 'notTaken', topic: self, reason: full } } }] }
}

/** An event by its name: whoever raises it need not know what starts by it. What subscribes later does not hear of it. */
const topicMachine = topicSetup.createMachine({
  id: 'topic',
  context: { followers: [] },
  initial: 'open',
  states: {
    open: {
      on: {
        subscribe: [
          { guard: 'isThere' },
          {
            guard: 'tooMany',
            actions: [
              { type: 'reject', params: { code: 'NOT_ALLOWED', message: full } },
              { type: 'emit', params: tellFull },
            ],
          },
          { actions: 'add' },
        ],
        unsubscribe: { actions: 'drop' },
        raise: { actions: { type: 'emit', params: tellAll } },
      },
    },
  },
})

export const topic: ActorType = {
  name: 'topic',
  version: 1,
  machine: topicMachine,
  creates: new Set(['subscribe', 'raise']),
  // Subscribing and leaving undo each other: said again, and late, either would be wrong.
  unmarked: new Set(),
  history: 'recent',
  view: ({ value }) => ({ state: value as string, final: false }),
  why: () => [],
}
