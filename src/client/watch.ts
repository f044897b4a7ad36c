import { type Address, isAddress } from '../address.ts'
import { invalid, isStellwerkError, NotFoundError, quoted } from '../errors.ts'
import { optionsOf } from '../fields.ts'
import type { Change, Changes } from '../host/changes.ts'
import type { Ends } from './ends.ts'
import type { News } from './news.ts'
import type { AskPatiently } from './questions.ts'

export interface WatchOptions {
  /**
   * The first version that is of interest; default 0: all. To go on where one has stopped: the version of the last change, of which
   * those with a `place` up to the last one's come again.
   */
  from?: number
  /** Ends the watch: its reason is thrown. */
  signal?: AbortSignal
}

export type Watch = (address: Address, options?: WatchOptions) => AsyncIterable<Change>

export function watching({ ask, news, ends }: { ask: AskPatiently; news: News; ends: Ends }): Watch {
  async function* changes(address: Address, from: number, signal?: AbortSignal): AsyncGenerator<Change> {
    let next = from
    let inc: string | undefined
    const told = news.of(address, ({ version }) => version >= next)
    try {
      for (;;) {
        signal?.throwIfAborted()
        const part = await answered({ address, from: next, inc }, signal)
        if (part) {
          next = part.next
          inc = part.inc
          for (const change of part.changes) {
            signal?.throwIfAborted()
            yield change
          }
          if (part.ended) return
        }
        if (!part) await ends.mayCome(address, signal)
        if (!part || part.all) await told.next(signal)
      }
    } finally {
      told.stop()
    }
  }

  /** undefined: there is no such actor yet. While nobody can answer it goes on asking. */
  async function answered(request: { address: Address; from: number; inc?: string }, signal?: AbortSignal): Promise<Changes | undefined> {
    try {
      return await ask<Changes>('changes', request, signal)
    } catch (error) {
      if (!isStellwerkError(error, 'NOT_FOUND')) throw error
      if (request.inc === undefined && request.from <= 1) return undefined
      throw new NotFoundError(`${request.address} cannot be watched from there: ${error.message}`)
    }
  }

  return (address, options) => {
    const { from = 0, signal } = optionsOf(options, ['from', 'signal'])
    if (!Number.isSafeInteger(from) || from < 0) throw invalid('from', 'must be a version: a whole number, 0 or more')
    if (!isAddress(address)) throw invalid('address', `${quoted(address)} is not an address: type:id, such as group:a1`)
    return changes(address, from, signal)
  }
}
