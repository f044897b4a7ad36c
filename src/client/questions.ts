import type { Bus } from '../bus/port.ts'
import { ConflictError, type Issue, NotAllowedError, NotFoundError, StellwerkError, UnavailableError, ValidationError } from '../errors.ts'
import type { Refusal } from '../host/replies.ts'

/** Asks the hosts: any of them can answer, since all is in the store. */
export type Ask = <T>(verb: 'get' | 'why' | 'history' | 'find', request: unknown) => Promise<T>

/** How long a question waits for its answer, each time that it is asked, ms. */
const patiences = [1500, 2500, 6000]

export function questions(bus: Bus): Ask {
  /** Questions change nothing: one that went to a host that hangs is asked again, and most likely goes to another. */
  async function answerTo(subject: string, request: unknown): Promise<unknown> {
    for (const patience of patiences) {
      try {
        return await bus.request(subject, request, patience)
      } catch (error) {
        const { code, nobody } = error as UnavailableError
        if (code !== 'UNAVAILABLE' || nobody || patience === patiences.at(-1)) throw error
      }
    }
  }

  return async <T>(verb: string, request: unknown) => {
    const reply = (await answerTo(`api.${verb}`, request)) as { ok: boolean; error?: Refusal }
    if (!reply.ok) throw errorOf(reply.error!)
    return reply as T
  }
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
    case 'UNAVAILABLE':
      return new UnavailableError(message)
    default:
      return new StellwerkError(code as never, message)
  }
}
