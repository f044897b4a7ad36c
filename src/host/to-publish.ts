import type { Records } from '../bus/port.ts'
import type { ChainDefinition } from '../chain/definition.ts'
import { chainKey, publishedOf } from '../chain/published.ts'
import { contractOf, type Handler } from '../definition.ts'

/** The records as they will be when a host has published: what it declares beside that is checked by them, before any of it is said. */
export function withPublished(records: Records, handlers: readonly Handler[], chains: readonly ChainDefinition[]): Records {
  const ours = new Map<string, unknown>([
    ...handlers.map(({ definition }) => [`contract.${definition.name}`, contractOf(definition)] as const),
    ...chains.map((chain) => [chainKey(chain.name), publishedOf(chain)] as const),
  ])
  return { ...records, get: async (key) => (ours.has(key) ? { value: ours.get(key), revision: 0 } : records.get(key)) }
}
