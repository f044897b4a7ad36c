import type { ScheduleTerms } from '../../actors/schedule.ts'
import { type Address, addressOf, partitionOf, rootOf } from '../address.ts'
import type { Bus, Records } from '../bus/port.ts'
import { preparation } from '../client/prepare.ts'
import { scheduleId } from '../command/schedules.ts'
import { check } from '../definition.ts'
import type { ActorEvent } from '../envelope.ts'
import { NotFoundError, pathOf, refuse, ValidationError } from '../errors.ts'
import { type ScheduleOptions, scheduleTerms } from '../schedule.ts'

/** What a host declares must make sense, as a whole, before any of it is said. */
export async function checkSchedules(records: Records, schedules: Record<string, ScheduleOptions>): Promise<Map<string, ScheduleTerms>> {
  const checked = new Map<string, ScheduleTerms>()
  if (typeof schedules !== 'object' || schedules === null || Array.isArray(schedules))
    refuse('schedules', 'must be an object of schedules, by id')
  const { prepare, stop } = preparation(records)
  try {
    for (const [id, options] of Object.entries(schedules)) {
      check(scheduleId, id, `schedules.${id}`)
      if (typeof options !== 'object' || options === null) refuse(`schedules.${id}`, 'must be an object with when it starts, and what')
      checked.set(id, await scheduleTerms(prepare, records, options).catch((error) => under(`schedules.${id}`, error)))
    }
  } finally {
    stop()
  }
  return checked
}

function under(at: string, error: Error): never {
  if (error instanceof NotFoundError) throw new NotFoundError(`${at}.${error.message}`)
  if (!(error instanceof ValidationError)) throw error
  throw new ValidationError(
    `${at}.${error.message}`,
    error.issues?.map(({ path, message }) => ({ path: [...pathOf(at), ...path], message })),
  )
}

/**
 * Said twice it changes nothing, so it needs no number. Those that wait for an event are made its followers here as well: so they hear of all that is
 * raised after this, whoever decides when on what they are declared. One that somebody has set to wait for another leaves when it is told.
 */
export async function declareSchedules(bus: Bus, host: string, schedules: Map<string, ScheduleTerms>): Promise<void> {
  const frame = (to: Address, event: ActorEvent) => ({
    partition: partitionOf(rootOf(to), bus.partitions),
    id: `${host} ${event.type}s ${event.follower ?? to}`,
    events: [{ to, event, from: host }],
  })
  const declared = [...schedules].map(([id, terms]) => frame(addressOf('schedule', id), { type: 'declare', terms }))
  const followed = [...schedules].flatMap(([id, { when }]) =>
    'on' in when ? [frame(addressOf('topic', when.on), { type: 'subscribe', follower: addressOf('schedule', id) })] : [],
  )
  for (const frames of [declared, followed]) if (frames.length) await bus.publish(frames)
}
