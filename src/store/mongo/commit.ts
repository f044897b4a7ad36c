import { type AnyBulkWriteOperation, type Collection, MongoBulkWriteError, type WriteError } from 'mongodb'
import { ValidationError } from '../../errors.ts'
import { gather, type Limits } from '../gather.ts'
import { byText } from '../match.ts'
import type { Base, Committed, Write } from '../port.ts'
import { isConnectionError, type MongoServer } from './server.ts'
import { type Stored, toStored } from './shape.ts'

/** A message to the server holds 48 MB, a statement 16 MB; a character takes up to 3 bytes. */
const creations: Limits = { atOnce: 3, items: 1000, bytes: 12_000_000 }
const replacements: Limits = { atOnce: 3, items: 500, bytes: 4_000_000 }
/** From so many on, replacements travel in one statement. */
const many = 4
/** The server takes 16 MB. One that is larger would spoil the batch for the others. What is in it must fit into a message, too. */
const longestDocument = 2_500_000
const duplicateKey = 11000

interface Sent {
  stored: Stored
  base?: Base
}

/** Is the stored document this attempt's? An error: this write the server will not take. */
type Outcome = boolean | Error

/** Writes of all partitions travel together; creations and replacements apart, since they are two commands anyway. */
export function committer(server: MongoServer, actors: Collection<Stored>): (writes: readonly Write[]) => Promise<Committed[]> {
  const run = (writes: Sent[]) => commitBatch(server, actors, writes)
  const sizeOf = ({ stored }: Sent) => stored.rest.length
  const create = gather(run, creations, sizeOf)
  const replace = gather(run, replacements, sizeOf)

  return async (writes) => {
    const sent = writes.map(sentOf)
    const fit = sent.filter((one) => !tooLarge(one))
    const [created, replaced] = await Promise.all([create(fit.filter(({ base }) => !base)), replace(fit.filter(({ base }) => base))])
    const nextCreated = created.values()
    const nextReplaced = replaced.values()
    return sent.map((one) => tooLarge(one) ?? answer((one.base ? nextReplaced : nextCreated).next().value!))
  }
}

const sentOf = ({ doc, base }: Write): Sent => ({ stored: toStored(doc), base })

function tooLarge({ stored: { _id, rest } }: Sent): ValidationError | undefined {
  if (rest.length > longestDocument) return new ValidationError(`${_id} is too large to be stored: ${rest.length} characters.`)
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
  const outcomes = await attempt(server, actors, sorted, goTogether(sorted) ? replaceAll : each)
  const refused = sorted.filter((write) => outcomes.get(write) instanceof Error)
  // Some servers drop the rest of a batch after one bad write, or give up for a reason that passes.
  if (refused.length > 0) for (const [write, outcome] of await attempt(server, actors, refused, each)) outcomes.set(write, outcome)
  return writes.map((write) => outcomes.get(write)!)
}

/** Two attempts at one document would be taken for one another. */
function goTogether(sorted: Sent[]): boolean {
  return sorted.length >= many && sorted.every(({ base, stored }, i) => base && stored._id !== sorted[i - 1]?.stored._id)
}

/** Answers how many of the writes are done. */
type Way = (actors: Collection<Stored>, writes: Sent[]) => Promise<number>

async function attempt(server: MongoServer, actors: Collection<Stored>, writes: Sent[], send: Way): Promise<Map<Sent, Outcome>> {
  let refusal = (_: number): Outcome => false
  try {
    if ((await server.bound(() => send(actors, writes))) === writes.length) return new Map(writes.map((write) => [write, true]))
  } catch (error) {
    refusal = refusals(server, error)
  }
  const present = await server.insist(() => commitsOf(actors, writes))
  return new Map(writes.map((write, i) => [write, present.get(write.stored._id) === write.stored.commit || refusal(i)]))
}

const each: Way = async (actors, writes) => {
  const { insertedCount, matchedCount } = await actors.bulkWrite(writes.map(operation), { ordered: false })
  return insertedCount + matchedCount
}

function operation({ stored, base }: Sent): AnyBulkWriteOperation<Stored> {
  if (!base) return { insertOne: { document: stored } }
  return { replaceOne: { filter: { _id: stored._id, version: base.version, commit: base.commit }, replacement: stored } }
}

/**
 * One statement for all: a server may take longer to begin a statement than to replace a document (FerretDB: 150 and 80 µs). A commit
 * is of one attempt to write one document, so that one of these ids with one of these commits is as it was when it was decided on.
 */
const replaceAll: Way = async (actors, writes) => {
  const ids = writes.map(({ stored }) => stored._id)
  const documents = writes.map(({ stored }) => stored)
  const filter = { _id: { $in: ids }, commit: { $in: writes.map(({ base }) => base!.commit) } }
  const own = { $arrayElemAt: [{ $literal: documents }, { $indexOfArray: [{ $literal: ids }, '$_id'] }] }
  const { matchedCount } = await actors.updateMany(filter, [{ $replaceWith: own }])
  return matchedCount
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
