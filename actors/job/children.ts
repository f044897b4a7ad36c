import type { Args, Of } from './events.ts'

/**
 * A job that a handler submits as its own. It goes by the actor of the job, which knows whether the run is current: what a frozen worker
 * submits when it wakes up, creates nothing. Its id is derived, so that another attempt submits the same.
 */
export const child = ({ context: { self }, event }: Args) => {
  const { key, job, input, terms } = event as Of<'child'>
  return { to: `${self}/${key}`, event: { type: 'submit', job, input, terms }, answers: true as const }
}

export const notItsRun = ({ context: { self }, event }: Args) => ({
  code: 'SUPERSEDED',
  message: `run ${(event as Of<'child'>).dispatch} of ${self} is no longer current: it submits nothing`,
})
