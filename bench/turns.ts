/**
 * Who plays in which order in a round, so that nobody is always first, or always behind the same one: what a side leaves behind (dirty pages, a warm or a
 * throttled processor) must not hit one of the others only. In `sides.length` rounds each comes once at every place, and with an even number of them once
 * behind every other (a Williams square); the rounds after these go the other way round.
 */
export function orderOf<T>(sides: readonly T[], round: number): T[] {
  const n = sides.length
  const order = sides.map((_, place) => sides[(round + (place % 2 ? (place + 1) / 2 : n - place / 2)) % n]!)
  return Math.floor(round / n) % 2 ? order.reverse() : order
}
