import { contentOf, type Payload } from './content.ts'
import type { JobContext } from './context.ts'
import type { Args, Of } from './events.ts'
import { roundsOf } from './suspension.ts'

/**
 * A job that has failed or was aborted is a dead letter: its document is, there is no copy. It is redriven, with another input perhaps, or
 * dropped. Which of its ends is meant is told by the number of its last dispatch: each redrive leads to a higher one. So a redrive that is
 * said again, or that comes when the job has failed once more, does not run it twice.
 */
export interface Redriven {
  /** Dispatch after which it had ended. */
  end: number
  /** Hash of definition and input. */
  content: string
  /** The edited input of a member, until its group has decided. */
  input?: Payload
}

const redrive = ({ event }: Args) => event as Of<'redrive'>
const endOf = (args: Args) => redrive(args).end ?? args.context.dispatch

/** `end` absent: the present one. */
export const isThisEnd = ({ context, event }: Args) => [undefined, context.dispatch].includes((event as Of<'redrive' | 'drop'>).end)

/** It runs again already, or its group was asked. */
export const wasRedriven = (args: Args) => endOf(args) <= (args.context.redriven?.end ?? -1)

export const otherInput = (args: Args) => {
  const { input } = redrive(args)
  const { redriven } = args.context
  return !!redriven && redriven.end === endOf(args) && input !== undefined && redriven.content !== contentOf(args.context.job, input)
}

/** What was given to callbacks, and the state, belong to the input that it began with. */
export const editsResumed = (args: Args) => {
  const { round, resuming } = roundsOf(args.context)
  return redrive(args).input !== undefined && (round > 1 || !!resuming)
}

export const noteRedrive = (args: Args): Partial<JobContext> => {
  const { input } = redrive(args)
  const { dispatch: end, job, input: before } = args.context
  return { redriven: { end, content: contentOf(job, input ?? before), ...(input && { input }) } }
}

/** With which input it runs again, once it does. */
export function redrivenInput({ redriven, dispatch }: JobContext): Partial<JobContext> {
  if (redriven?.end !== dispatch || !redriven.input) return {}
  return { input: redriven.input, redriven: { end: redriven.end, content: redriven.content } }
}

/** Its group has refused: it is as if nobody had asked. */
export const forgetRedrive = ({ context: { redriven, dispatch } }: Args): Partial<JobContext> =>
  redriven?.end === dispatch ? { redriven: undefined } : {}

export const redrivenOtherwise = ({ context: { self } }: Args) => ({
  code: 'CONFLICT',
  message: `${self} was redriven already, with another input. Wait for its end, or submit the same work under another id.`,
})
export const notAnEnd = ({ context: { self, dispatch }, event }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `${event.type} is not possible: ${self} did not end as @${(event as Of<'redrive' | 'drop'>).end}, or has run again since; at last it ended as ${self}@${dispatch}.`,
})
export const droppedBefore = ({ context: { self } }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `redrive is not possible: ${self} was dropped from the dead letters. A retry runs it all the same.`,
})
export const resumedBefore = ({ context: { self } }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `input: ${self} was suspended and resumed with the input that it has, which cannot change. Redrive it without one, or submit a new job.`,
})
