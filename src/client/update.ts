import type { ActorEvent } from '../envelope.ts'
import { invalid } from '../errors.ts'
import { checkPriority, checkTime, type Prepare } from './prepare.ts'

export interface JobUpdate {
  startAt?: Date | string | number
  /** 0 to 9, 9 first. */
  priority?: number
  input?: unknown
}

/** The command; `job`: name of the definition that it was submitted by. */
export async function updateOf(prepare: Prepare, { startAt, priority, input }: JobUpdate, job: string | undefined): Promise<ActorEvent> {
  if (startAt === undefined && priority === undefined && input === undefined)
    throw invalid('update', 'nothing to update: give startAt, priority or input')
  return {
    type: 'update',
    startAt: startAt === undefined ? undefined : checkTime(startAt),
    priority: priority === undefined ? undefined : checkPriority(priority),
    input: input === undefined ? undefined : (await prepare(job!, input, 'input')).input,
    job,
  }
}
