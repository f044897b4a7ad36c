import type { Terms } from '../../actors/job.ts'
import type { Bus, Listening } from '../bus/port.ts'
import { type Chains, watchChains } from '../chain/published.ts'
import { type Contract, contractOf, type Handler } from '../definition.ts'
import type { Issue } from '../errors.ts'
import { issuesBy } from '../json-schema.ts'
import { watchPools } from '../pools.ts'
import type { Contracts } from './door.ts'

/**
 * The registry of contracts: hosts publish what they have handlers for, so that hosts and programs without the code know how such a
 * job is run and what its input must be.
 */
export interface Registry extends Contracts {
  readonly chains: Chains
  publish(handlers: readonly Handler[]): Promise<void>
  stop(): void
}

export async function watchContracts(bus: Bus): Promise<Registry> {
  const known = new Map<string, { contract: Contract; revision: number; issues?: Checks }>()
  const listening: Listening = await bus.records.watch('contract.', (_, { value, revision }) => {
    const contract = value as Contract
    if ((known.get(contract.name)?.revision ?? 0) < revision) known.set(contract.name, { contract, revision })
  })
  const pools = await watchPools(bus.records)
  const chains = await watchChains(bus.records)
  return {
    pools,
    chains,
    async learn(jobs) {
      for (const job of jobs) {
        if (known.has(job)) continue
        const record = await bus.records.get(`contract.${job}`)
        if (record) known.set(job, { contract: record.value as Contract, revision: record.revision })
      }
    },
    get(job): ({ terms: Terms } & Checks) | undefined {
      const found = known.get(job)
      if (!found) return undefined
      found.issues ??= checksOf(found.contract)
      return { terms: found.contract.terms, ...found.issues }
    },
    async publish(handlers) {
      for (const { definition } of handlers) await publishOne(bus, contractOf(definition))
    },
    stop() {
      listening.stop()
      pools.stop()
      chains.stop()
    },
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

interface Checks {
  issues(input: unknown): Issue[]
  callbackIssues(name: string, value: unknown): Issue[]
  outputIssues(output: unknown): Issue[]
}

function checksOf({ input, output, callbacks = {} }: Contract): Checks {
  const byName = new Map(Object.entries(callbacks).map(([name, schema]) => [name, issuesBy(schema)]))
  return {
    issues: issuesBy(input),
    callbackIssues: (name, value) => byName.get(name)?.(value) ?? [],
    outputIssues: issuesBy(output),
  }
}
