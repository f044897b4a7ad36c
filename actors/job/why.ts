import type { Snapshot } from '../../src/document.ts'
import type { Condition } from '../actor.ts'
import type { JobContext } from './context.ts'
import { waiting } from './predecessors.ts'
import { leftAt } from './setup.ts'
import { cameOf, roundsOf } from './suspension.ts'

/** Name of the innermost state. */
export const leaf = (value: unknown): string => (typeof value === 'string' ? value : leaf(Object.values(value as object)[0]))

const unitsOf = (needs: Record<string, number> = {}): string =>
  Object.entries({ slots: 1, ...needs })
    .map(([unit, count]) => `${count} ${unit}`)
    .join(', ')

/** What a job waits for. */
export function why(snapshot: Snapshot, at: number): Condition[] {
  const context = snapshot.context as JobContext
  const { job: name, dispatch, queuedAt, run, attempts, terms, startAt, retryAt, error, member } = context
  switch (leaf(snapshot.value)) {
    case 'planned':
      return [{ code: 'START_TIME', message: `starts at ${new Date(startAt!).toISOString()}`, until: startAt }]
    case 'waiting':
      return [
        {
          code: 'GROUP_WINDOW',
          message: `its group ${member!.group} runs as many members at once as its concurrency allows`,
          on: member!.group,
        },
      ]
    case 'following':
      return Object.entries(context.after ?? {})
        .filter(([, ended]) => ended === waiting)
        .map(([on]) => ({ code: 'PREDECESSOR', message: `was submitted after ${on}, which has not ended`, on }))
    case 'admission':
      return [
        {
          code: context.asked!.startsWith('lane:') ? 'LANE' : 'POOL',
          message: `waits for ${
            context.asked!.startsWith('lane:')
              ? `the jobs before it in ${context.asked}`
              : `units of ${context.asked}: ${unitsOf(terms.needs)}`
          }`,
          on: context.asked,
          needs: terms.needs,
        },
      ]
    case 'awaited':
      return [
        {
          code: 'JOB_UNKNOWN',
          message: 'others were submitted after it; it was not submitted itself yet, and is given up 30 days after the first of them',
        },
      ]
    case 'queued':
      return [
        {
          code: 'NO_WORKER_YET',
          message: `offered since ${new Date(queuedAt).toISOString()} (dispatch ${dispatch}): waits for a free slot at a worker that has a handler for ${name}`,
          job: name,
          since: queuedAt,
        },
      ]
    case 'running':
      return [
        {
          code: 'RUNNING',
          message: `run ${run!.dispatch} at worker ${run!.worker} since ${new Date(run!.at).toISOString()}`,
          worker: run!.worker,
          since: run!.at,
        },
      ]
    case 'stopping':
      return [
        {
          code: 'STOPPING',
          message: `worker ${run!.worker} shuts down and told run ${run!.dispatch} to end; it ends when the handler reacts or its lease ends`,
          worker: run!.worker,
        },
      ]
    case 'cancelling':
      return [
        {
          code: 'CANCELLING',
          message: `worker ${run!.worker} was told to end run ${run!.dispatch}${context.overdue ? ', whose deadline has passed' : ''}: it ends ${endsOf(context)}`,
          worker: run!.worker,
          ...(context.overdueAt !== undefined && { until: leftAt(context.overdueAt) }),
        },
      ]
    case 'backoff':
      return [
        {
          code: 'BACKOFF',
          message: `attempt ${attempts.used} of ${terms.attempts} failed (${error?.message ?? 'no message'}); the next starts in ${Math.max(0, retryAt! - at)} ms`,
          until: retryAt,
        },
      ]
    case 'suspended':
      return [whySuspended(context)]
    case 'held':
      return [
        {
          code: 'HELD',
          message: `run ${run?.dispatch} was lost and the job says onLost: 'hold': retry or cancel it, say what came of it (done), or let its result arrive${context.overdueAt === undefined ? '' : `; it fails at its deadline, ${new Date(context.overdueAt).toISOString()}`}`,
          ...endsAt(context.overdueAt),
        },
      ]
    default:
      return []
  }
}

/** What ends a run whose handler was told to end. */
function endsOf({ terms: { timeout }, overdueAt }: JobContext): string {
  const ends = ['when its handler does', 'with its process']
  if (timeout !== undefined) ends.push(`after its timeout of ${timeout} ms`)
  if (overdueAt !== undefined) ends.push(`at ${new Date(leftAt(overdueAt)).toISOString()}`)
  return ends.join(', or ')
}

/** Without a time at which it ends by itself only others, or an operator, end it. */
const endsAt = (until: number | undefined) => (until === undefined ? { stuck: true } : { until })

/** Which callbacks came, which are missing, until when: its own deadline, or that of the whole job. */
function whySuspended(context: JobContext): Condition {
  const rounds = roundsOf(context)
  const { round, suspend, deadlineAt } = rounds
  const { until, need, as } = suspend!
  const { came, missing } = cameOf(rounds)
  const wanted = need === until.length ? 'all of' : need === 1 ? 'any of' : `${need} of`
  const [ends] = [deadlineAt, context.overdueAt].filter((at) => at !== undefined).sort((a, b) => a - b)
  const end = ends === undefined ? 'without a deadline' : `until ${new Date(ends).toISOString()}`
  return {
    code: 'SUSPENDED',
    message: `round ${round} waits for ${wanted} ${until.join(', ')}, ${end}: ${came.length ? `${came.join(', ')} came` : 'none came'}, ${missing.join(', ')} missing`,
    round,
    came,
    missing,
    need,
    ...(as === undefined ? {} : { as }),
    ...endsAt(ends),
  }
}
