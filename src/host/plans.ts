import type { Condition } from '../../actors/actor.ts'
import { type Change, changed } from '../../actors/plan/changes.ts'
import { unpack } from '../../actors/plan/packed.ts'
import { type PlanRow, show } from '../../actors/plan/show.ts'
import type { Plan } from '../../actors/plan/state.ts'
import { step } from '../../actors/plan/step.ts'
import { type PlanContext, saidBy } from '../../actors/plan.ts'
import type { Address } from '../address.ts'
import { type DateText, dateAt, isDate } from '../calendar/dates.ts'
import type { Clock } from '../clock.ts'
import { planAsked } from '../command/plans.ts'
import { check } from '../definition.ts'
import type { Envelope } from '../envelope.ts'
import { invalid, NotFoundError, quoted } from '../errors.ts'
import { addedRuns, resolvePlan } from '../plan/resolve.ts'
import type { RunTerms } from '../plan/runs.ts'
import { planAddress, rootOfZone, zonesOf } from '../plan/zones.ts'
import type { Store } from '../store/port.ts'
import { fitting } from './answer-size.ts'
import type { Answer } from './command-api.ts'
import type { Contracts } from './door.ts'
import { makeOf } from './planner.ts'

/** Which plan is meant: without a zone, that of the only one in which there are chains. */
export interface PlanAsked {
  date: string
  zone?: string
}

/** A change as it is asked for: what is added is what its calendars say. */
export type Asked = Exclude<Change, { type: 'declare' | 'add' }> | { type: 'add'; chain: string; runs: readonly RunTerms[] }

/** A plan as it is shown: made, or as it would be made now. */
export interface ShownPlan {
  address: Address
  zone: string
  date: DateText
  /** false: its date has not begun, and nobody has changed it. It is as its calendars and definitions say now. */
  made: boolean
  rows: readonly PlanRow[]
}

interface Parts {
  store: Store
  clock: Clock
  contracts: Contracts
  send(envelope: Envelope): Promise<Answer>
}

export type PlanQuestions = ReturnType<typeof planQuestions>

/** Questions about plans: any host answers, for any date. */
export function planQuestions({ store, clock, contracts, send }: Parts) {
  function which({ date, zone: given }: PlanAsked): { zone: string; date: DateText; address: Address } {
    if (!isDate(date)) throw invalid('date', `${quoted(date)} is not a date. Use one that there is, as '2026-12-25'.`)
    if (given !== undefined && (typeof given !== 'string' || !/^[A-Za-z0-9_/-]{1,100}$/.test(given)))
      throw invalid('zone', `${quoted(given)} is not a time zone`)
    // As it is written in addresses, it is the same zone.
    const zone =
      given === undefined ? onlyZone() : (zonesOf(contracts.chains.all).find((one) => rootOfZone(one) === rootOfZone(given)) ?? given)
    return { zone, date, address: planAddress(zone, date) }
  }

  /** What is not there can be made only where there are chains, and of a date that is not over. */
  function planned({ zone, date, address }: ReturnType<typeof which>): Plan {
    const zones = zonesOf(contracts.chains.all)
    if (!zones.includes(zone)) throw invalid('zone', `there is no chain in ${zone}. There are chains in ${zones.join(', ') || 'no zone'}.`)
    if (date < dateAt(clock.now(), zone)) throw new NotFoundError(`${address} does not exist, and its date has passed`)
    return resolvePlan(contracts.chains.all, zone, date)
  }

  function onlyZone(): string {
    const zones = zonesOf(contracts.chains.all)
    if (zones.length === 1) return zones[0]!
    if (!zones.length) throw new NotFoundError('there is no chain that has a plan: no host has published one')
    throw invalid('zone', `there are plans in ${zones.join(', ')}: say which one is meant`)
  }

  async function present(address: Address): Promise<Plan | undefined> {
    const [doc] = await store.load([address])
    if (!doc) return undefined
    const { packed } = doc.snapshot.context as PlanContext
    if (!packed) throw new NotFoundError(`${address} was removed by retention`)
    return unpack(packed)
  }

  /** One that was made before its date, as it would be if it began now; as it is stored, where this host cannot settle a calendar. */
  function asTold(stored: Plan): Plan {
    const { zone, date, ahead } = stored
    const chains = contracts.chains.all
    if (!ahead || date < dateAt(clock.now(), zone) || !zonesOf(chains).includes(zone)) return stored
    try {
      const told = changed(stored, { type: 'declare', chains: saidBy(makeOf(resolvePlan(chains, zone, date), chains)) }, clock.now())
      return told.refused ? stored : told.plan
    } catch {
      return stored
    }
  }

  /** A page of it: `after` is the number of rows that were shown. */
  async function showPlan(asked: PlanAsked & { after?: string }) {
    const { zone, date, address } = which(asked)
    const stored = await present(address)
    const all = show(stored ? asTold(stored) : planned({ zone, date, address }), clock.now())
    const from = Number(asked.after ?? 0)
    const rows = fitting(all.slice(from))
    const next = from + rows.length
    return { address, zone, date, made: stored !== undefined, rows, after: next < all.length ? String(next) : undefined }
  }

  /**
   * What is changed must be there: a plan of today, or of a date to come, is made for it, unless the change would be refused. And what is added is
   * settled by calendars here.
   */
  async function changePlan({ inc: _, ...given }: PlanAsked & { change?: Asked; inc?: string }) {
    const asked = check(planAsked, given, 'request') as PlanAsked & { change?: Asked }
    const { zone, date, address } = which(asked)
    const change = asked.change && (await settled(address, asked.change))
    const stored = await present(address)
    // One that was made ahead learns first what code says now.
    const told = stored && asTold(stored)
    if (!told || told !== stored) {
      const plan = planned({ zone, date, address })
      const { refused } = change ? step(told ?? plan, change, clock.now()) : {}
      const answer = refused
        ? { ok: false as const, error: refused }
        : await send({ to: address, event: makeOf(plan, contracts.chains.all) })
      if (!answer.ok) throw Object.assign(new Error(answer.error.message), answer.error)
    }
    return { address, zone, date, change }
  }

  async function settled(address: Address, change: Asked): Promise<Change> {
    if (change.type !== 'add') return change
    const chain = await contracts.chains.learn(change.chain)
    if (!chain) throw new NotFoundError(`chain: no host has published a chain "${change.chain}"`)
    return { ...change, runs: addedRuns(address, chain, change.runs) }
  }

  /** What the run of a plan waits for that has not been started: there is no such chain yet. */
  async function waiting(run: Address): Promise<{ state: string; conditions: Condition[] } | undefined> {
    const [, date] = /^chain:[^/]+\/([^/]+)\/[^/]+$/.exec(run) ?? []
    if (!isDate(date)) return undefined
    const rows: PlanRow[] = []
    for (const zone of zonesOf(contracts.chains.all)) {
      const stored = await present(planAddress(zone, date))
      const plan = stored ?? (date < dateAt(clock.now(), zone) ? undefined : planned({ zone, date, address: planAddress(zone, date) }))
      const row = plan && show(asTold(plan), clock.now()).find(({ id }) => `chain:${id}` === run)
      if (row) rows.push(row)
    }
    const [first] = rows.sort((a, b) => Number(b.inPlan) - Number(a.inPlan))
    return first && { state: first.state, conditions: rows.filter(({ inPlan }) => inPlan || !first.inPlan).flatMap(({ why }) => why) }
  }

  return { verbs: { plan: showPlan, changePlan }, waiting }
}
