import type { ActorType } from '../../actors/actor.ts'
import type { GroupContext } from '../../actors/group.ts'
import type { JobContext } from '../../actors/job.ts'
import { type Address, idOf } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import type { ActorDocument, HistoryEntry } from '../document.ts'
import { isStellwerkError, NotFoundError } from '../errors.ts'
import { readPayload } from '../payload.ts'
import type { Query, Store } from '../store/port.ts'

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
  /** Of a job. */
  job?: string
  attempts?: number
  output?: unknown
  error?: { name: string; message: string; code?: string }
  group?: Address
  worker?: string
  /** Of a group. */
  members?: { total: number; succeeded: number; failed: number; cancelled: number }
}

type Reply = { ok: true; [field: string]: unknown } | { ok: false; error: { code: string; message: string } }
type Request = { address: Address; query?: Query; after?: string; limit?: number }

/** Answers questions; any host can, since all is in the store: `api.get`, `api.why`, `api.history`, `api.find`. */
export function serveApi({ bus, store, clock, actors }: { bus: Bus; store: Store; clock: Clock; actors: Map<string, ActorType> }) {
  async function load({ address }: Request): Promise<ActorDocument> {
    const [doc] = await store.load([address])
    if (!doc) throw new NotFoundError(`${address} does not exist`)
    return doc
  }
  const verbs: Record<string, (request: Request) => Promise<Record<string, unknown>>> = {
    get: async (request) => ({ view: await viewOf(store, await load(request), true) }),
    async why(request) {
      const doc = await load(request)
      return { state: doc.state, conditions: actors.get(doc.type)?.why(doc.snapshot, clock.now()) ?? [] }
    },
    history: async (request) => {
      const doc = await load(request)
      return { machine: doc.machine, address: doc._id, history: await historyOf(store, doc), snapshot: doc.snapshot }
    },
    async find({ query = {}, after, limit = 100 }) {
      const docs = await store.find(query, after, Math.min(limit, 1000))
      return { views: await Promise.all(docs.map((doc) => viewOf(store, doc, false))), after: docs.at(-1)?._id }
    },
  }
  const serving = Object.entries(verbs).map(([verb, answer]) =>
    bus.serve(
      `api.${verb}`,
      async (request): Promise<Reply> => {
        try {
          return { ok: true, ...(await answer(request as Request)) }
        } catch (error) {
          const code = isStellwerkError(error) ? error.code : 'UNAVAILABLE'
          return { ok: false, error: { code, message: error instanceof Error ? error.message : String(error) } }
        }
      },
      'api',
    ),
  )
  return { stop: () => serving.forEach((one) => one.stop()) }
}

/** The whole history: the older part is in pages. */
export async function historyOf(store: Pick<Store, 'getPages'>, doc: ActorDocument): Promise<HistoryEntry[]> {
  const ids = doc.historyPages ?? []
  const pages = new Map((await store.getPages(ids)).map(({ _id, body }) => [_id, body as HistoryEntry[]]))
  return [...ids.flatMap((id) => pages.get(id) ?? []), ...doc.history]
}

async function viewOf(store: Store, doc: ActorDocument, withOutput: boolean): Promise<View> {
  const { _id: address, type, state, status, version, labels, createdAt, updatedAt, endedAt, group } = doc
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
    group,
  }
  if (type === 'job') {
    const { job, attempts, output, error, run } = doc.snapshot.context as JobContext
    Object.assign(view, { job, attempts: attempts.used, error, worker: run?.worker })
    if (withOutput && output) view.output = await readPayload(store, output)
  } else if (type === 'group') {
    const { members, outputEnded } = doc.snapshot.context as GroupContext
    view.members = { total: members.total, ...members.counts }
    if (outputEnded?.error) view.error = { name: 'Error', message: outputEnded.error }
  }
  return view
}
