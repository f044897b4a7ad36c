import { assign, setup } from 'xstate'
import type { Address } from '../../src/address.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import { unknownFor, withFollower } from '../followers.ts'
import { contentOf } from './content.ts'
import type { JobContext } from './context.ts'
import type { JobEvent, Of } from './events.ts'
import { isNewRound } from './membership.ts'
import { countEnd } from './on-end.ts'
import { ask, isAskedFor, isHeld, lacksPlace, take, told, withoutPlaces, withoutPool } from './places.ts'
import { circle, followed, follows, inVain, isCircle, isInVain, note } from './predecessors.ts'
import { editsResumed, forgetRedrive, isThisEnd, noteRedrive, otherInput, redrivenInput, wasRedriven } from './redrive.ts'
import { afterLoss, type Grant, isCurrent, outcome } from './runs.ts'
import { entered, isTaken, meets, refusalOf, resumed, suspended, suspends, suspendsAndMet, takenError, withValue } from './suspension.ts'
import { backoff } from './terms.ts'
import { isRemoved } from './tombstone.ts'
import { changed, hasNewPriority, isTooEarly, isUnderWay, keepsLane, ofAnotherJob, postponed, startsLater, startsNow } from './update.ts'

/** As it was submitted, or by its definition's deadline. */
const latest = ({ overdueAt, terms: { deadline }, at }: Of<'submit'>): number | undefined =>
  overdueAt ?? (deadline === undefined ? undefined : at + deadline)

/** A handler that does not react to its deadline is left behind then: 5 s later. */
export const leftAt = (overdueAt: number): number => overdueAt + 5000

/** What the chart of a job (job.ts) names: its guards, its delays, and what its actions change. */
export const jobSetup = setup({
  types: { context: {} as JobContext, events: {} as JobEvent },
  delays: {
    untilGivenUp: unknownFor,
    // Without a deadline no timer is set.
    untilDeadline: ({ context, event }) => Math.max(0, (context.rounds?.deadlineAt ?? Number.POSITIVE_INFINITY) - event.at),
    untilStart: ({ context, event }) => Math.max(0, (context.startAt ?? 0) - event.at),
    untilOverdue: ({ context, event }) => Math.max(0, (context.overdueAt ?? Number.POSITIVE_INFINITY) - event.at),
    untilLeft: ({ context, event }) => Math.max(0, leftAt(context.overdueAt ?? Number.POSITIVE_INFINITY) - event.at),
    untilRetry: ({ context, event }) => Math.max(0, (context.retryAt ?? 0) - event.at),
  },
  guards: {
    isOverdue: ({ context, event }) => context.overdueAt !== undefined && context.overdueAt <= event.at,
    wasOverdue: ({ context }) => context.overdue === true,
    isTooLate: ({ event }) => event.type === 'submit' && (latest(event) ?? Number.POSITIVE_INFINITY) <= event.at,
    waitsForTime: ({ event }) => event.type === 'submit' && event.startAt !== undefined && event.startAt > event.at,
    waitsForWindow: ({ event }) => event.type === 'submit' && !!event.window,
    sameContent: ({ context, event }) => event.type === 'submit' && context.content === contentOf(event.job, event.input),
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
    ofAnotherJob,
    isUnderWay,
    startsLater,
    keepsLane,
    startsNow,
    hasNewPriority,
    isTooEarly,
    lacksPlace,
    isAskedFor,
    isHeld,
    follows,
    followsNoMore: (args) => !follows(args),
    hasEnded: ({ context }) => context.endedAs !== undefined,
    isInVain,
    isCircle,
    tooManyFollow: ({ context, event }) => event.type === 'follow' && !withFollower(context, event.follower),
    currentAndOverdue: (args) => isCurrent(args) && !!args.context.overdue,
    isUnfit: ({ event }) => event.type === 'done' && !!event.refused,
    inGroup: ({ context }) => context.member?.index !== undefined,
    isThisEnd,
    wasRedriven,
    otherInput,
    editsResumed,
    asksAgain: (args) => isThisEnd(args) && wasRedriven(args) && args.context.member?.index !== undefined,
    endOfMember: (args) => isThisEnd(args) && args.context.member?.index !== undefined,
    isDropped: (args) => isThisEnd(args) && !!args.context.dropped,
    suspends,
    suspendsAndMet,
    meets,
    isTaken,
    isRemoved,
    isReserved: ({ event }) => 'known' in event && !!(event.known?.group?.removed || event.known?.chain?.removed),
    refusesCallback: (args) => refusalOf(args) !== undefined,
    newRound: isNewRound,
    newRoundInWindow: (args) => isNewRound(args) && args.event.type === 'again' && !!args.event.window,
  },
  actions: {
    // for the host: see ActorType
    send: (_, _params: { to: Address; event: ActorEvent; answers?: true } | undefined) => {},
    offer: (_, _params: { job: string; priority: number; dispatch: number }) => {},
    grant: (_, _params: Grant) => {},
    refuse: (_, _params: { dispatch: number }) => {},
    reject: (_, _params: { code: string; message: string } | undefined) => {},
    superseded: () => {},
    emit: (_, _params: { effects: { type: 'send'; params: { to: Address; event: ActorEvent } }[] }) => {},

    accept: assign((args) => {
      const event = args.event as Of<'submit'>
      const { self, job, input, terms, member, group, labels, startAt, lane, afterWhen, at } = event
      const ordered = lane !== undefined || terms.pool !== undefined
      const overdueAt = latest(event)
      const after = event.after && followed(event.after)
      const submittedAt = ordered ? at : undefined
      const content = contentOf(job, input)
      return { self, job, input, terms, content, member, group, labels, startAt, overdueAt, lane, afterWhen, after, submittedAt }
    }),
    join: assign(({ context, event }) => {
      const { member, group } = event as Of<'submit'>
      return { member, group: group ?? context.group }
    }),
    change: assign(changed),
    postpone: assign(postponed),
    ask: assign(ask),
    take: assign(take),
    told: assign(told),
    withoutPool: assign(withoutPool),
    withoutPlaces: assign(withoutPlaces),
    noteFollower: assign(({ context, event }) => {
      const { self, follower } = event as Of<'follow'>
      return { self, followers: withFollower({ ...context, self }, follower) }
    }),
    notePredecessor: assign(note),
    giveUp: assign({ cancelReason: 'nobody submitted it' }),
    goneWithGroup: assign(({ event }) => ({
      cancelReason: `it was removed with its ${(event as Of<'follow'>).known?.group ? 'group' : 'chain'}`,
    })),
    noteInVain: assign(inVain),
    noteCircle: assign(circle),
    queue: assign(({ context, event }) => ({ dispatch: context.dispatch + 1, queuedAt: event.at })),
    hold: assign(({ event }) => {
      const { dispatch, worker, at } = event as Of<'claim'>
      return { run: { dispatch, worker, at, lapsed: false } }
    }),
    succeedByHand: assign(({ event }) => ({ output: (event as Of<'done'>).output, error: undefined, run: undefined })),
    succeed: assign(({ event }) => ({ output: (event as Of<'result'>).output, error: undefined, run: undefined })),
    fail: assign(({ context, event }) => {
      const { error, retryAt, at } = event as Of<'result'>
      const attempts = { used: context.attempts.used + 1, unbegun: 0 }
      return { attempts, error, run: undefined, retryAt: retryAt ?? at + backoff({ ...context, attempts }) }
    }),
    forgetRun: assign({ run: undefined }),
    noteBack: assign(({ context, event }) => (context.lane !== undefined && outcome(event) === 'back' ? { gaveBack: true as const } : {})),
    noteBegun: assign(({ context }) => ({ run: context.run && { ...context.run, begun: true as const } })),
    lapse: assign(({ context, event }) => {
      const { worker, dispatch } = event as Of<'lost'>
      const message = `worker ${worker} did not renew its lease on run ${dispatch}`
      return { run: context.run && { ...context.run, lapsed: true }, error: { name: 'LostError', code: 'LOST', message } }
    }),
    useAttempt: assign(({ context, event }) => ({ attempts: afterLoss(context, (event as Of<'lost'>).begun) })),
    noteOverdue: assign({ overdue: true as const }),
    failOverdue: assign(({ context }) => ({
      run: undefined,
      error: {
        name: 'TimeoutError',
        code: 'DEADLINE',
        message: `${context.self} had not ended at its deadline, ${new Date(context.overdueAt!).toISOString()}`,
      },
    })),
    noteCancel: assign(({ event }) => ({ cancelReason: (event as Of<'cancel'>).reason })),
    renew: assign(({ context, event }) => ({
      attempts: { used: 0, unbegun: 0 },
      // A lost run stays current until the next one is granted; after a final state nothing of it counts.
      run: context.endedAs ? undefined : context.run,
      gaveBack: context.endedAs ? undefined : context.gaveBack,
      error: undefined,
      cancelReason: undefined,
      endedAs: undefined,
      // What it was registered under was released at its end.
      rounds: context.endedAs && context.rounds ? { ...context.rounds, alias: undefined } : context.rounds,
      after: undefined,
      overdueAt: undefined,
      overdue: undefined,
      dropped: undefined,
      ...redrivenInput(context),
      member: event.type === 'again' && context.member ? { ...context.member, round: event.round } : context.member,
    })),
    noteRedrive: assign(noteRedrive),
    forgetRedrive: assign(forgetRedrive),
    drop: assign({ dropped: true as const }),
    keepCallback: assign((args) => ({ rounds: withValue(args) })),
    suspend: assign((args) => ({
      rounds: suspended(args),
      run: undefined,
      error: undefined,
      attempts: { used: args.context.attempts.used, unbegun: 0 },
    })),
    resume: assign((args, { by }: { by: 'met' | 'deadline' }) => ({ rounds: resumed(args, by) })),
    enter: assign((args) => ({ rounds: entered(args) })),
    failTaken: assign((args) => ({ error: takenError(args) })),
    endAs: assign(({ context }, { as }: { as: JobContext['endedAs'] }) => ({ endedAs: as, ...countEnd(context) })),
  },
})
