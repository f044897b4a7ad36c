import { child } from './children.ts'
import { afterRun, leavesPool } from './outcomes.ts'
import { grant } from './runs.ts'
import { jobSetup } from './setup.ts'
import { answerVia, refusalInCancelling, rejection } from './suspension.ts'

/** Without its worker a run is lost: what becomes of the job is in its terms. */
const onLost = [
  { guard: 'lostAndHeld', target: '#held', actions: 'lapse' },
  { guard: 'lostAndAborted', target: '#aborted', actions: 'lapse' },
  { guard: 'lostWithAttemptLeft', target: '#ready', actions: ['lapse', 'useAttempt'] },
  { guard: 'current', target: '#failed', actions: ['lapse', 'useAttempt'] },
] as const

/** Past its deadline the handler is told, as by a cancel: what it returns still counts, anything else is a failure. */
const overdue = { untilOverdue: { target: '#cancelling', actions: 'noteOverdue' } } as const

/** A worker holds its run. */
export const activeState = jobSetup.createStateConfig({
  initial: 'running',
  exit: leavesPool,
  on: {
    claim: { guard: 'holdsRun', actions: { type: 'grant', params: grant } },
    submit: { guard: 'joins', actions: 'join' },
    child: { guard: 'current', actions: { type: 'send', params: child } },
  },
  states: {
    running: {
      id: 'running',
      entry: { type: 'grant', params: grant },
      after: overdue,
      on: {
        result: [...afterRun],
        begun: { guard: 'current', actions: 'noteBegun' },
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
      // One with a deadline has ended soon after it, whatever its handler does: that is left behind, as after its timeout.
      after: {
        untilLeft: [
          { guard: 'wasOverdue', target: '#failed', actions: 'failOverdue' },
          { target: '#cancelled', actions: 'forgetRun' },
        ],
      },
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
})
