import { ValidationError } from '../../src/errors.ts'
import type { Store } from '../../src/store/port.ts'

/** From now on the store takes no document of more characters, as a server; and it is seen in which order documents were written, and how long the longest was. */
export function limited(store: Store, most: number) {
  const seen = { written: [] as string[], longest: 0 }
  const { commit } = store
  store.commit = async (writes) => {
    const sizes = writes.map(({ doc }) => JSON.stringify(doc).length)
    const fit = writes.filter((_, i) => sizes[i]! <= most)
    seen.written.push(...fit.map(({ doc }) => doc._id))
    seen.longest = Math.max(seen.longest, ...sizes)
    const answers = (await commit(fit)).values()
    return writes.map(({ doc }, i) => (sizes[i]! <= most ? answers.next().value! : new ValidationError(`${doc._id} is too large`)))
  }
  return seen
}
