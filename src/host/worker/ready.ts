import type { Grant } from '../../../actors/job.ts'
import type { Clock } from '../../clock.ts'
import type { Slots } from '../slots.ts'
import type { WorkerRun } from './run.ts'

/** Granted, and waits for a slot. */
export interface Ready {
  run: WorkerRun
  grant: Grant
}

/** What was granted ahead and found no slot for so long goes back, ms: another worker may have one. */
const patience = 500

/** Granted runs, in line for a slot. Each starts soon, or is given back. */
export function createReadyLine(parts: {
  clock: Clock
  slots: Slots
  stopping(): boolean
  start(run: WorkerRun, grant: Grant): void
  giveBack(run: WorkerRun): void
}) {
  const { clock, slots, start, giveBack } = parts
  const ready: Ready[] = []
  let impatient: (() => void) | undefined

  function startReady(): void {
    while (ready.length && (slots.free || parts.stopping())) {
      const { run, grant } = ready.shift()!
      if (parts.stopping()) giveBack(run)
      else start(run, grant)
    }
    if (ready.length && !impatient) impatient = clock.at(clock.now() + patience, giveBackOld)
    else if (!ready.length) disarm()
  }

  function giveBackOld(): void {
    impatient = undefined
    while (ready.length && clock.monotonic() - ready[0]!.run.since >= patience) giveBack(ready.shift()!.run)
    startReady()
  }

  function disarm(): void {
    impatient?.()
    impatient = undefined
  }

  return {
    admit(granted: Ready): void {
      granted.run.state = 'ready'
      ready.push(granted)
      startReady()
    },
    startReady,
  }
}
