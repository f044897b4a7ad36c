import type { Snapshot } from '../src/document.ts'
import type { ActorType } from './actor.ts'
import { tellFollower, tellFollowers, tooManyFollowers } from './followers.ts'
import { emptyContext, type JobContext } from './job/context.ts'
import type { Args, Of } from './job/events.ts'
import { askGroup, conflict, end, refusedEnd } from './job/membership.ts'
import { afterwards } from './job/on-end.ts'
import { leaveAll, leavePool, refuse, request } from './job/places.ts'
import { follow } from './job/predecessors.ts'
import { droppedBefore, redrivenOtherwise, resumedBefore } from './job/redrive.ts'
import { grant, offer } from './job/runs.ts'
import { jobSetup } from './job/setup.ts'
import { answerVia, refusalInCancelling, refusalOf, register, rejection, release, releaseOther, taken } from './job/suspension.ts'
import { removed, reserved, tombstoneOf } from './job/tombstone.ts'
import { anotherJob, refused, rescheduled } from './job/update.ts'
import { leaf, why } from './job/why.ts'

export { canonical, contentOf, type Payload } from './job/content.ts'
export type { GroupFacts, JobContext, JobError, Membership } from './job/context.ts'
export type { JobEvent, JobSubmit, Outcome } from './job/events.ts'
export type { Ended } from './job/on-end.ts'
export type { Grant } from './job/runs.ts'
export { cameOf, type Rounds, roundsOf, type Suspend } from './job/suspension.ts'
export { backoff, defaultTerms, type Terms } from './job/terms.ts'

/** A suspend is recorded, and tests at once whether what it waits for is there. */
const suspend = [{ type: 'send', params: releaseOther }, 'suspend', { type: 'send', params: register }] as const
const afterSuspend = [
  { guard: 'suspendsAndMet', target: '#ready', actions: [...suspend, { type: 'resume', params: { by: 'met' } }] },
  { guard: 'suspends', target: '#suspended', actions: suspend },
] as const

/** How a run that is current ends a running or held job. */
const afterRun = [
  { guard: 'returned', target: '#succeeded', actions: 'succeed' },
  ...afterSuspend,
  { guard: 'givenBack', target: '#ready', actions: 'forgetRun' },
  { guard: 'failedWithAttemptLeft', target: '#backoff', actions: 'fail' },
  { guard: 'current', target: '#failed', actions: 'fail' },
] as const

/** Without its worker a run is lost: what becomes of the job is in its terms. */
const onLost = [
  { guard: 'lostAndHeld', target: '#held', actions: 'lapse' },
  { guard: 'lostAndAborted', target: '#aborted', actions: 'lapse' },
  { guard: 'lostWithAttemptLeft', target: '#ready', actions: ['lapse', 'useAttempt'] },
  { guard: 'current', target: '#failed', actions: ['lapse', 'useAttempt'] },
] as const

/** A member's retry is decided by its group: it says `again`, or `notAgain`. What has succeeded is never run again. */
const retried = {
  again: [
    { guard: 'isRemoved' },
    { guard: 'newRoundInWindow', target: '#waiting', actions: 'renew' },
    { guard: 'newRound', target: '#ready', actions: 'renew' },
  ],
  retry: [
    { guard: 'isRemoved', actions: { type: 'reject', params: removed } },
    { guard: 'inGroup', actions: { type: 'send', params: askGroup } },
    { target: '#ready', actions: 'renew' },
  ],
} as const

/** A dead letter is redriven by the same rules, its input edited perhaps; which of its ends is meant is said, so that it runs once for each. */
const dead = {
  ...retried,
  redrive: [
    { guard: 'isRemoved', actions: { type: 'reject', params: removed } },
    { guard: 'otherInput', actions: { type: 'reject', params: redrivenOtherwise } },
    { guard: 'asksAgain', actions: { type: 'send', params: askGroup } },
    { guard: 'wasRedriven' },
    { guard: 'isDropped', actions: { type: 'reject', params: droppedBefore } },
    { guard: 'ofAnotherJob', actions: { type: 'reject', params: anotherJob } },
    { guard: 'editsResumed', actions: { type: 'reject', params: resumedBefore } },
    { guard: 'endOfMember', actions: ['noteRedrive', { type: 'send', params: askGroup }] },
    { guard: 'isThisEnd', target: '#ready', actions: ['noteRedrive', 'renew'] },
  ],
  drop: [
    { guard: 'isRemoved', actions: { type: 'reject', params: removed } },
    { guard: 'isDropped' },
    { guard: 'isThisEnd', actions: 'drop' },
  ],
} as const

/** Thought lost, and waiting again: its success still counts, until another run is granted. */
const lateResult = [
  { guard: 'returned', target: '#succeeded', actions: 'succeed' },
  ...afterSuspend,
  { guard: 'current', actions: 'forgetRun' },
] as const

/** Past its deadline the handler is told, as by a cancel: what it returns still counts, anything else is a failure. */
const overdue = { untilOverdue: { target: '#cancelling', actions: 'noteOverdue' } } as const

/** Units go back whenever a run has ended, however it has. */
const leavesPool = [{ type: 'emit', params: leavePool }, 'withoutPool'] as const

const leavesAll = [{ type: 'emit', params: leaveAll }, 'withoutPlaces'] as const

const accept = ['accept', { type: 'emit', params: follow }] as const
const submitted = [
  { guard: 'waitsForWindow', target: '#waiting', actions: accept },
  { guard: 'waitsForTime', target: '#planned', actions: accept },
  { target: '#ready', actions: accept },
] as const

/** What a job does when it ends, however it does: its places are free, its group and those after it are told. */
const ending = (as: NonNullable<JobContext['endedAs']>) =>
  [
    { type: 'endAs', params: { as } },
    ...leavesAll,
    { type: 'send', params: end },
    { type: 'emit', params: ({ context }: Args) => tellFollowers(context, as) },
    { type: 'emit', params: afterwards },
  ] as const

const tellLate = ({ context, event }: Args) => tellFollower(context.self, (event as Of<'follow'>).follower, context.endedAs!)
const tellTooMany = ({ context, event }: Args) => tellFollower(context.self, (event as Of<'follow'>).follower, tooManyFollowers)

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
        follow: { target: 'awaited', actions: 'noteFollower' },
      },
    },
    // Somebody was submitted after a job that is not known yet.
    awaited: {
      after: { untilGivenUp: { target: '#cancelled', actions: 'giveUp' } },
      on: { submit: [...submitted] },
    },

    pending: {
      initial: 'planned',
      always: { guard: 'isInVain', target: '#cancelled', actions: 'noteInVain' },
      after: { untilOverdue: { target: '#failed', actions: 'failOverdue' } },
      on: {
        cancel: { target: '#cancelled', actions: 'noteCancel' },
        submit: { guard: 'joins', actions: 'join' },
        predecessorEnded: { actions: 'notePredecessor' },
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
          always: [{ guard: 'follows', target: 'following' }, { guard: 'lacksPlace', target: 'admission' }, { target: 'queued' }],
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
    },

    active: {
      initial: 'running',
      exit: leavesPool,
      on: {
        claim: { guard: 'holdsRun', actions: { type: 'grant', params: grant } },
        submit: { guard: 'joins', actions: 'join' },
      },
      states: {
        running: {
          id: 'running',
          entry: { type: 'grant', params: grant },
          after: overdue,
          on: {
            result: [...afterRun],
            lost: [...onLost],
            stopping: { guard: 'current', target: '#stopping' },
            cancel: { target: '#cancelling', actions: 'noteCancel' },
          },
        },
        // Its host shuts down, and the handler was told: it ends as a running one does.
        stopping: {
          id: 'stopping',
          after: overdue,
          on: {
            result: [...afterRun],
            lost: [...onLost],
            cancel: { target: '#cancelling', actions: 'noteCancel' },
          },
        },
        cancelling: {
          id: 'cancelling',
          on: {
            cancel: {},
            resume: {
              actions: [
                { type: 'reject', params: rejection(refusalInCancelling) },
                { type: 'send', params: answerVia(refusalInCancelling) },
              ],
            },
            result: [
              { guard: 'returned', target: '#succeeded', actions: 'succeed' },
              { guard: 'currentAndOverdue', target: '#failed', actions: 'failOverdue' },
              { guard: 'current', target: '#cancelled', actions: 'forgetRun' },
            ],
            lost: [
              { guard: 'currentAndOverdue', target: '#failed', actions: 'failOverdue' },
              { guard: 'current', target: '#cancelled', actions: 'lapse' },
            ],
          },
        },
      },
    },

    ended: {
      initial: 'succeeded',
      entry: { type: 'send', params: release },
      on: {
        submit: { guard: 'joins', actions: ['join', { type: 'send', params: end }] },
      },
      states: {
        succeeded: {
          id: 'succeeded',
          entry: [...ending('succeeded')],
        },
        failed: {
          id: 'failed',
          entry: [...ending('failed')],
          on: dead,
        },
        cancelled: {
          id: 'cancelled',
          entry: [...ending('cancelled')],
          on: retried,
        },
        aborted: {
          id: 'aborted',
          entry: [...ending('aborted')],
          on: dead,
        },
      },
    },
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

export const job: ActorType = {
  name: 'job',
  version: 1,
  machine: jobMachine,
  creates: new Set(['submit', 'follow']),
  unmarked: new Set(['claim', 'result', 'lost', 'stopping', 'reconcile', 'follow', 'predecessorEnded']),
  peers: (self, event) => {
    const end = self.lastIndexOf('/')
    // A group's own submit of a member is after all else that the group has sent.
    return event.type === 'submit' && !event.member && end > 0 ? [{ key: 'group', address: `group:${self.slice('job:'.length, end)}` }] : []
  },
  view(snapshot) {
    const context = snapshot.context as JobContext
    const state = stateOf(snapshot)
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
          : holdsRun.has(state)
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
    const { content, member, removedAt } = snapshot.context as JobContext
    // What was removed is no member any more, and cannot become one.
    return removedAt === undefined ? { content, member: member?.index !== undefined } : { content: 'removed', member: false }
  },
  tombstone: tombstoneOf,
  removable: (snapshot) => (snapshot.context as JobContext).leaving === undefined,
  why,
}
