import { judge } from '../../src/audit.ts'
import type { ActorDocument, HistoryEntry } from '../../src/document.ts'

/** What handlers did, seen from outside: one entry for each start and each end. */
export interface Effect {
  job: string
  run: number
  attempt: number
  what: 'start' | 'end'
  where: string
}

export interface Stored {
  doc: Pick<ActorDocument, '_id' | 'type'>
  history: readonly HistoryEntry[]
}

/**
 * Holds what happened against the stored histories: starts, grants and final states. Answers what is wrong; empty if nothing is. Each start is a granted
 * run, no run starts twice, and each is told which attempt it is.
 */
export function notAllowed(effects: readonly Effect[], docs: readonly Stored[]): string[] {
  const wrong: string[] = []
  const granted = new Map<string, number>()
  for (const { doc, history } of docs) {
    const judged = judge(doc.type, history)
    wrong.push(...judged.wrong.map((what) => `${doc._id}: ${what}`))
    for (const [dispatch, attempt] of judged.granted) granted.set(`${doc._id.slice('job:'.length)} ${dispatch}`, attempt)
  }
  const starts = new Map<string, Effect[]>()
  for (const effect of effects) {
    if (effect.what !== 'start') continue
    const run = `${effect.job} ${effect.run}`
    starts.set(run, [...(starts.get(run) ?? []), effect])
  }
  for (const [run, of] of starts) {
    const attempt = granted.get(run)
    if (of.length > 1) wrong.push(`${run} started ${of.length} times`)
    if (attempt === undefined) wrong.push(`${run} started without a grant`)
    else if (of[0]!.attempt !== attempt) wrong.push(`${run} started as attempt ${of[0]!.attempt}, and is attempt ${attempt}`)
  }
  return wrong
}
