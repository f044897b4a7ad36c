import { type Address, idOf, rootOf } from '../address.ts'
import { isDate } from '../calendar/dates.ts'
import type { Client } from '../client.ts'
import { defineJob, type Handler } from '../definition.ts'
import { isStellwerkError, JobCancelledError, JobFailedError } from '../errors.ts'
import type { ChainDefinition, Made } from './definition.ts'
import type { ChainFacts, Outputs } from './step.ts'

/** What a chain tells its maker. */
interface MakerInput {
  chain: Address
  /** By name: the jobs and groups whose outputs it gets. */
  steps: Record<string, Address>
  /** The group that it submits. */
  group?: Address
}

type Asking = Pick<Client, 'job' | 'group' | 'submitGroup' | 'actor'>

/** The handlers that make inputs of earlier outputs, and submit groups: jobs as any others, for whoever has the chain's code. */
export function makersOf({ makers }: ChainDefinition, client: () => Asking): Handler[] {
  return [...makers].map(([name, made]) => defineJob({ name }).handler((input) => run(client(), made, input as MakerInput)))
}

async function run(client: Asking, made: Made, { chain, steps, group }: MakerInput): Promise<unknown> {
  const outputs: Outputs = {}
  for (const [name, address] of Object.entries(steps)) outputs[name] = await outputOf(client, address)
  const facts = factsOf(chain, ((await client.actor(chain).view()) as { input?: unknown }).input)
  if ('make' in made) return made.make(...([outputs, facts] as never[]))
  const { members, ...rest } = made.group
  const given = typeof members === 'function' ? await members(outputs, facts) : members
  await client.submitGroup({ ...rest, id: idOf(group!), members: given })
  return null
}

/** Steps before it have ended, however: of one that did not succeed there is none. */
async function outputOf(client: Asking, address: Address): Promise<unknown> {
  const id = idOf(address)
  try {
    return await (address.startsWith('group:') ? client.group(id) : client.job(id)).result()
  } catch (error) {
    if (error instanceof JobFailedError || error instanceof JobCancelledError || isStellwerkError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

export function factsOf(chain: Address, input: unknown): ChainFacts {
  const [, date, run] = idOf(chain).split('/')
  return { id: idOf(chain), chain: rootOf(chain), input, ...(isDate(date) && { date, run }) }
}
