import { addUp, type StuckCount } from '../host/stuck.ts'
import type { Ask } from './questions.ts'

/** Part by part: each answer is of a bounded part of all documents. */
export async function countStuck(ask: Ask): Promise<StuckCount[]> {
  const counts: StuckCount[] = []
  for (let after: string | undefined; ; ) {
    const part = await ask<{ stuck: StuckCount[]; after?: string }>('stuck', { after })
    counts.push(...part.stuck)
    after = part.after
    if (after === undefined) return addUp(counts)
  }
}
