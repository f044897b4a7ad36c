import { active, group, ownership, worker } from './files.ts'
import { type Mutation, off } from './mutation.ts'

/** What stands in no rule of its own. */
export const requirements: readonly Mutation[] = [
  off(
    'R1 R5 held, it is never run again by itself',
    active,
    "  { guard: 'lostAndHeld', target: '#held', actions: 'lapse' },\n",
    '',
    'machines/job.unit: running: loss, onLost hold',
  ),
  off(
    'R3 no output of what did not succeed',
    group,
    "        { guard: 'completeAndFailed', target: 'failed' },\n",
    '',
    './group.int: all-succeeded and a member',
  ),
  off(
    'E1 what a job is outlives its hosts',
    'src/embedded.ts',
    "key.startsWith('contract.') ||",
    '',
    './contracts-kept.int: a job is submitted',
  ),
  off('E5 what a dead host owned is taken over', ownership, 'return dead === true', 'return false', 'ownership: hosts that'),
  off(
    'W6 one process at a time in a folder',
    'src/store/folder-lock.ts',
    'if (!holder) {',
    'if (holder !== null) {',
    './folder-hosts.e2e: W6',
  ),
  off(
    'W3 the end of a job lets the next begin',
    worker,
    '    line.startReady()\n    claims.refill()',
    '    line.startReady()',
    './event-driven.int: W3: a slot',
  ),
  off(
    'W3 the timer is set to the next time',
    'src/host/timers.ts',
    'if (wakeAt < earliest) arm(wakeAt)',
    'if (wakeAt < earliest) arm(Math.ceil(wakeAt / 60_000) * 60_000)',
    './event-driven.int: W3: a slot',
  ),
  off(
    'E3 the wall clock is looked at again',
    'src/clock.ts',
    'if (left > look) return wait(arm)',
    '',
    './clock.unit: E3 a time fires within',
    './clock-set.int: E3 C1',
  ),
  off(
    'E3 a time that comes too early waits',
    'src/clock.ts',
    'Date.now() < at ? arm() : fire()',
    'fire()',
    './clock.unit: a clock that is set back',
  ),
  off('C1 the planner waits for a date', 'src/host/planner.ts', 'atWall(clock, at, () =>', 'clock.at(at, () =>', './clock-set.int: E3 C1'),
  off(
    'W4 a group is cancelled with its members',
    group,
    "{ actions: ['noteCancel', 'cancelRest', ...emit] }",
    "{ actions: 'noteCancel' }",
    './group.int: a cancelled group: all',
  ),
]
