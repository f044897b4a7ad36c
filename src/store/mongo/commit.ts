import { type AnyBulkWriteOperation, type Collection, MongoBulkWriteError, type WriteError } from 'mongodb'
import { ValidationError } from '../../errors.ts'
import { gather, type Limits } from '../gather.ts'
import { byText } from '../match.ts'
import type { Base, Write } from '../port.ts'
import { isConnectionError, type MongoServer } from './server.ts'
import { type Stored, toStored } from './shape.ts'

/** A message to the server holds 48 MB; a character takes up to 3 bytes. */
const limits: Limits = { atOnce: 3, items: 1000, bytes: 12_000_000 }
/** The server takes 16 MB. One that is larger would spoil the batch for the others. */
const longestDocument = 5_000_000
const duplicateKey = 11000

interface Sent {
  stored: Stored
  base?: Base
}

/** Is the stored document this attempt's? An error: this write the server will not take. */
type Outcome = boolean | Error

/** Writes of all partitions travel together; creations and replacements apart, since they are two commands anyway. */
export function committer(server: MongoServer, actors: Collection<Stored>): (writes: readonly Write[]) => Promise<boolean[]> {
  const run = (writes: Sent[]) => commitBatch(server, actors, writes)
  const sizeOf = ({ stored }: Sent) => stored.rest.length
  const create = gather(run, limits, sizeOf)
  const replace = gather(run, limits, sizeOf)

  return async (writes) => {
    const sent = writes.map(sentOf)
    const [created, replaced] = await Promise.all([create(sent.filter(({ base }) => !base)), replace(sent.filter(({ base }) => base))])
    const nextCreated = created.values()
    const nextReplaced = replaced.values()
    return sent.map(({ base }) => answer((base ? nextReplaced : nextCreated).next().value!))
  }
}

function sentOf({ doc, base }: Write): Sent {
  const stored = toStored(doc)
  if (stored.rest.length > longestDocument)
    throw new ValidationError(`${doc._id} is too large to be stored: ${stored.rest.length} characters.`)
  return { stored, base }
}

function answer(outcome: Outcome): boolean {
  if (typeof outcome === 'boolean') return outcome
  throw outcome
}

/**
 * Unless all went well, what is stored says who wrote it: `commit` is unique for every attempt.
 * In order of address, so that batches of two hosts which overlap cannot wait for each other in a ring.
 */
async function commitBatch(server: MongoServer, actors: Collection<Stored>, writes: Sent[]): Promise<Outcome[]> {
  const sorted = [...writes].sort((a, b) => byText(a.stored._id, b.stored._id))
  const outcomes = await attempt(server, actors, sorted)
  const refused = sorted.filter((write) => outcomes.get(write) instanceof Error)
  // Some servers drop the rest of a batch after one bad write, or give up for a reason that passes.
  if (refused.length > 0) for (const [write, outcome] of await attempt(server, actors, refused)) outcomes.set(write, outcome)
  return writes.map((write) => outcomes.get(write)!)
}

async function attempt(server: MongoServer, actors: Collection<Stored>, writes: Sent[]): Promise<Map<Sent, Outcome>> {
  let refusal = (_: number): Outcome => false
  try {
    const { insertedCount, matchedCount } = await actors.bulkWrite(writes.map(operation), { ordered: false })
    if (insertedCount + matchedCount === writes.length) return new Map(writes.map((write) => [write, true]))
  } catch (error) {
    refusal = refusals(server, error)
  }
  const present = await server.insist(() => commitsOf(actors, writes))
  return new Map(writes.map((write, i) => [write, present.get(write.stored._id) === write.stored.commit || refusal(i)]))
}

function operation({ stored, base }: Sent): AnyBulkWriteOperation<Stored> {
  if (!base) return { insertOne: { document: stored } }
  return { replaceOne: { filter: { _id: stored._id, version: base.version, commit: base.commit }, replacement: stored } }
}

/** What to say of a write that is not there. Only what may be tried again with success is `false`. */
function refusals(server: MongoServer, error: unknown): (index: number) => Outcome {
  if (isConnectionError(error)) return () => false
  if (!(error instanceof MongoBulkWriteError)) return () => server.unavailable(error)
  const list = ([] as WriteError[]).concat(error.writeErrors)
  const byIndex = new Map(list.map((one) => [one.index, one.code === duplicateKey ? false : server.unavailable(new Error(one.errmsg))]))
  return (index) => byIndex.get(index) ?? false
}

async function commitsOf(actors: Collection<Stored>, writes: Sent[]): Promise<Map<string, string>> {
  const ids = writes.map(({ stored }) => stored._id)
  const present = await actors.find({ _id: { $in: ids } }, { projection: { commit: 1 } }).toArray()
  return new Map(present.map(({ _id, commit }) => [_id, commit]))
}
