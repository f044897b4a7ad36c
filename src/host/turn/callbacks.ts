import type { JobContext, Payload } from '../../../actors/job.ts'
import type { ActorDocument } from '../../document.ts'
import type { ActorEvent, Envelope } from '../../envelope.ts'
import { isStellwerkError, unfit } from '../../errors.ts'
import { readPayload } from '../../payload.ts'
import type { Item } from '../intake.ts'
import type { Partition } from '../partition.ts'

/**
 * A callback, and an output that an operator gives, name their job; which definition that is, and so what they must be, only the job's document
 * knows. The check is made where that is loaded, against the published contract, and travels in the event: a replay decides the same. Where
 * no contract is known the handler's own check remains.
 */
export function checkedCallback(partition: Partition, doc: ActorDocument, { envelope, value }: Item): Envelope {
  const field = fieldOf(envelope.event)
  if (!field || doc.type !== 'job' || !doc.snapshot) return envelope
  // A dead letter that is sent again brings what was found then: it is judged by the contract of now.
  const { refused: _, ...event } = envelope.event as ActorEvent & { refused?: unknown }
  const { job } = doc.snapshot.context as JobContext
  const given = value ?? (event[field] as { value?: unknown }).value
  const contract = partition.contracts.get(job)
  const issues =
    given === undefined
      ? []
      : ((field === 'value' ? contract?.callbackIssues(event.name as string, given) : contract?.outputIssues(given)) ?? [])
  if (!issues.length) return { ...envelope, event }
  const { message } = unfit(issues.map(({ path, message }) => ({ path: [field, ...path], message })))
  return { ...envelope, event: { ...event, refused: { code: 'VALIDATION', message } } }
}

const fieldOf = ({ type }: ActorEvent): 'value' | 'output' | undefined =>
  type === 'resume' ? 'value' : type === 'done' ? 'output' : undefined

/** What the check needs: contracts that were published a moment ago, and values that are in pages. */
export async function readCallbacks(partition: Partition, items: Item[]): Promise<void> {
  const callbacks = items.filter(({ envelope: { event } }) => fieldOf(event))
  if (!callbacks.length) return
  const jobs = new Set<string>()
  for (const item of callbacks) {
    const doc = partition.cache.get(item.envelope.to)?.doc
    if (doc?.type !== 'job') continue
    const { job } = doc.snapshot.context as JobContext
    jobs.add(job)
    const { event } = item.envelope
    const payload = event[fieldOf(event)!] as Payload
    if ('page' in payload) item.value = await readPayload(partition.store, payload).catch(missing)
  }
  await partition.contracts.learn(jobs)
}

/** Nothing to check: whoever needs the value will say that it is gone. */
function missing(error: unknown): undefined {
  if (!isStellwerkError(error, 'NOT_FOUND')) throw error
}
