import { tellFollowers } from '../followers.ts'
import type { JobContext } from './context.ts'
import type { Args } from './events.ts'
import { askGroup, because, end } from './membership.ts'
import { afterwards } from './on-end.ts'
import { leavesAll } from './outcomes.ts'
import { droppedBefore, notAnEnd, redrivenOtherwise, resumedBefore } from './redrive.ts'
import { jobSetup } from './setup.ts'
import { release } from './suspension.ts'
import { removed } from './tombstone.ts'
import { anotherJob } from './update.ts'

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
    { actions: { type: 'reject', params: notAnEnd } },
  ],
  drop: [
    { guard: 'isRemoved', actions: { type: 'reject', params: removed } },
    { guard: 'isDropped' },
    { guard: 'isThisEnd', actions: 'drop' },
    { actions: { type: 'reject', params: notAnEnd } },
  ],
} as const

/** What a job does when it ends, however it does: its places are free, its group and those after it are told. */
const ending = (as: NonNullable<JobContext['endedAs']>) =>
  [
    { type: 'endAs', params: { as } },
    ...leavesAll,
    { type: 'send', params: end },
    { type: 'emit', params: ({ context }: Args) => tellFollowers(context, as, because(context)) },
    { type: 'emit', params: afterwards },
  ] as const

/** Nothing more happens by itself. */
export const endedState = jobSetup.createStateConfig({
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
})
