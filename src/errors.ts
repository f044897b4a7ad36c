import { inspect } from 'node:util'

const codes = [
  'VALIDATION',
  'CONFLICT',
  'NOT_FOUND',
  'NOT_ALLOWED',
  'JOB_FAILED',
  'JOB_CANCELLED',
  'TIMEOUT',
  'SUPERSEDED',
  'UNAVAILABLE',
  'TERMINAL',
  'RETRY_AT',
  'SHUTDOWN',
  'INCOMPLETE',
  'STREAM_BEHIND',
  'TRIMMED',
] as const
export type ErrorCode = (typeof codes)[number]

/** Base of all errors of this package. Test with `isStellwerkError(e, code)`: two copies of a package break instanceof. */
export class StellwerkError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

export interface Issue {
  path: (string | number)[]
  message: string
}

/** All of them in one line, each with its field. */
export const inWords = (issues: readonly Issue[]): string =>
  issues.map(({ path, message }) => (path.length ? `${path.join('.')}: ${message}` : message)).join('; ')

const mostIssues = 20
const longestPath = 20
const longestPart = 100
const longestMessage = 500

/** The same for one that travels: to whoever waits, and into the dead letters. It names so many fields, and nothing in it is longer than that. */
export function unfit(all: readonly Issue[]): ValidationError {
  const short = (part: string | number) => (typeof part === 'string' ? part.slice(0, longestPart) : part)
  const issues = all
    .slice(0, mostIssues)
    .map(({ path, message }) => ({ path: path.slice(0, longestPath).map(short), message: message.slice(0, longestMessage) }))
  const more = all.length > mostIssues ? `; and ${all.length - mostIssues} more` : ''
  return new ValidationError(inWords(issues) + more, issues)
}

/** What was given does not fit; `issues` names each field. Nothing was stored. */
export class ValidationError extends StellwerkError {
  readonly issues: Issue[]
  constructor(message: string, issues: Issue[] = []) {
    super('VALIDATION', message)
    this.issues = issues
  }
}

/** One field does not fit. `field`: its path, joined by dots. */
export const invalid = (field: string, message: string): ValidationError =>
  new ValidationError(`${field}: ${message}`, [{ path: pathOf(field), message }])

/** `members.0.key`: names, and numbers of places in lists (a name that is all digits is taken for one). */
export const pathOf = (field: string): (string | number)[] => field.split('.').map((name) => (/^\d+$/.test(name) ? Number(name) : name))

/** Any value as it may stand in a message: what is no JSON, too. */
export function quoted(value: unknown): string {
  if (typeof value === 'number') return String(value)
  try {
    const text = JSON.stringify(value)
    if (text && text !== '{}') return text.slice(0, 200)
  } catch {
    // not as JSON, then
  }
  return inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY }).slice(0, 200)
}

export function refuse(field: string, message: string): never {
  throw invalid(field, message)
}

/** The id exists with other content. */
export class ConflictError extends StellwerkError {
  constructor(message: string) {
    super('CONFLICT', message)
  }
}

export class NotFoundError extends StellwerkError {
  constructor(message: string) {
    super('NOT_FOUND', message)
  }
}

/** The event is not possible in this state; the message names the state. */
export class NotAllowedError extends StellwerkError {
  constructor(message: string) {
    super('NOT_ALLOWED', message)
  }
}

/**
 * The members of a group could not be read to their end (`cause` says why), and some of them had been sent: these are in the group and
 * run, and it is not sealed. Submitted again with the same id and all members it goes on: each counts once. Or it is cancelled.
 */
export class IncompleteError extends StellwerkError {
  /** Id of the group. */
  readonly id: string
  /** So many of the members are in it. */
  readonly added: number
  constructor(id: string, added: number, options: { cause: unknown }) {
    const why = options.cause instanceof Error ? options.cause.message : String(options.cause)
    super(
      'INCOMPLETE',
      `The members did not all come to be sent: ${why.replace(/\.$/, '')}. ${added} of them are in group:${id}, which was not sealed. To go on submit it again with the same id and all members (each counts once), or cancel it.`,
      options,
    )
    this.id = id
    this.added = added
  }
}

/** A job (or a group's output) ended failed or aborted. `cause` is the error of its last attempt. */
export class JobFailedError extends StellwerkError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('JOB_FAILED', message, options)
  }
}

export class JobCancelledError extends StellwerkError {
  constructor(message: string) {
    super('JOB_CANCELLED', message)
  }
}

export class TimeoutError extends StellwerkError {
  constructor(message: string) {
    super('TIMEOUT', message)
  }
}

/** Reason of `ctx.signal` when another run has taken this one's place; and the answer to a callback whose round, or job, has ended. */
export class SupersededError extends StellwerkError {
  constructor(message: string) {
    super('SUPERSEDED', message)
  }
}

/** A server or a host cannot be reached; the message says which. */
export class UnavailableError extends StellwerkError {
  /** true: it is certain that nobody is there to answer, now. */
  readonly nobody: boolean
  /** true: the server is there, and has taken nothing: its stream is full. */
  readonly refused: boolean
  constructor(message: string, options?: { cause?: unknown; nobody?: boolean; refused?: boolean }) {
    super('UNAVAILABLE', message, options)
    this.nobody = options?.nobody ?? false
    this.refused = options?.refused ?? false
  }
}

/** Thrown by a handler: no further attempt. */
export class TerminalError extends StellwerkError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('TERMINAL', message, options)
  }
}

/** Thrown by a handler: the next attempt starts at this time. It uses an attempt like any other failure. */
export class RetryAt extends StellwerkError {
  readonly at: number
  constructor(at: Date | string | number, message = 'to be tried again later') {
    super('RETRY_AT', message)
    this.at = new Date(at).getTime()
  }
}

/** Is it an error of this package (of any copy of it), and of this code? */
export function isStellwerkError(e: unknown, code?: ErrorCode): e is StellwerkError {
  const found = e instanceof Error ? (e as { code?: unknown }).code : undefined
  return code ? found === code : codes.includes(found as ErrorCode)
}
