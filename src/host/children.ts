import type { Grant } from '../../actors/job.ts'
import { type Address, idOf } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import { preparation } from '../client/prepare.ts'
import { errorOf } from '../client/questions.ts'
import type { Clock } from '../clock.ts'
import { isName, type WithInput } from '../definition.ts'
import { invalid, quoted } from '../errors.ts'
import { createSender } from '../sender.ts'

export type Run = Pick<Grant, 'address' | 'dispatch' | 'worker'>

/** What handlers submit as children of their own jobs: by their jobs' actors, which refuse it of a run that is no longer current. */
export interface Children {
  /** Answers the child's id. */
  submit(run: Run, definition: WithInput['definition'], input: unknown, key: string): Promise<string>
  stop(): void
}

export function createChildren({ bus, clock, name }: { bus: Bus; clock: Clock; name: string }): Children {
  const sender = createSender(bus, clock, name)
  const preparing = preparation(bus.records, clock)
  return {
    async submit({ address, dispatch, worker }, definition, input, key) {
      if (!isName(key) || /^(output|onEnd-\d+)$/.test(key))
        throw invalid('key', `${quoted(key)} is not a key. Use letters, digits, "_" and "-", 100 at most; "output" and "onEnd-…" are taken`)
      const prepared = await preparing.prepare(definition, input, 'input')
      const { error } = await sender.send(address, { type: 'child', dispatch, worker, key, ...prepared }, 'committed')
      if (error) throw errorOf(error)
      return idOf(childOf(address, key))
    },
    stop() {
      sender.stop()
      preparing.stop()
    },
  }
}

export const childOf = (address: Address, key: string): Address => `${address}/${key}`
