import { type Address, idOf, rootOf } from '../address.ts'
import { asJson } from '../as-json.ts'
import { isDate } from '../calendar/dates.ts'
import type { Client, GroupSubmitOptions } from '../client.ts'
import { checkInput, defineJob, type Handler } from '../definition.ts'
import { TerminalError } from '../errors.ts'
import { isIterable } from '../fields.ts'
import { type ChainDefinition, isReadOnce, type Made } from './definition.ts'
import type { ChainFacts, Outputs } from './step.ts'

/** What a chain tells its maker. */
interface MakerInput {
  chain: Address
  /** By name: the jobs and groups whose outputs it gets. They have succeeded. */
  steps: Record<string, Address>
  /** The group that it submits. */
  group?: Address
}

type Asking = Pick<Client, 'job' | 'group' | 'actor'> & {
  /** As that of a client. `chain`: of which it is a step; a group of the same id that is not is a conflict. */
  submitGroup(options: GroupSubmitOptions, chain: Address): Promise<unknown>
}

/** The handlers that make inputs of earlier outputs, and submit groups: jobs as any others, for whoever has the chain's code. */
export function makersOf(definition: ChainDefinition, client: () => Asking): Handler[] {
  return [...definition.makers].map(([name, made]) =>
    defineJob({ name }).handler((input) => run(client(), definition, made, input as MakerInput)),
  )
}

async function run(client: Asking, { input }: ChainDefinition, made: Made, { chain, steps, group }: MakerInput): Promise<unknown> {
  // Whoever started it may not have known its schema: an event brings what it brings, and a plan nothing.
  const { input: given = null } = (await client.actor(chain).view()) as { input?: unknown }
  const facts = factsOf(chain, checkInput(input, given))
  const outputs: Outputs = {}
  for (const [name, address] of Object.entries(steps))
    outputs[name] = await (address.startsWith('group:') ? client.group(idOf(address)) : client.job(idOf(address))).result()
  if ('make' in made) return asJson(await made.make(...([outputs, facts] as never[])), 'input').value
  const { members, ...rest } = made.group
  const all = typeof members === 'function' ? fresh(await members(outputs, facts)) : members
  await client.submitGroup({ ...rest, id: idOf(group!), members: all }, chain)
  return null
}

/** Generators and streams that functions have answered: such a one is empty the second time, and its group would be. */
const answered = new WeakSet<object>()
function fresh<T extends Iterable<unknown> | AsyncIterable<unknown>>(members: T): T {
  // What is none is refused by whoever reads it.
  if (typeof members !== 'object' || !isIterable(members) || !isReadOnce(members)) return members
  if (answered.has(members))
    throw new TerminalError('members: the same generator was answered before, and can be read only once. Make a new one in each call.')
  answered.add(members)
  return members
}

export function factsOf(chain: Address, input: unknown): ChainFacts {
  const [, date, run] = idOf(chain).split('/')
  return { id: idOf(chain), chain: rootOf(chain), input, ...(isDate(date) && { date, run }) }
}
