import { randomUUID } from 'node:crypto'
import type { Records } from './bus/port.ts'
import { StellwerkError } from './errors.ts'
import type { Store } from './store/port.ts'

const key = 'store'

/**
 * All hosts of a deployment keep their documents in one database. With a second one each would acknowledge what the others cannot find. So a database
 * gets an id, beside the documents, and the deployment has a record of it, on the bus: a host with another database is refused.
 */
export async function checkSameStore(records: Records, store: Pick<Store, 'fact' | 'setFact' | 'name'>, namespace: string): Promise<void> {
  const id = (await store.fact(key)) ?? (await store.setFact(key, randomUUID(), undefined))
  const known = await records.get(key)
  // Whoever was first has said it.
  if (!known && (await records.put(key, { id, name: store.name }, 0)) !== undefined) return
  const kept = (known ?? (await records.get(key)))!.value as { id: string; name: string }
  if (kept.id === id) return
  throw new StellwerkError(
    'CONFLICT',
    `mongo: the deployment "${namespace}" has its documents in another database (${kept.name}, when it was made). Give all hosts the same one. If that one is lost for good, so are its documents: delete the key "${key}" of the bucket ${namespace}-records (nats kv del), and start again.`,
  )
}
