import type { JobSubmit, Payload, Terms } from '../../actors/job.ts'
import type { Member } from '../../actors/members.ts'
import { type Address, partitionOf, rootOf } from '../address.ts'
import type { DeadLetter, IncomingFrame } from '../bus/port.ts'
import { type Command, parseCommand } from '../command.ts'
import type { ActorEvent, Envelope } from '../envelope.ts'
import { paged } from '../payload.ts'
import type { Page } from '../store/port.ts'
import type { Item } from './partition.ts'

/** What the host knows of definitions whose code it need not have. */
export interface Contracts {
  /** How a job of this definition is run, and a check of its input; undefined: no host ever published it. */
  get(job: string): { terms: Terms; issues(input: unknown): string[] } | undefined
}

export interface Opened {
  items: Item[]
  /** What cannot be applied by anybody, with the reason. */
  letters: DeadLetter[]
  /** Answers for those who wait. */
  refused: { envelope: Envelope; error: { code: string; message: string } }[]
  /** Characters of JSON, about. */
  size: number
}

/**
 * Makes items of a frame. Frames of hosts and clients hold envelopes; what comes by a command subject was written by any program
 * in any language, and is checked here: address, shape, definition, input.
 */
export function openFrame(
  here: { contracts: Contracts; partitions: number; now: number },
  partition: number,
  frame: IncomingFrame,
): Opened {
  const opened: Opened = { items: [], letters: [], refused: [], size: 0 }
  const { epoch, sequence, root, body } = frame
  const bodies = Array.isArray(body) ? body : [body]
  bodies.forEach((one, i) => {
    try {
      const envelope = root === undefined ? (one as Envelope) : fromOutside(here.contracts, root, one)
      if (partitionOf(rootOf(envelope.to), here.partitions) !== partition)
        throw refusal('ADDRESS', `${envelope.to} is not of this partition`)
      opened.items.push({ envelope, epoch, sequence })
      opened.size += sizeOf(envelope.event)
    } catch (error) {
      const { code = 'VALIDATION', message, issues } = error as { code?: string; message: string; issues?: unknown }
      const to = (one as { to?: unknown } | undefined)?.to
      opened.letters.push({
        id: `e${epoch}.p${partition}.${sequence}.${i}`,
        to: typeof to === 'string' ? to : undefined,
        reason: { code, message, issues },
        body: one,
        at: here.now,
      })
      const reply = (one as { reply?: Envelope['reply'] } | undefined)?.reply
      if (reply && typeof to === 'string')
        opened.refused.push({ envelope: { to, event: { type: 'refused' }, reply }, error: { code, message } })
    }
  })
  return opened
}

const refusal = (code: string, message: string) => Object.assign(new Error(message), { code })

/** A command that any program wrote, as the envelope that the client would have sent. */
export function fromOutside(contracts: Contracts, root: string, body: unknown): Envelope {
  if (body === undefined) throw refusal('NOT_JSON', 'the message is not JSON')
  const command = parseCommand(body)
  if (rootOf(command.to) !== root)
    throw refusal('ADDRESS', `${command.to} has another root than the subject: publish it to …command.${rootOf(command.to)}`)
  const { id, to, reply } = command
  const identity = id === undefined ? {} : { from: 'command', inc: `command:${id}`, n: 1 }
  return { to, event: eventOf(contracts, command), ...identity, reply: reply ? { inbox: reply, call: id ?? to } : undefined }
}

function eventOf(contracts: Contracts, command: Command): ActorEvent {
  switch (command.type) {
    case 'submit': {
      if ('job' in command)
        return { type: 'submit', ...jobOf(contracts, 'input', command), labels: command.labels, startAt: command.startAt }
      const { output, members = [], seal = true, ...options } = command
      const { id: _id, to: _to, reply: _reply, type: _type, ...rest } = options
      return {
        type: 'submit',
        options: { ...rest, output: output && jobOf(contracts, 'output.input', output) },
        members: members.map((member, i) => memberOf(contracts, i, member)),
        seal,
      }
    }
    case 'add':
      return { type: 'add', members: command.members.map((member, i) => memberOf(contracts, i, member)), seal: command.seal }
    default:
      return command.type === 'cancel' ? { type: 'cancel', reason: command.reason } : { type: command.type }
  }
}

interface Named {
  job: string
  input?: unknown
  priority?: number
}

function jobOf(contracts: Contracts, path: string, { job, input, priority }: Named): Pick<JobSubmit, 'job' | 'input' | 'terms'> {
  const contract = contracts.get(job)
  if (!contract) throw refusal('NOT_FOUND', `${path.replace('input', 'job')}: no host has published a job named "${job}"`)
  const issues = contract.issues(input)
  if (issues.length) throw Object.assign(refusal('VALIDATION', `${path}: ${issues.join('; ')}`), { issues })
  return { job, input: { value: input ?? null }, terms: priority === undefined ? contract.terms : { ...contract.terms, priority } }
}

const memberOf = (contracts: Contracts, i: number, member: Named & { key: string }): Member => ({
  key: member.key,
  ...jobOf(contracts, `members.${i}.input`, member),
})

/** Large values leave the event for pages of the actor that will keep them. */
export function pageOut(envelope: Envelope): { envelope: Envelope; pages: Page[] } {
  const { to, event } = envelope
  const pages: Page[] = []
  const out = (owner: Address, payload: unknown): Payload | undefined => {
    if (!payload) return undefined
    const { payload: kept, pages: more } = paged(owner, payload as Payload)
    pages.push(...more)
    return kept
  }
  if (event.type === 'result' && event.output)
    return { envelope: { ...envelope, event: { ...event, output: out(to, event.output) } }, pages }
  if (event.type !== 'submit' && event.type !== 'add') return { envelope, pages }
  const fresh: ActorEvent = { ...event }
  if (event.input) fresh.input = out(to, event.input)
  const owner = (key: string) => `job:${to.slice(to.indexOf(':') + 1)}/${key}`
  if (event.members)
    fresh.members = (event.members as Member[]).map((member) => ({ ...member, input: out(owner(member.key), member.input) }))
  const options = event.options as { output?: { input: Payload } } | undefined
  if (options?.output) fresh.options = { ...options, output: { ...options.output, input: out(owner('output'), options.output.input) } }
  return { envelope: pages.length ? { ...envelope, event: fresh } : envelope, pages }
}

/** About how long the event is as JSON: members make it long, and large values leave it. */
const sizeOf = (event: ActorEvent): number => (Array.isArray(event.members) ? JSON.stringify(event.members).length : 400)
