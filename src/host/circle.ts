import type { Condition } from '../../actors/actor.ts'
import type { Address } from '../address.ts'
import type { ActorDocument } from '../document.ts'
import type { Store } from '../store/port.ts'

/** Jobs that are looked at for one answer. */
const most = 1000
/** And beyond those that a question is about: so many of them, and so many one behind the other. */
const mostBeyond = 10_000
const deepest = 100

/**
 * Jobs that were submitted one after the other in a circle wait until an operator ends one of them. None of them can know that by
 * itself: whoever asks why one waits is told the way round. Two jobs `after` each other end by themselves.
 */
export async function circleOf(store: Store, doc: ActorDocument, why: (doc: ActorDocument) => Condition[]): Promise<Condition[]> {
  const cameFrom = new Map<Address, Address>()
  for (let jobs = [doc]; jobs.length && cameFrom.size < most; ) {
    const next = new Set<Address>()
    for (const job of jobs)
      for (const on of waitsFor(why(job))) {
        if (cameFrom.has(on)) continue
        if (on === doc._id) return [inWords([...wayTo(job._id, cameFrom), on])]
        next.add(on)
        cameFrom.set(on, job._id)
      }
    jobs = next.size ? await store.load([...next]) : []
  }
  return []
}

export const waitsFor = (conditions: readonly Condition[]): Address[] =>
  conditions.flatMap(({ code, on }) => (code === 'PREDECESSOR' && on ? [on] : []))

/**
 * Which of these jobs are in a circle. `graph`: what each of them waits for. What else they wait for is read, to a bound: a circle that leads farther
 * beyond them is not found here; `why` of one of its jobs may find it.
 */
export async function inCircles(
  store: Store,
  graph: Map<Address, readonly Address[]>,
  why: (doc: ActorDocument) => Condition[],
): Promise<Set<Address>> {
  let left = mostBeyond
  let asked = unread(graph, graph.keys())
  for (let depth = 0; depth < deepest && asked.length && left > 0; depth++) {
    const jobs = await store.load(asked.slice(0, left))
    left -= asked.length
    // Who is not there waits for nothing.
    for (const one of asked) graph.set(one, [])
    for (const job of jobs) graph.set(job._id, waitsFor(why(job)))
    asked = unread(graph, asked)
  }
  return endless(graph)
}

const unread = (graph: ReadonlyMap<Address, readonly Address[]>, jobs: Iterable<Address>): Address[] => [
  ...new Set([...jobs].flatMap((job) => graph.get(job)!.filter((one) => !graph.has(one)))),
]

/** Those in a circle: each job, and each edge, is looked at once (Tarjan 1972, without recursion: a row of jobs may be long). */
function endless(graph: ReadonlyMap<Address, readonly Address[]>): Set<Address> {
  const found = new Set<Address>()
  const order = new Map<Address, number>()
  const low = new Map<Address, number>()
  const open: Address[] = []
  const isOpen = new Set<Address>()
  for (const start of graph.keys()) {
    const path: { job: Address; rest: Iterator<Address> }[] = []
    const enter = (job: Address) => {
      order.set(job, order.size)
      low.set(job, order.get(job)!)
      open.push(job)
      isOpen.add(job)
      path.push({ job, rest: (graph.get(job) ?? [])[Symbol.iterator]() })
    }
    const lower = (job: Address, to: number) => low.set(job, Math.min(low.get(job)!, to))
    if (!order.has(start)) enter(start)
    while (path.length) {
      const { job, rest } = path.at(-1)!
      const { value: next, done } = rest.next()
      if (!done && !order.has(next)) enter(next)
      else if (!done) isOpen.has(next) && lower(job, order.get(next)!)
      else {
        path.pop()
        const before = path.at(-1)
        if (before) lower(before.job, low.get(job)!)
        if (low.get(job) === order.get(job)) close(job)
      }
    }
  }
  return found

  /** All that is open from it on is one circle, or a tangle of them; alone it is none, unless it waits for itself. */
  function close(job: Address): void {
    const all = open.splice(open.lastIndexOf(job))
    for (const one of all) isOpen.delete(one)
    if (all.length > 1 || graph.get(job)?.includes(job)) for (const one of all) found.add(one)
  }
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
