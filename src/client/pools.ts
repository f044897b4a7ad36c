import type { Needs } from '../../actors/gate.ts'
import { type Address, addressOf } from '../address.ts'
import { isName } from '../definition.ts'
import type { ActorEvent } from '../envelope.ts'
import { invalid, NotAllowedError, quoted } from '../errors.ts'
import { optionsOf } from '../fields.ts'
import type { View } from '../host/api.ts'
import { capacityIssue } from '../pools.ts'
import type { Ends, WaitOptions } from './ends.ts'
import type { ActorHandle } from './handles.ts'

/** A pool, while it runs. What is set here outlives hosts and their declarations. */
export interface PoolHandle extends Omit<ActorHandle, 'cancel'> {
  /** Another capacity, or, without one, again the one that hosts declare. Units in use stay so: with less capacity it gives none until it fits again. */
  resize(capacity?: Needs): Promise<void>
  /** No job gets a place until `resume`. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Pauses, and resolves when no job has a place any more. A `resume` before that ends it with NOT_ALLOWED. */
  drain(options?: WaitOptions): Promise<View>
}

export const pools =
  (parts: {
    actor(address: Address): ActorHandle
    command(to: Address, event: ActorEvent, ack?: 'committed', signal?: AbortSignal): Promise<void>
    ends: Ends
  }) =>
  (name: string): PoolHandle => {
    if (!isName(name)) throw invalid('name', `${quoted(name)} is not the name of a pool`)
    const address = addressOf('pool', name)
    const { cancel: _, ...handle } = parts.actor(address)
    const pause = (signal?: AbortSignal) => parts.command(address, { type: 'pause' }, 'committed', signal)
    return {
      ...handle,
      async resize(capacity) {
        const issue = capacity === undefined ? undefined : capacityIssue(capacity)
        if (issue) throw invalid(issue.unit ? `capacity.${issue.unit}` : 'capacity', issue.message)
        await parts.command(address, { type: 'resize', capacity })
      },
      pause: () => pause(),
      resume: () => parts.command(address, { type: 'resume' }),
      async drain(options) {
        const { signal } = optionsOf(options, ['signal'])
        await pause(signal)
        const view = await parts.ends.reaches(address, ({ state }) => state !== 'paused', options)
        if (view.state !== 'drained') throw new NotAllowedError(`${address} was resumed before it was drained`)
        return view
      },
    }
  }
