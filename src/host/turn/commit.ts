import { type Address, isAddress } from '../../address.ts'
import { wake } from '../../decide.ts'
import type { ActorDocument } from '../../document.ts'
import type { Page, Write } from '../../store/port.ts'
import { changeOf } from '../feed.ts'
import { dropHistory, spillHistory } from '../history.ts'
import type { Item } from '../intake.ts'
import type { Partition } from '../partition.ts'
import { giveUpLargest, leave } from './letters.ts'
import { route } from './send.ts'
import type { Touched, Turn } from './state.ts'

/** Writes what a wave has changed; who lost the compare-and-set is decided again in the next wave. */
export async function commit(partition: Partition, turn: Turn, touched: Touched[]): Promise<void> {
  const changed = touched.filter((t) => t.changed)
  const pages = changed.flatMap((t) => [...t.pages, ...boundHistory(partition, t.draft)])
  if (pages.length) await partition.store.putPages(pages)
  const writes = changed.map((t): Write => seal(partition, turn, t))
  const since = partition.clock.monotonic()
  const answers = writes.length ? await partition.store.commit(writes) : []
  partition.counts.writes += writes.length
  const mine = new Map(changed.map((t, i) => [t, answers[i]]))
  for (const t of touched) {
    const answer = mine.get(t)
    if (answer === false) {
      partition.cache.evict(t.address)
      redo(partition, turn, t, t.items)
    } else if (answer instanceof Error) redo(partition, turn, t, leave(turn, t) ?? giveUpLargest(partition, turn, t, answer))
    else done(partition, turn, t, since)
  }
}

const boundHistory = ({ actors, uniqueId }: Partition, draft: ActorDocument): Page[] =>
  actors.get(draft.type)?.history === 'recent' ? dropHistory(draft) : spillHistory(draft, uniqueId)

/** Makes the draft the document that is to be written. */
function seal(partition: Partition, turn: Turn, t: Touched): Write {
  const { draft, before, cached } = t
  draft.version = (before?.version ?? 0) + 1
  draft.commit = partition.uniqueId()
  if (!before) {
    draft.inc = draft.commit
    draft.creator = creatorOf(t)
  }
  if (cached?.known.size) draft.outbox = draft.outbox.filter(({ n }) => !cached.known.has(n))
  wake(draft, !partition.store.atomicTurns && (turn.frameless || before?.wakeAt === 0))
  return { doc: draft, base: before && { version: before.version, commit: before.commit } }
}

/** Its group need not be named: what is removed with the group cannot be created by it again. */
function creatorOf({ draft, items: [first] }: Touched): Address | undefined {
  const from = first?.from?.[0] ?? first?.envelope.from
  return isAddress(from) && from !== draft.group ? from : undefined
}

/** It was not written: what was decided is void. Decided again, as it is stored now, before this actor's later events. */
function redo(partition: Partition, turn: Turn, t: Touched, items: Item[]): void {
  partition.counts.conflicts++
  turn.absent.delete(t.address)
  for (const { job } of t.grants) {
    turn.reserved.splice(turn.reserved.indexOf(job), 1)
    partition.worker?.release(job)
  }
  turn.items.push(...items)
}

function done(partition: Partition, turn: Turn, t: Touched, since: number): void {
  if (t.changed) {
    t.cached = partition.cache.put(t.draft)
    partition.noted(t.draft)
    turn.touched.add(t.address)
    turn.written.add(t.address)
    turn.absent.delete(t.address)
    for (const grant of t.grants) turn.grants.push({ grant, since })
    turn.unpaged.push(...t.unpaged)
    if (t.draft.status === 'done' && t.before?.status !== 'done') partition.ended(t.draft)
    if (t.draft.state !== t.before?.state) turn.changes.push(changeOf(t.draft))
    route(partition, turn, t.cached)
  }
  for (const [item, outcome] of t.outcomes) {
    if (outcome?.superseded) partition.counts.superseded++
    // A tombstone keeps nothing either: what it answers for may be gone.
    if (outcome?.rejected || t.before?.removedAt !== undefined) turn.homeless.push(item)
    if (item.from) {
      turn.delivered.push(item.from)
      turn.received.push(item.from)
    }
    const { reply } = item.envelope.command ?? item.envelope
    if (item.claim || (reply && !outcome?.passedOn)) turn.replies.push({ item, outcome, doc: t.draft })
  }
}
