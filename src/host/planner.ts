import { graphIssue, graphOf, inWords } from '../../actors/plan/graph.ts'
import { pack } from '../../actors/plan/packed.ts'
import type { Plan } from '../../actors/plan/state.ts'
import type { PlanContext } from '../../actors/plan.ts'
import { partitionOf } from '../address.ts'
import { addDays, type DateText, dateAt, startOfDate } from '../calendar/dates.ts'
import { atWall } from '../clock.ts'
import { resolvePlan } from '../plan/resolve.ts'
import type { ChainTerms } from '../plan/runs.ts'
import { planAddress, rootOfZone, zonesLeft, zonesOf } from '../plan/zones.ts'
import type { Partition } from './partition.ts'

/** Dates that nobody was up for are made when somebody is, so many at most. */
const mostDays = 7
/** Plans of so many days are looked at each time; those of a year and more, if nobody has told one of these: nobody was up. */
const lately = 30
const lookBack = 400
/** What is published together is looked at together, ms. */
const together = 50

/**
 * Makes the plans of the zones that belong to this partition: one for each date, at its start, or when a host takes the partition first after that.
 * Said twice it changes nothing: the plan is there, and is told what code says now. So nothing need be remembered but the plans themselves.
 */
export function createPlanner(partition: Partition) {
  const { store, clock, bus, contracts } = partition
  let cancelTimer = () => {}
  let cancelLook = () => {}
  let due = Number.POSITIVE_INFINITY
  let started = false
  let stopped = false

  async function look(): Promise<void> {
    const chains = contracts.chains.all
    const isOurs = (zone: string) => partitionOf(rootOfZone(zone), bus.partitions) === partition.number
    const now = clock.now()
    async function tell(zones: readonly string[], datesOf: (zone: string, today: DateText) => Promise<DateText[]>): Promise<void> {
      for (const zone of zones.filter(isOurs)) {
        const today = dateAt(now, zone)
        for (const date of await datesOf(zone, today)) make(chains, zone, date)
        wakeAt(startOfDate(addDays(today, 1), zone))
      }
    }
    await tell(zonesOf(chains), missing)
    // No more are made in these, and those that there are learn that nothing is left of what code said.
    await tell(zonesLeft(chains), ifMade)
  }

  const ifMade = async (zone: string, today: DateText): Promise<DateText[]> => {
    const { known, untold } = await plansOf(zone, today)
    return untold.includes(today) || !known.has(today) ? untold : [...untold, today]
  }

  /** Of today and before, in order. `untold`: made before their date began; they have not been told yet what code says of it. */
  async function plansOf(zone: string, today: DateText): Promise<{ known: ReadonlySet<DateText>; untold: DateText[] }> {
    const known = new Set<DateText>()
    const told = new Set<DateText>()
    const dates = Array.from({ length: lookBack }, (_, i) => addDays(today, i + 1 - lookBack))
    // Whoever has told one of them has told those before it as well.
    for (const some of [dates.slice(-lately), dates.slice(0, -lately)]) {
      if (told.size) break
      const docs = new Map((await store.load(some.map((date) => planAddress(zone, date)))).map((doc) => [doc._id, doc]))
      for (const date of some) {
        const doc = docs.get(planAddress(zone, date))
        if (doc) known.add(date)
        if (doc && !(doc.snapshot.context as PlanContext).packed?.ahead) told.add(date)
      }
    }
    return { known, untold: dates.filter((date) => known.has(date) && !told.has(date)) }
  }

  /** Another service may have published what this one cannot settle, or a circle at the same time as others: that is said, and stops nothing else. */
  function make(chains: readonly ChainTerms[], zone: string, date: DateText): void {
    const to = planAddress(zone, date)
    try {
      const plan = resolvePlan(chains, zone, date)
      const issue = graphIssue(graphOf(Object.values(plan.runs)))
      if (issue) partition.warn(`${to}: what hosts have published cannot be one plan: ${inWords(issue)}`)
      partition.push({ envelope: { to, event: makeOf(plan, chains) } })
    } catch (error) {
      partition.warn(`${to} cannot be made here: ${(error as Error).message}`)
    }
  }

  /** Dates behind the first plan that have none, or have not been told, in order: one that was made in advance says nothing of those before it. Without a plan there is only today. */
  async function missing(zone: string, today: DateText): Promise<DateText[]> {
    const { known, untold } = await plansOf(zone, today)
    const first = [...known].sort()[0] ?? today
    const missed: DateText[] = []
    for (let date = first; date < today; date = addDays(date, 1)) if (!known.has(date)) missed.push(date)
    const dates = missed.filter((date) => date >= addDays(today, -mostDays))
    if (dates.length && missed.includes(addDays(dates[0]!, -1)))
      partition.warn(
        `no plans in ${zone} for dates before ${dates[0]}: no host was up, and they are made for ${mostDays} days back at most`,
      )
    return [...new Set([...untold, ...dates].sort()).add(today)]
  }

  function wakeAt(at: number): void {
    if (stopped || at >= due) return
    cancelTimer()
    due = at
    cancelTimer = atWall(clock, at, () => {
      due = Number.POSITIVE_INFINITY
      lookNow()
    })
  }

  const lookNow = () => void (stopped || look().catch((error) => stopped || partition.giveUp(error)))

  const forget = contracts.chains.onChange(() => {
    if (!started || stopped) return
    cancelLook()
    cancelLook = clock.at(clock.now() + together, lookNow)
  })

  return {
    start(): void {
      started = true
      lookNow()
    },
    stop(): void {
      stopped = true
      cancelTimer()
      cancelLook()
      forget()
    },
  }
}

/** What code says of a date: the first makes the plan. */
export const makeOf = (plan: Plan, chains: readonly ChainTerms[]) => ({
  type: 'make',
  code: pack(plan),
  without: chains.filter(({ runs }) => !runs.some(({ calendar }) => calendar.timezone === plan.zone)).map(({ name }) => name),
})
