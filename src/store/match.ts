import { isDeepStrictEqual } from 'node:util'
import { rootOf } from '../address.ts'
import type { ActorDocument } from '../document.ts'
import type { Base, Query, Waking } from './port.ts'

/** What the adapters must agree on: which documents a query means, when a base is met, when two facts are equal. */

/** Put after a text: after all texts that begin with it. */
export const afterAll = '\u{10ffff}'

export type Matched = Pick<ActorDocument, '_id' | 'type' | 'state' | 'group' | 'labels' | 'removedAt'> &
  Partial<Pick<ActorDocument, 'status'>>

export function matches(doc: Matched, query: Query): boolean {
  if (doc.removedAt !== undefined) return false
  if (query.type !== undefined && doc.type !== query.type) return false
  if (query.state !== undefined && !statesOf(query).includes(doc.state)) return false
  // A head that was written without it tells nothing.
  if (query.status !== undefined && doc.status !== undefined && doc.status !== query.status) return false
  if (query.group !== undefined && doc.group !== query.group) return false
  if (query.prefix !== undefined && !doc._id.startsWith(query.prefix)) return false
  const labels = doc.labels ?? {}
  return Object.entries(query.labels ?? {}).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)
}

/** By name; a state is looked for by one name or several. */
export const statesOf = ({ state }: Query): readonly string[] => (typeof state === 'string' ? [state] : (state ?? []))

/** No base and no document counts as met: that is a creation. */
export const meets = (present: Base | undefined, base: Base | undefined): boolean =>
  base === undefined ? present === undefined : present?.version === base.version && present.commit === base.commit

/** All that a store keeps is JSON: what JSON drops is dropped at once, so that the adapters do not differ. */
export const jsonCopy = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)))

export const sameFact = (a: unknown, b: unknown): boolean => isDeepStrictEqual(jsonCopy(a), jsonCopy(b))

export function wakingOf({ _id, wakeAt, version, work }: ActorDocument): Waking {
  return { _id, wakeAt: wakeAt ?? 0, version, ...(work && { work }) }
}

/** By code unit: the order of addresses, which are ASCII, in all adapters. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
export const byWakeAt = (a: Waking, b: Waking): number => a.wakeAt - b.wakeAt || byText(a._id, b._id)

/** Where the addresses are that a query can mean: from the first on, before the second. Members of a group have its root. */
export function rangeOf(query: Query): { from: string; before: string } {
  if (query.prefix) return { from: query.prefix, before: query.prefix + afterAll }
  if (query.type === undefined) return { from: '', before: afterAll }
  if (query.group === undefined) return { from: `${query.type}:`, before: `${query.type}:${afterAll}` }
  const root = `${query.type}:${rootOf(query.group)}`
  return { from: root, before: root + afterAll }
}
