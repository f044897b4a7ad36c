import type { Clock } from '../clock.ts'

/** ms for which the same line is not said again. */
const span = 60_000

/**
 * What all partitions say of one server that is away would be said sixteen times every few seconds: the same line, whichever partition or connection it is of, is said
 * once a minute, with how often it was held back since.
 */
export function sparingLog(log: (line: string) => void, clock: Clock): (line: string) => void {
  const said = new Map<string, { at: number; held: number }>()
  return (line) => {
    const now = clock.now()
    const what = line.replace(/(partition|connection) \d+/g, '$1')
    const before = said.get(what)
    if (before && now - before.at < span) return void before.held++
    // The oldest come first.
    for (const [other, { at }] of said) {
      if (now - at < span) break
      said.delete(other)
    }
    said.set(what, { at: now, held: 0 })
    log(before?.held ? `${line} (and ${before.held} times since ${new Date(before.at).toISOString()})` : line)
  }
}
