import type { Address } from '../../src/address.ts'
import { beyond, capacityOf, type GateContext, type GateEffect, isLane, limitOf, mostHeld, type Of, usedOf } from './context.ts'
import { before, noQueue, pageBefore, put, type Queue, type QueuePageEffect, type Request, turnPage, without } from './queue.ts'

/**
 * Who may pass. All functions are pure: a context in; the same with what should follow, out.
 *
 * A lane gives its one place in order of (submitted at, id). A pool gives units, all that a job needs or none, to the highest priority first, and among
 * equals to the oldest; who does not fit lets smaller ones pass. Nothing starves: after nine places in a row that were not the oldest
 * request's, the oldest is next whatever its priority, and units are saved for it until it fits. So a request with q older ones before
 * it gets its place after 10 (q + 1) places at most.
 */
const patience = 9

type Pick = { priority: number; request: Request }

export function admit(context: GateContext): GateContext {
  const capacity = capacityOf(context)
  if (!capacity) return context
  let { held, queues, passed, reading } = context
  const out = [...context.out]
  const used = usedOf(context)
  const fits = ({ needs }: Request) => Object.keys(needs).every((unit) => (used[unit] ?? 0) + needs[unit]! <= limitOf(capacity, unit))
  const everFits = ({ needs }: Request) => !beyond(needs, capacity).length
  let places = Object.keys(held).length
  while (!reading && places < mostHeld) {
    const page = pageToRead(queues)
    if (page) {
      reading = page
      out.push({ type: 'read', params: { page: page.id, event: { type: 'page', ...page } } })
      break
    }
    const oldest = oldestOf(queues, everFits)
    const next = passed < patience ? first(queues, fits) : oldest && fits(oldest.request) ? oldest : undefined
    if (!oldest || !next) break
    const { priority, request } = next
    const { job, permit, needs } = request
    queues = withQueue(queues, priority, without(queues[priority]!, job))
    const present = held[job]
    if (present && present.permit >= permit) {
      if (present.permit > permit) out.push(forgotten(context, request))
      continue
    }
    passed = request === oldest.request ? 0 : passed + 1
    if (!present) places++
    held = { ...held, [job]: { permit, needs } }
    for (const [unit, count] of Object.entries(needs)) used[unit] = (used[unit] ?? 0) + count
    for (const [unit, count] of Object.entries(present?.needs ?? {})) used[unit] = used[unit]! - count
    out.push({ type: 'send', params: { to: job, event: { type: 'granted', gate: context.self, permit } } })
  }
  return { ...context, held, queues, passed, reading, out }
}

/** Who is first in a queue must be known before anybody in it, or below it, gets a place. */
function pageToRead(queues: GateContext['queues']): GateContext['reading'] {
  for (const priority of prioritiesOf(queues)) {
    const page = pageBefore(queues[priority]!)
    if (page) return { priority, id: page.id }
  }
  return undefined
}

/** Of those that fit at all: the capacity may have become smaller than what some of them need. */
function oldestOf(queues: GateContext['queues'], everFits: (request: Request) => boolean): Pick | undefined {
  let oldest: Pick | undefined
  for (const priority of prioritiesOf(queues)) {
    const request = queues[priority]!.near.find(everFits)
    if (request && (!oldest || before(request, oldest.request))) oldest = { priority, request }
  }
  return oldest
}

function first(queues: GateContext['queues'], fits: (request: Request) => boolean): Pick | undefined {
  for (const priority of prioritiesOf(queues)) {
    const request = queues[priority]!.near.find(fits)
    if (request) return { priority, request }
  }
  return undefined
}

const prioritiesOf = (queues: GateContext['queues']): number[] =>
  Object.keys(queues)
    .map(Number)
    .sort((a, b) => b - a)

function withQueue(queues: GateContext['queues'], priority: number, queue: Queue): GateContext['queues'] {
  const { [priority]: _, ...others } = queues
  return queue.near.length || queue.far.length ? { ...others, [priority]: queue } : others
}

/** A repeat of a request that waits or has its place changes nothing; a newer one of the same job takes the place of the older. */
export function enqueue(context: GateContext, { self, job, permit, priority, since, needs }: Of<'request'>): GateContext {
  if ((context.held[job]?.permit ?? 0) >= permit) return context
  const level = isLane(self) ? 0 : priority
  const request: Request = { job, at: since, permit, needs: isLane(self) ? { place: 1 } : { slots: 1, ...needs } }
  const { queue, out } = put(context, context.queues[level] ?? noQueue, [request])
  return {
    ...context,
    ...counted(context, out),
    held: freed(context.held, job, permit - 1),
    queues: withQueue(context.queues, level, queue),
    out: [...context.out, ...out],
  }
}

/** Pages keep their numbers apart, also those of different queues. */
const counted = ({ written = 0 }: GateContext, { length }: readonly QueuePageEffect[]) => (length ? { written: written + length } : {})

/** The place of this permit, or of an older one of the same job, is free. */
function freed(held: GateContext['held'], job: Address, permit: number): GateContext['held'] {
  if (!held[job] || held[job].permit > permit) return held
  const { [job]: _, ...others } = held
  return others
}

export const release = (context: GateContext, { job, permit }: Of<'release'>): GateContext => ({
  ...context,
  held: freed(context.held, job, permit),
})

/** So long the job must not be removed. */
const forgotten = ({ self }: GateContext, { job, permit }: { job: Address; permit: number }): GateEffect => ({
  type: 'send',
  params: { to: job, event: { type: 'withdrawn', gate: self, permit } },
})

/** Withdrawn requests that are kept in mind at most. */
const mostGone = 1000

/**
 * The request is withdrawn, or the place given back if it was granted meanwhile. Whoever is not found may be in a page: it is kept in mind, and left out when
 * that is read. Where too many are, its turn will come, and the job answers a place that it no longer wants by releasing it. Until then it must not be removed: it is told when it is free.
 */
export function withdraw(context: GateContext, { job, permit }: Of<'withdraw'>): GateContext {
  let { queues } = context
  const gone = new Set<number>()
  if ((context.held[job]?.permit ?? Number.POSITIVE_INFINITY) <= permit) gone.add(permit)
  if (Object.values(queues).every(({ far }) => !far.length)) gone.add(permit)
  for (const priority of prioritiesOf(queues)) {
    const queue = queues[priority]!
    const request = queue.near.find((one) => one.job === job && one.permit <= permit)
    if (!request) continue
    gone.add(request.permit)
    queues = withQueue(queues, priority, without(queue, job))
  }
  const told = [...gone].map((one) => forgotten(context, { job, permit: one }))
  const mayBePaged = !gone.has(permit) && Object.keys(context.gone ?? {}).length < mostGone
  return {
    ...context,
    queues,
    held: freed(context.held, job, permit),
    ...(mayBePaged && { gone: { ...context.gone, [job]: permit } }),
    out: [...context.out, ...told],
  }
}

/** A page that was asked for has come. */
export function readPage(context: GateContext, { priority, id, body }: Of<'page'>): GateContext {
  if (context.reading?.id !== id) return context
  const left = body.filter((one): one is Request => 'permit' in one && (context.gone?.[one.job] ?? 0) >= one.permit)
  const wanted = left.length ? (body as readonly Request[]).filter((one) => !left.includes(one)) : body
  const step = turnPage(context, context.queues[priority] ?? noQueue, id, wanted)
  if (!step) return { ...context, reading: undefined }
  const told = [...left, ...step.dropped].map((request) => forgotten(context, request))
  const out: GateEffect[] = [...context.out, ...step.out, ...told, { type: 'unpage', params: { id } }]
  const queues = withQueue(context.queues, priority, step.queue)
  const gone = context.gone && { gone: stillGone(context.gone, queues, left) }
  return { ...context, ...counted(context, step.out), ...gone, reading: undefined, queues, out }
}

/** Without those that were found, and none once nothing is in pages. */
function stillGone(gone: Record<Address, number>, queues: GateContext['queues'], found: readonly Request[]): GateContext['gone'] {
  if (!Object.values(queues).some(({ far }) => far.length)) return undefined
  const left = new Map(Object.entries(gone))
  for (const { job } of found) left.delete(job)
  return left.size ? Object.fromEntries(left) : undefined
}
