import type { PlanRow } from '../../actors/plan/show.ts'
import type { Address } from '../address.ts'
import type { DateText } from '../calendar/dates.ts'
import { planRemove } from '../command/plans.ts'
import { check } from '../definition.ts'
import type { ActorEvent } from '../envelope.ts'
import { invalid, quoted } from '../errors.ts'
import { checkChoice, optionsOf } from '../fields.ts'
import type { Asked, PlanAsked, ShownPlan } from '../host/plans.ts'
import { type RunOptions, runTermsOf } from '../plan/runs.ts'
import type { ActorHandle } from './handles.ts'
import type { Ask } from './questions.ts'

/**
 * The chains of one date in one time zone. It is made at the start of its date, or by the first change to it before that. A `target` is a chain, or one run of it: `I`, `I/saturday`;
 * one that the plan does not know is a NotFoundError. What is not possible is a NotAllowedError that says why; names that no chain has, and circles, are a ValidationError. Then nothing has changed.
 */
export interface PlanHandle {
  readonly date: DateText
  /** Each run with its state, what it waits for, and when it will start; of any date, made or not. */
  show(): Promise<ShownPlan>
  /** These runs of a chain instead of what the plan has of it. A chain is added that way, too: one that a host has published. */
  add(chain: string | { readonly name: string }, runs: readonly RunOptions[]): Promise<void>
  /** Not in the plan any more: nobody waits for it. What runs is told to cancel. What has succeeded cannot be removed. */
  remove(target: string): Promise<void>
  /** The same, under another name: for what will be back. */
  deactivate(target: string): Promise<void>
  /** In the plan again. */
  restore(target: string): Promise<void>
  /** What has not started comes after these chains, and no others. */
  link(target: string, after: readonly (string | { readonly name: string })[]): Promise<void>
  /** Its predecessors are not waited for; with `now` its time is not either. */
  release(target: string, options?: { now?: boolean }): Promise<void>
  /** What has failed, was cancelled or skipped runs again, at once: from where it failed. */
  restart(target: string): Promise<void>
  /** The actor itself: its history, what it waits for. Of a plan that is made. */
  actor(): Promise<Omit<ActorHandle, 'cancel'>>
}

export type Plans = (date: DateText, options?: { zone?: string }) => PlanHandle

interface Parts {
  ask: Ask
  command(to: Address, event: ActorEvent): Promise<void>
  actor(address: Address): ActorHandle
}

export const plansOf =
  ({ ask, command, actor }: Parts): Plans =>
  (date, options) => {
    const { zone } = optionsOf(options, ['zone'])
    if (typeof date !== 'string') throw invalid('date', `${quoted(date)} is not a date. Use one that there is, as '2026-12-25'.`)
    if (zone !== undefined && typeof zone !== 'string') throw invalid('zone', `${quoted(zone)} is not a time zone`)
    const asked: PlanAsked = { date, zone }

    async function show(): Promise<ShownPlan> {
      const rows: PlanRow[] = []
      for (let after: string | undefined; ; ) {
        const { after: next, ...page } = await ask<ShownPlan & { after?: string }>('plan', { ...asked, after })
        rows.push(...page.rows)
        after = next
        if (after === undefined) return { address: page.address, zone: page.zone, date: page.date, made: page.made, rows }
      }
    }

    /** It is asked first: there may be no plan yet, and what is added is settled by a host. */
    async function change(asks: Asked): Promise<void> {
      const { address, change } = await ask<{ address: Address; change: ActorEvent }>('changePlan', { ...asked, change: asks })
      await command(address, change)
    }

    return {
      date,
      show,
      async add(chain, runs) {
        const name = nameOf(chain, 'chain')
        if (Array.isArray(runs) && (!runs.length || runs.length > 100))
          throw invalid('runs', 'must be 1 to 100 runs. What is not to run is removed.')
        await change({ type: 'add', chain: name, runs: runTermsOf(name, runs) })
      },
      remove: async (target) => change({ type: 'remove', target: targetOf(target) }),
      deactivate: async (target) => change({ type: 'deactivate', target: targetOf(target) }),
      restore: async (target) => change({ type: 'restore', target: targetOf(target) }),
      async link(target, after) {
        if (!Array.isArray(after)) throw invalid('after', 'must be an array of chains, or their names')
        await change({ type: 'link', target: targetOf(target), after: after.map((chain, i) => nameOf(chain, `after.${i}`)) })
      },
      async release(target, options) {
        const { now } = optionsOf(options, ['now'])
        checkChoice(now, [true, false], 'now')
        await change({ type: 'release', target: targetOf(target), ...(now && { now }) })
      },
      restart: async (target) => change({ type: 'restart', target: targetOf(target) }),
      async actor() {
        const { cancel: _, ...handle } = actor((await ask<ShownPlan>('plan', asked)).address)
        return handle
      },
    }
  }

const targetOf = (target: string): string => check(planRemove.shape.target, target, 'target') as string

function nameOf(chain: string | { readonly name: string }, field: string): string {
  const name: unknown = typeof chain === 'string' ? chain : chain?.name
  if (typeof name === 'string' && /^[A-Za-z0-9_-]{1,80}$/.test(name)) return name
  throw invalid(field, `${quoted(chain)} is no chain, and not the name of one`)
}
