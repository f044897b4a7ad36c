import { isStellwerkError } from '../errors.ts'

/** What a caller gives many of; what is no array is read only as fast as it can be sent. */
export type Given<T> = Iterable<T> | AsyncIterable<T>

/** An array is checked as a whole before anything is sent; what comes from elsewhere piece by piece. */
export async function checkedAll<T, U>(given: Given<T>, check: (one: T, index: number) => Promise<U>): Promise<Given<U>> {
  if (Array.isArray(given)) return Promise.all(Array.from(given as T[], check))
  return (async function* () {
    let index = 0
    for await (const one of given) yield check(one, index++)
  })()
}

/** Our own error of this very call keeps its code, and says how many of its `what` came before. Anybody else's stays as it is. */
export function withSent(error: unknown, count: number, what: string): unknown {
  if (count && isStellwerkError(error)) error.message += ` (${count} ${what} before.)`
  return error
}
