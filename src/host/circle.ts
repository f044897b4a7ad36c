import type { Condition } from '../../actors/actor.ts'
import type { Address } from '../address.ts'
import type { ActorDocument } from '../document.ts'
import type { Store } from '../store/port.ts'

/** Jobs that are looked at for one answer. */
const most = 1000
const mostOfAll = 10_000

/**
 * Jobs that were submitted one after the other in a circle wait until an operator ends one of them. None of them can know that by
 * itself: whoever asks why one waits is told the way round. Two jobs `after` each other end by themselves.
 */
export async function circleOf(store: Store, doc: ActorDocument, why: (doc: ActorDocument) => Condition[]): Promise<Condition[]> {
  const cameFrom = new Map<Address, Address>()
  for (let jobs = [doc]; jobs.length && cameFrom.size < most; ) {
    const next = new Set<Address>()
    for (const job of jobs)
      for (const on of waitsFor(job, why)) {
        if (cameFrom.has(on)) continue
        if (on === doc._id) return [inWords([...wayTo(job._id, cameFrom), on])]
        next.add(on)
        cameFrom.set(on, job._id)
      }
    jobs = next.size ? await store.load([...next]) : []
  }
  return []
}

const waitsFor = (job: ActorDocument, why: (doc: ActorDocument) => Condition[]): Address[] =>
  why(job).flatMap(({ code, on }) => (code === 'PREDECESSOR' && on ? [on] : []))

/**
 * Which of these jobs are in a circle. `graph`: what each job that was read before waits for; it is filled here, so that nothing is read twice for one
 * answer. A circle that 10,000 jobs do not show is not found here.
 */
export async function inCircles(
  store: Store,
  docs: readonly ActorDocument[],
  why: (doc: ActorDocument) => Condition[],
  graph: Map<Address, readonly Address[]>,
): Promise<ReadonlySet<Address>> {
  for (let jobs = docs; jobs.length; ) {
    for (const job of jobs) graph.set(job._id, waitsFor(job, why))
    const next = new Set(jobs.flatMap(({ _id }) => graph.get(_id)!).filter((one) => !graph.has(one)))
    if (graph.size + next.size > mostOfAll) break
    // Who is not there waits for nothing.
    for (const one of next) graph.set(one, [])
    jobs = next.size ? await store.load([...next]) : []
  }
  const endless = withoutEnd(graph)
  return new Set(docs.map(({ _id }) => _id).filter((job) => endless.has(job) && comesBack(job, endless)))
}

/** Those in a circle, and those that wait for them. Who waits was mostly read before what it waits for. */
function withoutEnd(graph: ReadonlyMap<Address, readonly Address[]>): Map<Address, readonly Address[]> {
  const open = new Map([...graph].reverse())
  for (let before = Number.POSITIVE_INFINITY; open.size < before; ) {
    before = open.size
    for (const [job, after] of open) if (!after.some((one) => open.has(one))) open.delete(job)
  }
  return open
}

function comesBack(job: Address, graph: ReadonlyMap<Address, readonly Address[]>): boolean {
  const seen = new Set<Address>()
  for (const one of graph.get(job)!) seen.add(one)
  for (const one of seen) for (const other of graph.get(one) ?? []) seen.add(other)
  return seen.has(job)
}

function wayTo(last: Address, cameFrom: ReadonlyMap<Address, Address>): Address[] {
  const way: Address[] = []
  for (let at: Address | undefined = last; at !== undefined; at = cameFrom.get(at)) way.unshift(at)
  return way
}

function inWords(way: readonly Address[]): Condition {
  const message = `${way.join(' after ')}: a circle, which ends only if one of them is cancelled`
  return { code: 'CIRCLE', message, circle: way, stuck: true }
}
