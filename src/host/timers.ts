import type { Address } from '../address.ts'
import { atWall, type Clock } from '../clock.ts'
import { type ActorDocument, whenTakenOver } from '../document.ts'

/**
 * The next due times of one partition, in memory: filled from the `wakeAt` index and from each document that is written, and one
 * timer for the earliest. A time that is late fires once, at once.
 */
export interface Timers {
  note(doc: Pick<ActorDocument, '_id' | 'wakeAt'>): void
  /** Takes out what is due now. */
  due(): Address[]
  clear(): void
}

export function createTimers(clock: Clock, onDue: () => void): Timers {
  const times = new Map<Address, number>()
  let earliest = Number.POSITIVE_INFINITY
  let disarm: (() => void) | undefined

  const arm = (at: number) => {
    disarm?.()
    earliest = at
    disarm = at === Number.POSITIVE_INFINITY ? undefined : atWall(clock, at, onDue)
  }
  return {
    note({ _id, wakeAt }) {
      if (wakeAt === undefined || wakeAt >= whenTakenOver) return void times.delete(_id)
      times.set(_id, wakeAt)
      if (wakeAt < earliest) arm(wakeAt)
    },
    due() {
      const now = clock.now()
      const due: [Address, number][] = []
      let next = Number.POSITIVE_INFINITY
      for (const [address, at] of times) {
        if (at <= now) due.push([address, at])
        else if (at < next) next = at
      }
      for (const [address] of due) times.delete(address)
      arm(next)
      return due.sort((a, b) => a[1] - b[1]).map(([address]) => address)
    },
    clear() {
      times.clear()
      arm(Number.POSITIVE_INFINITY)
    },
  }
}
