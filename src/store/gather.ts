export interface Limits {
  /** Batches under way at a time: servers use a processor per connection. */
  atOnce: number
  /** A batch holds at most so many items, of at most so many bytes together (one larger item travels alone). */
  items: number
  bytes: number
}

interface Waiting<I, O> {
  item: I
  size: number
  settle(outcome: O): void
  fail(error: unknown): void
}

/**
 * Many small calls share few large ones: what arrives while batches are under way goes with the next.
 * Nothing waits for company: what has come in one pass of the event loop leaves at once, if a place is free.
 */
export function gather<I, O>(run: (items: I[]) => Promise<O[]>, limits: Limits, sizeOf: (item: I) => number = () => 0) {
  let waiting: Waiting<I, O>[] = []
  let underWay = 0
  let leaving = false

  const leave = () => {
    leaving = false
    while (waiting.length > 0 && underWay < limits.atOnce) void send(takeBatch())
  }
  const soon = () => {
    if (!leaving) setImmediate(leave)
    leaving = true
  }
  /** What is there is shared out over the free places, so that one large call is done by several connections. */
  const takeBatch = () => {
    const places = Math.min(limits.atOnce - underWay, Math.max(1, Math.floor(waiting.length / minimumShare)))
    const count = countThatFits(waiting, Math.min(Math.ceil(waiting.length / places), limits.items), limits.bytes)
    const batch = waiting.slice(0, count)
    waiting = waiting.slice(count)
    return batch
  }
  const send = async (batch: Waiting<I, O>[]) => {
    underWay++
    try {
      const outcomes = await run(batch.map(({ item }) => item))
      batch.forEach(({ settle }, i) => {
        settle(outcomes[i]!)
      })
    } catch (error) {
      for (const { fail } of batch) fail(error)
    } finally {
      underWay--
      if (waiting.length > 0) soon()
    }
  }

  return (items: readonly I[]): Promise<O[]> => {
    const outcomes = items.map((item) => new Promise<O>((settle, fail) => void waiting.push({ item, size: sizeOf(item), settle, fail })))
    if (items.length > 0) soon()
    return Promise.all(outcomes)
  }
}

/** Below it, another connection costs more than it helps. */
const minimumShare = 200

function countThatFits(items: { size: number }[], most: number, bytes: number): number {
  let total = 0
  for (let i = 0; i < Math.min(most, items.length); i++) {
    total += items[i]!.size
    if (total > bytes && i > 0) return i
  }
  return Math.min(most, items.length)
}
