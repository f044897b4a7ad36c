import type { Bus } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import {
  ConflictError,
  type Issue,
  NotAllowedError,
  NotFoundError,
  StellwerkError,
  SupersededError,
  UnavailableError,
  ValidationError,
} from '../errors.ts'
import type { Refusal } from '../host/replies.ts'
import { insist } from '../insist.ts'

type Verb = 'get' | 'why' | 'history' | 'changes' | 'find' | 'stuck' | 'deadLetters' | 'deadLetter' | 'plan' | 'changePlan'

/** Asks the hosts: any of them can answer, since all is in the store. */
export type Ask = <T>(verb: Verb, request: unknown) => Promise<T>

/** While nobody can answer it asks again: until the signal aborts, or the client is closed. */
export type AskPatiently = <T>(verb: Verb, request: unknown, signal?: AbortSignal) => Promise<T>

/** How long one host may take for an answer, and then how long all of them may, ms. */
const patience = 1500
const lastPatience = 8000

export function questions(bus: Bus): Ask {
  /** Questions change nothing: one that went to a host that hangs is asked again, of all hosts. */
  async function answerTo(verb: string, request: unknown): Promise<unknown> {
    try {
      return await bus.request(`api.${verb}`, request, patience)
    } catch (error) {
      const { code, nobody } = error as UnavailableError
      if (code !== 'UNAVAILABLE' || nobody) throw error
      return await bus.request(`everyone.${verb}`, request, lastPatience)
    }
  }

  return async <T>(verb: Verb, request: unknown) => {
    const reply = (await answerTo(verb, request)) as { ok: boolean; error?: Refusal }
    if (!reply.ok) throw errorOf(reply.error!)
    return reply as T
  }
}

export function patiently({ ask, clock, closed }: { ask: Ask; clock: Clock; closed(): boolean }): AskPatiently {
  return <T>(verb: Verb, request: unknown, signal?: AbortSignal) =>
    insist(
      clock,
      () => ask<T>(verb, request),
      (error) => {
        signal?.throwIfAborted()
        if (error && closed()) throw error
      },
    )
}

/** What a host refused, as the error that it is for the caller. */
export function errorOf({ code, message, issues }: Refusal): StellwerkError {
  switch (code) {
    case 'CONFLICT':
      return new ConflictError(message)
    case 'NOT_FOUND':
      return new NotFoundError(message)
    case 'NOT_ALLOWED':
      return new NotAllowedError(message)
    case 'VALIDATION':
      return new ValidationError(message, issues as Issue[] | undefined)
    case 'SUPERSEDED':
      return new SupersededError(message)
    case 'UNAVAILABLE':
      return new UnavailableError(message)
    default:
      return new StellwerkError(code as never, message)
  }
}
