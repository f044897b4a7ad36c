/**
 * What is not in the tables yet, in four layers: what goes to the log with the next flush, over what is on its way there, over what is in the log,
 * over what is on its way from there to the tables. Readers see the uppermost, so a value never disappears or goes back while it is written.
 */
export interface Overlay<T> {
  /** undefined: nothing is known here, look in the table. */
  get(key: string): T | undefined
  /** Only what goes with the next flush. */
  upper(key: string): T | undefined
  set(key: string, value: T): void
  has(key: string): boolean
  /** Everything in all layers, each key once. */
  entries(): Iterable<[string, T]>
  /** true if the next flush has something to write. */
  dirty(): boolean
  /** Sets the upper layer under way, and answers it. */
  cut(): Map<string, T>
  /** What was under way is in the log. */
  landed(): void
  /** What is in the log is on its way to the tables. */
  settling(): void
  /** It is in the tables: answers and forgets it. */
  settled(): Map<string, T>
  /** Nobody knows whether it is: it is what is in the log, as before. */
  unsettled(): void
  /** Forgets what is not in the log. */
  dropped(): void
}

export function overlay<T>(): Overlay<T> {
  let upper = new Map<string, T>()
  let underWay = new Map<string, T>()
  let logged = new Map<string, T>()
  let settling = new Map<string, T>()

  const over = (lower: Map<string, T>, values: Map<string, T>) => {
    for (const [key, value] of values) lower.set(key, value)
    return lower
  }

  return {
    get: (key) => upper.get(key) ?? underWay.get(key) ?? logged.get(key) ?? settling.get(key),
    upper: (key) => upper.get(key),
    set: (key, value) => void upper.set(key, value),
    has: (key) => upper.has(key) || underWay.has(key) || logged.has(key) || settling.has(key),
    *entries() {
      yield* upper
      for (const entry of underWay) if (!upper.has(entry[0])) yield entry
      for (const entry of logged) if (!upper.has(entry[0]) && !underWay.has(entry[0])) yield entry
      for (const entry of settling) if (!upper.has(entry[0]) && !underWay.has(entry[0]) && !logged.has(entry[0])) yield entry
    },
    dirty: () => upper.size > 0,
    cut: () => {
      underWay = upper
      upper = new Map()
      return underWay
    },
    landed: () => {
      over(logged, underWay)
      underWay = new Map()
    },
    settling: () => {
      settling = logged
      logged = new Map()
    },
    settled: () => {
      const settled = settling
      settling = new Map()
      return settled
    },
    unsettled: () => {
      logged = over(settling, logged)
      settling = new Map()
    },
    dropped: () => {
      upper = new Map()
      underWay = new Map()
    },
  }
}
