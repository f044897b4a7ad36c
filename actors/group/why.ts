import type { Snapshot } from '../../src/document.ts'
import type { Condition } from '../actor.ts'
import { jobOf } from '../members.ts'
import { type GroupContext, outputKey } from './context.ts'

/** Name of the outermost state. */
export const stateOf = (value: unknown): string => (typeof value === 'string' ? value : Object.keys(value as object)[0]!)

/** What a group waits for. */
export function why(snapshot: Snapshot): Condition[] {
  const { self, sealed, sealAt, members, early } = snapshot.context as GroupContext
  const state = stateOf(snapshot.value)
  const { counts, total, window } = members
  if (state === 'awaited')
    return [
      {
        code: 'GROUP_UNKNOWN',
        message: `${Object.keys(early ?? {}).length} members ended; the group itself was not submitted yet, and is given up after 30 days`,
      },
    ]
  if (state === 'output') return [{ code: 'OUTPUT', message: 'its output has not ended', on: jobOf(self, outputKey) }]
  if (state !== 'open') return []
  const conditions: Condition[] = []
  if (!sealed)
    conditions.push(
      sealAt === undefined
        ? { code: 'NOT_SEALED', message: 'more members may be added: seal it', stuck: true }
        : { code: 'NOT_SEALED', message: `more members may be added until ${new Date(sealAt).toISOString()}`, until: sealAt },
    )
  const left = total - counts.succeeded - counts.failed - counts.cancelled
  if (left)
    conditions.push({
      code: 'MEMBERS',
      message: `${left} of ${total} members have not finished${window ? `; ${window.active} of ${window.concurrency} at once are begun` : ''}`,
      left,
      total,
    })
  return conditions
}
