import type { Clock } from '../../clock.ts'

/** Ids are remembered at least so long ... */
const windowMs = 120_000
/** ... unless there are too many of them: they are a help against repeats, not the guarantee. */
const most = 100_000

/** Recognises ids that were seen a short time ago, in bounded memory: two generations, of which the older is forgotten as a whole. */
export function recentIds(clock: Clock): { add(id: string): boolean } {
  let young = new Set<string>()
  let old = new Set<string>()
  let since = clock.now()
  const turn = () => {
    if (young.size === 0) since = clock.now()
    if (young.size < most && clock.now() - since < windowMs) return
    old = young
    young = new Set()
    since = clock.now()
  }
  return {
    /** false: it was there. */
    add(id) {
      turn()
      if (young.has(id) || old.has(id)) return false
      young.add(id)
      return true
    },
  }
}
