import type { Condition } from '../../actors/actor.ts'
import { type Address, addressOf, checkId, idOf } from '../address.ts'
import { resume } from '../command.ts'
import { type CallbackGiven, type Callbacks, check } from '../definition.ts'
import type { HistoryEntry, Snapshot } from '../document.ts'
import type { ActorEvent } from '../envelope.ts'
import { JobFailedError } from '../errors.ts'
import { checkFields, checkReason, optionsOf } from '../fields.ts'
import type { View } from '../host/api.ts'
import { cancelled, type Ends, type Known, outcome, outputRemoved, type WaitOptions } from './ends.ts'
import type { GivenMembers, SendMembers } from './members.ts'
import { type Prepare, payloadOf } from './prepare.ts'
import type { Ask } from './questions.ts'
import { type JobUpdate, updateOf } from './update.ts'

export interface ActorHandle {
  readonly id: string
  readonly address: Address
  view(): Promise<View>
  /** Every unmet condition of what waits. */
  why(): Promise<{ state: string; conditions: Condition[] }>
  /** All of it, oldest first; it may be long. */
  history(): Promise<{ machine: string; address: Address; history: HistoryEntry[]; snapshot: Snapshot }>
  cancel(options?: { reason?: string }): Promise<void>
}

export interface JobHandle<O = unknown, C extends Callbacks = Callbacks> extends ActorHandle {
  /** The output; or throws JobFailedError, JobCancelledError; NotFoundError if it was submitted, and retention has removed it since. */
  result(options?: WaitOptions): Promise<O>
  /**
   * An operator's retry of a job that ended without success, or is held. A member's is decided by its group: only a failed one, while
   * the group is open and its rest is not being cancelled; else it is refused as NOT_ALLOWED.
   */
  retry(): Promise<void>
  /** An operator ends a held job as succeeded, with this output, which its contract checks. In any other state it is NOT_ALLOWED. */
  done(output: O, options?: { reason?: string }): Promise<void>
  /**
   * Gives it the value of a callback, at any time from its submit on. The first for each name and round counts: another is refused as
   * CONFLICT, one for a `round` that has ended as SUPERSEDED (default: the present round), a name that its definition does not declare, or
   * a value that does not fit, as VALIDATION.
   */
  resume<N extends keyof C & string>(name: N, value: CallbackGiven<C, N>, options?: { round?: number }): Promise<void>
  /**
   * Changes a job of which no run has begun, or none is open (planned, waiting, queued, backoff); else NotAllowedError, which names the
   * state. What is not given stays. A time that has passed means now; the time of a member that waits for its group is kept until it
   * begins. The input is checked against the job's published contract. The job stays the one that it was submitted as: submitted again
   * with the first input it is the same job.
   */
  update(change: JobUpdate): Promise<void>
}

export interface GroupHandle<O = unknown> extends ActorHandle {
  /** Adding a member again is adding it once. What is thrown when they cannot be read to their end: see `submitGroup`. */
  add(members: GivenMembers): Promise<void>
  /** Await an `add` first: of two calls that are under way at once the later one may come first, and what is sealed refuses what comes then. */
  seal(): Promise<void>
  /** The output of the group's output; or throws JobFailedError, JobCancelledError. */
  result(options?: WaitOptions): Promise<O>
}

/** A history comes in parts; the last one has the snapshot, and nothing `after` it. */
interface HistoryPart {
  machine: string
  history: HistoryEntry[]
  snapshot?: Snapshot
  after?: string
}

export interface Handles {
  actor(address: Address): ActorHandle
  job<O, C extends Callbacks = Callbacks>(id: string, known?: Known): JobHandle<O, C>
  group<O>(id: string, known?: Known): GroupHandle<O>
}

export function handles(parts: {
  ask: Ask
  ends: Ends
  command(to: Address, event: ActorEvent): Promise<void>
  sendMembers: SendMembers
  prepare: Prepare
}): Handles {
  const { ask, ends, command, sendMembers, prepare } = parts

  function handle(address: Address): ActorHandle {
    return {
      id: idOf(address),
      address,
      view: async () => (await ask<{ view: View }>('get', { address })).view,
      why: async () => {
        const { state, conditions } = await ask<{ state: string; conditions: Condition[] }>('why', { address })
        return { state, conditions }
      },
      history: async () => {
        const history: HistoryEntry[] = []
        for (let after: string | undefined; ; ) {
          const part = await ask<HistoryPart>('history', { address, after })
          for (const entry of part.history) history.push(entry)
          after = part.after
          if (after === undefined) return { machine: part.machine, address, history, snapshot: part.snapshot! }
        }
      },
      async cancel(options) {
        const { reason } = optionsOf(options, ['reason'])
        checkReason(reason)
        await command(address, { type: 'cancel', reason })
      },
    }
  }

  function job<O, C extends Callbacks>(id: string, known?: Known): JobHandle<O, C> {
    const address = addressOf('job', checkId(id, 'id'))
    return {
      ...handle(address),
      result: async (options) => outcome(await ends.ended(address, options, known)) as O,
      retry: () => command(address, { type: 'retry' }),
      async done(output, options) {
        const { reason } = optionsOf(options, ['reason'])
        checkReason(reason)
        await command(address, { type: 'done', output: payloadOf(output, 'output'), reason })
      },
      resume: async (name, value, options) => command(address, resumed(name, value, optionsOf(options, ['round']).round)),
      async update(change) {
        checkFields(change, ['startAt', 'priority', 'input'], '', 'update')
        const known = change.input === undefined ? undefined : (await ask<{ view: View }>('get', { address })).view.job
        await command(address, await updateOf(prepare, change, known))
      },
    }
  }

  function group<O>(id: string, known?: Known): GroupHandle<O> {
    const address = addressOf('group', checkId(id, 'id'))
    return {
      ...handle(address),
      add: (members) => sendMembers(address, members, false),
      seal: () => command(address, { type: 'seal' }),
      async result(options) {
        const view = await ends.ended(address, options, known)
        if (view.state === 'cancelled') throw cancelled(view)
        if (view.outputRemoved && view.state === 'succeeded') throw outputRemoved(address)
        const output = await ends.viewIfAny(addressOf('job', `${id}/output`), options?.signal)
        if (output && output.group === address) return outcome(output) as O
        if (view.state === 'failed') throw new JobFailedError(`${address} failed: ${view.error?.message}`, { cause: view.error })
        return undefined as O
      },
    }
  }

  return { actor: handle, job, group }
}

export function resumed(name: string, value: unknown, round?: number): ActorEvent {
  check(resume.pick({ name: true, round: true }), { name, round }, 'resume')
  return { type: 'resume', name, value: payloadOf(value, 'value'), round }
}
