import type { JobError } from '../../actors/job.ts'
import { asJson } from '../as-json.ts'
import type { ActorEvent } from '../envelope.ts'
import { StellwerkError } from '../errors.ts'

/** A handler may throw anything, also what throws when it is looked at, or looked at again: whatever it is, the attempt has failed. */
export function readable(thrown: unknown): unknown {
  try {
    if (typeof thrown === 'function') return new Error(String(thrown))
    if (typeof thrown !== 'object' || thrown === null) return thrown
    const { name, message, code, cause, stack, at } = thrown as Record<string, unknown>
    return Object.assign(new Error(), { name, message: withCause(message, cause), code, cause, stack, at })
  } catch {
    return new Error('what was thrown cannot be read')
  }
}

/** What a failed call says is often in its cause alone: "fetch failed" is of no use without it. */
function withCause(message: unknown, cause: unknown): unknown {
  if (typeof message !== 'string' || !(cause instanceof Error)) return message
  const { message: words, code } = cause as { message: unknown; code?: unknown }
  const said = words || code
  return typeof said === 'string' && !message.includes(said) ? `${message} (cause: ${said})` : message
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

/**
 * What a handler returned, and its length as JSON. It is a copy: what happens to an object after its handler has returned it changes nothing. What
 * JSON would lose, or is nested too deep, would be no other the next time.
 */
export function copyOf(output: unknown): { value: unknown; length: number } {
  try {
    return asJson(output, 'output')
  } catch (error) {
    throw new StellwerkError('TERMINAL', (error as Error).message)
  }
}
