import type { Clock } from '../clock.ts'
import { UnavailableError } from '../errors.ts'
import type { Store } from '../store/port.ts'

/** How long an answer may take before it is asked whether the store is there, and how long that may take, ms. */
const doubtAfter = 1000
const patience = 1000
/** Read for its answer only: nobody writes it. */
const probe = 'reach'

/**
 * Answers that may take their time, but not longer than the store is silent: a question that reads much is none of its faults. One probe
 * serves all who are in doubt; who asks while it is under way hears of it as well.
 */
export function reach({ store, clock }: { store: Store; clock: Clock }): <T>(answer: Promise<T>) => Promise<T> {
  let silence: Promise<never> | undefined

  const doubt = (): Promise<never> => {
    silence ??= new Promise((_, reject) => {
      const fail = () => reject(new UnavailableError(`${store.name ?? 'The store'} does not answer.`))
      const cancel = clock.at(clock.now() + patience, fail)
      const over = () => {
        cancel()
        silence = undefined
      }
      store.fact(probe).then(over, (error) => {
        over()
        reject(error)
      })
    })
    return silence
  }

  return (answer) =>
    new Promise((resolve, reject) => {
      silence?.catch(reject)
      const cancel = clock.at(clock.now() + doubtAfter, () => void doubt().catch(reject))
      answer.then(resolve, reject).finally(cancel)
    })
}
