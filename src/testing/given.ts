import { AssertionError } from 'node:assert'
import type { ActorType, Peer } from '../../actors/actor.ts'
import type { Address } from '../address.ts'
import { emptyDocument } from '../decide.ts'
import type { ActorDocument } from '../document.ts'
import { type Duration, ms } from '../duration.ts'
import type { ActorEvent } from '../envelope.ts'
import { quoted, refuse } from '../errors.ts'
import { checkFields } from '../fields.ts'
import { differences, inWords } from './differences.ts'
import { actorType, type Effects, step } from './step.ts'

/** An actor of which certain events have already been applied. Every call answers a new one: a beginning may be shared by many specs. */
export interface Given {
  /** Applied at the present time. One that is refused is an error: what is given must be possible. */
  events(events: readonly ActorEvent[]): Given
  /** Time goes on, and timers that become due fire. */
  passes(duration: Duration): Given
  /** Siblings that exist, as the decision finds them. */
  knowing(peers: Record<Address, Peer>): Given
  when(event: ActorEvent): Result
  whenPasses(duration: Duration): Result
}

/** What the event did. */
export interface Result<C = Record<string, unknown>> extends Effects {
  state: string
  context: C
  status: 'active' | 'done'
  document: ActorDocument
  /** Compares with what is named; throws with the differences. Or hands the result to a check of your own. */
  then(expected: Expected | ((result: Result<C>) => void)): Result<C>
  /** The actor with this applied as well. */
  and: Given
}

/** Any part of a result, at any depth; what is not named may be anything. Lists are compared whole. */
export type Expected = { [K in 'state' | 'context' | 'status' | keyof Effects]?: unknown }

interface Present {
  doc: ActorDocument
  at: number
  peers: Record<Address, Peer>
}

/**
 * given / when / then for an actor, pure: no host, no bus, no store. `type`: `'job'`, `'group'`, or a type of actor.
 *
 *   given('job').events([submitted, claimed]).when(failed).then({ state: 'backoff', timers: [{ at: 1000 }] })
 */
export function given(type: ActorType | string, options: { address?: Address; at?: Date | string | number } = {}): Given {
  checkFields(options, ['address', 'at'], '', 'options')
  const actor = actorType(type)
  const at = new Date(options.at ?? 0).getTime()
  if (Number.isNaN(at)) refuse('at', `${quoted(options.at)} is not a time`)
  return from(actor, { doc: emptyDocument(options.address ?? `${actor.name}:spec`, actor, 0, at), at, peers: {} })
}

function from(type: ActorType, present: Present): Given {
  return {
    events(events) {
      return from(
        type,
        events.reduce((before, event, i) => {
          const { present, effects } = apply(type, before, event)
          const wrong = effects.threw ?? effects.rejected?.message
          if (wrong) throw new AssertionError({ message: `given: event ${i + 1} (${event.type}) is not possible: ${wrong}` })
          return present
        }, present),
      )
    },
    passes: (duration) => from(type, pass(type, present, duration).present),
    knowing: (peers) => from(type, { ...present, peers: { ...present.peers, ...peers } }),
    when: (event) => resultOf(type, apply(type, present, event)),
    whenPasses: (duration) => resultOf(type, pass(type, present, duration)),
  }
}

interface Applied {
  present: Present
  effects: Effects
}

function apply(type: ActorType, present: Present, event: ActorEvent): Applied {
  const { doc, effects } = step(type, present.doc, event, { at: present.at, peer: (address) => present.peers[address] })
  return { present: { ...present, doc: { ...doc, version: doc.version + 1 } }, effects }
}

/** Fires what becomes due, in order of time, and gathers what follows. */
function pass(type: ActorType, present: Present, duration: Duration): Applied {
  const end = present.at + ms(duration, 'duration')
  const all: Effects = { sends: [], offers: [], grants: [], refused: [], timers: [], untimed: [], pages: [], reads: [], superseded: false }
  for (;;) {
    const [next] = present.doc.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
    if (!next) return { present: { ...present, at: end }, effects: all }
    const applied = apply(type, { ...present, at: Math.max(present.at, next.at) }, next.event)
    present = applied.present
    gather(all, applied.effects)
  }
}

function gather(all: Effects, more: Effects): void {
  const record = all as unknown as Record<string, unknown>
  for (const [name, value] of Object.entries(more)) {
    if (Array.isArray(value)) (record[name] as unknown[]).push(...value)
    else record[name] ||= value
  }
}

function resultOf(type: ActorType, { present, effects }: Applied): Result {
  const { doc } = present
  const result: Result = {
    ...effects,
    state: doc.state,
    status: doc.status,
    context: (doc.snapshot?.context ?? {}) as Record<string, unknown>,
    document: doc,
    get and() {
      return from(type, present)
    },
    // biome-ignore lint/suspicious/noThenProperty: the word of given / when / then; nobody awaits it, and if so it does no harm
    then(expected, awaited?: unknown) {
      // An `await` hands in two functions: it gets the result, without what would make it wait for ever.
      const { then: _then, ...rest } = result
      if (typeof expected === 'function') expected(awaited ? (rest as Result) : result)
      else compare(expected, result)
      return result
    },
  }
  return result
}

function compare(expected: Expected, result: Result): void {
  if (result.threw && !('rejected' in expected)) throw new AssertionError({ message: `then: the machine threw: ${result.threw}` })
  const found = differences('', expected, result, true)
  if (!found.length) return
  const actual = Object.fromEntries(Object.keys(expected).map((name) => [name, result[name as keyof Expected]]))
  throw new AssertionError({ message: `then:\n${found.map((one) => `  ${inWords(one)}`).join('\n')}`, expected, actual })
}
