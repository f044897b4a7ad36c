import * as assert from 'uvu/assert'
import type { Change } from '../../actors/plan/changes.ts'
import { type PlanRow, show } from '../../actors/plan/show.ts'
import type { Ending, Plan, RunKey } from '../../actors/plan/state.ts'
import { type Decision, nextAt, type PlanEvent, step } from '../../actors/plan/step.ts'
import { clockTime, instantOf, startOfDate } from '../../src/calendar/dates.ts'
import { resolvePlan } from '../../src/plan/resolve.ts'
import { type ChainTerms, chainTerms, checkChains, type RunOptions } from '../../src/plan/runs.ts'
import { six as chains, monday, on, saturday, saturdays, workdays, zone } from '../support/chain-day.ts'

export { monday, on, saturday, saturdays, workdays, zone }

export const chain = (name: string, ...runs: RunOptions[]): ChainTerms => chainTerms(name, runs)
/** B → D, E, F, G → I, as the requirements say. */
export const six: readonly ChainTerms[] = chains.map(({ terms }) => terms)
/** The same, instead or more. */
export const six_and = (...more: readonly ChainTerms[]): ChainTerms[] => [
  ...six.filter(({ name }) => !more.some((other) => other.name === name)),
  ...more,
]

/** How a chain goes: after so many minutes (10) it ends so (`succeeded`). Told to cancel it ends as `onCancel` after a minute (`cancelled`). */
interface Course {
  minutes?: number
  ends?: Ending
  onCancel?: Ending
}

export interface Day {
  /** Time goes on to it: everything that becomes due meanwhile happens. From 24:00 on it is the day after. */
  until(time: string): void
  /** The same, while no host is up: nothing happens. */
  downUntil(time: string): void
  change(change: Change): void
  /** Must be refused, and change nothing. */
  refuses(change: Change, message: RegExp): void
  event(event: PlanEvent): void
  /** Starts and skips so far: `['B 18:00', …]`; the run is named where it is not `main`. */
  log(): string[]
  /** When it was started: [] if it was not. */
  starts(chain: string): string[]
  /** `17:45` */
  row(key: string): PlanRow & { start: string | undefined }
  rows(): PlanRow[]
  course(chain: string, course: Course): void
  readonly plan: Plan
  readonly decisions: readonly Decision[]
}

export function day(chains: readonly ChainTerms[], date: string, courses: Record<string, Course> = {}, from = '00:00'): Day {
  checkChains(chains)
  let plan = resolvePlan(chains, zone, date)
  let now = startOfDate(date, zone)
  const ends: { at: number; key: RunKey; round: number; state: Ending }[] = []
  const decisions: Decision[] = []
  const log: string[] = []
  const clock = (at: number) => clockTime(at, zone, date)
  const name = (key: RunKey) => key.replace('/main', '')
  const courseOf = (key: RunKey) => courses[key] ?? courses[key.split('/')[0]!] ?? {}

  function event(what: PlanEvent): string | undefined {
    // What is stored is JSON; and nothing may write on what was.
    const before = JSON.stringify(plan)
    const { plan: after, decisions: made, refused } = step(plan, what, now)
    assert.is(JSON.stringify(plan), before)
    plan = JSON.parse(JSON.stringify(after))
    assert.equal(step(plan, { type: 'time' }, now).decisions, [], 'nothing is decided twice')
    decisions.push(...made)
    for (const decision of made) perform(decision)
    return refused?.message
  }
  function perform(decision: Decision): void {
    const { key } = decision
    const { minutes = 10, ends: state = 'succeeded', onCancel = 'cancelled' } = courseOf(key)
    if (decision.do === 'cancel') {
      const end = ends.findLast((one) => one.key === key)!
      Object.assign(end, { at: now + 60_000, state: onCancel })
    } else if (decision.do === 'skip') log.push(`${name(key)} skipped`)
    else {
      log.push(`${name(key)} ${clock(now)}`)
      ends.push({ at: now + minutes * 60_000, key, round: decision.round, state })
    }
  }
  function goOn(to: number): void {
    for (;;) {
      const next = nextAt(plan, now) ?? Number.POSITIVE_INFINITY
      const end = ends.reduce((first, one) => Math.min(first, one.at), Number.POSITIVE_INFINITY)
      if (Math.min(next, end) > to) break
      now = Math.max(now, Math.min(next, end))
      const ended = ends.findIndex(({ at }) => at <= now)
      if (ended >= 0) {
        const [{ key, round, state }] = ends.splice(ended, 1) as [(typeof ends)[0]]
        event({ type: 'ended', key, round, state })
      } else event({ type: 'time' })
    }
    now = Math.max(now, to)
  }

  const self: Day = {
    until: (time) => goOn(instantOf(date, time, zone)),
    downUntil(time) {
      now = instantOf(date, time, zone)
      event({ type: 'time' })
      goOn(now)
    },
    change: (change) => assert.is(event(change), undefined),
    refuses(change, message) {
      const before = plan
      assert.match(event(change) ?? '', message)
      assert.equal(plan, before)
    },
    event: (what) => void event(what),
    log: () => [...log],
    starts: (chain) => log.filter((line) => line.split(' ')[0] === chain).map((line) => line.slice(chain.length + 1)),
    row(key) {
      const row = show(plan, now).find((one) => `${one.chain}/${one.run}` === (key.includes('/') ? key : `${key}/main`))!
      return { ...row, start: row.startAt === undefined ? undefined : clock(row.startAt) }
    },
    rows: () => show(plan, now),
    course(chain, course) {
      courses[chain] = course
    },
    get plan() {
      return plan
    },
    decisions,
  }
  if (from === '00:00') event({ type: 'time' })
  else self.downUntil(from)
  return self
}
