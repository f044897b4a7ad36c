import type { JobError } from '../../actors/job.ts'
import { jsonText } from '../as-json.ts'
import type { ActorEvent } from '../envelope.ts'
import { StellwerkError } from '../errors.ts'

/** A handler may throw anything, also what throws when it is looked at: whatever it is, the attempt has failed. */
export function readable(thrown: unknown): unknown {
  try {
    if (typeof thrown !== 'object' || thrown === null) return thrown
    const { name, message, code, cause, stack, at } = thrown as Record<string, unknown>
    return thrown instanceof Error ? thrown : Object.assign(new Error(), { name, message, code, cause, stack, at })
  } catch {
    return new Error('what was thrown cannot be read')
  }
}

/** In words, each of a bounded length, as a document keeps them. */
export function errorOf(error: unknown): JobError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error).slice(0, 4000) }
  const { name, message, code, stack } = error as { [part in keyof JobError]: unknown }
  const text = (value: unknown, length: number) => (typeof value === 'string' ? value.slice(0, length) : undefined)
  return {
    name: text(name, 200) || 'Error',
    message: text(message, 4000) ?? 'it was thrown without a message',
    code: text(code, 200),
    stack: text(stack, 4000),
  }
}

/** The result of a run that has failed by what became of its result. */
export function asFailed({ output, suspend, ...result }: ActorEvent, error: JobError): ActorEvent {
  return { ...result, outcome: 'fail', terminal: true, error }
}

/** What a handler returned, as JSON: what would be lost in that, or is nested too deep, would be no other the next time. */
export function outputText(output: unknown): string {
  try {
    return jsonText(output ?? null, 'output')
  } catch (error) {
    throw new StellwerkError('TERMINAL', (error as Error).message)
  }
}
