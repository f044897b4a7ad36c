import { hash } from 'node:crypto'
import type { JobContext } from './context.ts'

/** How a job is run: resolved from its definition when it is submitted. Durations in ms. */
export interface Terms {
  attempts: number
  backoff: number
  factor: number
  /** Part of the backoff, 0 to 1, that is spread by chance (derived from the address, so that replay agrees). */
  jitter: number
  timeout?: number
  /** For all attempts together, ms from the submit. */
  deadline?: number
  priority: number
  onLost: 'retry' | 'hold' | 'abort'
  /** Names that a callback may have: any other is refused. Their schemas are in the published contract. */
  callbacks?: readonly string[]
  /** The job that is submitted when this one has ended. */
  onEnd?: { job: string; terms: Terms }
  /** Pool in which it needs a place, and how many units of what; without `slots` it needs one of them. */
  pool?: string
  needs?: Record<string, number>
}

export const defaultTerms: Terms = { attempts: 3, backoff: 1000, factor: 2, jitter: 0.1, priority: 5, onLost: 'retry' }

const day = 86_400_000

/** Backoff before the next attempt, ms: it grows to a day at most (where the first is longer, not at all), and is then spread by chance. */
export function backoff({ self, terms, attempts }: Pick<JobContext, 'self' | 'terms' | 'attempts'>): number {
  // Without end it would be no number, of a backoff of 0.
  const growth = Math.min(terms.factor ** Math.max(0, attempts.used - 1), Number.MAX_VALUE)
  const grown = terms.backoff * growth
  const full = Math.min(grown, Math.max(terms.backoff, day))
  const chance = hash('sha1', `${self} ${attempts.used}`, 'buffer').readUInt32LE() / 2 ** 32
  return Math.round(full * (1 + terms.jitter * (2 * chance - 1)))
}
