import { z } from 'zod'
import type { Steps } from '../../actors/chain/steps.ts'
import type { Listening, Records } from '../bus/port.ts'
import { checkInput } from '../definition.ts'
import { type Issue, NotFoundError } from '../errors.ts'
import { issuesBy, schemaFrom } from '../json-schema.ts'
import { type ChainTerms, checkChains, type RunTerms } from '../plan/runs.ts'
import { zonesLeft, zonesOf } from '../plan/zones.ts'
import type { ChainDefinition } from './definition.ts'

/** A chain as hosts publish it, for those who make plans and start it without its code. */
export interface PublishedChain {
  name: string
  runs: readonly RunTerms[]
  left?: readonly string[]
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
export const chainKey = (name: string): string => prefix + name

export async function watchChains(records: Records): Promise<Chains> {
  const known = new Map<string, { chain: KnownChain; revision: number }>()
  const listeners = new Set<() => void>()
  const note = (published: PublishedChain, revision: number): KnownChain => {
    const before = known.get(published.name)
    if (before && before.revision >= revision) return before.chain
    const issues = issuesBy(published.input)
    const chain = { ...published, inputIssues: (input: unknown) => issues(input ?? null) }
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
      return [...known.values()].map(({ chain: { name, runs, left } }) => ({ name, runs, left })).sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    onChange(tell) {
      listeners.add(tell)
      return () => void listeners.delete(tell)
    },
    stop: () => listening.stop(),
  }
}

/**
 * The newest host's word counts. What would be unknown, or a circle, together with what others have published is refused, and nothing of it is published: also
 * if another host publishes the other half of a circle at the same time. Each reads what the other has written, or is read by it; who finds a circle takes its word back.
 */
export async function publishChains(records: Records, chains: Pick<Chains, 'all'>, given: readonly ChainDefinition[]): Promise<void> {
  if (!given.length) return
  const ours = new Set(given.map(({ name }) => name))
  checkChains(
    given.map(({ terms }) => terms),
    chains.all.filter(({ name }) => !ours.has(name)),
  )
  const takeBack: (() => Promise<unknown>)[] = []
  for (const chain of given) takeBack.push(await publishOne(records, chain))
  try {
    checkChains(await publishedBefore(records, ours))
  } catch (error) {
    for (const back of takeBack) await back()
    throw error
  }
}

/** As it is now: these chains, and all that they come after. */
async function publishedBefore(records: Records, names: Iterable<string>): Promise<PublishedChain[]> {
  const wanted = new Set(names)
  const found: PublishedChain[] = []
  for (const name of wanted) {
    const record = await records.get(prefix + name)
    if (!record) continue
    const chain = record.value as PublishedChain
    found.push(chain)
    for (const { after } of chain.runs) for (const other of after) wanted.add(other)
  }
  return found
}

/**
 * Checks what a chain is started with: by its code if that is at hand, else as it was published. It throws a ValidationError that names the field, below `at`; a
 * NotFoundError if nobody has published the chain.
 */
export async function inputCheck(records: Records, chain: ChainDefinition | string, at = ''): Promise<(input: unknown) => void> {
  const name = typeof chain === 'string' ? chain : chain.name
  const record = /^[A-Za-z0-9_-]{1,80}$/.test(name) ? await records.get(prefix + name) : undefined
  if (!record) throw new NotFoundError(`${at}chain: no host has published a chain named "${name}"`)
  const schema = typeof chain === 'string' ? schemaFrom((record.value as PublishedChain).input) : chain.input
  return (input) => void checkInput(schema, input, `${at}input`)
}

/** Of what was published before only the zones count. */
const zonesBefore = ({ name, runs, left = [] }: PublishedChain): ChainTerms => ({
  name,
  runs: [],
  left: [...zonesOf([{ name, runs }]), ...left],
})

/** Without its code it must be known whether an input is needed: in JSON, where there is none it is null. */
export function publishedOf({ name, terms: { runs }, steps, input }: ChainDefinition, left: readonly string[] = []): PublishedChain {
  const given = input?.safeParse(undefined).success ? z.nullable(input) : input
  const schema = given && z.toJSONSchema(given, { unrepresentable: 'any', io: 'input' })
  return JSON.parse(JSON.stringify({ name, runs, ...(left.length && { left }), steps, input: schema }))
}

/** Answers how to take it back, as long as nobody has said otherwise since: what there was not before is in no plan then. */
async function publishOne(records: Records, definition: ChainDefinition): Promise<() => Promise<unknown>> {
  const key = chainKey(definition.name)
  for (;;) {
    const present = await records.get(key)
    const left = zonesLeft([definition.terms, ...(present ? [zonesBefore(present.value as PublishedChain)] : [])])
    const chain = publishedOf(definition, left)
    if (present && JSON.stringify(present.value) === JSON.stringify(chain)) return async () => {}
    const revision = await records.put(key, chain, present?.revision ?? 0)
    if (revision !== undefined) return () => records.put(key, present?.value ?? { ...chain, runs: [], left: zonesOf([chain]) }, revision)
  }
}
