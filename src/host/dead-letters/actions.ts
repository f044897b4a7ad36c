import type { JobContext } from '../../../actors/job.ts'
import type { Bus, KeptLetter } from '../../bus/port.ts'
import type { Clock } from '../../clock.ts'
import type { ActorEvent, Envelope } from '../../envelope.ts'
import { invalid, NotAllowedError } from '../../errors.ts'
import { checkFields, checkReason } from '../../fields.ts'
import { parseLetterId } from '../../letters.ts'
import type { Store } from '../../store/port.ts'
import type { Answer } from '../command-api.ts'
import { type Contracts, fromOutside, learnNames } from '../door.ts'
import { type Refusal, refused } from '../replies.ts'
import { deadJob, keptLetter, letterQuestions } from './questions.ts'

/** What became of the dead letters that were named, or of one page of those that match. */
export interface LettersDone {
  /** Run again, or dropped. */
  done: number
  refused: RefusedLetter[]
  /** There are more: ask again with it. */
  after?: string
}

export interface RefusedLetter extends Refusal {
  letter: string
}

interface Request {
  letters?: unknown
  query?: unknown
  after?: string
  input?: unknown
  reason?: string
}

interface Parts {
  bus: Bus
  store: Store
  clock: Clock
  contracts: Contracts
  /** Sends a command, and answers once its outcome is committed. */
  send(envelope: Envelope): Promise<Answer>
}

/** Letters that one request may name, or finds. */
const mostLetters = 100

/**
 * `api.redriveLetters`, `api.dropLetters`: any number of dead letters of either kind, by id or by query. Each by itself is safe to ask for again: a
 * job is redriven once for each of its ends, by the write that takes it off the dead letters; an event is sent again under the name of its letter, so
 * that its target applies it once, and its letter goes only when the outcome is committed.
 */
export function letterActions(parts: Parts) {
  const { bus, store, clock } = parts
  const questions = letterQuestions(parts)

  async function eachOf(request: Request, act: (id: string) => Promise<void>): Promise<LettersDone> {
    const { ids, after } = await chosen(request)
    const refused: RefusedLetter[] = []
    let done = 0
    const tryOne = async (letter: string) => {
      try {
        await act(letter)
        done++
      } catch (error) {
        const { code = 'UNAVAILABLE', message, issues } = error as Refusal
        refused.push({ letter, code, message, ...(issues ? { issues } : {}) })
      }
    }
    await Promise.all(ids.map(tryOne))
    return { done, refused, after }
  }

  async function chosen(request: Request): Promise<{ ids: string[]; after?: string }> {
    checkFields(request, ['letters', 'query', 'after', 'input', 'reason'], '', 'request')
    const { letters, query, after, input, reason } = request
    checkReason(reason)
    if (letters === undefined && query === undefined)
      throw invalid('letters', 'name letters by their ids, or give a query; {} means all of them')
    if (letters !== undefined && query !== undefined) throw invalid('query', 'give letters by their ids, or a query, not both')
    if (letters === undefined) {
      if (input !== undefined) throw invalid('input', 'is edited for one letter: name it')
      // What is refused again becomes a letter anew: it is of another walk.
      const page = await questions.deadLetters({ query, after, limit: mostLetters }, clock.now() - 1)
      return { ids: page.letters.map(({ id }) => id), after: page.after }
    }
    if (!Array.isArray(letters) || letters.length > mostLetters) throw invalid('letters', `must be a list of at most ${mostLetters} ids`)
    if (input !== undefined && letters.length !== 1) throw invalid('input', 'is edited for one letter: name one')
    for (const letter of letters) parseLetterId(letter)
    return { ids: letters }
  }

  async function redriveJob(address: string, end: number | undefined, { input, reason }: Request): Promise<void> {
    const known = end === undefined || input !== undefined ? await presentEnd(address, end) : { end }
    await command({ to: address, type: 'redrive', reason, input, ...known })
  }

  /** Which end is meant, and by whose contract an input is checked; one that runs again already is judged by the job itself. */
  async function presentEnd(address: string, end: number | undefined): Promise<{ end: number; job: string }> {
    const [doc] = end === undefined ? [await deadJob(store, address)] : await store.load([address])
    const { dispatch, job } = (doc ?? (await deadJob(store, address))).snapshot.context as JobContext
    return { end: end ?? dispatch, job }
  }

  async function redriveEvent(place: string, { input }: Request): Promise<void> {
    const kept = await keptLetter(bus, place)
    const again = await commandIn(parts.contracts, kept, input)
    // Not the identity that it had: its target may have recorded that it has seen it.
    const identity = { from: 'redrive', inc: `redrive:${kept.id}`, n: 1 }
    const { error } = outcomeOf(await parts.send({ ...again, ...identity, letter: true }))
    if (error?.code === 'TIMEOUT') throw error
    // Refused once more it is a letter again, with what was said now.
    await bus.letters.remove([place])
    if (error) throw error
  }

  async function command(body: object): Promise<void> {
    await learnNames(parts.contracts, body)
    const { error } = outcomeOf(await parts.send({ ...fromOutside(parts.contracts, undefined, body), letter: undefined }))
    if (error) throw error
  }

  return {
    redriveLetters: (request: Request) =>
      eachOf(request, (id) => {
        const letter = parseLetterId(id)
        return letter.kind === 'job' ? redriveJob(letter.address, letter.end, request) : redriveEvent(letter.place, request)
      }),
    dropLetters: (request: Request) =>
      eachOf(request, async (id) => {
        const letter = parseLetterId(id)
        if (letter.kind === 'job') await command({ to: letter.address, type: 'drop', end: letter.end, reason: request.reason })
        else await bus.letters.remove([(await keptLetter(bus, letter.place)).place])
      }),
  }
}

/** By one host each: said again to another it does no harm. */
export function serveLetters(parts: Parts): { stop(): void } {
  const serving = Object.entries(letterActions(parts)).map(([verb, act]) =>
    parts.bus.serve(
      `api.${verb}`,
      async (request) => {
        try {
          return { ok: true, ...(await act((request ?? {}) as Request)) }
        } catch (error) {
          return refused(error)
        }
      },
      'api',
    ),
  )
  return { stop: () => serving.forEach((one) => one.stop()) }
}

const outcomeOf = (answer: Answer): { error?: Error & Refusal } =>
  answer.ok ? {} : { error: Object.assign(new Error(answer.error.message), answer.error) }

/** The command, or event, that a letter holds: as it would have been sent. */
async function commandIn(
  contracts: Contracts,
  { body, form, to, id }: KeptLetter,
  input: unknown,
): Promise<Pick<Envelope, 'to' | 'event'>> {
  if (form === 'command') {
    const edited = input === undefined ? body : { ...(body as object), input }
    await learnNames(contracts, edited)
    const { to, event } = fromOutside(contracts, undefined, edited)
    return { to, event }
  }
  const envelope = form === 'envelope' ? (body as Envelope) : { to: to!, event: body as ActorEvent }
  const sent = envelope.command ?? envelope
  if (!form || !sent.to || !sent.event?.type) throw new NotAllowedError(`what ${id} holds cannot be sent again: drop it`)
  if (input === undefined) return { to: sent.to, event: sent.event }
  const { job } = sent.event as { job?: string }
  if (!('input' in sent.event) || job === undefined) throw invalid('input', `${sent.event.type} of ${sent.to} has none`)
  // As a command of another program, so that it is checked as one.
  await contracts.learn([job])
  const { event } = fromOutside(contracts, undefined, { to: sent.to, type: 'submit', job, input })
  return { to: sent.to, event: { ...sent.event, input: event.input } }
}
