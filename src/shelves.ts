import type { ActorDocument } from './document.ts'
import { whenTakenOver } from './document.ts'

/**
 * Where documents that nobody has to act on wait for housekeeping: by kind, and by the time from which their retention counts. A
 * shelf is a range of `wakeAt` behind all due times, so that one index serves both, and an owner that looks for due times never reads it.
 *
 * | shelf      | holds                                              | from              |
 * |------------|----------------------------------------------------|-------------------|
 * | finished   | what has ended                                     | its end           |
 * | histories  | the same, with a part of its history in pages      | its end           |
 * | failed     | what ended as failed or aborted: the dead letters  | its end           |
 * | emptying   | tombstones of groups whose members are still there | their removal     |
 * | tombstones | what keeps the id of something removed             | its removal       |
 */
export type Shelf = 'finished' | 'histories' | 'failed' | 'emptying' | 'tombstones'

const order: readonly Shelf[] = ['finished', 'histories', 'failed', 'emptying', 'tombstones']
/** ms: until the year 2286. */
const width = 1e13

/** `wakeAt` of what came there at this time (ms since 1970). */
export const onShelf = (shelf: Shelf, at: number): number => whenTakenOver + (order.indexOf(shelf) + 1) * width + at

/** When it came there. */
export const shelvedAt = (shelf: Shelf, wakeAt: number): number => wakeAt - onShelf(shelf, 0)

/** Members and outputs are on none: they go with their group. */
export function shelfOf({ status, state, group, removedAt, emptying, historyPages }: ActorDocument): Shelf | undefined {
  if (removedAt !== undefined) return emptying ? 'emptying' : 'tombstones'
  if (status !== 'done' || group) return undefined
  if (state === 'failed' || state === 'aborted') return 'failed'
  return historyPages?.length ? 'histories' : 'finished'
}
