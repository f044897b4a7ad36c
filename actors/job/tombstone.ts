import type { Snapshot } from '../../src/document.ts'
import { emptyContext, type JobContext } from './context.ts'
import type { Args } from './events.ts'

/** Largest output that stays, in characters of JSON. */
const outputLimit = 512

/**
 * What is left of a job when retention has removed it: the same submit is still the same job, and is answered as it ended. Its input is gone,
 * so it cannot run again.
 */
export function tombstoneOf(snapshot: Snapshot, at: number): Snapshot {
  const { self, job, content, endedAs, error, cancelReason, output, dispatch } = snapshot.context as JobContext
  const small = output && 'value' in output && (JSON.stringify(output.value) ?? '').length <= outputLimit
  const context: JobContext = {
    ...emptyContext,
    ...{ self, job, content, endedAs, cancelReason, dispatch },
    error: error && { name: error.name, message: error.message.slice(0, 200), code: error.code },
    ...(small ? { output } : output && { outputRemoved: true }),
    removedAt: at,
  }
  return { ...snapshot, context }
}

export const isRemoved = ({ context }: Args): boolean => context.removedAt !== undefined

export const removed = ({ context: { self, endedAs, removedAt } }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `${self} is ${endedAs}, and was removed on ${new Date(removedAt!).toISOString()}: only its id is kept. Submit a new one.`,
})

/** The ids of members, and of what belongs to a chain, stay reserved with that of their group or chain. */
export const reserved = ({ event: { self } }: Args) => ({
  code: 'CONFLICT',
  message: `${self}: a group or chain of this name has ended and was removed, and the ids of its jobs stay reserved with it. Use another id.`,
})
