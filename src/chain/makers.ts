import { type Address, idOf, rootOf } from '../address.ts'
import { isDate } from '../calendar/dates.ts'
import type { Client } from '../client.ts'
import { defineJob, type Handler } from '../definition.ts'
import { isStellwerkError, JobCancelledError, JobFailedError } from '../errors.ts'
import { type ChainDefinition, makerOf } from './definition.ts'
import type { ChainFacts, Outputs } from './step.ts'

/** What a chain tells its maker. */
interface MakerInput {
  chain: Address
  /** Whose input it is. */
  step: string
  /** By name: the jobs and groups whose outputs it gets. */
  steps: Record<string, Address>
  /** The group that it submits. */
  group?: Address
}

type Asking = Pick<Client, 'job' | 'group' | 'submitGroup' | 'actor'>

/** The handlers that make inputs of earlier outputs, and submit groups: jobs as any others, for whoever has the chain's code. */
export function makersOf({ name, makers }: ChainDefinition, client: () => Asking): Handler[] {
  if (!makers.size) return []
  const maker = defineJob({ name: makerOf(name) })
  return [maker.handler((input) => run(client(), makers, input as MakerInput))]
}

async function run(client: Asking, makers: ChainDefinition['makers'], { chain, step, steps, group }: MakerInput): Promise<unknown> {
  const made = makers.get(step)
  // Its code is another here than where it was begun; where that runs still, it may have the step.
  if (!made) throw new Error(`${rootOf(chain)} has no step "${step}" that makes an input in the code of this host`)
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
