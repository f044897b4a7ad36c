import { rootOf } from '../../src/address.ts'
import { retryRefused } from '../members.ts'
import type { Args, ChainContext, Of } from './context.ts'
import { addressOf, whatFailed } from './steps.ts'

const goneBy = 'it was removed by retention'
/** Why it has failed. */
export const failure = ({ self, steps, progress, removedAt }: ChainContext): string => {
  if (removedAt !== undefined) return goneBy
  return Object.keys(steps).length ? whatFailed(steps, progress) : `no service has declared a chain ${rootOf(self)}`
}

export const conflict = ({ context: { self } }: Args) => ({
  code: 'CONFLICT',
  message: `${self} was started with another input. Use another id.`,
})
export const notAgain = ({ context: { self, removedAt } }: Args) => ({
  code: 'NOT_ALLOWED',
  message:
    removedAt === undefined
      ? `${self} has not failed, and was not cancelled: only that can be restarted`
      : `${self} was removed on ${new Date(removedAt).toISOString()}: only its id is kept`,
})
export const noCancel = ({ context: { self } }: Args) => ({ code: 'NOT_ALLOWED', message: `cancel is not possible: ${self} has ended.` })
export const askPlan = ({ context: { plan } }: Args) => ({
  to: plan!.address,
  event: { type: 'restart', target: plan!.key },
  answers: true as const,
})
/** Its schedule must not take it for started. */
export const notStarted = (args: Args) => {
  const { schedule, self } = args.event as Of<'start'>
  return schedule === undefined
    ? undefined
    : { to: schedule, event: { type: 'notStarted', of: self, error: conflict(args).message.slice(0, 200) } }
}
/** Its plan would wait for ever for the end of what cannot go on. */
export const cannotStart = ({ event }: Args) => {
  const { plan, key, round } = event as Of<'start'>
  return { to: plan!, event: { type: 'ended', key, round, state: 'failed', error: goneBy } }
}
/** Two plans, or a plan and somebody's hand, may mean the same instance: it is of the first, and the other is told. */
export const isTaken = ({ event }: Args) => {
  const { plan, key, round } = event as Of<'start'>
  return { to: plan!, event: { type: 'ended', key, round, state: 'failed', taken: true } }
}
/** Its steps go on together: one alone would leave what is behind it as it was. */
export const refuseRetry = ({ context, event }: Args) => {
  const { key } = event as Of<'retry'>
  const terms = context.steps[key]
  return (
    terms &&
    retryRefused(addressOf(context.self, key, context.progress[key]!, terms), `it is a step of ${context.self}: restart that`).params
  )
}
