import { type Address, isAddress } from '../address.ts'
import { type Clock, sleep } from '../clock.ts'
import { invalid, NotFoundError, quoted, type StellwerkError } from '../errors.ts'
import { optionsOf } from '../fields.ts'
import type { Change, Changes } from '../host/changes.ts'
import type { Ends } from './ends.ts'
import type { News } from './news.ts'
import type { Ask } from './questions.ts'

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

/** While nobody can answer it is asked again after so long, ms. */
const pause = 500

export function watching(parts: { clock: Clock; ask: Ask; news: News; ends: Ends; closed(): boolean }): Watch {
  const { clock, ask, news, ends, closed } = parts

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
    for (;;) {
      try {
        return await ask<Changes>('changes', request)
      } catch (error) {
        const { code } = error as StellwerkError
        if (code === 'NOT_FOUND' && request.inc === undefined && request.from <= 1) return undefined
        if (code === 'NOT_FOUND') throw new NotFoundError(`${request.address} cannot be watched from there: ${(error as Error).message}`)
        if (code !== 'UNAVAILABLE' || closed()) throw error
        await sleep(clock, pause)
        signal?.throwIfAborted()
      }
    }
  }

  return (address, options) => {
    const { from = 0, signal } = optionsOf(options, ['from', 'signal'])
    if (!Number.isSafeInteger(from) || from < 0) throw invalid('from', 'must be a version: a whole number, 0 or more')
    if (!isAddress(address)) throw invalid('address', `${quoted(address)} is not an address: type:id, such as group:a1`)
    return changes(address, from, signal)
  }
}
