import { z } from 'zod'
import type { Steps } from '../../actors/chain/steps.ts'
import type { Listening, Records } from '../bus/port.ts'
import type { Issue } from '../errors.ts'
import { issuesBy } from '../json-schema.ts'
import { type ChainTerms, checkChains, type RunTerms } from '../plan/runs.ts'
import type { ChainDefinition } from './definition.ts'

/** A chain as hosts publish it, for those who make plans and start it without its code. */
export interface PublishedChain {
  name: string
  runs: readonly RunTerms[]
  steps: Steps
  /** JSON Schema. */
  input?: unknown
}

export interface KnownChain extends PublishedChain {
  /** What is wrong with what it is started with. */
  inputIssues(input: unknown): Issue[]
}

/** All chains that any host of the deployment has ever published. */
export interface Chains {
  of(name: string): KnownChain | undefined
  /** The same, asked for if it is not known: another host may have published it a moment ago. */
  learn(name: string): Promise<KnownChain | undefined>
  readonly all: readonly ChainTerms[]
  /** Tells of each change; answers how to end that. */
  onChange(tell: () => void): () => void
  stop(): void
}

const prefix = 'chain.'

export async function watchChains(records: Records): Promise<Chains> {
  const known = new Map<string, { chain: KnownChain; revision: number }>()
  const listeners = new Set<() => void>()
  const note = (published: PublishedChain, revision: number): KnownChain => {
    const before = known.get(published.name)
    if (before && before.revision >= revision) return before.chain
    const chain = { ...published, inputIssues: issuesBy(published.input) }
    known.set(chain.name, { chain, revision })
    for (const tell of listeners) tell()
    return chain
  }
  const listening: Listening = await records.watch(prefix, (_, { value, revision }) => void note(value as PublishedChain, revision))
  return {
    of: (name) => known.get(name)?.chain,
    async learn(name) {
      const record = known.get(name) ? undefined : await records.get(prefix + name)
      return record ? note(record.value as PublishedChain, record.revision) : known.get(name)?.chain
    },
    get all() {
      return [...known.values()].map(({ chain: { name, runs } }) => ({ name, runs })).sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    onChange(tell) {
      listeners.add(tell)
      return () => void listeners.delete(tell)
    },
    stop: () => listening.stop(),
  }
}

/** The newest host's word counts. What would be unknown, or a circle, together with what others have published is refused, and nothing of it is published. */
export async function publishChains(records: Records, chains: Pick<Chains, 'all'>, given: readonly ChainDefinition[]): Promise<void> {
  if (!given.length) return
  const ours = new Set(given.map(({ name }) => name))
  checkChains([...given.map(({ terms }) => terms), ...chains.all.filter(({ name }) => !ours.has(name))])
  for (const chain of given) await publishOne(records, chain)
}

async function publishOne(records: Records, { name, terms: { runs }, steps, input }: ChainDefinition): Promise<void> {
  const schema = input && z.toJSONSchema(input, { unrepresentable: 'any', io: 'input' })
  const chain: PublishedChain = JSON.parse(JSON.stringify({ name, runs, steps, input: schema }))
  for (;;) {
    const present = await records.get(prefix + name)
    if (present && JSON.stringify(present.value) === JSON.stringify(chain)) return
    if ((await records.put(prefix + name, chain, present?.revision ?? 0)) !== undefined) return
  }
}
