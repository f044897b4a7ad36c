import type { Payload, Suspend, Terms } from '../../actors/job.ts'
import type { Member } from '../../actors/members.ts'
import { type Address, isId, partitionOf, rootOf } from '../address.ts'
import type { DeadLetter, IncomingFrame } from '../bus/port.ts'
import type { Chains } from '../chain/published.ts'
import { isJobName, mostMembers, parseCommand, replyOf } from '../command.ts'
import type { ActorEvent, Envelope } from '../envelope.ts'
import { type Issue, invalid } from '../errors.ts'
import { deepest, isTooDeep } from '../nesting.ts'
import { callbackInlineLimit, paged, weightOf } from '../payload.ts'
import type { PoolCapacities } from '../pools.ts'
import type { Page } from '../store/port.ts'
import { eventOf, refusal } from './door/events.ts'
import type { Item } from './intake.ts'
import type { Refusal } from './replies.ts'

/** What the host knows of definitions whose code it need not have. */
export interface Contracts {
  /** How a job of this definition is run, and a check of its input; undefined: no host is known to have published it. */
  get(job: string):
    | {
        terms: Terms
        issues(input: unknown): Issue[]
        callbackIssues(name: string, value: unknown): Issue[]
        outputIssues(output: unknown): Issue[]
      }
    | undefined
  readonly chains: Pick<Chains, 'of' | 'learn' | 'all' | 'onChange'>
  /** Capacities of pools. */
  readonly pools: Pick<PoolCapacities, 'of'>
  /** Asks for those that are not known: another host may have published them a moment ago. */
  learn(jobs: Iterable<string>): Promise<void>
}

export interface Opened {
  items: Item[]
  /** What cannot be applied by anybody, with the reason. */
  letters: DeadLetter[]
  /** Answers for those who wait. */
  refused: { envelope: Envelope; error: Refusal }[]
  /** Characters of JSON, about. */
  size: number
}

/** So many characters are repeated of a target that is none: a message may be nothing else, and what answers it has to be one as well. */
const longestTo = 1000
/** Commands that one message may bring, and about how large their members may be together: it all is one write of their group. */
const mostCommands = 1000
const mostWeight = 192 * 1024

/**
 * Makes items of a frame. Frames of hosts and clients hold envelopes; what comes by a command subject was written by any program
 * in any language, and is checked here: address, shape, definition, input, size.
 */
export function openFrame(
  here: { contracts: Contracts; partitions: number; now: number },
  partition: number,
  frame: IncomingFrame,
): Opened {
  const opened: Opened = { items: [], letters: [], refused: [], size: 0 }
  const { epoch, sequence, root, body, published } = frame
  const ours = root === undefined
  // An array of none brings nothing, and whoever sent it is told so.
  const isList = Array.isArray(body) && (ours || (body.length > 0 && body.length <= mostCommands))
  const bodies: unknown[] = isList ? body : [body]
  bodies.forEach((one, place) => {
    try {
      const envelope = ours ? (one as Envelope) : fromOutside(here.contracts, root, one)
      if (partitionOf(rootOf(envelope.to), here.partitions) !== partition)
        throw refusal('ADDRESS', `${envelope.to} is not of this partition`)
      const size = sizeOf(envelope)
      if (!ours && opened.size + size > mostWeight && envelope.event.members) throw tooMuch(opened.size + size)
      opened.items.push({ envelope, epoch, sequence, place, published })
      opened.size += size
    } catch (error) {
      const { code = 'VALIDATION', message, issues } = error as Refusal
      const reason: Refusal = { code, message, ...(issues ? { issues } : {}) }
      const id = `e${epoch}.p${partition}.${sequence}.${place}`
      const form = one === undefined || isTooDeep(one) ? undefined : ours ? 'envelope' : 'command'
      opened.letters.push({ id, to: targetOf(one), reason, body: bodyOf(frame, one), form, at: here.now })
      // Of a list that is refused as a whole each that waits is told.
      for (const each of !ours && Array.isArray(one) ? one : [one]) {
        const reply = ours ? (each as Envelope | undefined)?.reply : inboxOf(each)
        if (reply?.inbox) opened.refused.push({ envelope: { to: targetOf(each) ?? '', event: { type: 'refused' }, reply }, error: reason })
      }
    }
  })
  return opened
}

function targetOf(body: unknown): string | undefined {
  const { to } = (body ?? {}) as { to?: unknown }
  return typeof to === 'string' ? to.slice(0, longestTo) : undefined
}

const tooMuch = (size: number) =>
  invalid('members', `${size} characters with what belongs to them; one message may bring ${mostWeight}. Send the others by "add".`)

/** What is no JSON is kept as the text that it was; what is nested too deep cannot be kept. */
function bodyOf({ text }: IncomingFrame, body: unknown): unknown {
  if (body === undefined) return { text }
  if (!isTooDeep(body)) return body
  return Object.fromEntries(Object.entries(body as object).filter(([, value]) => typeof value === 'string'))
}

function inboxOf(body: unknown): Envelope['reply'] {
  const { reply, id } = replyOf(body)
  return reply === undefined ? undefined : { inbox: reply, call: id ?? '', outside: true }
}

/** Names of jobs that commands speak of, as far as they can be read. */
function jobsIn(body: unknown): Set<string> {
  const jobs = new Set<string>()
  const note = (one: unknown) => {
    const { job } = (one ?? {}) as { job?: unknown }
    if (isJobName(job)) jobs.add(job)
  }
  for (const one of Array.isArray(body) ? body.slice(0, mostCommands) : [body]) {
    const { output, members } = (one ?? {}) as { output?: unknown; members?: unknown }
    note(one)
    note(output)
    if (Array.isArray(members)) members.slice(0, mostMembers).forEach(note)
  }
  return jobs
}

/** Names of chains that they speak of. */
function chainsIn(body: unknown): Set<string> {
  const chains = new Set<string>()
  for (const one of Array.isArray(body) ? body.slice(0, mostCommands) : [body]) {
    const { to, chain } = (one ?? {}) as { to?: unknown; chain?: unknown }
    const name = typeof to === 'string' && to.startsWith('chain:') ? rootOf(to) : chain
    if (typeof name === 'string' && isId(name)) chains.add(name)
  }
  return chains
}

/** What a command names may have been published a moment ago: who is not known is asked for. */
export async function learnNames(contracts: Contracts, body: unknown): Promise<void> {
  await contracts.learn(jobsIn(body))
  for (const chain of chainsIn(body)) await contracts.chains.learn(chain)
}

/** A command that any program wrote, as the envelope that the client would have sent. */
export function fromOutside(contracts: Contracts, root: string | undefined, body: unknown): Envelope {
  if (body === undefined) throw refusal('NOT_JSON', 'the message is not JSON')
  if (Array.isArray(body)) {
    const why =
      body.length > mostCommands ? `${body.length} commands; one message may bring ${mostCommands}` : 'a command must be an object'
    throw refusal('VALIDATION', why)
  }
  if (isTooDeep(body)) throw refusal('VALIDATION', `the command is nested deeper than ${deepest} levels`)
  const command = parseCommand(body)
  if (root !== undefined && rootOf(command.to) !== root)
    throw refusal(
      'ADDRESS',
      `to: ${command.to} has another root than the subject, "${root}": publish it to <namespace>.command.${rootOf(command.to)}`,
    )
  const { id, to, reply } = command
  const identity = id === undefined ? {} : { from: 'command', inc: `command:${id}`, n: 1 }
  return {
    to,
    event: eventOf(contracts, command),
    ...identity,
    reply: reply === undefined ? undefined : { inbox: reply, call: id ?? '', outside: true },
    letter: true,
  }
}

const bringsInput: ReadonlySet<string> = new Set(['start', 'submit', 'add', 'update', 'redrive', 'child'])

/** Large values leave the event for pages of the actor that will keep them. */
export function pageOut(envelope: Envelope): { envelope: Envelope; pages: Page[] } {
  const { to, event } = envelope
  const pages: Page[] = []
  const out = (owner: Address, payload: unknown, limit?: number): Payload | undefined => {
    if (!payload) return undefined
    const { payload: kept, pages: more } = paged(owner, payload as Payload, limit)
    pages.push(...more)
    return kept
  }
  if ((event.type === 'result' || event.type === 'done') && event.output)
    return { envelope: { ...envelope, event: { ...event, output: out(to, event.output) } }, pages }
  if (event.type === 'result' && event.suspend) {
    const { fallback, state, ...rest } = event.suspend as Suspend
    const kept =
      fallback && Object.fromEntries(Object.entries(fallback).map(([name, value]) => [name, out(to, value, callbackInlineLimit)]))
    return { envelope: { ...envelope, event: { ...event, suspend: { ...rest, fallback: kept, state: out(to, state) } } }, pages }
  }
  if (event.type === 'resume')
    return { envelope: { ...envelope, event: { ...event, value: out(to, event.value, callbackInlineLimit) } }, pages }
  if (!bringsInput.has(event.type)) return { envelope, pages }
  const fresh: ActorEvent = { ...event }
  const owner = (key: string) => `job:${to.slice(to.indexOf(':') + 1)}/${key}`
  if (event.input) fresh.input = out(event.type === 'child' ? owner(event.key as string) : to, event.input)
  if (event.members)
    fresh.members = (event.members as Member[]).map((member) => {
      const input = out(owner(member.key), member.input)
      return input === member.input ? member : { ...member, input }
    })
  const options = event.options as { output?: { input: Payload } } | undefined
  if (options?.output) fresh.options = { ...options, output: { ...options.output, input: out(owner('output'), options.output.input) } }
  return { envelope: pages.length ? { ...envelope, event: fresh } : envelope, pages }
}

/** About how long what follows from the event is as JSON: large values leave it. */
function sizeOf({ to, event }: Envelope): number {
  if (!Array.isArray(event.members)) return 400
  return (event.members as Member[]).reduce((size, member) => size + weightOf(to, member, JSON.stringify(member).length), 400)
}
