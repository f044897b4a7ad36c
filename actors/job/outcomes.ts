import { leaveAll, leavePool } from './places.ts'
import { register, releaseOther } from './suspension.ts'

/** What a result, or its absence, does with a job: used by several of its states. */

/** A suspend is recorded, and tests at once whether what it waits for is there. */
const suspend = [{ type: 'send', params: releaseOther }, 'suspend', { type: 'send', params: register }] as const
const afterSuspend = [
  { guard: 'suspendsAndMet', target: '#ready', actions: [...suspend, { type: 'resume', params: { by: 'met' } }] },
  { guard: 'suspends', target: '#suspended', actions: suspend },
] as const

/** How a run that is current ends a running or held job. */
export const afterRun = [
  { guard: 'returned', target: '#succeeded', actions: 'succeed' },
  ...afterSuspend,
  { guard: 'givenBack', target: '#ready', actions: ['noteBack', 'forgetRun'] },
  { guard: 'failedWithAttemptLeft', target: '#backoff', actions: 'fail' },
  { guard: 'current', target: '#failed', actions: 'fail' },
] as const

/** Thought lost, and waiting again: its success still counts, until another run is granted. */
export const lateResult = [
  { guard: 'returned', target: '#succeeded', actions: 'succeed' },
  ...afterSuspend,
  { guard: 'current', actions: 'forgetRun' },
] as const

/** Units go back whenever a run has ended, however it has. */
export const leavesPool = [{ type: 'emit', params: leavePool }, 'withoutPool'] as const

export const leavesAll = [{ type: 'emit', params: leaveAll }, 'withoutPlaces'] as const
