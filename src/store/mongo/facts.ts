import { type Collection, MongoServerError } from 'mongodb'
import { jsonCopy, sameFact } from '../match.ts'

export interface StoredFact {
  _id: string
  /** JSON. */
  value: string
}

const duplicateKey = 11000

const factIn = (stored: StoredFact | null): unknown => (stored ? JSON.parse(stored.value) : undefined)

export const fact = async (facts: Collection<StoredFact>, key: string): Promise<unknown> => factIn(await facts.findOne({ _id: key }))

/** Done again after a doubt it answers the same: its own value is then there. */
export async function setFact(facts: Collection<StoredFact>, key: string, value: unknown, expected: unknown): Promise<unknown> {
  const stored = await facts.findOne({ _id: key })
  if (!sameFact(factIn(stored), expected)) return factIn(stored)
  if (await replaceFact(facts, key, stored?.value, value === undefined ? undefined : JSON.stringify(value))) return jsonCopy(value)
  return factIn(await facts.findOne({ _id: key }))
}

async function replaceFact(facts: Collection<StoredFact>, _id: string, from: string | undefined, to: string | undefined): Promise<boolean> {
  if (from === undefined && to === undefined) return true
  if (to === undefined) return (await facts.deleteOne({ _id, value: from })).deletedCount === 1
  if (from !== undefined) return (await facts.updateOne({ _id, value: from }, { $set: { value: to } })).matchedCount === 1
  return insertFact(facts, { _id, value: to })
}

/** By insert, not by upsert: only that says for certain who was first, on all servers. */
async function insertFact(facts: Collection<StoredFact>, stored: StoredFact): Promise<boolean> {
  try {
    await facts.insertOne(stored)
    return true
  } catch (error) {
    if (error instanceof MongoServerError && error.code === duplicateKey) return false
    throw error
  }
}
