import { quoted, refuse } from './errors.ts'

/** `type:id`. The id is one or more segments of letters, digits, `_` and `-`, joined by `/`; its first segment is the root. */
export type Address = string

const segment = '[A-Za-z0-9_-]+'
const idPattern = new RegExp(`^${segment}(/${segment})*$`)
const addressPattern = new RegExp(`^[a-z]+:${segment}(/${segment})*$`)

/** Longest id, in characters: it is part of subjects and keys. */
export const maxIdLength = 256

export const isId = (id: unknown): id is string => typeof id === 'string' && id.length <= maxIdLength && idPattern.test(id)
export const isAddress = (address: unknown): address is Address =>
  typeof address === 'string' && address.length <= maxIdLength + 32 && addressPattern.test(address)

/** `id` itself, or a ValidationError that names the field. */
export function checkId(id: unknown, field: string): string {
  if (isId(id)) return id
  refuse(
    field,
    `${quoted(id)} is not an id. Use segments of letters, digits, "_" and "-", joined by "/", ${maxIdLength} characters at most.`,
  )
}

/** `address` itself, or a ValidationError. */
export function checkAddress(address: unknown): Address {
  if (isAddress(address)) return address
  refuse('address', `${quoted(address)} is not an address. Use one such as "job:a1".`)
}

export const addressOf = (type: string, id: string): Address => `${type}:${id}`
export const typeOf = (address: Address): string => address.slice(0, address.indexOf(':'))
export const idOf = (address: Address): string => address.slice(address.indexOf(':') + 1)

/**
 * The chain of which this is a step, or a part of one, if there is such a chain: `<chain>/<id>`, or `<chain>/<date>/<run>` of a plan, or `<chain>/<schedule>/` and what
 * no step is called. undefined: its id is too short.
 */
export function chainOver(address: Address): Address | undefined {
  const segments = idOf(address).split('/')
  const isLong = /^\d{4}-\d\d-\d\d$/.test(segments[1] ?? '') || /^(_|\d{8}T)/.test(segments[2] ?? '')
  const length = isLong ? 3 : 2
  return segments.length > length ? addressOf('chain', segments.slice(0, length).join('/')) : undefined
}

/** How many a deployment may have: each has a consumer, and is scanned. */
const mostPartitions = 1024

export function checkPartitions(partitions: unknown): void {
  if (partitions !== undefined && (!Number.isInteger(partitions) || (partitions as number) < 1 || (partitions as number) > mostPartitions))
    refuse('partitions', `must be a whole number from 1 to ${mostPartitions}`)
}

/** All actors of one root live in one partition. */
export function rootOf(address: Address): string {
  const id = idOf(address)
  const slash = id.indexOf('/')
  return slash < 0 ? id : id.slice(0, slash)
}

/** fnv1a32(root) mod partitions: the same as the function `partition()` of NATS subject mapping. */
export function partitionOf(root: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < root.length; i++) {
    hash ^= root.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return (hash >>> 0) % partitions
}
