import type { JobContext, Payload } from '../../../actors/job.ts'
import type { ActorDocument } from '../../document.ts'
import type { Envelope } from '../../envelope.ts'
import { isStellwerkError } from '../../errors.ts'
import { readPayload } from '../../payload.ts'
import type { Item, Partition } from '../partition.ts'

/**
 * A callback names its job; which definition that is, and so what its value must be, only the job's document knows. The check is made
 * where that is loaded, against the published contract, and travels in the event: a replay decides the same. Where no contract is known
 * the handler's own check remains.
 */
export function checkedCallback(partition: Partition, doc: ActorDocument, { envelope, value }: Item): Envelope {
  const { event } = envelope
  if (event.type !== 'resume' || doc.type !== 'job' || !doc.snapshot) return envelope
  const { job } = doc.snapshot.context as JobContext
  const given = value ?? (event.value as { value?: unknown }).value
  const issues = given === undefined ? [] : (partition.contracts.get(job)?.callbackIssues(event.name as string, given) ?? [])
  if (!issues.length) return envelope
  const message = issues.map((issue) => `${['value', ...issue.path].join('.')}: ${issue.message}`).join('; ')
  return { ...envelope, event: { ...event, refused: { code: 'VALIDATION', message } } }
}

/** What the check needs: contracts that were published a moment ago, and values that are in pages. */
export async function readCallbacks(partition: Partition, items: Item[]): Promise<void> {
  const callbacks = items.filter(({ envelope: { event } }) => event.type === 'resume')
  if (!callbacks.length) return
  const jobs = new Set<string>()
  for (const item of callbacks) {
    const doc = partition.cache.get(item.envelope.to)?.doc
    if (doc?.type !== 'job') continue
    const { job } = doc.snapshot.context as JobContext
    jobs.add(job)
    const payload = item.envelope.event.value as Payload
    if ('page' in payload) item.value = await readPayload(partition.store, payload).catch(missing)
  }
  await partition.contracts.learn(jobs)
}

/** Nothing to check: whoever needs the value will say that it is gone. */
function missing(error: unknown): undefined {
  if (!isStellwerkError(error, 'NOT_FOUND')) throw error
}
