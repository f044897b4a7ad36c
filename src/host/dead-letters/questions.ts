import type { JobContext, JobError } from '../../../actors/job.ts'
import type { Bus, KeptLetter } from '../../bus/port.ts'
import { check } from '../../definition.ts'
import type { ActorDocument } from '../../document.ts'
import { NotFoundError, refuse } from '../../errors.ts'
import { checkFields } from '../../fields.ts'
import { type CheckedQuery, eventLetterId, jobLetterId, type Letter, letterQuery, parseLetterId } from '../../letters.ts'
import { readPayload } from '../../payload.ts'
import type { Store } from '../../store/port.ts'
import { fitting } from '../answer-size.ts'
import { type Attempt, attemptsOf } from '../attempts.ts'
import { historyOf } from '../history.ts'

/** A dead letter with all that there is of it. */
export interface OpenLetter extends Letter {
  input?: unknown
  /** Of a job: its error, and that of each run before. `attemptsOmitted`: so many older ones did not fit into the answer; its history has them. */
  error?: JobError
  runs?: Attempt[]
  attemptsOmitted?: number
  /** Of an event: what came; each field that was wrong; the state that its target was in, if that threw. */
  body?: unknown
  issues?: unknown
  snapshot?: unknown
}

export interface LetterPage {
  letters: Letter[]
  after?: string
}

/** What is looked through for one answer. */
const slice = 200
const slicesAtOnce = 10

/** Failed for good. */
export const deadStates = ['failed', 'aborted'] as const
export const isDead = ({ state, snapshot }: ActorDocument): boolean =>
  (deadStates as readonly string[]).includes(state) && !(snapshot.context as JobContext).dropped

/** `api.deadLetters`, `api.deadLetter`: jobs that ended without success, in order of address, then events that could not be applied, oldest first. */
export function letterQuestions({ bus, store }: { bus: Pick<Bus, 'letters'>; store: Store }) {
  async function deadLetters(request: { query?: unknown; after?: string; limit?: number }, now: number): Promise<LetterPage> {
    checkFields(request, ['query', 'after', 'limit'], '', 'request')
    // Only what is left out means all: what a program has for nothing is not taken for it.
    const query = check(letterQuery, request.query === undefined ? {} : request.query, 'query') as CheckedQuery
    const limit = Math.min(Math.max(1, request.limit ?? 100), 200)
    const [until, start] = cursorOf(request.after, query.until ?? now)
    const letters: Letter[] = []
    let from = start
    for (let slices = 0; from !== undefined && slices < slicesAtOnce && letters.length < limit; slices++) {
      const step: Slice = from.startsWith('event:') ? await events(from.slice('event:'.length)) : await jobs(query, from)
      for (const [letter, place] of step.found) {
        if (!matches(letter, query, until)) continue
        if (letters.length === limit) break
        letters.push(letter)
        from = place
      }
      if (letters.length < limit) from = step.next
    }
    const fits = fitting(letters)
    if (fits.length < letters.length) from = placeOf(fits.at(-1)!)
    return { letters: fits, after: from === undefined ? undefined : `${until} ${from}` }
  }

  async function jobs({ kind, labels }: CheckedQuery, after: string): Promise<Slice> {
    if (kind === 'event') return { found: [], next: 'event:' }
    const docs = await store.find({ type: 'job', state: deadStates, labels }, after || undefined, slice)
    return {
      found: docs.filter(isDead).map((doc) => [letterOfJob(doc), doc._id]),
      next: docs.length === slice ? docs.at(-1)!._id : kind === 'job' ? undefined : 'event:',
    }
  }

  async function events(after: string): Promise<Slice> {
    const kept = await bus.letters.list(after || undefined, slice)
    return {
      found: kept.map((one) => [letterOfEvent(one), eventLetterId(one.place)]),
      next: kept.length === slice ? eventLetterId(kept.at(-1)!.place) : undefined,
    }
  }

  async function deadLetter({ letter: id }: { letter?: unknown }): Promise<{ letter: OpenLetter }> {
    const found = parseLetterId(id)
    if (found.kind === 'job') {
      const doc = await deadJob(store, found.address, found.end)
      const { input, error } = doc.snapshot.context as JobContext
      const all = attemptsOf(await historyOf(store, doc))
      const runs = fitting(all.toReversed()).toReversed()
      const attemptsOmitted = all.length - runs.length || undefined
      return { letter: { ...letterOfJob(doc), input: await readPayload(store, input), error, runs, attemptsOmitted } }
    }
    const kept = await keptLetter(bus, found.place)
    const { body, snapshot, reason } = kept
    return { letter: { ...letterOfEvent(kept), input: fieldsOf(kept).input, body, issues: reason.issues, snapshot } }
  }

  return { deadLetters, deadLetter }
}

interface Slice {
  /** With the place to go on from after each. */
  found: (readonly [Letter, string])[]
  next: string | undefined
}

/** The job, if it is a dead letter, and still that one. */
export async function deadJob(store: Pick<Store, 'load'>, address: string, end?: number): Promise<ActorDocument> {
  const [doc] = await store.load([address])
  if (!doc) throw new NotFoundError(`${address} does not exist`)
  if (doc.removedAt !== undefined)
    throw new NotFoundError(`${address} is no dead letter any more: it was removed on ${new Date(doc.removedAt).toISOString()}`)
  const { dispatch, dropped } = doc.snapshot.context as JobContext
  const now = dropped ? `${doc.state}, and was dropped` : doc.state
  if (!isDead(doc)) throw new NotFoundError(`${address} is no dead letter: it is ${now}`)
  if (end !== undefined && end !== dispatch)
    throw new NotFoundError(`${jobLetterId(address, end)} is no dead letter any more: ${jobLetterId(address, dispatch)} is`)
  return doc
}

export async function keptLetter(bus: Pick<Bus, 'letters'>, place: string): Promise<KeptLetter> {
  const kept = await bus.letters.get(place)
  if (!kept) throw new NotFoundError(`${eventLetterId(place)} is gone: redriven, dropped, or removed by its age`)
  return kept
}

/** A walk ends where it began in time: what fails again meanwhile is not met twice. */
function cursorOf(after: string | undefined, now: number): [until: number, from: string | undefined] {
  if (after === undefined) return [now, '']
  const found = /^(\d{1,15}) (.+)$/.exec(after)
  return found ? [Number(found[1]), found[2]] : refuse('after', 'is not the "after" of an answer')
}

const placeOf = ({ kind, id, to }: Letter): string => (kind === 'job' ? to! : id)

function letterOfJob(doc: ActorDocument): Letter {
  const { job, error, attempts, dispatch } = doc.snapshot.context as JobContext
  return {
    id: jobLetterId(doc._id, dispatch),
    kind: 'job',
    at: doc.endedAt ?? doc.updatedAt,
    to: doc._id,
    job,
    code: error?.code ?? error?.name ?? 'UNKNOWN',
    message: error?.message ?? '',
    state: doc.state,
    attempts: attempts.used,
    group: doc.group,
    labels: doc.labels,
  }
}

function letterOfEvent(kept: KeptLetter): Letter {
  const { place, at, to, reason } = kept
  const { job, labels } = fieldsOf(kept)
  return {
    id: eventLetterId(place),
    kind: 'event',
    at,
    to,
    job: typeof job === 'string' ? job : undefined,
    code: reason.code,
    message: reason.message,
    labels: labels as Letter['labels'],
  }
}

/** What a command, or the event of an envelope, holds. */
function fieldsOf({ body, form }: KeptLetter): Record<string, unknown> {
  const envelope = body as { command?: { event: unknown }; event?: unknown } | undefined
  const found = form === 'envelope' ? (envelope?.command?.event ?? envelope?.event) : body
  const { input, ...fields } = (found ?? {}) as { input?: unknown }
  const value = form === 'command' ? input : (input as { value?: unknown } | undefined)?.value
  return { ...fields, input: value }
}

function matches(letter: Letter, { job, code, since, labels }: CheckedQuery, until: number): boolean {
  if (job !== undefined && letter.job !== job) return false
  if (code !== undefined && letter.code !== code) return false
  if (letter.at > until || letter.at < (since ?? 0)) return false
  return Object.entries(labels ?? {}).every(([key, value]) => letter.labels?.[key] === value)
}
