import { z } from 'zod'
import type { ActorType } from '../../actors/actor.ts'
import { type ChainContext, failure } from '../../actors/chain.ts'
import { capacityOf, type GateContext, type Needs, usedOf, waitingAt } from '../../actors/gate.ts'
import { type GroupContext, failure as groupFailure } from '../../actors/group.ts'
import { cameOf, type JobContext, roundsOf } from '../../actors/job.ts'
import { type Address, checkAddress, idOf } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import { withoutProto } from '../command/common.ts'
import { check } from '../definition.ts'
import type { ActorDocument, HistoryEntry } from '../document.ts'
import { isStellwerkError, NotFoundError, quoted, refuse, UnavailableError } from '../errors.ts'
import { checkFields } from '../fields.ts'
import { readPayload } from '../payload.ts'
import type { Query, Store } from '../store/port.ts'
import { answerSize, fitting } from './answer-size.ts'
import { changesOf } from './changes.ts'
import { circleOf } from './circle.ts'
import { letterQuestions } from './dead-letters/questions.ts'
import { withHandlers } from './handlers-up.ts'
import { entriesOf, historyPages } from './history.ts'
import type { PlanQuestions } from './plans.ts'
import { reach } from './reach.ts'
import { refused } from './replies.ts'
import { stuckOnes } from './stuck.ts'
import { missingPages } from './turn/asked-pages.ts'

/** What can be known of an actor from outside. */
export interface View {
  address: Address
  id: string
  type: string
  state: string
  final: boolean
  version: number
  labels?: Record<string, string>
  createdAt: number
  updatedAt: number
  endedAt?: number
  /** Retention has removed it then: its id is kept, and how it ended; an output only if it was small. */
  removedAt?: number
  /** There was an output, and it was larger than that. */
  outputRemoved?: true
  /** Why it was cancelled, if that was said. */
  cancelReason?: string
  /** Of a job. */
  job?: string
  /** That were used up, by errors and by runs that were lost. 0: none yet, also when the first one has succeeded. */
  attempts?: number
  output?: unknown
  error?: { name: string; message: string; code?: string }
  group?: Address
  worker?: string
  /** Of a suspended job: how many (`need`) of which callbacks it waits for; ms since 1970. */
  suspended?: { round: number; came: string[]; missing: string[]; need: number; until?: number; as?: string }
  /** Of a pool or lane: units in all and in use, jobs that wait. */
  capacity?: Needs
  used?: Needs
  waiting?: number
  /** Of a chain: what it was started with, how far its steps are, and how often it was started. */
  input?: unknown
  steps?: Record<string, string>
  round?: number
  /** Of a group. */
  members?: { total: number; succeeded: number; failed: number; cancelled: number }
}

type Reply = { ok: true; [field: string]: unknown } | ReturnType<typeof refused>
/** What is looked for. `stuck`: only what waits for an operator, as its `why` says: no time and no other actor ends it. */
export interface Find extends Query {
  stuck?: true
}
const findQuery = z.strictObject({
  type: z.string().optional(),
  state: z.union([z.string(), z.array(z.string())]).optional(),
  prefix: z
    .string()
    .regex(/^[a-z]+:/, "must be the beginning of addresses: 'job:a1/'")
    .optional(),
  group: z.string().startsWith('group:', "must be the address of a group: 'group:<id>'").optional(),
  labels: withoutProto(z.record(z.string(), z.string())).optional(),
  status: z.enum(['active', 'done']).optional(),
  stuck: z.boolean().optional(),
})

/** Anybody may ask over NATS. */
const requested = z.looseObject({
  after: z.string().optional(),
  limit: z.int().min(1).optional(),
  inc: z.string().optional(),
})

/** A run of a plan is there when it has started; what it waits for until then is known of its plan. */
const missing = (address: Address) =>
  new NotFoundError(
    `${address} does not exist${/^chain:[^/]+\/\d{4}-\d\d-\d\d\//.test(address) ? ' yet, or is in no plan: `why` tells what a planned one waits for' : ''}`,
  )

type Request = { address: Address; query?: Find; after?: string; limit?: number; from?: number; inc?: string }

interface Parts {
  bus: Bus
  store: Store
  clock: Clock
  actors: ReadonlyMap<string, ActorType>
  plans?: PlanQuestions
}

/** Pages of a history that are read at once. */
const pagesAtOnce = 8

/**
 * Answers questions; any host can, since all is in the store: `api.get`, `api.why`, `api.history`, `api.changes`, `api.find`. Asked by `everyone.get`
 * and so on, all hosts answer, and the first answer counts.
 */
export function serveApi({ bus, store, clock, actors, plans }: Parts) {
  async function load({ address }: Request): Promise<ActorDocument> {
    const [doc] = await store.load([checkAddress(address)])
    if (!doc) throw missing(address)
    return doc
  }
  const whyOf = (doc: ActorDocument) => actors.get(doc.type)?.why(doc.snapshot, clock.now()) ?? []
  const verbs: Record<string, (request: Request) => Promise<Record<string, unknown>>> = {
    get: async (request) => ({ view: await viewOf(store, await load(request), true) }),
    async why(request) {
      const [doc] = await store.load([checkAddress(request.address)])
      const waiting = doc ? undefined : await plans?.waiting(request.address)
      if (waiting) return { ...waiting }
      if (!doc) throw missing(request.address)
      const conditions = await withHandlers(bus, whyOf(doc))
      return { state: doc.state, conditions: [...conditions, ...(await missingPages(store, doc)), ...(await circleOf(store, doc, whyOf))] }
    },
    history: async (request) => ({ address: request.address, ...(await partOfHistory(store, await load(request), request.after)) }),
    changes: async (request) => ({ ...(await changesOf(store, await load(request), request.from ?? 0, request.inc)) }),
    async find(request) {
      checkFields(request, ['query', 'after', 'limit'], '', 'request')
      const { query: given = {}, after, limit = 100 } = request
      const query = check(findQuery, given, 'query') as Find
      if (query.type !== undefined && !actors.has(query.type))
        refuse('query.type', `${quoted(query.type)} is no type. There are ${[...actors.keys()].join(', ')}.`)
      if (query.stuck) return findStuck(query, after)
      const docs = await store.find(query, after, Math.min(limit, 1000))
      const views = fitting(await Promise.all(docs.map((doc) => viewOf(store, doc, false))))
      const more = views.length < docs.length || docs.length >= Math.min(limit, 1000)
      return { views, after: more ? views.at(-1)?.address : undefined }
    },
  }

  const stuck = stuckOnes({ store, clock, actors })
  async function findStuck({ stuck: _, ...query }: Find, after: string | undefined) {
    const { found, after: next } = await stuck.find(query, after)
    return { views: await Promise.all(found.map((doc) => viewOf(store, doc, false))), after: next }
  }
  verbs.stuck = async (request) => ({ ...(await stuck.count(request)) })

  for (const [verb, answer] of Object.entries(plans?.verbs ?? {}))
    verbs[verb] = async (request) => ({ ...(await answer(request as never)) })

  const letters = letterQuestions({ bus, store })
  verbs.deadLetters = async (request) => ({ ...(await letters.deadLetters(request, clock.now())) })
  verbs.deadLetter = (request) => letters.deadLetter(request as { letter?: unknown })

  /** What a turn has written may be read before it is on disk, and a crash would take it back: nobody is told of it until then. */
  async function durable<T>(answer: Promise<T>): Promise<T> {
    const found = await answer
    await store.flush()
    return found
  }

  const whileReached = reach({ store, clock })
  const serving = Object.entries(verbs).flatMap(([verb, answer]) => {
    const reply = async (request: unknown): Promise<Reply> => {
      try {
        return { ok: true, ...(await whileReached(durable(answer(check(requested, request ?? {}, 'request') as Request)))) }
      } catch (error) {
        return refused(isStellwerkError(error) ? error : new UnavailableError(error instanceof Error ? error.message : String(error)))
      }
    }
    return [bus.serve(`api.${verb}`, reply, 'api'), bus.serve(`everyone.${verb}`, reply)]
  })
  return { stop: () => serving.forEach((one) => one.stop()) }
}

/**
 * The next entries of a history, oldest first. Full pages never change, so that what was answered before remains its beginning; the
 * last answer (without `after`) has the snapshot that all of it led to.
 */
async function partOfHistory(store: Store, doc: ActorDocument, after = `0 ${doc.inc}`): Promise<Record<string, unknown>> {
  const ids = await historyPages(store, doc)
  let next = Number.parseInt(after, 10)
  if (after !== `${next} ${doc.inc}` || !(next >= 0 && next <= ids.length))
    throw new NotFoundError(`${doc._id} was removed and made anew while its history was read, or "after" is of another: begin again`)
  const history: HistoryEntry[] = []
  let size = 0
  while (next < ids.length) {
    const read = await entriesOf(store, ids.slice(next, next + pagesAtOnce))
    const fits = fitting(read, size)
    history.push(...fits.flat())
    next += fits.length
    size += JSON.stringify(fits).length
    if (fits.length < read.length || size >= answerSize) break
  }
  const { machine, snapshot } = doc
  if (next < ids.length || !fitting([{ snapshot, history: doc.history }], size).length)
    return { machine, history, after: `${next} ${doc.inc}` }
  return { machine, history: [...history, ...doc.history], snapshot }
}

async function viewOf(store: Store, doc: ActorDocument, withOutput: boolean): Promise<View> {
  const { _id: address, type, state, status, version, labels, createdAt, updatedAt, endedAt, removedAt, group } = doc
  const view: View = {
    address,
    id: idOf(address),
    type,
    state,
    final: status === 'done',
    version,
    labels,
    createdAt,
    updatedAt,
    endedAt,
    removedAt,
    group,
  }
  if (type === 'job') {
    const { job, attempts, output, error, run, outputRemoved, cancelReason } = doc.snapshot.context as JobContext
    Object.assign(view, { job, attempts: attempts.used, error, worker: run?.worker, outputRemoved, cancelReason })
    if (state === 'suspended') view.suspended = suspendedOf(doc.snapshot.context as JobContext)
    if (withOutput && output) view.output = await readPayload(store, output)
  } else if (type === 'group') {
    const { members, outputEnded, cancelReason } = doc.snapshot.context as GroupContext
    Object.assign(view, state === 'cancelled' && { cancelReason })
    view.members = { total: members.total, ...members.counts }
    if (outputEnded && removedAt !== undefined) view.outputRemoved = true
    if (state === 'failed') view.error = { name: 'Error', message: groupFailure(doc.snapshot.context as GroupContext) }
  } else if (type === 'chain') {
    const { input, progress, round, cancelReason } = doc.snapshot.context as ChainContext
    Object.assign(view, {
      round,
      ...(state === 'cancelled' && { cancelReason }),
      steps: Object.fromEntries(Object.entries(progress).map(([name, step]) => [name, step.state])),
    })
    if (state === 'failed') view.error = { name: 'Error', message: failure(doc.snapshot.context as ChainContext) }
    if (withOutput) view.input = await readPayload(store, input)
  } else if (type === 'pool' || type === 'lane') {
    const context = doc.snapshot.context as GateContext
    Object.assign(view, { capacity: capacityOf(context), used: usedOf(context), waiting: waitingAt(context) })
  }
  return view
}

function suspendedOf(context: JobContext): View['suspended'] {
  const rounds = roundsOf(context)
  const { need, as } = rounds.suspend!
  return { round: rounds.round, ...cameOf(rounds), need, until: rounds.deadlineAt, as }
}
