import { randomBytes } from 'node:crypto'
import type { Condition } from '../actors/actor.ts'
import type { JobSubmit, Payload, Terms } from '../actors/job.ts'
import type { Member } from '../actors/members.ts'
import { type Address, addressOf, checkId, idOf } from './address.ts'
import type { Bus } from './bus/port.ts'
import { type Clock, sleep } from './clock.ts'
import { groupSubmit, isJobName, labels as labelsSchema, reservedId } from './command.ts'
import { check, type JobDefinition, type MemberOf, type WithInput } from './definition.ts'
import type { HistoryEntry, Snapshot } from './document.ts'
import { type Duration, ms } from './duration.ts'
import type { ActorEvent } from './envelope.ts'
import {
  ConflictError,
  type Issue,
  JobCancelledError,
  JobFailedError,
  NotAllowedError,
  NotFoundError,
  StellwerkError,
  UnavailableError,
  ValidationError,
} from './errors.ts'
import type { View } from './host/api.ts'
import { schemaFrom } from './host/contracts.ts'
import type { Refusal } from './host/replies.ts'
import { maxPayload } from './host/run.ts'
import { weightOf } from './payload.ts'
import { createSender } from './sender.ts'
import type { Query } from './store/port.ts'

export interface SubmitOptions {
  /** Default: a random id. The same id with the same definition and input is the same job; with other content a ConflictError. */
  id?: string
  /** Not before this time. */
  startAt?: Date | string | number
  /** 0 to 9, 9 first. Default: the definition's. */
  priority?: number
  labels?: Record<string, string>
  /** 'committed' (default): resolves when the job's document is stored. 'queued': when the stream has it, hosts up or not. */
  ack?: 'committed' | 'queued'
}

export interface GroupSubmitOptions {
  id?: string
  members: Iterable<MemberOf> | AsyncIterable<MemberOf>
  /** Runs once, when all members have finished. */
  output?: WithInput
  /** 'all-finished' (default): the output is made, and gets the failed ones. 'all-succeeded': a group with a failed member ends failed. */
  when?: 'all-finished' | 'all-succeeded'
  onMemberFailure?: 'continue' | 'cancel-rest'
  /** Members that run at once. Default: as many as there are slots. */
  concurrency?: number
  /** false: more members may be added until `seal()`. Default true. */
  seal?: boolean
  /** Sealed by itself after this time. */
  sealBy?: Duration
  labels?: Record<string, string>
}

export interface WaitOptions {
  signal?: AbortSignal
}

export interface ActorHandle {
  readonly id: string
  readonly address: Address
  view(): Promise<View>
  /** Every unmet condition of what waits. */
  why(): Promise<{ state: string; conditions: Condition[] }>
  history(): Promise<{ machine: string; address: Address; history: HistoryEntry[]; snapshot: Snapshot }>
  cancel(options?: { reason?: string }): Promise<void>
}

export interface JobHandle<O = unknown> extends ActorHandle {
  /** The output; or throws JobFailedError, JobCancelledError. */
  result(options?: WaitOptions): Promise<O>
  /** An operator's retry of a job that ended without success, or is held. A member's is decided by its group. */
  retry(): Promise<void>
}

export interface GroupHandle<O = unknown> extends ActorHandle {
  add(members: Iterable<MemberOf> | AsyncIterable<MemberOf>): Promise<void>
  seal(): Promise<void>
  /** The output of the group's output; or throws JobFailedError, JobCancelledError. */
  result(options?: WaitOptions): Promise<O>
}

export interface Client extends AsyncDisposable {
  submit<I, O, G>(definition: JobDefinition<I, O, G>, input: G, options?: SubmitOptions): Promise<JobHandle<O>>
  submit(job: string, input: unknown, options?: SubmitOptions): Promise<JobHandle>
  submitMany<I, O, G>(definition: JobDefinition<I, O, G>, inputs: Iterable<G> | AsyncIterable<G>): Promise<JobHandle<O>[]>
  submitGroup(options: GroupSubmitOptions): Promise<GroupHandle>
  job<O = unknown>(id: string): JobHandle<O>
  group<O = unknown>(id: string): GroupHandle<O>
  /** All that match, page by page. */
  find(query: Query): AsyncIterable<View>
  close(): Promise<void>
}

/** How long a question waits for its answer, each time that it is asked, ms. */
const patiences = [1500, 2500, 6000]

/** Members that travel in one message, and the characters of JSON that they may have together. */
const chunkMembers = 250
const chunkSize = 192 * 1024

export function createClient({
  bus,
  clock,
  name,
  onClose,
}: {
  bus: Bus
  clock: Clock
  name: string
  onClose?: () => Promise<void>
}): Client {
  const sender = createSender(bus, clock, name)
  let closed = false

  async function ask<T>(verb: string, request: unknown): Promise<T> {
    const reply = (await answerTo(`api.${verb}`, request)) as { ok: boolean; error?: Refusal }
    if (!reply.ok) throw errorOf(reply.error!)
    return reply as T
  }

  /** Questions change nothing: one that went to a host that hangs is asked again, and most likely goes to another. */
  async function answerTo(subject: string, request: unknown): Promise<unknown> {
    for (const patience of patiences) {
      try {
        return await bus.request(subject, request, patience)
      } catch (error) {
        const { code, nobody } = error as UnavailableError
        if (code !== 'UNAVAILABLE' || nobody || patience === patiences.at(-1)) throw error
      }
    }
  }

  async function command(to: Address, event: ActorEvent, ack: 'committed' | 'queued' = 'committed'): Promise<void> {
    const { error } = await sender.send(to, event, ack)
    if (error) throw errorOf(error)
  }

  /** Terms and input of something to submit: checked by the definition if its code is at hand, else by the published contract. */
  async function prepare(
    definition: WithInput['definition'],
    input: unknown,
    field: string,
  ): Promise<{ job: string; input: Payload; terms: Terms }> {
    const known = typeof definition === 'string' ? await contractOf(definition) : definition
    const { value, length } = asJson(input, field)
    check(known.input, value, field)
    if (length > maxPayload)
      throw invalid(field, `${length} characters of JSON; at most ${maxPayload} are taken. Store it elsewhere and pass a reference.`)
    return { job: known.name, input: { value: value ?? null }, terms: known.terms }
  }

  async function contractOf(job: string) {
    const record = isJobName(job) ? await bus.records.get(`contract.${job}`) : undefined
    if (!record) throw new NotFoundError(`job: no host has published a job named "${job}"`)
    const contract = record.value as { name: string; terms: Terms; input?: unknown }
    return { name: contract.name, terms: contract.terms, input: schemaFrom(contract.input) }
  }

  async function memberOf(to: Address, { definition, input, key }: MemberOf): Promise<Member> {
    checkId(key, 'members.key')
    checkId(`${idOf(to)}/${key}`, `members.key: its address has the group's id in it`)
    if (key === 'output' || key.includes('/')) throw invalid('members.key', `"${key}" cannot be a key: one segment, and not "output".`)
    return { key, ...(await prepare(definition, input, `members.${key}`)) }
  }

  /** An array is checked as a whole before anything is sent; what comes from elsewhere piece by piece. */
  async function checked(to: Address, members: GroupSubmitOptions['members']): Promise<Iterable<Member> | AsyncIterable<Member>> {
    if (Array.isArray(members)) return Promise.all((members as MemberOf[]).map((member) => memberOf(to, member)))
    return (async function* () {
      for await (const member of members) yield memberOf(to, member)
    })()
  }

  /** Members in chunks: no message, and no outbox of the group, becomes large. */
  async function* chunks(to: Address, members: Iterable<Member> | AsyncIterable<Member>): AsyncGenerator<Member[]> {
    let chunk: Member[] = []
    let size = 0
    for await (const member of members) {
      const length = Math.max(weightOf(to, member), JSON.stringify(member).length)
      if (chunk.length && (chunk.length >= chunkMembers || size + length > chunkSize)) {
        yield chunk
        chunk = []
        size = 0
      }
      chunk.push(member)
      size += length
    }
    yield chunk
  }

  /** The first chunk with `first`, the others as additions; the last one seals. One is on its way while the next is made. */
  async function sendChunks(to: Address, members: GroupSubmitOptions['members'], seal: boolean, first?: (members: Member[]) => ActorEvent) {
    let pending: { event: (seal: boolean) => ActorEvent } | undefined
    let sent: Promise<void> = Promise.resolve()
    let begun = false
    const send = async (event: ActorEvent) => {
      await sent
      sent = command(to, event)
      sent.catch(() => {})
    }
    for await (const chunk of chunks(to, await checked(to, members))) {
      if (pending) await send(pending.event(false))
      const make = !begun && first ? first(chunk) : { type: 'add', members: chunk }
      pending = { event: (last) => (last ? { ...make, seal: true } : make) }
      begun = true
    }
    if (pending) await send(pending.event(seal))
    await sent
  }

  function handle(address: Address) {
    const id = address.slice(address.indexOf(':') + 1)
    return {
      id,
      address,
      view: async () => (await ask<{ view: View }>('get', { address })).view,
      why: async () => {
        const { state, conditions } = await ask<{ state: string; conditions: Condition[] }>('why', { address })
        return { state, conditions }
      },
      history: async () => {
        const { machine, history, snapshot } = await ask<{ machine: string; history: HistoryEntry[]; snapshot: Snapshot }>('history', {
          address,
        })
        return { machine, address, history, snapshot }
      },
      cancel: async ({ reason }: { reason?: string } = {}) => command(address, { type: 'cancel', reason }),
    }
  }

  /** Told by the feed; asks once at the beginning and, since the feed may lose a message, now and then. */
  async function ended(address: Address, { signal }: WaitOptions = {}): Promise<View> {
    const [type, id] = [address.slice(0, address.indexOf(':')), address.slice(address.indexOf(':') + 1)]
    let wake = () => {}
    const listening = bus.listen(`feed.${type}.${id.split('/')[0]}`, (changes) => {
      if ((changes as { address: string }[]).some((change) => change.address === address)) wake()
    })
    try {
      for (;;) {
        signal?.throwIfAborted()
        const told = new Promise<void>((done) => (wake = done))
        const view = await viewIfAny(address, signal)
        if (view?.final) return view
        await firstOf(told, signal)
      }
    } finally {
      listening.stop()
    }
  }

  /** For those who wait for an end: while nobody can answer, they go on waiting. */
  async function viewIfAny(address: Address, signal?: AbortSignal): Promise<View | undefined> {
    for (;;) {
      signal?.throwIfAborted()
      try {
        return (await ask<{ view: View }>('get', { address })).view
      } catch (error) {
        const { code } = error as StellwerkError
        if (code === 'NOT_FOUND') return undefined
        if (code !== 'UNAVAILABLE' || closed) throw error
        await sleep(clock, 250)
      }
    }
  }

  async function firstOf(told: Promise<void>, signal?: AbortSignal): Promise<void> {
    let cancel = () => {}
    const late = new Promise<void>((done) => {
      cancel = clock.at(clock.now() + 15_000, done)
      signal?.addEventListener('abort', () => done(), { once: true })
    })
    await Promise.race([told, late])
    cancel()
  }

  const jobHandle = <O>(id: string): JobHandle<O> => {
    const address = addressOf('job', checkId(id, 'id'))
    return {
      ...handle(address),
      result: async (options) => outcome(await ended(address, options)) as O,
      retry: () => command(address, { type: 'retry' }),
    }
  }

  const groupHandle = <O>(id: string): GroupHandle<O> => {
    const address = addressOf('group', checkId(id, 'id'))
    return {
      ...handle(address),
      add: (members) => sendChunks(address, members, false),
      seal: () => command(address, { type: 'seal' }),
      async result(options) {
        const view = await ended(address, options)
        if (view.state === 'cancelled') throw new JobCancelledError(`${address} was cancelled`)
        const output = await viewIfAny(addressOf('job', `${id}/output`), options?.signal)
        if (output) return outcome(output) as O
        if (view.state === 'failed')
          throw new JobFailedError(`${address} failed: ${view.members?.failed} of ${view.members?.total} members failed`)
        return undefined as O
      },
    }
  }

  async function submit(definition: WithInput['definition'], input: unknown, options: SubmitOptions = {}): Promise<JobHandle<never>> {
    const { id = randomBytes(12).toString('hex'), startAt, priority, ack } = options
    if (typeof id === 'string' && id.endsWith('/output')) throw invalid('id', reservedId)
    const labels = check(labelsSchema, options.labels, 'labels') as Record<string, string> | undefined
    const prepared = await prepare(definition, input, 'input')
    const terms = priority === undefined ? prepared.terms : { ...prepared.terms, priority: checkPriority(priority) }
    const event: JobSubmit = { type: 'submit', ...prepared, terms, labels, startAt: startAt === undefined ? undefined : checkTime(startAt) }
    await command(addressOf('job', checkId(id, 'id')), event, ack)
    return jobHandle(id)
  }

  return {
    submit: submit as Client['submit'],
    async submitMany(definition, inputs) {
      const handles: Promise<JobHandle<never>>[] = []
      for await (const input of inputs) handles.push(submit(definition as never, input))
      return Promise.all(handles)
    },
    async submitGroup({ id = randomBytes(12).toString('hex'), members, output, seal = true, sealBy, ...rest }) {
      const address = addressOf('group', checkId(id, 'id'))
      checkId(`${id}/output`, 'id')
      if (rest.concurrency !== undefined && (!Number.isInteger(rest.concurrency) || rest.concurrency < 1))
        throw invalid('concurrency', 'must be a whole number, 1 or more')
      check(groupSubmit.shape.when, rest.when, 'when')
      check(groupSubmit.shape.onMemberFailure, rest.onMemberFailure, 'onMemberFailure')
      check(labelsSchema, rest.labels, 'labels')
      const options = {
        ...rest,
        output: output && (await prepare(output.definition, output.input, 'output')),
        sealBy: sealBy === undefined ? undefined : ms(sealBy, 'sealBy'),
      }
      await sendChunks(address, members, seal, (chunk) => ({ type: 'submit', options, members: chunk }))
      return groupHandle(id)
    },
    job: jobHandle,
    group: groupHandle,
    async *find(query) {
      for (let after: string | undefined; ; ) {
        const page = await ask<{ views: View[]; after?: string }>('find', { query, after, limit: 200 })
        yield* page.views
        if (page.views.length < 200) return
        after = page.after
      }
    },
    async close() {
      closed = true
      sender.stop()
      await onClose?.()
    },
    async [Symbol.asyncDispose]() {
      await this.close()
    },
  }
}

/** What the handler will get: the same on every bus, and nobody can change it any more. */
function asJson(input: unknown, field: string): { value: unknown; length: number } {
  if (input === undefined) return { value: undefined, length: 0 }
  try {
    const text = JSON.stringify(input)
    return { value: JSON.parse(text), length: text.length }
  } catch (error) {
    throw invalid(field, `cannot be written as JSON (${(error as Error).message.split('\n')[0]})`)
  }
}

const invalid = (field: string, message: string) => new ValidationError(`${field}: ${message}`, [{ path: field.split('.'), message }])

function checkPriority(priority: number): number {
  if (Number.isInteger(priority) && priority >= 0 && priority <= 9) return priority
  throw invalid('priority', 'must be a whole number from 0 to 9')
}

function checkTime(at: Date | string | number): number {
  const time = new Date(at).getTime()
  if (Number.isFinite(time)) return time
  throw invalid('startAt', `${JSON.stringify(at)} is not a time. Use a Date, or ISO 8601 with an offset.`)
}

function outcome(view: View): unknown {
  if (view.state === 'succeeded') return view.output ?? undefined
  if (view.state === 'cancelled') throw new JobCancelledError(`${view.address} was cancelled`)
  throw new JobFailedError(`${view.address} ${view.state}: ${view.error?.message ?? 'no message'}`, { cause: view.error })
}

function errorOf({ code, message, issues }: Refusal): StellwerkError {
  switch (code) {
    case 'CONFLICT':
      return new ConflictError(message)
    case 'NOT_FOUND':
      return new NotFoundError(message)
    case 'NOT_ALLOWED':
      return new NotAllowedError(message)
    case 'VALIDATION':
      return new ValidationError(message, issues as Issue[] | undefined)
    case 'UNAVAILABLE':
      return new UnavailableError(message)
    default:
      return new StellwerkError(code as never, message)
  }
}
