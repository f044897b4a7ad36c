import { type Address, rootOf, typeOf } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import type { ActorDocument } from '../document.ts'
import { inParts } from './answer-size.ts'

/** A committed change of state, as the feed and the events of a host tell it. */
export interface StateChange {
  address: Address
  /** Of the document that was committed. */
  version: number
  state: string
  /** Nothing follows, but for an operator's retry. */
  final: boolean
  /** ms since 1970. */
  at: number
}

/** What a handler said of its run. */
export interface Progress {
  address: Address
  run: number
  /** 0 to 1. */
  progress: number
  at: number
}

export const changeOf = ({ _id, version, state, status, updatedAt }: ActorDocument): StateChange => ({
  address: _id,
  version,
  state,
  final: status === 'done',
  at: updatedAt,
})

/** Subject of the feed that tells of this actor, and of all others of its root. */
export const feedOf = (address: Address): string => `feed.${typeOf(address)}.${rootOf(address)}`

/** Other programs learn of changed states: one message a root, or several where they are too much for one. At most once; no guarantee depends on it. */
export function sendFeed(bus: Bus, changes: readonly StateChange[]): void {
  const subjects = new Map<string, StateChange[]>()
  for (const change of changes) {
    const subject = feedOf(change.address)
    const list = subjects.get(subject) ?? subjects.set(subject, []).get(subject)!
    list.push(change)
  }
  for (const [subject, list] of subjects) for (const part of inParts(list)) bus.signal(subject, part)
}

/**
 * Reports the progress of one run for as long as it is known to be current and its handler has not ended: what comes later is dropped. A
 * worker that was frozen, or is cut off, has not heard of its run for a lease: another may have its place, and it tells nothing.
 */
export function reportProgress(bus: Bus, now: () => number, run: { address: Address; dispatch: number }, isCurrent: () => boolean) {
  return (part: number): void => {
    if (!isCurrent() || Number.isNaN(Number(part))) return
    const said: Progress = { address: run.address, run: run.dispatch, progress: Math.min(1, Math.max(0, Number(part))), at: now() }
    bus.signal(feedOf(run.address), [said])
  }
}
