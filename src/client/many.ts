import type { WithInput } from '../definition.ts'
import { invalid } from '../errors.ts'
import { isIterable } from '../fields.ts'
import { checkedAll, type Given, withSent } from './checked.ts'
import type { JobHandle } from './handles.ts'
import type { Prepare } from './prepare.ts'

type Prepared = Awaited<ReturnType<Prepare>>

/** Submits of one call that may wait for their answer. */
const submitsAhead = 5000

/** One job for each of many inputs; what is no array is read only as fast as it is stored. */
export function submittingMany(prepare: Prepare, submit: (prepared: Prepared) => Promise<JobHandle<never>>) {
  async function checked(definition: WithInput['definition'], inputs: Given<unknown>): Promise<Given<Prepared>> {
    if (typeof inputs === 'string' || !isIterable(inputs)) throw invalid('inputs', 'must be an array, a generator or a stream of inputs')
    return checkedAll(inputs, (input, index) => prepare(definition, input, `inputs.${index}`))
  }

  return async (definition: WithInput['definition'], inputs: Given<unknown>): Promise<JobHandle<never>[]> => {
    const submits: Promise<JobHandle<never>>[] = []
    let open = 0
    let failed = false
    let goOn = () => {}
    const over = (bad: boolean) => {
      open--
      failed ||= bad
      goOn()
    }
    try {
      for await (const prepared of await checked(definition, inputs)) {
        const submitted = submit(prepared)
        // Heard below, when all inputs are read.
        submitted.then(
          () => over(false),
          () => over(true),
        )
        submits.push(submitted)
        if (++open >= submitsAhead) await new Promise<void>((done) => (goOn = done))
        if (failed) break
      }
      return await Promise.all(submits)
    } catch (error) {
      const submitted = (await Promise.allSettled(submits)).filter(({ status }) => status === 'fulfilled').length
      throw withSent(error, submitted, 'jobs of this call were submitted')
    }
  }
}
