import { mayBeLarge } from '../payload.ts'

/** So many characters of JSON are enough for one answer: what is longer comes in several, each asked for with the `after` of the one before. */
export const answerSize = 256 * 1024

/** The first of them, as many as fit into one answer: one at least. */
export function fitting<T>(all: readonly T[], taken = 0): T[] {
  let size = taken
  const rest = all.findIndex((one) => (size += JSON.stringify(one).length) > answerSize)
  return rest < 0 ? [...all] : all.slice(0, taken ? rest : Math.max(1, rest))
}

/** All of them, in messages of that size, where nobody asks. */
export function* inParts<T>(all: readonly T[]): Iterable<readonly T[]> {
  if (!mayBeLarge(all, answerSize)) return void (all.length && (yield all))
  for (let rest = all; rest.length; ) {
    const part = fitting(rest)
    rest = rest.slice(part.length)
    yield part
  }
}
