import type { Args, Of } from './events.ts'
import { afterRun, lateResult, leavesAll, leavesPool } from './outcomes.ts'
import { request } from './places.ts'
import { offer } from './runs.ts'
import { jobSetup } from './setup.ts'
import { answerVia, taken } from './suspension.ts'
import { refused, rescheduled } from './update.ts'

const inVain = { guard: 'isInVain', target: '#cancelled', actions: 'noteInVain' } as const

/** No run is open: it waits for a time, others, a place, a worker, callbacks or an operator. */
export const pendingState = jobSetup.createStateConfig({
  initial: 'planned',
  always: inVain,
  // An operator's retry of a held job takes its deadline away, and not this timer.
  after: { untilOverdue: { guard: 'isOverdue', target: '#failed', actions: 'failOverdue' } },
  on: {
    cancel: { target: '#cancelled', actions: 'noteCancel' },
    submit: { guard: 'joins', actions: 'join' },
    predecessorEnded: { actions: 'notePredecessor' },
    follow: { guard: 'isCircle', target: '#cancelled', actions: ['noteFollower', 'noteCircle'] },
  },
  states: {
    planned: {
      id: 'planned',
      entry: leavesAll,
      after: { untilStart: '#ready' },
      on: { update: [...refused, ...rescheduled, { actions: 'change' }] },
    },
    waiting: {
      id: 'waiting',
      on: {
        begin: [{ guard: 'isTooEarly', target: '#planned' }, { target: '#ready' }],
        update: [...refused, { actions: 'change' }],
      },
    },
    ready: {
      id: 'ready',
      always: [inVain, { guard: 'follows', target: 'following' }, { guard: 'lacksPlace', target: 'admission' }, { target: 'queued' }],
    },
    following: {
      always: { guard: 'followsNoMore', target: 'ready' },
      on: { update: [...refused, ...rescheduled, { actions: 'change' }] },
    },
    admission: {
      entry: ['ask', { type: 'send', params: request }],
      on: {
        granted: { guard: 'isAskedFor', target: 'ready', actions: 'take' },
        result: [...lateResult],
        // Another priority is another request, under a new permit.
        update: [
          ...refused,
          ...rescheduled,
          { guard: 'hasNewPriority', target: 'ready', actions: ['change', ...leavesPool] },
          { actions: 'change' },
        ],
      },
    },
    queued: {
      id: 'queued',
      entry: ['queue', { type: 'offer', params: offer }],
      on: {
        claim: { guard: 'offered', target: '#running', actions: ['hold', 'enter'] },
        result: [...lateResult],
        reconcile: { actions: { type: 'offer', params: offer } },
        // Another priority is another offer, under a new dispatch: the old one is void.
        update: [
          ...refused,
          ...rescheduled,
          { guard: 'hasNewPriority', target: '#queued', reenter: true, actions: 'change' },
          { actions: 'change' },
        ],
      },
    },
    suspended: {
      id: 'suspended',
      entry: leavesPool,
      after: { untilDeadline: { target: '#ready', actions: { type: 'resume', params: { by: 'deadline' } } } },
      on: {
        resume: {
          guard: 'meets',
          target: '#ready',
          actions: ['keepCallback', { type: 'resume', params: { by: 'met' } }, { type: 'send', params: answerVia(taken) }],
        },
        // Callbacks sent there would reach another job.
        notRegistered: { guard: 'isTaken', target: '#failed', actions: 'failTaken' },
      },
    },
    backoff: { id: 'backoff', after: { untilRetry: '#ready' }, on: { update: [...refused, ...rescheduled, { actions: 'change' }] } },
    held: {
      id: 'held',
      on: {
        result: [...afterRun],
        retry: { target: '#ready', actions: 'renew' },
        done: [
          { guard: 'isUnfit', actions: { type: 'reject', params: ({ event }: Args) => (event as Of<'done'>).refused! } },
          { target: '#succeeded', actions: 'succeedByHand' },
        ],
      },
    },
  },
})
