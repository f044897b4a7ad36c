import { type Address, addressOf } from '../address.ts'
import type { Records } from '../bus/port.ts'
import type { ChainDefinition } from '../chain/definition.ts'
import { inputCheck } from '../chain/published.ts'
import { start as startCommand } from '../command/plans.ts'
import { check } from '../definition.ts'
import type { ActorEvent } from '../envelope.ts'
import { invalid, JobFailedError, quoted } from '../errors.ts'
import { checkFields } from '../fields.ts'
import type { View } from '../host/api.ts'
import { randomId } from '../random-id.ts'
import { cancelled, type Ends, type Known, type WaitOptions } from './ends.ts'
import type { ActorHandle } from './handles.ts'
import { payloadOf } from './prepare.ts'

/** A chain, by its name. */
export interface ChainHandle<I = unknown> {
  readonly name: string
  /** Starts it, besides any plan. The same id with the same input is the same instance; with another a ConflictError. Default: a random id. */
  start(input?: I, options?: { id?: string }): Promise<ChainRun>
  /** An instance: `2026-11-23/main` for the run `main` of a plan, or the id that it was started with. */
  run(id: string): ChainRun
}

/** One instance of a chain. */
export interface ChainRun extends ActorHandle {
  /** Resolves when it has succeeded, with the states of its steps; or throws JobFailedError, JobCancelledError. A chain that has failed may be restarted later. */
  result(options?: WaitOptions): Promise<View>
  /** One that has failed, or was cancelled, goes on where it stopped. In a plan it is the plan that restarts it. */
  restart(): Promise<void>
}

export interface ChainHandles {
  <I>(chain: ChainDefinition<I>): ChainHandle<I>
  (name: string): ChainHandle
}

interface Parts {
  records: Records
  ends: Ends
  command(to: Address, event: ActorEvent): Promise<void>
  actor(address: Address): ActorHandle
}

export function chainsOf({ records, ends, command, actor }: Parts): ChainHandles {
  function runOf(name: string, id: string, known?: Known): ChainRun {
    if (typeof id !== 'string' || !/^[A-Za-z0-9_/-]{1,200}$/.test(id)) throw invalid('id', `${quoted(id)} is no id of an instance`)
    const address = addressOf('chain', `${name}/${id}`)
    return {
      ...actor(address),
      async result(options) {
        const view = await ends.ended(address, options, known)
        if (view.state === 'succeeded') return view
        if (view.state === 'cancelled') throw cancelled(view)
        throw new JobFailedError(`${address} failed: ${view.error?.message}`)
      },
      restart: () => command(address, { type: 'restart' }),
    }
  }

  return (chain: ChainDefinition | string): ChainHandle => {
    const name = typeof chain === 'string' ? chain : chain?.name
    if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,80}$/.test(name)) throw invalid('name', `${quoted(name)} is not the name of a chain`)
    return {
      name,
      async start(input, options = {}) {
        checkFields(options, ['id'], 'options')
        const { id = randomId() } = options
        if (typeof id !== 'string') throw invalid('id', `${quoted(id)} is no text`)
        const to = addressOf('chain', `${name}/${id}`)
        check(startCommand.shape.to, to, 'id')
        const payload = payloadOf(input, 'input')
        const checkInput = await inputCheck(records, chain)
        checkInput(payload.value)
        await command(to, { type: 'start', input: payload })
        return runOf(name, id, { known: true })
      },
      run: (id) => runOf(name, id),
    }
  }
}
