import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { ActorDocument, Timer } from '../document.ts'

/** First pause and longest, ms: each is twice as long as the one before. */
const shortest = 60_000
const longest = 3_600_000

type Which = Pick<Timer, 'id' | 'generation'>
const isSame = (a: Which, b: Which) => a.id === b.id && a.generation === b.generation

/**
 * Timers whose events would make a document that no store takes. They stay in it, and fire again after a pause: there may be room by then. In
 * memory only: a new owner tries at once.
 */
export function createPutOff(clock: Clock) {
  const pauses = new Map<Address, (Which & { until: number; length: number })[]>()
  const timeOf = (address: Address, timer: Timer): number =>
    Math.max(timer.at, pauses.get(address)?.find((one) => isSame(one, timer))?.until ?? 0)

  return {
    add(address: Address, { id, generation }: Which): void {
      const paused = pauses.get(address) ?? []
      const before = paused.find((one) => isSame(one, { id, generation }))
      const length = before ? Math.min(longest, 2 * before.length) : shortest
      const others = paused.filter((one) => one !== before)
      pauses.set(address, [...others, { id, generation, until: clock.now() + length, length }])
    },
    /** When the timer fires. */
    timeOf,
    /** When the document must be looked at, and forgets what it has no more. */
    wakeOf({ _id, wakeAt, timers }: ActorDocument): number | undefined {
      const left = pauses.get(_id)?.filter((one) => timers.some((timer) => isSame(one, timer)))
      if (!left?.length) pauses.delete(_id)
      return wakeAt && left?.length ? Math.min(...timers.map((timer) => timeOf(_id, timer))) : wakeAt
    },
  }
}
