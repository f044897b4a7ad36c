import { constants } from 'node:os'
import { quoted, refuse } from '../errors.ts'

/** Ends a host: true if all its handlers have ended in time. */
type Stop = () => Promise<boolean>

const stops = new Set<Stop>()
const listened = new Set<NodeJS.Signals>()
let ending = false

/**
 * A signal ends the process in an orderly way: all its hosts stop, then it exits with code 0, or 1 if a handler did not end in time.
 * The second signal exits at once. Answers a function that takes it back.
 */
export function stopOnSignals(signals: readonly NodeJS.Signals[], stop: Stop): () => void {
  if (!Array.isArray(signals)) refuse('signals', "must be an array of names of signals: ['SIGTERM']")
  for (const [i, signal] of signals.entries())
    if (!(signal in constants.signals) || ['SIGKILL', 'SIGSTOP'].includes(signal))
      refuse(`signals.${i}`, `${quoted(signal)} is no signal that a process can hear. Use a name such as 'SIGTERM'.`)
  stops.add(stop)
  for (const signal of signals) {
    if (listened.has(signal)) continue
    listened.add(signal)
    process.on(signal, onSignal)
  }
  return () => {
    stops.delete(stop)
    // While the process ends, a signal still means what it says.
    if (stops.size || ending) return
    for (const signal of listened) process.off(signal, onSignal)
    listened.clear()
  }
}

function onSignal(): void {
  if (ending) process.exit(1)
  ending = true
  const all = Promise.all([...stops].map((stop) => stop().catch(() => false)))
  void all.then((ended) => process.exit(ended.every(Boolean) ? 0 : 1))
}
