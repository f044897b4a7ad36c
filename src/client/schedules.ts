import { type Address, addressOf } from '../address.ts'
import type { Records } from '../bus/port.ts'
import { raise as raiseCommand, scheduleId, trigger as triggerCommand } from '../command/schedules.ts'
import { check } from '../definition.ts'
import type { ActorEvent } from '../envelope.ts'
import { checkFields } from '../fields.ts'
import { randomId } from '../random-id.ts'
import { checkEvent, type ScheduleOptions, scheduleTerms } from '../schedule.ts'
import type { ActorHandle } from './handles.ts'
import { type Prepare, payloadOf } from './prepare.ts'

/** A schedule, by its id. Hosts declare schedules (`createHost({ schedules })`); what is set here counts before that. */
export interface ScheduleHandle extends Omit<ActorHandle, 'cancel'> {
  /** Makes it, or makes it another. */
  set(options: ScheduleOptions): Promise<void>
  /** Again as hosts declare it. */
  unset(): Promise<void>
  /** It starts nothing until `resume`; the times between are not made up for. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Starts what it starts, now. The same id is started once. */
  trigger(options?: { id?: string }): Promise<void>
  /** It starts nothing any more, though hosts declare it; `set` makes it anew. */
  remove(): Promise<void>
}

export interface Schedules {
  schedule(id: string): ScheduleHandle
  /** An event has occurred: starts whatever waits for it, once for each `id` (default: a random one). What begins to wait later does not hear of it. */
  raise(event: string, data?: unknown, options?: { id?: string }): Promise<void>
}

interface Parts {
  records: Records
  prepare: Prepare
  command(to: Address, event: ActorEvent): Promise<void>
  actor(address: Address): ActorHandle
}

export function schedulesOf({ records, prepare, command, actor }: Parts): Schedules {
  return {
    schedule(id) {
      check(scheduleId, id, 'id')
      const address = addressOf('schedule', id)
      const { cancel: _, ...handle } = actor(address)
      const say = (type: string) => () => command(address, { type })
      return {
        ...handle,
        set: async (options) => command(address, { type: 'set', terms: await scheduleTerms(prepare, records, options) }),
        unset: say('unset'),
        pause: say('pause'),
        resume: say('resume'),
        async trigger(options = {}) {
          checkFields(options, ['id'], 'options')
          const { id = randomId() } = options
          check(triggerCommand.shape.as, id, 'id')
          await command(address, { type: 'trigger', id })
        },
        remove: say('remove'),
      }
    },
    async raise(event, data, options = {}) {
      checkEvent(event, 'event')
      checkFields(options, ['id'], 'options')
      const { id = randomId() } = options
      const to = addressOf('topic', event)
      const payload = payloadOf(data, 'data')
      check(raiseCommand.shape.as, id, 'id')
      check(raiseCommand.shape.data, data, 'data')
      await command(to, { type: 'raise', id, data: payload })
    },
  }
}
