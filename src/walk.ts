import type { AnyStateMachine, StateNode, TransitionDefinition } from 'xstate'
import type { Snapshot } from './document.ts'
import type { ActorEvent } from './envelope.ts'
import type { Action, Transition } from './machine.ts'

/**
 * One macrostep through a machine that XState has parsed, for the plain statecharts that actors are: compound and atomic states,
 * guards, assign, delayed transitions, eventless transitions. It does what XState's own interpreter does with them, in a tenth of the
 * time, because it makes nothing that only parallel, invoking or history states need.
 *
 *   event ─► first transition whose guard holds, from the leaf outwards
 *              ─► exit actions (inner first) ─► its actions ─► entry actions (outer first) ─► eventless transitions, until none holds
 */
type Node = StateNode<never, never>
type Args = { context: unknown; event: ActorEvent }
type Builtin = { type?: string; assignment?: unknown; event?: ActorEvent; id?: string; delay?: unknown; sendId?: string }

interface Place {
  machine: Compiled
  leaf: Node
  context: unknown
  actions: Action[]
  event: ActorEvent
  moved: boolean
  assigned: boolean
}

/** Can this machine be walked? Asked once a machine: whatever is not known to be walked right is left to XState. */
export function isPlain(machine: AnyStateMachine): boolean {
  const { actions, guards } = machine.implementations
  return (
    isPlainNode(machine.root as never) &&
    Object.values(actions).every(isPlainAction) &&
    Object.values(guards).every((guard) => isPlainGuard(guard))
  )
}

function isPlainNode(node: Node): boolean {
  const transitions = [...node.transitions].flatMap(([event, candidates]) => (event.includes('*') ? [undefined] : candidates))
  return (
    (node.type === 'atomic' || node.type === 'compound') &&
    !node.config.invoke &&
    !node.config.onDone &&
    [...node.entry, ...node.exit].every(isPlainAction) &&
    [...transitions, ...(node.always ?? [])].every((t) => t && isPlainGuard(t.guard) && t.actions.every(isPlainAction)) &&
    Object.values(node.states).every((state) => isPlainNode(state as Node))
  )
}

/** Named, or a builtin that `performOne` knows. */
function isPlainAction(action: unknown): boolean {
  const { type, delay } = action as Builtin
  if (typeof action !== 'function') return true
  return type === undefined || type === 'xstate.assign' || type === 'xstate.cancel' || (type === 'xstate.raise' && delay !== undefined)
}

/** Combined guards (`and`, `or`, `not`, `stateIn`) have a check of their own. */
const isPlainGuard = (guard: unknown): boolean => typeof guard !== 'function' || !('check' in guard)

export function walk(machine: AnyStateMachine, snapshot: Snapshot, event: ActorEvent): Transition {
  const leaf = leafOf(machine, snapshot.value)
  const place: Place = { machine: compiledOf(machine), leaf, context: snapshot.context, actions: [], event, moved: false, assigned: false }
  const first = select(place, (node) => node.transitions.get(event.type as never) as never)
  if (!first) return { snapshot, actions: [], handled: false, changed: false }
  take(place, first)
  for (;;) {
    const next = select(place, always)
    if (!next) break
    take(place, next)
  }
  const changed = place.moved || place.actions.length > 0 || place.assigned
  if (!changed) return { snapshot, actions: [], handled: true, changed }
  return {
    snapshot: { status: 'active', value: nameOf(place.leaf), context: place.context },
    actions: place.actions,
    handled: true,
    changed,
  }
}

type Candidate = TransitionDefinition<never, never>

const always = (node: Node) => node.always as never

function select(place: Place, candidates: (node: Node) => readonly Candidate[] | undefined): Candidate | undefined {
  for (let node: Node | undefined = place.leaf; node; node = node.parent as Node | undefined)
    for (const candidate of candidates(node) ?? [])
      if (candidate.guard === undefined || guardOf(place.machine, candidate)(place)) return candidate
  return undefined
}

function take(place: Place, { target, source, reenter, actions }: Candidate): void {
  const to = target?.[0] as Node | undefined
  if (!to) {
    perform(place, actions)
    return
  }
  const domain = domainOf(source as Node, to, reenter)
  for (let node = place.leaf; node !== domain; node = node.parent as Node) perform(place, node.exit)
  perform(place, actions)
  enter(place, domain, to)
  place.leaf = to
  while (place.leaf.type === 'compound') {
    place.leaf = (place.leaf.initial as unknown as { target: Node[] }).target[0]!
    perform(place, place.leaf.entry)
  }
  place.moved = true
}

/** The innermost state that is neither left nor entered. */
function domainOf(source: Node, target: Node, reenter: boolean): Node {
  if (!reenter && isWithin(target, source)) return source
  let node = source.parent as Node
  while (!isWithin(target, node) || node === target) node = node.parent as Node
  return node
}

function isWithin(node: Node, ancestor: Node): boolean {
  for (let at: Node | undefined = node; at; at = at.parent as Node | undefined) if (at === ancestor) return true
  return false
}

/** What is entered on the way from the one to the other, outer first. */
function enter(place: Place, domain: Node, node: Node): void {
  if (node === domain) return
  enter(place, domain, node.parent as Node)
  perform(place, node.entry)
}

function perform(place: Place, actions: readonly unknown[]): void {
  if (actions.length) for (const step of stepsOf(place.machine, actions)) step(place)
}

/** What a machine's names mean, looked up once: by its lists of actions, and by its guarded transitions. */
interface Compiled {
  machine: AnyStateMachine
  steps: WeakMap<readonly unknown[], readonly Step[]>
  guards: WeakMap<Candidate, (place: Place) => boolean>
}
type Step = (place: Place) => void

const compiled = new WeakMap<AnyStateMachine, Compiled>()

function compiledOf(machine: AnyStateMachine): Compiled {
  let found = compiled.get(machine)
  if (!found) compiled.set(machine, (found = { machine, steps: new WeakMap(), guards: new WeakMap() }))
  return found
}

function stepsOf({ machine, steps }: Compiled, actions: readonly unknown[]): readonly Step[] {
  let found = steps.get(actions)
  if (!found) steps.set(actions, (found = actions.map((action) => stepOf(machine, action))))
  return found
}

function stepOf(machine: AnyStateMachine, action: unknown): Step {
  const named = typeof action === 'string' ? { type: action, params: undefined } : (action as { type: string; params?: unknown })
  const known = (typeof action === 'function' ? action : machine.implementations.actions[named.type as never]) as Builtin | undefined
  const { type } = named
  const params = typeof action === 'function' ? undefined : named.params
  switch (known?.type) {
    case 'xstate.assign': {
      const { assignment } = known
      return (place) => {
        const fields = assigned(assignment, place, paramsOf(params, place))
        // Its own from the first assignment on: those that follow need no copy each.
        if (!place.assigned) place.context = { ...(place.context as object) }
        place.assigned = true
        merge(place.context as Record<string, unknown>, fields)
      }
    }
    case 'xstate.raise': {
      const { event, id } = known
      const delay = typeof known.delay === 'string' ? machine.implementations.delays[known.delay as never] : known.delay
      const msOf = typeof delay === 'function' ? (delay as (args: Args, params: unknown) => number) : () => delay
      return (place) =>
        void place.actions.push({ type: 'xstate.raise', params: { event, id, delay: msOf(place, paramsOf(params, place)) } })
    }
    case 'xstate.cancel': {
      const { sendId } = known
      return (place) => void place.actions.push({ type: 'xstate.cancel', params: { sendId } })
    }
    default:
      return (place) => void place.actions.push({ type, params: paramsOf(params, place) })
  }
}

function guardOf({ machine, guards }: Compiled, candidate: Candidate): (place: Place) => boolean {
  let found = guards.get(candidate)
  if (!found) guards.set(candidate, (found = testOf(machine, candidate.guard)))
  return found
}

function testOf(machine: AnyStateMachine, guard: unknown): (place: Place) => boolean {
  const { type, params } = typeof guard === 'string' ? { type: guard, params: undefined } : (guard as { type: string; params?: unknown })
  const test = (typeof guard === 'function' ? guard : machine.implementations.guards[type as never]) as
    | ((args: Args, params: unknown) => boolean)
    | undefined
  if (!test) throw new Error(`guard "${type}" is not implemented`)
  return (place) => test(place, paramsOf(params, place))
}

function assigned(assignment: unknown, args: Args, params: unknown): Record<string, unknown> {
  if (typeof assignment === 'function') return assignment(args, params) as Record<string, unknown>
  const fields: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(assignment as object)) fields[key] = typeof value === 'function' ? value(args, params) : value
  return fields
}

/**
 * What was absent and stays so is not there as undefined either: it would be skipped in each copy and each write, and an object with many fields
 * is a slow one.
 */
function merge(context: Record<string, unknown>, fields: Record<string, unknown>): void {
  for (const key in fields) if (fields[key] !== undefined || key in context) context[key] = fields[key]
}

const paramsOf = (params: unknown, args: Args): unknown =>
  typeof params === 'function' ? params({ context: args.context, event: args.event }) : params

const values = new WeakMap<Node, unknown>()

/** The state's value as XState writes it: its key, within its parents. */
function nameOf(leaf: Node): unknown {
  let value = values.get(leaf)
  if (value === undefined) {
    value = leaf.key
    for (let node = leaf.parent as Node; node.parent; node = node.parent as Node) value = { [node.key]: value }
    values.set(leaf, value)
  }
  return value
}

function leafOf(machine: AnyStateMachine, value: unknown): Node {
  let node = machine.root as unknown as Node
  for (let at = value; at !== undefined; ) {
    const key = typeof at === 'string' ? at : Object.keys(at as object)[0]!
    const inner = node.states[key as never] as Node | undefined
    if (!inner) throw new Error(`${machine.id} has no state ${JSON.stringify(value)}`)
    node = inner
    at = typeof at === 'string' ? undefined : (at as Record<string, unknown>)[key]
  }
  while (node.type === 'compound') node = (node.initial as unknown as { target: Node[] }).target[0]!
  return node
}
