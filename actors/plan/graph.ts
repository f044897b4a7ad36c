/** Chains and what each comes after. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>

export function graphOf(runs: Iterable<{ chain: string; after: readonly string[] }>): Graph {
  const graph = new Map<string, Set<string>>()
  for (const { chain, after } of runs) {
    let all = graph.get(chain)
    if (!all) graph.set(chain, (all = new Set()))
    for (const name of after) all.add(name)
  }
  return graph
}

export type GraphIssue =
  | { chain: string; code: 'UNKNOWN'; name: string; nearest?: string }
  | { chain: string; code: 'CYCLE'; path: readonly string[] }

/** A name that no chain has, or a circle of chains that each wait for the next; undefined: there is neither. */
export function graphIssue(graph: Graph): GraphIssue | undefined {
  for (const [chain, after] of graph)
    for (const name of after) if (!graph.has(name)) return { chain, code: 'UNKNOWN', name, nearest: nearest(name, graph.keys()) }
  const path = inOrder(graph).cycle
  return path && { chain: path[0]!, code: 'CYCLE', path }
}

/** `none`: what there is of the name that nothing has. */
export function inWords(issue: GraphIssue, none = 'there is no such chain'): string {
  if (issue.code === 'CYCLE') return `${issue.path.join(' after ')}: each of them would wait for the next, and none would ever start.`
  return `${issue.chain} is after ${JSON.stringify(issue.name)}, and ${none}.${issue.nearest === undefined ? '' : ` Is ${issue.nearest} meant?`}`
}

/** All chains, each behind those that it is after, as far as there is such an order; `cycle`: the chains of a circle, the first one again at its end. */
export function inOrder(graph: Graph): { order: readonly string[]; cycle?: readonly string[] } {
  const order = new Set<string>()
  let cycle: string[] | undefined
  for (const start of graph.keys()) {
    const path: { chain: string; rest: Iterator<string> }[] = []
    const onPath = new Set<string>()
    const enter = (chain: string) => {
      path.push({ chain, rest: graph.get(chain)!.values() })
      onPath.add(chain)
    }
    if (!order.has(start)) enter(start)
    while (path.length) {
      const { chain, rest } = path.at(-1)!
      const { value: next, done } = rest.next()
      if (done) {
        path.pop()
        onPath.delete(chain)
        order.add(chain)
      } else if (onPath.has(next)) {
        const names = path.map((one) => one.chain)
        cycle ??= [...names.slice(names.indexOf(next)), next]
      } else if (graph.has(next) && !order.has(next)) enter(next)
    }
  }
  return { order: [...order], cycle }
}

/** What somebody may have meant: a name that differs by two characters at most, or by its case. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.min(3, name.length)
  for (const other of names) {
    const distance = other.toLowerCase() === name.toLowerCase() ? 0 : edits(name, other)
    if (distance < least) [best, least] = [other, distance]
  }
  return best
}

function edits(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
