import type { ActorType } from '../../../actors/actor.ts'
import type { Address } from '../../address.ts'
import { wake } from '../../decide.ts'
import type { ActorDocument } from '../../document.ts'
import { pagesOfHistory } from '../history.ts'
import type { Chore } from '../housekeeping.ts'
import type { Partition } from '../partition.ts'
import type { Turn } from './state.ts'

/**
 * What housekeeping has asked for, at the end of a turn in which these actors were loaded and all that they had sent was delivered. Left
 * for another time: what was written since it was chosen, what has still something to send, and what somebody refers to.
 */
export async function doChores(partition: Partition, turn: Turn): Promise<void> {
  if (!turn.chores.length) return
  const chosen = turn.chores.map(({ address, chore }) => ({ chore, doc: idle(partition, address, chore) }))
  const others = await referring(partition, chosen)
  const changes: { chore: Chore; before: ActorDocument; doc: ActorDocument }[] = []
  const removals: Promise<void>[] = []
  for (const { doc, chore } of chosen) {
    if (!doc || !mayGo(partition, doc, others)) {
      chore.done('kept')
      continue
    }
    const base = { version: doc.version, commit: doc.commit }
    const next = changed(partition, doc, chore)
    if (next) changes.push({ chore, before: doc, doc: next })
    else if (doc.group) removals.push(partition.store.remove(doc._id, base).then((gone) => chore.done(gone ? 'done' : 'kept')))
    else chore.done(base)
    partition.cache.evict(doc._id)
  }
  await Promise.all(removals)
  await write(partition, changes)
  await partition.store.flush()
}

/** The document, if it may be meant still; a member is on no shelf. */
function idle({ cache, actors }: Partition, address: Address, { wakeAt }: Chore): ActorDocument | undefined {
  const { doc, known } = cache.get(address) ?? {}
  if (!doc || doc.wakeAt !== wakeAt || doc.status !== 'done') return undefined
  if (!doc.outbox.every(({ n }) => known!.has(n)) || actors.get(doc.type)?.removable?.(doc.snapshot) === false) return undefined
  return doc
}

/** A tombstone keeps whoever created it from creating it again; without one, that must be certain. */
const leavesTombstone = (type: ActorType | undefined, { removedAt, group }: ActorDocument): boolean =>
  !!type?.tombstone && removedAt === undefined && !group

interface References {
  /** Must not be there. */
  needed: Address[]
  /** Must have nothing to send to it. */
  creator?: Address
}

function referencesOf({ actors }: Partition, doc: ActorDocument): References {
  const type = actors.get(doc.type)
  if (doc.group) return { needed: [doc.group] }
  return {
    needed: type?.neededBy?.(doc.snapshot) ?? [],
    creator: leavesTombstone(type, doc) ? undefined : doc.creator,
  }
}

async function referring(partition: Partition, chosen: { doc?: ActorDocument }[]): Promise<Map<Address, ActorDocument>> {
  const wanted = new Set<Address>()
  for (const { doc } of chosen) {
    if (!doc) continue
    const { needed, creator } = referencesOf(partition, doc)
    for (const address of needed) wanted.add(address)
    if (creator) wanted.add(creator)
  }
  return new Map(wanted.size ? (await partition.store.load([...wanted])).map((doc) => [doc._id, doc]) : [])
}

function mayGo(partition: Partition, doc: ActorDocument, others: Map<Address, ActorDocument>): boolean {
  const { needed, creator } = referencesOf(partition, doc)
  const gone = (address: Address) => others.get(address)?.removedAt !== undefined || !others.has(address)
  const sends = creator && others.get(creator)?.outbox.some((entry) => entry.kind === 'event' && entry.to === doc._id)
  return !sends && needed.every(gone)
}

/** What it is from now on; undefined: nothing is left of it. */
function changed({ actors, clock, uniqueId }: Partition, doc: ActorDocument, { task }: Chore): ActorDocument | undefined {
  const type = actors.get(doc.type)
  const at = clock.now()
  const next = { ...doc, version: doc.version + 1, commit: uniqueId() }
  if (task === 'trim') next.historyPages = undefined
  else if (task === 'emptied') next.emptying = undefined
  else if (leavesTombstone(type, doc)) return tombstoneOf(next, type!, at)
  else return undefined
  wake(next, false)
  return next
}

function tombstoneOf(doc: ActorDocument, type: ActorType, at: number): ActorDocument {
  const { _id, root, partition, machine, version, commit, inc, n, status, state, snapshot, creator, createdAt, endedAt } = doc
  const { epoch, sequence } = doc.inbox
  const tombstone: ActorDocument = {
    ...{ _id, type: doc.type, root, partition, machine, version, commit, inc, n, status, state, creator, createdAt, endedAt },
    snapshot: type.tombstone!(snapshot, at),
    inbox: { epoch, sequence, marks: {} },
    outbox: [],
    timers: [],
    history: [],
    updatedAt: at,
    removedAt: at,
    emptying: type.hasMembers ? true : undefined,
  }
  wake(tombstone, false)
  return tombstone
}

async function write(partition: Partition, changes: { chore: Chore; before: ActorDocument; doc: ActorDocument }[]): Promise<void> {
  if (!changes.length) return
  const { store, counts } = partition
  const pages = await Promise.all(changes.map(({ chore, before }) => (chore.task === 'trim' ? pagesOfHistory(store, before) : [])))
  const bases = changes.map(({ doc, before: { version, commit } }) => ({ doc, base: { version, commit } }))
  const answers = (await store.commit(bases)).map((answer) => answer === true)
  counts.writes += changes.length
  const written = changes.filter((_, i) => answers[i])
  const buried = written.filter(({ chore }) => chore.task === 'remove').map(({ doc }) => doc._id)
  if (buried.length) await store.removePagesOf(buried)
  const trimmed = pages.filter((_, i) => answers[i]).flat()
  if (trimmed.length) await store.removePages(trimmed)
  changes.forEach(({ chore }, i) => chore.done(answers[i] ? 'done' : 'kept'))
}
