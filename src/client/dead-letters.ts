import type { Bus } from '../bus/port.ts'
import { check } from '../definition.ts'
import type { HistoryEntry } from '../document.ts'
import { refuse, UnavailableError } from '../errors.ts'
import { checkReason, optionsOf } from '../fields.ts'
import { attemptsOf } from '../host/attempts.ts'
import type { LettersDone, RefusedLetter } from '../host/dead-letters/actions.ts'
import type { LetterPage, OpenLetter } from '../host/dead-letters/questions.ts'
import type { Refusal } from '../host/replies.ts'
import { type Letter, type LetterQuery, letterQuery, parseLetterId } from '../letters.ts'
import { type Ask, errorOf } from './questions.ts'

/** Dead letters: what has failed for good and waits for an operator. Nothing here is lost before it was redriven, or dropped, in a write of its own. */
export interface DeadLetters {
  /** Jobs in order of their address, then events, oldest first. Page by page: those that come while it is read may be missing. */
  list(query?: LetterQuery): AsyncIterable<Letter>
  /** With the input, the error of each run, the history. NotFoundError if it is no dead letter any more. */
  get(id: string): Promise<OpenedLetter>
  /**
   * Runs it again: a job with new attempts, an event or command as it was. `input`, for one letter, replaces its input, and is checked
   * against the published contract. Asked twice for one letter it runs once. For one: throws what refuses it (NotAllowedError for a
   * member whose group is closed). For a query: all that match, at most once each. UnavailableError after 15 s if the host that was
   * asked has died meanwhile: it may have happened, and asking again is safe.
   */
  redrive(which: string | LetterQuery, options?: { input?: unknown; reason?: string }): Promise<{ redriven: number } & LettersRefused>
  /** Takes it off the dead letters. A job stays as it ended, and is removed as others that have ended. */
  drop(which: string | LetterQuery, options?: { reason?: string }): Promise<{ dropped: number } & LettersRefused>
}

/** Those that were refused, each with its reason: at most 1000 of them. */
export interface LettersRefused {
  refused: RefusedLetter[]
}

export interface OpenedLetter extends Omit<OpenLetter, 'attemptsOmitted'> {
  /** Of a job. */
  history?: HistoryEntry[]
}

/** Each request is about 100 letters at most, ms. */
const patience = 15_000
const mostRefused = 1000

function unanswered(error: unknown): never {
  if (!(error instanceof UnavailableError) || error.nobody) throw error
  throw new UnavailableError(`${error.message} What was asked may have happened; asking again is safe.`, { cause: error })
}

export function deadLettersOf({ bus, ask, history }: { bus: Bus; ask: Ask; history(id: string): Promise<HistoryEntry[]> }): DeadLetters {
  async function* list(given: LetterQuery = {}): AsyncGenerator<Letter> {
    const query = check(letterQuery, given, 'query')
    for (let after: string | undefined; ; ) {
      const page: LetterPage = await ask<LetterPage>('deadLetters', { query, after })
      yield* page.letters
      after = page.after
      if (after === undefined) return
    }
  }

  async function get(id: string): Promise<OpenedLetter> {
    const parsed = parseLetterId(id)
    const { attemptsOmitted, ...letter } = (await ask<{ letter: OpenLetter }>('deadLetter', { letter: id })).letter
    if (parsed.kind === 'event') return letter
    const all = await history(parsed.address.slice('job:'.length))
    return { ...letter, runs: attemptsOmitted ? attemptsOf(all) : letter.runs, history: all }
  }

  /** Asked of one host, once: it changes something. */
  async function act(verb: 'redriveLetters' | 'dropLetters', request: object): Promise<LettersDone> {
    const answer = (await bus.request(`api.${verb}`, request, patience).catch(unanswered)) as { ok: boolean; error?: Refusal } & LettersDone
    if (!answer.ok) throw errorOf(answer.error!)
    return answer
  }

  async function actOn(verb: 'redriveLetters' | 'dropLetters', which: string | LetterQuery, more: { input?: unknown; reason?: string }) {
    checkReason(more.reason)
    if (typeof which === 'string') {
      parseLetterId(which)
      const { done, refused } = await act(verb, { letters: [which], ...more })
      if (refused[0]) throw errorOf(refused[0])
      return { done, refused }
    }
    const query = check(letterQuery, which, 'query')
    if (more.input !== undefined) refuse('input', 'is edited for one letter: name it by its id')
    const all: LettersDone = { done: 0, refused: [] }
    for (let after: string | undefined; ; ) {
      const part = await act(verb, { query, after, ...more })
      all.done += part.done
      all.refused.push(...part.refused.slice(0, mostRefused - all.refused.length))
      after = part.after
      if (after === undefined) return all
    }
  }

  return {
    list,
    get,
    async redrive(which, options) {
      const { done, refused } = await actOn('redriveLetters', which, optionsOf(options, ['input', 'reason']))
      return { redriven: done, refused }
    },
    async drop(which, options) {
      const { done, refused } = await actOn('dropLetters', which, optionsOf(options, ['reason']))
      return { dropped: done, refused }
    },
  }
}
