import type { ActorDocument, Work } from '../../document.ts'

/**
 * A document as MongoDB keeps it: fields that filters, indexes and people at a shell need are plain, the others are one JSON text.
 * So every JSON comes back exactly as it was, whatever its keys are, and the server does not take apart what it never looks at.
 */
export interface Stored {
  _id: string
  type: string
  partition: number
  version: number
  commit: string
  status: 'active' | 'done'
  state: string
  group?: string
  /** `key=value`, for queries. */
  labels?: string[]
  work?: Work
  wakeAt?: number
  removedAt?: number
  rest: string
}

export function toStored(doc: ActorDocument): Stored {
  const { _id, type, partition, version, commit, status, state, group, work, wakeAt, removedAt, ...rest } = doc
  const labels = rest.labels && Object.entries(rest.labels).map(([key, value]) => labelText(key, value))
  return { _id, type, partition, version, commit, status, state, group, labels, work, wakeAt, removedAt, rest: JSON.stringify(rest) }
}

export function toDocument({ labels, rest, ...plain }: Stored): ActorDocument {
  return Object.assign(JSON.parse(rest), plain)
}

/** The key cannot hold the sign that ends it. */
export const labelText = (key: string, value: string): string => `${key.replaceAll('%', '%25').replaceAll('=', '%3D')}=${value}`
