import type { JobContext, JobError } from './context.ts'
import type { Args } from './events.ts'

/** Input of the job that runs once another has ended. */
export interface Ended {
  /** Id of the job that ended, and the name of its definition. */
  id: string
  job: string
  state: 'succeeded' | 'failed' | 'cancelled' | 'aborted'
  /** Absent if there is none, or if it is large: then `client.job(id).result()` has it. */
  output?: unknown
  error?: Pick<JobError, 'name' | 'message' | 'code'>
}

export const countEnd = ({ terms, ends = 0 }: JobContext): Partial<JobContext> => (terms.onEnd ? { ends: ends + 1 } : {})

/**
 * The write that ends a job decides the one that runs afterwards, whoever is alive then. Its id is derived, so it can exist only once for each end; an
 * operator's retry has an end of its own.
 */
export function afterwards({ context }: Args) {
  const { self, job, terms, endedAs, output, error, ends } = context
  if (!terms.onEnd) return { effects: [] }
  const input: Ended = {
    id: self.slice('job:'.length),
    job,
    state: endedAs!,
    output: output && 'value' in output && endedAs === 'succeeded' ? output.value : undefined,
    error: error && endedAs !== 'succeeded' ? { name: error.name, message: error.message, code: error.code } : undefined,
  }
  const event = { type: 'submit', job: terms.onEnd.job, input: { value: input }, terms: terms.onEnd.terms }
  return { effects: [{ type: 'send' as const, params: { to: `${self}/onEnd-${ends}`, event } }] }
}
