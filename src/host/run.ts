import type { Grant, JobError } from '../../actors/job.ts'
import { idOf } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import { type Callbacks, type Context, check, type Handler, type MemberResult } from '../definition.ts'
import type { ActorDocument } from '../document.ts'
import { type RetryAt, StellwerkError, TimeoutError } from '../errors.ts'
import { readPayload } from '../payload.ts'
import type { Store } from '../store/port.ts'
import { type SuspendOptions, suspended, suspendOf } from '../suspend.ts'
import { reportProgress } from './feed.ts'
import type { Ended } from './results.ts'

interface Parts {
  bus: Bus
  store: Store
  clock: Clock
}

/** How long a handler may go on after its timeout before it is taken for failed. */
export const timeoutGrace = 5000

/** Runs one handler once. Never throws: what came of it is the answer. */
export async function runHandler(parts: Parts, handler: Handler, grant: Grant, abort: AbortController): Promise<Ended> {
  const { clock } = parts
  const started = clock.monotonic()
  const timed = { job: grant.job, ms: 0 }
  let entered = false
  let over = false
  const isCurrent = () => !over && (abort.signal.reason as { code?: string } | undefined)?.code !== 'SUPERSEDED'
  const timeout = grant.timeout === undefined ? undefined : timeLimit(parts.clock, grant, abort)
  try {
    const given = await readPayload(parts.store, grant.input)
    abort.signal.throwIfAborted() // told to stop while a large input was being read: the handler is not entered
    const [input, entry] = [inputOf(handler, given), await entryOf(parts.store, handler, grant)]
    abort.signal.throwIfAborted()
    entered = true
    const work = (async () => handler.handle(input as never, contextOf(parts, grant, abort.signal, isCurrent, entry)))()
    const output = await (timeout ? Promise.race([work, timeout.passed]) : work)
    timed.ms = clock.monotonic() - started
    const suspend = suspendOf(output)
    if (suspend) return { outcome: 'suspend', suspend, size: JSON.stringify(suspend).length, ...timed }
    check(handler.definition.output, output, 'output')
    return { outcome: 'ok', output: { value: output ?? null }, size: sizeOf(output), ...timed }
  } catch (error) {
    timed.ms = clock.monotonic() - started
    if (abort.signal.aborted && error === abort.signal.reason && (error as { code?: string }).code === 'SHUTDOWN')
      return { outcome: 'back', ...timed }
    const code = (error as { code?: string } | undefined)?.code
    // The store was away: that is not the handler's failure, and uses no attempt.
    if (!entered && code === 'UNAVAILABLE') return { outcome: 'unbegun' }
    return {
      outcome: 'fail',
      error: errorOf(error),
      terminal: code === 'TERMINAL' || code === 'VALIDATION' || undefined,
      retryAt: code === 'RETRY_AT' ? (error as RetryAt).at : undefined,
      ...timed,
    }
  } finally {
    over = true
    timeout?.cancel()
  }
}

/** What was not given is null in JSON: where a schema allows nothing and not null, nothing was given. */
function inputOf({ definition }: Handler, value: unknown): unknown {
  if (value === null && definition.input?.safeParse(undefined).success && !definition.input.safeParse(null).success)
    return check(definition.input, undefined, 'input')
  return check(definition.input, value, 'input')
}

/** Characters of JSON: what cannot be written, or is too large, fails here. */
function sizeOf(output: unknown): number {
  const { length } = JSON.stringify(output ?? null) ?? ''
  if (length > maxPayload) throw new StellwerkError('TERMINAL', `output: ${length} characters of JSON; at most ${maxPayload} are kept`)
  return length
}

/** Largest input or output, in characters of JSON. */
export const maxPayload = 512 * 1024

function timeLimit(clock: Clock, { timeout, address }: Grant, abort: AbortController) {
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

export function errorOf(error: unknown): JobError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error).slice(0, 4000) }
  const code = (error as { code?: unknown }).code
  return {
    name: error.name,
    message: error.message.slice(0, 4000),
    code: typeof code === 'string' ? code : undefined,
    stack: error.stack?.slice(0, 4000),
  }
}

/** What this entry of the handler was given. */
type Entry = Pick<Context, 'callbacks' | 'state' | 'round' | 'suspend'>

async function entryOf(store: Store, { definition }: Handler, { round = 1, given = {}, state }: Grant): Promise<Entry> {
  const schemas: Callbacks | undefined = definition.callbacks
  const callbacks: Record<string, unknown> = {}
  for (const [name, payload] of Object.entries(given))
    callbacks[name] = check(schemas?.[name], await readPayload(store, payload), `callbacks.${name}`)
  return { round, callbacks, state: await readPayload(store, state), suspend: (options: SuspendOptions) => suspended(schemas, options) }
}

function contextOf(parts: Parts, grant: Grant, signal: AbortSignal, isCurrent: () => boolean, entry: Entry): Context {
  const { address, attempt, dispatch, member, group } = grant
  return {
    id: idOf(address),
    idempotencyKey: address,
    key: member?.key,
    attempt,
    run: dispatch,
    signal,
    ...entry,
    group: group && { ...group, members: () => membersOf(parts.store, group.id) },
    progress: reportProgress(parts.bus, parts.clock.now, grant, isCurrent),
  }
}

/** All members of a group with what became of them, in order of key: read page by page. */
async function* membersOf(store: Store, id: string): AsyncGenerator<MemberResult> {
  const query = { type: 'job', prefix: `job:${id}/`, group: `group:${id}` }
  for (let after: string | undefined; ; ) {
    const docs: ActorDocument[] = await store.find(query, after, 200)
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
        output: await readPayload(store, output),
        error: error && { name: error.name, message: error.message },
      }
    }
    if (docs.length < 200) return
    after = docs.at(-1)!._id
  }
}
