import { type Address, addressOf, chainOver, idOf, typeOf } from '../address.ts'
import { isStellwerkError, JobCancelledError, JobFailedError, NotFoundError } from '../errors.ts'
import { optionsOf } from '../fields.ts'
import type { View } from '../host/api.ts'
import type { News } from './news.ts'
import type { AskPatiently } from './questions.ts'

export interface WaitOptions {
  signal?: AbortSignal
}

/** `known`: it was stored, as its sender was told. If it is not there it has ended, and been removed; else it may be submitted yet. */
export interface Known {
  known?: boolean
}

/** Waits for what has not ended, for as long as it takes. */
export interface Ends {
  ended(address: Address, options?: WaitOptions, known?: Known): Promise<View>
  /** Waits until it is in a state that is looked for. */
  reaches(address: Address, isIt: (seen: Seen) => boolean, options?: WaitOptions, known?: Known): Promise<View>
  /** Throws a NotFoundError if what does not exist cannot come any more. */
  mayCome(address: Address, signal?: AbortSignal): Promise<void>
  /** undefined: there is no such actor. While nobody can answer it goes on waiting. */
  viewIfAny(address: Address, signal?: AbortSignal): Promise<View | undefined>
}

type Seen = { state: string; final: boolean }

export function endsOf({ ask, news }: { ask: AskPatiently; news: News }): Ends {
  /** Asks once at the beginning, and when there is news of it. */
  async function reaches(address: Address, isIt: (seen: Seen) => boolean, options?: WaitOptions, { known }: Known = {}): Promise<View> {
    const { signal } = optionsOf(options, ['signal'])
    let wasThere = known
    const told = news.of(address, isIt)
    try {
      for (;;) {
        signal?.throwIfAborted()
        const view = await viewIfAny(address, signal)
        if (view && isIt(view)) return view
        if (!view && wasThere) throw removed(address)
        if (!view) await mayCome(address, signal)
        wasThere ||= view !== undefined
        await told.next(signal)
      }
    } finally {
      told.stop()
    }
  }

  /** What does not exist may be submitted yet; but not what was removed with its group or chain, with which its id stays reserved. */
  async function mayCome(address: Address, signal?: AbortSignal): Promise<void> {
    const type = typeOf(address)
    const end = address.lastIndexOf('/')
    if ((type !== 'job' && type !== 'group') || end < 0 || /\/onEnd-\d+$/.test(address)) return
    const group = type === 'job' ? addressOf('group', idOf(address.slice(0, end))) : undefined
    for (const owner of [group, chainOver(address)]) {
      if (owner === undefined || (await viewIfAny(owner, signal))?.removedAt === undefined) continue
      throw new NotFoundError(`${address} does not exist: ${owner} was removed with all its jobs, and their ids stay reserved with it`)
    }
  }

  async function viewIfAny(address: Address, signal?: AbortSignal): Promise<View | undefined> {
    try {
      return (await ask<{ view: View }>('get', { address }, signal)).view
    } catch (error) {
      if (isStellwerkError(error, 'NOT_FOUND')) return undefined
      throw error
    }
  }

  return { reaches, mayCome, ended: (address, options, known) => reaches(address, ({ final }) => final, options, known), viewIfAny }
}

const removed = (address: Address) =>
  new NotFoundError(`${address} does not exist any more: it has ended, and retention has removed it, with how it ended`)

export const outputRemoved = (address: Address) => new NotFoundError(`${address} succeeded; its output was removed by retention`)

export const cancelled = ({ address, cancelReason }: View) =>
  new JobCancelledError(`${address} was cancelled${cancelReason ? `: ${cancelReason}` : ''}`)

/** The output of a job that has ended; or its error. */
export function outcome(view: View): unknown {
  if (view.outputRemoved) throw outputRemoved(view.address)
  if (view.state === 'succeeded') return view.output
  if (view.state === 'cancelled') throw cancelled(view)
  throw new JobFailedError(`${view.address} ${view.state}: ${view.error?.message ?? 'no message'}`, { cause: view.error })
}
