import { type AnyMachineSnapshot, type AnyStateMachine, createActor } from 'xstate'
import type { Snapshot } from './document.ts'
import type { ActorEvent } from './envelope.ts'

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

/**
 * What a machine does with an event, executing nothing: XState's `transition()`, with the scope that this makes anew for every
 * call (9/10 of its time) made once a machine. A spec holds both against each other.
 */
export function transition(machine: AnyStateMachine, snapshot: Snapshot | undefined, event: ActorEvent): Transition {
  const { scope, actions } = scopeOf(machine)
  actions.length = 0
  const before = snapshot ? resolve(machine, snapshot) : machine.getInitialSnapshot(scope as never, undefined)
  actions.length = 0
  const after = machine.transition(before, event, scope as never) as AnyMachineSnapshot
  const next: Snapshot = { status: after.status, value: after.value, context: after.context }
  resolved.set(next, after)
  const changed = after !== before || actions.length > 0
  const handled = changed || machine.getTransitionData(before as never, event as never)!.length > 0
  return { snapshot: next, actions: actions.slice(), handled, changed }
}

interface Scope {
  scope: unknown
  actions: Action[]
}

const scopes = new WeakMap<AnyStateMachine, Scope>()
/** Snapshots that were made here need not be resolved again. */
const resolved = new WeakMap<Snapshot, AnyMachineSnapshot>()

function resolve(machine: AnyStateMachine, snapshot: Snapshot): AnyMachineSnapshot {
  return resolved.get(snapshot) ?? (machine.resolveState(snapshot as never) as AnyMachineSnapshot)
}

function scopeOf(machine: AnyStateMachine): Scope {
  let found = scopes.get(machine)
  if (!found) {
    const self = createActor(machine)
    const actions: Action[] = []
    const nothing = () => {}
    const scope = { self, system: self.system, id: '', sessionId: '', defer: nothing, logger: nothing, stopChild: nothing, emit: nothing }
    found = { actions, scope: { ...scope, actionExecutor: ({ type, params }: Action) => actions.push({ type, params }) } }
    scopes.set(machine, found)
  }
  return found
}
