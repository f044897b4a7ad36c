import { AssertionError } from 'node:assert'
import type { ActorType } from '../../actors/actor.ts'
import { type Address, isAddress } from '../address.ts'
import { emptyDocument } from '../decide.ts'
import type { ActorDocument, HistoryEntry, Snapshot } from '../document.ts'
import { refuse } from '../errors.ts'
import { differences, inWords, type Unequal } from './differences.ts'
import { actorType, type Effects, isTimer, type Stepped, step } from './step.ts'

/** What `job.history()` and `group.history()` answer; keep it as JSON. */
export interface Recorded {
  /** Name and version of the machine that it was recorded with: `job@1`. */
  machine: string
  address: Address
  history: HistoryEntry[]
  snapshot: Snapshot
}

/** One place where the machine of today decides otherwise than the recording says. */
export interface Difference extends Unequal {
  /** Place in the history, from 1 on; absent: the snapshot at the end. */
  entry?: number
  v?: number
  at?: number
  event?: string
}

export interface Replayed {
  ok: boolean
  /** Those of the first entry that differs, and those of the snapshot at the end: what comes between would only repeat the first. */
  differences: Difference[]
  /** After each entry. */
  snapshots: Snapshot[]
  /** Of each entry. */
  effects: Effects[]
}

const mostDifferences = 20

/**
 * Runs a recorded history through its machine: without servers, without time, without handlers. Everything that a decision depends
 * on is in the record (the event, when it was decided, what was known of siblings), so the same machine decides the same.
 * `type`: another version of the machine, to see what would change.
 */
export function replay(recorded: Recorded, type?: ActorType | string): Replayed {
  checkRecorded(recorded)
  const actor = actorType(type ?? recorded.machine)
  const { address, history, snapshot } = recorded
  const found: Difference[] = []
  const snapshots: Snapshot[] = []
  const effects: Effects[] = []
  if (history[0]?.v !== 1) found.push({ field: 'history', expected: 'begins with version 1', actual: history[0]?.v })
  let doc = emptyDocument(address, actor, 0, history[0]?.at ?? 0)
  history.forEach((entry, i) => {
    const event = plain(entry.event)
    const stepped = step(actor, { ...doc, version: entry.v - 1 }, event, { at: entry.at, from: entry.from })
    if (!found.length)
      for (const difference of unlike(entry, stepped, doc))
        found.push({ ...difference, entry: i + 1, v: entry.v, at: entry.at, event: event.type })
    doc = stepped.doc
    snapshots.push(doc.snapshot)
    effects.push(stepped.effects)
  })
  found.push(...differences('snapshot', plain(snapshot), plain(doc.snapshot)))
  return { ok: found.length === 0, differences: found.slice(0, mostDifferences), snapshots, effects }
}

function checkRecorded(recorded: unknown): asserts recorded is Recorded {
  const { machine, address, history } = Object(recorded)
  if (typeof machine !== 'string' || !isAddress(address) || !Array.isArray(history))
    refuse('recorded', 'must be what job.history() or group.history() answers: an object with machine, address, history and snapshot')
  for (const [i, entry] of history.entries())
    if (typeof entry?.event?.type !== 'string') refuse(`recorded.history.${i}`, 'is no entry of a history: it has no event')
}

/** The same, for a spec: throws with every difference in words. */
export function assertReplays(recorded: Recorded, type?: ActorType | string): Replayed {
  const replayed = replay(recorded, type)
  if (replayed.ok) return replayed
  const lines = replayed.differences.map((difference) => `  ${where(difference)}: ${inWords(difference)}`)
  const message = `${recorded.address}, recorded with ${recorded.machine}, does not replay the same:\n${lines.join('\n')}`
  throw new AssertionError({ message, expected: recorded.snapshot, actual: replayed.snapshots.at(-1) })
}

/** How an entry differs from what the machine does now. Recordings without a state or effects are compared by the rest. */
function unlike(entry: HistoryEntry, { doc, effects, entry: now }: Stepped, before: ActorDocument): Unequal[] {
  const found: Unequal[] = []
  const compare = (field: string, expected: unknown, actual: unknown) => found.push(...differences(field, expected, actual))
  if (isTimer(entry.event)) {
    const timer = before.timers.find(({ event }) => event.type === entry.event.type)
    if (!timer) found.push({ field: 'timer', expected: entry.event.type, actual: before.timers.map(({ event }) => event.type) })
    else if (timer.at > entry.at) found.push({ field: 'timer.at', expected: `at most ${entry.at}`, actual: timer.at })
  }
  if (!now) compare('event', 'applied', effects.rejected ? `refused: ${effects.rejected.message}` : 'changes nothing')
  compare('threw', entry.threw, effects.threw)
  compare('superseded', entry.superseded ?? false, effects.superseded)
  if (entry.state === undefined) return found
  compare('state', entry.state, doc.state)
  compare('out', entry.out, now?.out)
  return found
}

const where = ({ entry, v, at, event }: Difference): string =>
  entry === undefined ? 'at the end' : `entry ${entry} (${event}, version ${v}, ${new Date(at!).toISOString()})`

const plain = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)))
