import { chainOver } from '../src/address.ts'
import type { Snapshot, Work } from '../src/document.ts'
import type { ActorType } from './actor.ts'
import { tellFollower, tooManyFollowers } from './followers.ts'
import { activeState } from './job/active.ts'
import { notItsRun } from './job/children.ts'
import { emptyContext, type JobContext } from './job/context.ts'
import { endedState } from './job/ended.ts'
import type { Args, Of } from './job/events.ts'
import { because, conflict, refusedEnd } from './job/membership.ts'
import { pendingState } from './job/pending.ts'
import { refuse } from './job/places.ts'
import { follow } from './job/predecessors.ts'
import { redrivenOtherwise } from './job/redrive.ts'
import { jobSetup } from './job/setup.ts'
import { answerVia, refusalOf, rejection, taken } from './job/suspension.ts'
import { reserved, tombstoneOf } from './job/tombstone.ts'
import { leaf, why } from './job/why.ts'

export { canonical, contentOf, type Payload } from './job/content.ts'
export type { GroupFacts, JobContext, JobError, Membership } from './job/context.ts'
export type { JobEvent, JobSubmit, Outcome } from './job/events.ts'
export type { Ended } from './job/on-end.ts'
export type { Grant } from './job/runs.ts'
export { cameOf, type Rounds, roundsOf, type Suspend } from './job/suspension.ts'
export { backoff, defaultTerms, type Terms } from './job/terms.ts'

const accept = ['accept', { type: 'emit', params: follow }] as const
const submitted = [
  { guard: 'isTooLate', target: '#failed', actions: ['accept', 'failOverdue'] },
  { guard: 'waitsForWindow', target: '#waiting', actions: accept },
  { guard: 'waitsForTime', target: '#planned', actions: accept },
  { target: '#ready', actions: accept },
] as const

const tellLate = ({ context, event }: Args) => tellFollower(context, (event as Of<'follow'>).follower, context.endedAs!, because(context))
const tellTooMany = ({ context, event }: Args) => tellFollower(context, (event as Of<'follow'>).follower, tooManyFollowers)

/**
 * One piece of work.
 *
 *           startAt    window, predecessors,        claim             ok
 *   submit ─► planned ─► waiting (lane, pool) ─► queued ─► running ─────────► succeeded
 *                                ▲  ▲ │                │ │ │ └─ fail, no attempt left ► failed
 *                                │  │ │ late ok        │ │ └─── lost, by onLost ► queued │ held │ aborted │ failed
 *                 backoff ───────┘  │ └─► succeeded    │ └───── cancel ► cancelling ► cancelled (ok: succeeded)
 *                    ▲              └── give-back ─────┤
 *                    └───────── fail, attempts left ───┘
 *
 * A run may also suspend: the job is `suspended` until callbacks come or a deadline passes, and then queued again (job/suspension.ts).
 * While its host shuts down, a running job is `stopping`: told to end, and with the same ends. (`cancelling` if it was cancelled.)
 *
 * A *run* is one granted dispatch. Every queueing has a new dispatch number; results count only from the worker that holds the run.
 * The last granted run stays current until the next one is granted or the job has ended: a result that was thought lost still counts.
 */
export const jobMachine = jobSetup.createMachine({
  id: 'job',
  context: emptyContext,
  initial: 'new',
  on: {
    // Said again, a submit is the same job; with other content it is refused.
    submit: [
      { guard: 'sameContent' },
      {
        actions: [
          { type: 'reject', params: conflict },
          { type: 'send', params: refusedEnd },
        ],
      },
    ],
    claim: { actions: { type: 'refuse', params: ({ event }) => ({ dispatch: event.dispatch }) } },
    result: { actions: 'superseded' },
    lost: {},
    child: { actions: ['superseded', { type: 'reject', params: notItsRun }] },
    // A callback is kept from the submit on, whatever the job does: the first for each name and round.
    resume: [
      {
        guard: 'refusesCallback',
        actions: [
          { type: 'reject', params: rejection(refusalOf) },
          { type: 'send', params: answerVia(refusalOf) },
        ],
      },
      { actions: ['keepCallback', { type: 'send', params: answerVia(taken) }] },
    ],
    notRegistered: {},
    begun: {},
    stopping: {},
    begin: {},
    again: {},
    notAgain: { actions: ['forgetRedrive', { type: 'reject', params: ({ event: { code, message } }) => ({ code, message }) }] },
    // Asked twice, it runs once.
    redrive: [{ guard: 'otherInput', actions: { type: 'reject', params: redrivenOtherwise } }, { guard: 'wasRedriven' }],
    reconcile: {},
    granted: [{ guard: 'isHeld' }, { actions: [{ type: 'send', params: refuse }, 'told'] }],
    withdrawn: { actions: 'told' },
    follow: [
      { guard: 'hasEnded', actions: { type: 'send', params: tellLate } },
      { guard: 'tooManyFollow', actions: { type: 'send', params: tellTooMany } },
      { actions: 'noteFollower' },
    ],
    predecessorEnded: {},
  },
  states: {
    new: {
      on: {
        submit: [{ guard: 'isReserved', actions: { type: 'reject', params: reserved } }, ...submitted],
        follow: [
          { guard: 'isReserved', target: '#cancelled', actions: ['noteFollower', 'goneWithGroup'] },
          { target: 'awaited', actions: 'noteFollower' },
        ],
      },
    },
    // Somebody was submitted after a job that is not known yet.
    awaited: {
      after: { untilGivenUp: { target: '#cancelled', actions: 'giveUp' } },
      on: { submit: [...submitted] },
    },

    pending: pendingState,
    active: activeState,
    ended: endedState,
  },
})

/** States in which a worker holds the run, by name. */
const holdsRun: ReadonlySet<string> = new Set(['running', 'stopping', 'cancelling'])

/** As it is called outside: whatever it waits for, it is waiting. */
function stateOf({ value }: Snapshot): string {
  const name = leaf(value)
  return name === 'following' || name === 'admission' ? 'waiting' : name
}

/** Final states, by name. */
export const ended: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'aborted'])

function workOf(state: string, { job, terms: { priority }, dispatch, queuedAt, run }: JobContext): Work | undefined {
  if (state === 'queued') return { state: 'queued', job, priority, dispatch, at: queuedAt }
  if (!holdsRun.has(state)) return undefined
  const { worker, at, begun } = run!
  const cancelling = state === 'cancelling' || undefined
  // Only a handler that runs is told to end.
  return {
    state: 'running',
    job,
    priority,
    dispatch: run!.dispatch,
    worker,
    at,
    begun: begun || state === 'stopping' || undefined,
    cancelling,
  }
}

export const job: ActorType = {
  name: 'job',
  version: 1,
  machine: jobMachine,
  creates: new Set(['submit', 'follow']),
  needless: new Set(['granted', 'withdrawn', 'predecessorEnded']),
  unmarked: new Set(['claim', 'result', 'begun', 'lost', 'stopping', 'reconcile', 'follow', 'predecessorEnded']),
  peers: (self, event) => {
    // A group's own submit of a member is after all else that the group has sent; a step after a job is that job's.
    if (!['submit', 'follow'].includes(event.type) || event.member) return []
    const end = self.lastIndexOf('/')
    if (end < 0 || /^onEnd-\d+$/.test(self.slice(end + 1))) return []
    const chain = chainOver(self)
    return [{ key: 'group', address: `group:${self.slice('job:'.length, end)}` }, ...(chain ? [{ key: 'chain', address: chain }] : [])]
  },
  view(snapshot) {
    const context = snapshot.context as JobContext
    const state = stateOf(snapshot)
    return { state, final: ended.has(state), group: context.member?.group, labels: context.labels, work: workOf(state, context) }
  },
  peer(snapshot) {
    const { content, member, removedAt } = snapshot.context as JobContext
    // What was removed is no member any more, and cannot become one.
    return removedAt === undefined ? { content, member: member?.index !== undefined } : { content: 'removed', member: false }
  },
  tombstone: tombstoneOf,
  removable: (snapshot) => (snapshot.context as JobContext).leaving === undefined,
  why,
}
