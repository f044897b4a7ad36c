/**
 * What is not on disk yet, in two layers: what goes with the next transaction, over what is on its way with the present one.
 * Readers see the upper one first, so a value never disappears or goes back while it is written.
 */
export interface Overlay<T> {
  /** undefined: nothing is known here, look on disk. */
  get(key: string): T | undefined
  /** Only what goes with the next transaction. */
  upper(key: string): T | undefined
  set(key: string, value: T): void
  has(key: string): boolean
  /** Everything in both layers, each key once. */
  entries(): Iterable<[string, T]>
  /** true if the next transaction has something to write. */
  dirty(): boolean
  /** Sets the upper layer under way, and answers it. */
  cut(): Map<string, T>
  /** Answers what was under way. */
  landed(): Map<string, T>
  /** Forgets both layers. */
  dropped(): void
}

export function overlay<T>(): Overlay<T> {
  let upper = new Map<string, T>()
  let underWay = new Map<string, T>()
  return {
    get: (key) => upper.get(key) ?? underWay.get(key),
    upper: (key) => upper.get(key),
    set: (key, value) => void upper.set(key, value),
    has: (key) => upper.has(key) || underWay.has(key),
    *entries() {
      yield* upper
      for (const entry of underWay) if (!upper.has(entry[0])) yield entry
    },
    dirty: () => upper.size > 0,
    cut: () => {
      underWay = upper
      upper = new Map()
      return underWay
    },
    landed: () => {
      const landed = underWay
      underWay = new Map()
      return landed
    },
    dropped: () => {
      upper = new Map()
      underWay = new Map()
    },
  }
}
