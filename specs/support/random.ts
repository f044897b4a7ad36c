import { parseArgs } from 'node:util'

/** The same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number) {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    /** A whole number: `from` and `to` can come. */
    between: (from: number, to: number) => from + Math.floor(next() * (to - from + 1)),
    /** true with this probability. */
    chance: (probability: number) => next() < probability,
    pick: <T>(list: readonly T[]): T | undefined => list[Math.floor(next() * list.length)],
  }
}
export type Random = ReturnType<typeof seededRandom>

/** `--seed N` on the command line, else another one each time: it is printed, so that a schedule can be had again. */
export function seedOf(): number {
  const { values } = parseArgs({ options: { seed: { type: 'string' } }, strict: false })
  const seed = typeof values.seed === 'string' ? Number(values.seed) : Date.now() % 1_000_000
  console.log(`# seed ${seed}`)
  return seed
}
