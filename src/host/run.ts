import type { Grant, JobError } from '../../actors/job.ts'
import { idOf } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import { type Callbacks, type Context, check, checkInput, type Handler, type MemberResult } from '../definition.ts'
import type { ActorDocument } from '../document.ts'
import { type RetryAt, StellwerkError, TimeoutError } from '../errors.ts'
import { checkFields } from '../fields.ts'
import { insist } from '../insist.ts'
import { maxPayload, readPayload } from '../payload.ts'
import type { Store } from '../store/port.ts'
import { type SuspendOptions, suspended, suspendOf } from '../suspend.ts'
import type { Children } from './children.ts'
import { reportProgress } from './feed.ts'
import type { Ended } from './results.ts'
import { copyOf, errorOf, readable } from './thrown.ts'
import type { Abort } from './worker/run.ts'

interface Parts {
  bus: Bus
  store: Store
  clock: Clock
  children: Pick<Children, 'submit'>
}

/** How long a handler may go on after its timeout before it is taken for failed. */
export const timeoutGrace = 5000

/** A handler that was entered, or will not be. */
export interface Running {
  /** What came of it. Never rejects. */
  ended: Promise<Ended>
  /** The handler's function has returned: after its timeout it may go on for longer than its run. */
  returned: Promise<void>
}

/** May its handler be entered, now? Then it is, before anything else happens. A promise: whether it should be asked again. */
type Begin = () => boolean | Promise<boolean>

/** Runs one handler once. `isHeard`: its job's actor has said of late that it is current. */
export function runHandler(
  parts: Parts,
  handler: Handler,
  grant: Grant,
  abort: Abort,
  begin: Begin = () => true,
  isHeard = () => true,
): Running {
  let work: Promise<unknown> | undefined
  const ended = enter(parts, handler, grant, abort, begin, isHeard, (entered) => (work = entered))
  const over = () => {}
  return { ended, returned: ended.then(() => work?.then(over, over)) }
}

async function enter(
  parts: Parts,
  handler: Handler,
  grant: Grant,
  abort: Abort,
  begin: Begin,
  isHeard: () => boolean,
  onEnter: (work: Promise<unknown>) => void,
): Promise<Ended> {
  const { clock } = parts
  /** How long the handler took, ms. */
  const timed = { job: grant.job, ms: 0 }
  let entered: number | undefined
  let over = false
  const isCurrent = () => !over && isHeard() && (abort.reason as { code?: string } | undefined)?.code !== 'SUPERSEDED'
  const timeout = grant.timeout === undefined ? undefined : timeLimit(parts.clock, grant, abort)
  try {
    const given = await readPayload(parts.store, grant.input)
    if (abort.reason) throw abort.reason // told to stop while a large input was being read: the handler is not entered
    const [input, entry] = [checkInput(handler.definition.input, given), await entryOf(parts.store, handler, grant)]
    let begins: ReturnType<Begin>
    do {
      if (abort.reason) throw abort.reason
      begins = begin()
    } while (begins instanceof Promise && (await begins))
    if (begins !== true) return { outcome: 'unbegun' }
    entered = clock.monotonic()
    const work = (async () => handler.handle(input as never, contextOf(parts, grant, abort, isCurrent, entry)))()
    onEnter(work)
    const output = await (timeout ? Promise.race([work, timeout.passed]) : work)
    timed.ms = clock.monotonic() - entered
    const suspend = suspendOf(output)
    if (suspend) return { outcome: 'suspend', suspend, size: suspendSize(suspend), ...timed }
    check(handler.definition.output, output, 'output')
    const { value, length: size } = copyOf(output)
    if (size > maxPayload) throw new StellwerkError('TERMINAL', `output: ${size} characters of JSON; at most ${maxPayload} are kept`)
    return { outcome: 'ok', output: value === undefined ? value : { value }, size, ...timed }
  } catch (thrown) {
    const error = readable(thrown)
    if (entered !== undefined) timed.ms = clock.monotonic() - entered
    if (isShutdown(abort, thrown, error)) return { outcome: 'back', ...timed }
    const code = (error as { code?: string } | undefined)?.code
    // The store was away: that is not the handler's failure, and uses no attempt.
    if (entered === undefined && code === 'UNAVAILABLE') return { outcome: 'unbegun' }
    return {
      outcome: 'fail',
      error: errorOf(error),
      terminal: code === 'TERMINAL' || code === 'VALIDATION' || undefined,
      // A time that is none would never come: then it is tried again after its backoff.
      retryAt: code === 'RETRY_AT' && Number.isFinite((error as RetryAt).at) ? (error as RetryAt).at : undefined,
      ...timed,
    }
  } finally {
    over = true
    timeout?.cancel()
  }
}

/** The reason itself, or what an aborted call of Node.js makes of it: an AbortError that has it as its cause. */
function isShutdown({ reason }: Abort, thrown: unknown, error: unknown): boolean {
  if ((reason as { code?: string } | undefined)?.code !== 'SHUTDOWN') return false
  const { name, cause } = (error ?? {}) as { name?: string; cause?: unknown }
  return thrown === reason || (name === 'AbortError' && cause === reason)
}

/** State and fallbacks travel in one message. */
function suspendSize(suspend: object): number {
  const { length } = JSON.stringify(suspend)
  if (length > 2 * maxPayload)
    throw new StellwerkError('TERMINAL', `suspend: ${length} characters of JSON; at most ${2 * maxPayload} are kept`)
  return length
}

function timeLimit(clock: Clock, { timeout, address }: Grant, abort: Abort) {
  let cancel = () => {}
  const passed = new Promise<never>((_, reject) => {
    cancel = clock.at(clock.now() + timeout!, () => {
      const error = new TimeoutError(`${address}: the attempt took longer than its timeout of ${timeout} ms`)
      abort.abort(error)
      cancel = clock.at(clock.now() + timeoutGrace, () => reject(error))
    })
  })
  passed.catch(() => {})
  return { passed, cancel: () => cancel() }
}

/** What this entry of the handler was given. */
type Entry = Pick<Context, 'callbacks' | 'state' | 'round' | 'suspend'>

async function entryOf(store: Store, { definition }: Handler, { round = 1, given = {}, state }: Grant): Promise<Entry> {
  const schemas: Callbacks | undefined = definition.callbacks
  const callbacks: Record<string, unknown> = {}
  // What objects have by themselves has not come.
  for (const name of Object.keys(schemas ?? {})) if (name in callbacks) callbacks[name] = undefined
  for (const [name, payload] of Object.entries(given))
    callbacks[name] = check(schemas?.[name], await readPayload(store, payload), `callbacks.${name}`)
  return { round, callbacks, state: await readPayload(store, state), suspend: (options: SuspendOptions) => suspended(schemas, options) }
}

const abortOf = Symbol('abort')

/** Made when it is asked for. One accessor for the contexts of all runs: a literal that has its own is a slow object to V8. */
const signal = {
  enumerable: true,
  configurable: true,
  get(this: { [abortOf]: Abort }): AbortSignal {
    return this[abortOf].signal
  },
}

function contextOf(parts: Parts, grant: Grant, abort: Abort, isCurrent: () => boolean, entry: Entry): Context {
  const { address, attempt, dispatch, member, group } = grant
  const { round, callbacks, state, suspend } = entry
  const context: Omit<Context, 'signal'> & { [abortOf]: Abort } = {
    id: idOf(address),
    idempotencyKey: address,
    key: member?.key,
    attempt,
    run: dispatch,
    round,
    callbacks,
    state,
    suspend,
    async submit(definition, input, options) {
      checkFields(options, ['key'], '', 'options')
      return parts.children.submit(grant, definition as never, input, options.key)
    },
    group: group && { ...group, members: () => membersOf(parts, abort, group.id) },
    progress: reportProgress(parts.bus, parts.clock.now, grant, isCurrent),
    [abortOf]: abort,
  }
  return Object.defineProperty(context, 'signal', signal) as unknown as Context
}

/** All members of a group with what became of them, in order of key: read page by page. */
async function* membersOf({ store, clock }: Parts, abort: Abort, id: string): AsyncGenerator<MemberResult> {
  const query = { type: 'job', prefix: `job:${id}/`, group: `group:${id}` }
  // That the store is away is not the handler's failure: it is asked until it answers, or the run is told to end.
  const over = () => {
    if (abort.reason) throw abort.reason
  }
  const read = <T>(call: () => Promise<T>) => insist(clock, call, over)
  for (let after: string | undefined; ; ) {
    const docs: ActorDocument[] = await read(() => store.find(query, after, 200))
    for (const doc of docs) {
      const { member, output, error } = doc.snapshot.context as {
        member: { key: string; index?: number }
        output?: never
        error?: JobError
      }
      if (member.index === undefined || member.index < 0) continue
      yield {
        key: member.key,
        job: idOf(doc._id),
        state: doc.state as MemberResult['state'],
        output: await read(() => readPayload(store, output)),
        error: error && { name: error.name, message: error.message },
      }
    }
    if (docs.length < 200) return
    after = docs.at(-1)!._id
  }
}
