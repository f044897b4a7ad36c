import { type AnyMachineSnapshot, type AnyStateMachine, initialTransition, transition as xstateTransition } from 'xstate'
import type { Snapshot } from './document.ts'
import type { ActorEvent } from './envelope.ts'
import { isPlain, walk } from './walk.ts'

/** An action that a transition asks for: nothing here executes it. */
export interface Action {
  type: string
  params?: unknown
}

export interface Transition {
  snapshot: Snapshot
  actions: Action[]
  /** false: the machine has no transition for this event in this state. */
  handled: boolean
  /** false: nothing is different, and nothing follows. */
  changed: boolean
}

const plain = new WeakMap<AnyStateMachine, { initial: Snapshot } | false>()

/**
 * What a machine does with an event, executing nothing. Plain statecharts are walked (see walk.ts); all others go through XState's own
 * `transition()`. A spec holds both against each other on long random sequences.
 */
export function transition(machine: AnyStateMachine, snapshot: Snapshot | undefined, event: ActorEvent): Transition {
  let known = plain.get(machine)
  if (known === undefined) plain.set(machine, (known = isPlain(machine) && { initial: initialOf(machine) }))
  return known ? walk(machine, snapshot ?? known.initial, event) : interpreted(machine, snapshot, event)
}

function initialOf(machine: AnyStateMachine): Snapshot {
  const [{ status, value, context }] = initialTransition(machine)
  return { status, value, context }
}

/** The same by XState itself. */
export function interpreted(machine: AnyStateMachine, snapshot: Snapshot | undefined, event: ActorEvent): Transition {
  const before = snapshot ? machine.resolveState(snapshot as never) : initialTransition(machine)[0]
  const [after, actions] = xstateTransition(machine, before as never, event)
  const { status, value, context } = after as AnyMachineSnapshot
  const changed = after !== before || actions.length > 0
  const handled = changed || machine.getTransitionData(before as never, event as never)!.length > 0
  return { snapshot: { status, value, context }, actions: actions.map(({ type, params }) => ({ type, params })), handled, changed }
}
