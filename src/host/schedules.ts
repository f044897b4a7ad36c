import type { ScheduleTerms } from '../../actors/schedule.ts'
import { addressOf, partitionOf } from '../address.ts'
import type { Bus, Records } from '../bus/port.ts'
import { preparation } from '../client/prepare.ts'
import { scheduleId } from '../command/schedules.ts'
import { check } from '../definition.ts'
import { refuse, ValidationError } from '../errors.ts'
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
      checked.set(id, await scheduleTerms(prepare, records, options).catch((error) => under(`schedules.${id}`, error)))
    }
  } finally {
    stop()
  }
  return checked
}

function under(at: string, error: Error): never {
  if (!(error instanceof ValidationError)) throw error
  throw new ValidationError(
    `${at}.${error.message}`,
    error.issues?.map(({ path, message }) => ({ path: [...at.split('.'), ...path], message })),
  )
}

/** Said twice it changes nothing, so it needs no number. */
export async function declareSchedules(bus: Bus, host: string, schedules: Map<string, ScheduleTerms>): Promise<void> {
  const frames = [...schedules].map(([id, terms]) => ({
    partition: partitionOf(id, bus.partitions),
    id: `${host} declares schedule ${id}`,
    events: [{ to: addressOf('schedule', id), event: { type: 'declare', terms }, from: host }],
  }))
  if (frames.length) await bus.publish(frames)
}
