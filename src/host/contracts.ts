import { z } from 'zod'
import type { Terms } from '../../actors/job.ts'
import type { Bus, Listening } from '../bus/port.ts'
import { type Contract, contractOf, type Handler } from '../definition.ts'
import type { Contracts } from './door.ts'

/**
 * The registry of contracts: hosts publish what they have handlers for, so that hosts and programs without the code know how such a
 * job is run and what its input must be.
 */
export interface Registry extends Contracts {
  publish(handlers: readonly Handler[]): Promise<void>
  stop(): void
}

export async function watchContracts(bus: Bus): Promise<Registry> {
  const known = new Map<string, { contract: Contract; revision: number; issues?: (input: unknown) => string[] }>()
  const listening: Listening = await bus.records.watch('contract.', (_, { value, revision }) => {
    const contract = value as Contract
    if ((known.get(contract.name)?.revision ?? 0) < revision) known.set(contract.name, { contract, revision })
  })
  return {
    get(job): { terms: Terms; issues(input: unknown): string[] } | undefined {
      const found = known.get(job)
      if (!found) return undefined
      found.issues ??= issuesBy(found.contract.input)
      return { terms: found.contract.terms, issues: found.issues }
    },
    async publish(handlers) {
      for (const { definition } of handlers) await publishOne(bus, contractOf(definition))
    },
    stop: () => listening.stop(),
  }
}

/** The newest host's contract wins. */
async function publishOne(bus: Bus, contract: Contract): Promise<void> {
  const key = `contract.${contract.name}`
  for (;;) {
    const present = await bus.records.get(key)
    if (present && JSON.stringify(present.value) === JSON.stringify(contract)) return
    if ((await bus.records.put(key, contract, present?.revision ?? 0)) !== undefined) return
  }
}

function issuesBy(schema: unknown): (input: unknown) => string[] {
  if (!schema) return () => []
  const type = z.fromJSONSchema(schema as never)
  return (input) => {
    const parsed = type.safeParse(input)
    return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
  }
}
