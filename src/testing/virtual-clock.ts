import { checkTime } from '../client/prepare.ts'
import type { Clock } from '../clock.ts'
import { type Duration, ms } from '../duration.ts'
import { invalid } from '../errors.ts'

/** Time that stands still until it is told to go on. */
export interface VirtualClock extends Clock {
  /** Goes on by so much; everything that becomes due meanwhile happens, in order. Resolves when nothing is left to do but to wait. */
  advance(duration: Duration): Promise<void>
  advanceTo(time: Date | string | number): Promise<void>
  /** Goes to the next due time, if there is one before `limit` ms from now. */
  step(limit: Duration): Promise<void>
  /** For handlers that take virtual time. */
  sleep(duration: Duration): Promise<void>
  /** Resolves when nothing is left to do at this time. */
  settled(): Promise<void>
}

interface Due {
  at: number
  order: number
  fire: () => void
}

/** Turns of the event loop without anything new after which all has settled. */
const quietTurns = 6

export function virtualClock(start: Date | string | number = 0): VirtualClock {
  let now = checkTime(start, 'start')
  let order = 0
  let held = 0
  let activity = 0
  const due: Due[] = []

  function insert(entry: Due): void {
    let low = 0
    let high = due.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = due[middle]!
      if (other.at < entry.at || (other.at === entry.at && other.order < entry.order)) low = middle + 1
      else high = middle
    }
    due.splice(low, 0, entry)
  }

  async function settled(): Promise<void> {
    let seen = activity
    for (let quiet = 0; quiet < quietTurns; ) {
      await new Promise((done) => setImmediate(done))
      if (held === 0 && seen === activity) quiet++
      else quiet = 0
      seen = activity
    }
  }

  async function runUntil(end: number, onlyOne = false): Promise<void> {
    await settled()
    while (due.length && due[0]!.at <= end) {
      now = Math.max(now, due[0]!.at)
      while (due.length && due[0]!.at <= now) due.shift()!.fire()
      await settled()
      if (onlyOne) return
    }
    now = end
  }

  const clock: VirtualClock = {
    now: () => now,
    monotonic: () => now,
    at(at, fire) {
      activity++
      const entry = { at, order: order++, fire }
      insert(entry)
      return () => {
        const i = due.indexOf(entry)
        if (i >= 0) due.splice(i, 1)
      }
    },
    hold() {
      held++
      activity++
      return () => {
        held--
        activity++
      }
    },
    advance: (duration) => runUntil(now + ms(duration, 'duration')),
    async advanceTo(time) {
      const end = checkTime(time, 'time')
      if (end < now)
        throw invalid('time', `${new Date(end).toISOString()} is before now, ${new Date(now).toISOString()}: time does not go back`)
      await runUntil(end)
    },
    step: (limit) => runUntil(now + ms(limit, 'limit'), true),
    sleep: (duration) => new Promise((done) => void clock.at(now + ms(duration, 'duration'), done)),
    settled,
  }
  return clock
}
