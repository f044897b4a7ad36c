import type { JobHandle } from '../src/index.ts'
import type { Started } from './starts.ts'

export interface Run {
  run: number
  /** Host, by name. */
  host: string
  ended: boolean
  fate: 'succeeded' | 'lost' | 'failed' | 'given back' | 'unknown'
}

/**
 * Every start of a job's handler, as the log has it, with what became of it. All is explained if the history granted each run, to
 * that host, and says of all but the last that they were lost, failed or given back.
 */
export async function runsOf(
  job: JobHandle,
  starts: readonly Started[],
  hostOf: (pid: number) => string,
): Promise<{ runs: Run[]; explained: boolean }> {
  const { history } = await job.history()
  const granted = new Map<unknown, string>()
  const fates = new Map<unknown, Run['fate']>()
  for (const { event, superseded } of history) {
    if (superseded) continue
    if (event.type === 'claim') granted.set(event.dispatch, String(event.worker))
    if (event.type === 'lost') fates.set(event.dispatch, 'lost')
    if (event.type === 'result') fates.set(event.dispatch, fateOf(event.outcome))
  }
  const runs = starts
    .filter(({ what }) => what === 'start')
    .map(({ run, pid }) => ({
      run,
      host: hostOf(pid),
      ended: starts.some((other) => other.what === 'end' && other.run === run),
      fate: fates.get(run) ?? 'unknown',
    }))
  const over = new Set<Run['fate']>(['lost', 'failed', 'given back'])
  const distinct = new Set(runs.map(({ run }) => run)).size === runs.length
  const explained =
    distinct &&
    runs.every(({ run, host, fate }, i) => granted.get(run)?.startsWith(`${host}-`) && (i === runs.length - 1 || over.has(fate)))
  return { runs, explained }
}

function fateOf(outcome: unknown): Run['fate'] {
  if (outcome === 'ok') return 'succeeded'
  return outcome === 'fail' ? 'failed' : 'given back'
}

const words: Record<Run['fate'], string> = {
  succeeded: '',
  lost: ', lost with it (the history of the job says so)',
  failed: ', failed',
  'given back': ', given back',
  unknown: ', of which the history says nothing',
}

export const tellRuns = (runs: readonly Run[]): string =>
  `${runs.length} ${runs.length === 1 ? 'start' : 'starts'}: ${runs.map(({ run, host, fate }) => `run ${run} at ${host}${words[fate]}`).join('; ')}`
