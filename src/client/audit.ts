import { judge } from '../audit.ts'
import type { HistoryEntry } from '../document.ts'
import type { StellwerkError } from '../errors.ts'
import { optionsOf } from '../fields.ts'
import type { Find, View } from '../host/api.ts'

/** What was looked at, and what was found. */
export interface Audit {
  groups: number
  /** Those of them that have an output by now. */
  outputs: number
  jobs: number
  /** That were granted to all jobs together. */
  runs: number
  /** Jobs and groups of whose history retention has removed a part: they are not judged. */
  trimmed: number
  /** Empty: all is as it is promised. */
  problems: { address: string; problem: string }[]
}

/** Histories that are asked for at once. */
const atOnce = 16

/**
 * Proves from what is stored that each job, outputs among them, was started as it may be, that what has ended has stayed so, and that a group has ended only
 * with all its members, and as its output did. It reads every history once, so it takes its time; what changes meanwhile is judged as it was when it was read.
 */
export function auditing(parts: {
  find(query: Find): AsyncIterable<View>
  history(address: string): Promise<HistoryEntry[]>
  view(address: string): Promise<View>
}): (options?: { signal?: AbortSignal }) => Promise<Audit> {
  const { find, history, view } = parts

  async function look(seen: View, audit: Audit): Promise<void> {
    const { address, type } = seen
    const note = (problem: string) => audit.problems.push({ address, problem })
    const entries = await unlessGone(history(address))
    if (!entries) return
    if (type === 'job') audit.jobs++
    else {
      audit.groups++
      const output = await unlessGone(view(`job:${seen.id}/output`))
      const isOutput = output?.group === address
      if (isOutput) audit.outputs++
      const { total, succeeded, failed, cancelled } = seen.members!
      const unfinished = total - succeeded - failed - cancelled
      if ((seen.final || isOutput) && unfinished)
        note(`${seen.final ? 'it has ended' : 'it has an output'}, and ${unfinished} of its members have not ended`)
      if (seen.state === 'succeeded' && isOutput && output.state !== 'succeeded')
        note(`it has succeeded, and its output is ${output.state}`)
    }
    if (entries[0]?.v !== 1) return void audit.trimmed++
    const { granted, wrong } = judge(type, entries)
    audit.runs += granted.size
    wrong.forEach(note)
  }

  return async (options) => {
    const { signal } = optionsOf(options, ['signal'])
    const audit: Audit = { groups: 0, outputs: 0, jobs: 0, runs: 0, trimmed: 0, problems: [] }
    for (const type of ['group', 'job']) {
      let some: Promise<void>[] = []
      for await (const seen of find({ type })) {
        signal?.throwIfAborted()
        some.push(look(seen, audit))
        if (some.length < atOnce) continue
        await Promise.all(some)
        some = []
      }
      await Promise.all(some)
    }
    return audit
  }
}

/** Retention may remove it meanwhile. */
async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if ((error as StellwerkError).code === 'NOT_FOUND') return undefined
    throw error
  }
}
