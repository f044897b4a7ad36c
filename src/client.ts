import type { JobSubmit } from '../actors/job.ts'
import { type Address, addressOf, checkAddress, checkId } from './address.ts'
import type { Bus } from './bus/port.ts'
import { type Audit, auditing } from './client/audit.ts'
import { type ChainHandles, chainsOf } from './client/chains.ts'
import { type DeadLetters, deadLettersOf } from './client/dead-letters.ts'
import { endsOf } from './client/ends.ts'
import { type ActorHandle, type GroupHandle, handles, type JobHandle, resumed } from './client/handles.ts'
import { submittingMany } from './client/many.ts'
import { type GivenMembers, memberSending } from './client/members.ts'
import { createNews } from './client/news.ts'
import { type OrderOptions, orderOf } from './client/order.ts'
import { type Plans, plansOf } from './client/plans.ts'
import { type PoolHandle, pools } from './client/pools.ts'
import { checkPriority, checkTime, deadlineOf, preparation } from './client/prepare.ts'
import { errorOf, patiently, questions } from './client/questions.ts'
import { type Schedules, schedulesOf } from './client/schedules.ts'
import { countStuck } from './client/stuck.ts'
import { type Watch, watching } from './client/watch.ts'
import type { Clock } from './clock.ts'
import { groupSubmit, isReserved, labels as labelsSchema, reservedId } from './command.ts'
import { type Callbacks, check, type JobDefinition, type WithInput } from './definition.ts'
import { type Duration, ms } from './duration.ts'
import type { ActorEvent } from './envelope.ts'
import { invalid } from './errors.ts'
import { checkChoice, checkFields, optionsOf } from './fields.ts'
import type { Find, View } from './host/api.ts'
import type { StuckCount } from './host/stuck.ts'
import { randomId } from './random-id.ts'
import { createSender } from './sender.ts'

export type { Audit } from './client/audit.ts'
export type { ChainHandle, ChainHandles, ChainRun } from './client/chains.ts'
export type { DeadLetters, LettersRefused, OpenedLetter } from './client/dead-letters.ts'
export type { WaitOptions } from './client/ends.ts'
export type { ActorHandle, GroupHandle, JobHandle } from './client/handles.ts'
export type { OrderOptions } from './client/order.ts'
export type { PlanHandle, Plans } from './client/plans.ts'
export type { PoolHandle } from './client/pools.ts'
export type { ScheduleHandle, Schedules } from './client/schedules.ts'
export type { JobUpdate } from './client/update.ts'
export type { Watch, WatchOptions } from './client/watch.ts'

export interface SubmitOptions extends OrderOptions {
  /** Default: a random id. The same id with the same definition and input, as given (before the defaults of its schema), is the same job; with other content a ConflictError. */
  id?: string
  /** Not before this time. */
  startAt?: Date | string | number
  /** When it has failed at the latest (5 s later, where a handler runs that does not react to its signal): a time, or a duration from now. Default: the definition's. */
  deadline?: Date | Duration
  /** 0 to 9, 9 first. Default: the definition's. */
  priority?: number
  labels?: Record<string, string>
  /** 'committed' (default): resolves when the job's document is stored. 'queued': when the stream has it, hosts up or not. */
  ack?: 'committed' | 'queued'
  /**
   * How long to wait for that; without it a minute. While a server is away, or the stream is full, the submit waits and is sent again.
   * Then an UnavailableError says what is away: the job may still come to be, and submitting it again with its id is safe: without one it was given one, which the error names.
   */
  signal?: AbortSignal
}

export interface GroupSubmitOptions {
  /** Default: a random id. The same id with the same options is the same group, and a member with the same key the same member. */
  id?: string
  /** An array is checked as a whole before anything is sent; what comes from elsewhere (a generator, a stream) is sent as it comes. */
  members: GivenMembers
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

export interface Client extends AsyncDisposable, Schedules {
  submit<I, O, G, C extends Callbacks>(definition: JobDefinition<I, O, G, C>, input: G, options?: SubmitOptions): Promise<JobHandle<O, C>>
  submit(job: string, input: unknown, options?: SubmitOptions): Promise<JobHandle>
  /**
   * One job for each input, with a random id; resolves when all are stored. Of an array nothing is submitted if one of its inputs does not validate. Of a
   * stream, and where the connection fails, those before are, and a StellwerkError says how many: to be able to say it again, submit a group, or each with its id.
   */
  submitMany<I, O, G, C extends Callbacks>(
    definition: JobDefinition<I, O, G, C>,
    inputs: Iterable<G> | AsyncIterable<G>,
  ): Promise<JobHandle<O, C>[]>
  /**
   * Resolves when the group has all its members. Members start as they arrive; the group is sealed with the last of them, and not before.
   *
   * If `members` throws, or one of them does not validate, before any was sent, that error is thrown and there is no group. After that an
   * IncompleteError is thrown, with that error as its `cause`: the members sent so far are in the group and run, and it stays open (with
   * `sealBy`, until then). To go on, submit it again with the same id (`error.id`), the same options and all members: those that it has
   * count once. Or end it: `client.group(error.id).cancel()`.
   */
  submitGroup(options: GroupSubmitOptions): Promise<GroupHandle>
  job<O = unknown, C extends Callbacks = Callbacks>(id: string): JobHandle<O, C>
  group<O = unknown>(id: string): GroupHandle<O>
  /** Of any kind, by its address: `job:a1`. */
  actor(address: string): ActorHandle
  /**
   * Gives the value of a callback to the job that suspends with this correlation id (`as`), for the round that it registered it for. What
   * comes before that is kept: the first for each name, at most 32 names, for a day.
   */
  resume(as: string, name: string, value: unknown): Promise<void>
  pool(name: string): PoolHandle
  /** A chain, by its definition or its name. */
  readonly chain: ChainHandles
  /** The plan of a date (`2026-11-23`): what is in it, and what is to be changed. `zone` only if there are chains in several. */
  readonly plan: Plans
  /** Jobs that failed or were aborted for good, and events and commands that could not be applied. */
  readonly deadLetters: DeadLetters
  /** All that match, page by page. `{ stuck: true }`: only what waits for an operator. */
  find(query: Find): AsyncIterable<View>
  /** How many are stuck, by type and state: for a metric. Counted when asked, by looking through all that has not ended. */
  stuck(): Promise<StuckCount[]>
  /**
   * Proves over all that is stored that each job, the outputs of groups among them, was started as it may be, and that what has ended has stayed so. It reads
   * every history once, in part at a time. Throws the signal's reason; UnavailableError.
   */
  audit(options?: { signal?: AbortSignal }): Promise<Audit>
  /**
   * The changes of state of an actor, from a version on: complete and in order, also over reconnects, takeovers and lost messages, since
   * they are read from its history; the feed only says when to look. Waits for an actor that does not exist yet. Ends after the final
   * state. Throws NotFoundError if the actor is removed, or made anew, meanwhile; the signal's reason; ValidationError.
   */
  watch: Watch
  close(): Promise<void>
}

interface ClientParts {
  bus: Bus
  clock: Clock
  /** Unique for every client that is ever made. */
  name: string
  onClose?: () => Promise<void>
}

const submitFields = ['id', 'startAt', 'deadline', 'priority', 'labels', 'ack', 'signal', 'lane', 'after', 'when'] as const
const groupFields = ['id', 'members', 'output', 'when', 'onMemberFailure', 'concurrency', 'seal', 'sealBy', 'labels']

/** Views that are asked for at once. */
const pageOfViews = 200

export function createClient({ bus, clock, name, onClose }: ClientParts): Client {
  const sender = createSender(bus, clock, name)
  let closed = false

  async function command(to: Address, event: ActorEvent, ack: 'committed' | 'queued' = 'committed', signal?: AbortSignal): Promise<void> {
    const { error } = await sender.send(to, event, ack, signal)
    if (error) throw errorOf(error)
  }

  const ask = questions(bus)
  const { prepare, stop: forgetPools } = preparation(bus.records, clock)
  const sendMembers = memberSending(prepare, command)
  const news = createNews({ bus, clock })
  const waits = { ask: patiently({ ask, clock, closed: () => closed }), news }
  const ends = endsOf(waits)
  const { actor, job, group } = handles({ ask, command, sendMembers, prepare, ends })

  async function submit(definition: WithInput['definition'], input: unknown, given?: SubmitOptions): Promise<JobHandle<never>> {
    const options = optionsOf(given, submitFields)
    const { id = randomId(), startAt, priority, ack, signal, deadline } = options
    checkChoice(ack, ['committed', 'queued'], 'ack')
    const order = orderOf(options)
    if (typeof id === 'string' && isReserved(id)) throw invalid('id', reservedId)
    const labels = check(labelsSchema, options.labels, 'labels') as Record<string, string> | undefined
    const prepared = await prepare(definition, input, 'input', signal)
    const terms = priority === undefined ? prepared.terms : { ...prepared.terms, priority: checkPriority(priority) }
    const planned = startAt === undefined ? undefined : checkTime(startAt)
    const event: JobSubmit = {
      type: 'submit',
      ...prepared,
      terms,
      labels,
      startAt: planned,
      overdueAt: deadlineOf(deadline, clock.now()),
      ...order,
    }
    await command(addressOf('job', checkId(id, 'id')), event, ack, signal)
    return job(id, { known: ack !== 'queued' })
  }

  const submitMany = submittingMany(prepare, async (prepared) => {
    const id = randomId()
    await command(addressOf('job', id), { type: 'submit', ...prepared } satisfies JobSubmit)
    return job(id, { known: true })
  })

  /** `chain`: of which it is a step, as makers say. */
  async function submitGroup(given: GroupSubmitOptions, chain?: Address): Promise<GroupHandle> {
    checkFields(given, groupFields, '', 'group')
    const { id = randomId(), members, output, seal = true, sealBy, ...rest } = given
    checkChoice(seal, [true, false], 'seal')
    if (output !== undefined) checkFields(output, ['definition', 'input'], 'output')
    const address = addressOf('group', checkId(id, 'id'))
    checkId(`${id}/output`, 'id')
    if (rest.concurrency !== undefined && (!Number.isInteger(rest.concurrency) || rest.concurrency < 1))
      throw invalid('concurrency', 'must be a whole number, 1 or more')
    check(groupSubmit.shape.when, rest.when, 'when')
    check(groupSubmit.shape.onMemberFailure, rest.onMemberFailure, 'onMemberFailure')
    check(labelsSchema, rest.labels, 'labels')
    const options = {
      ...rest,
      output: output && (await prepare(output.definition, output.input, 'output.input')),
      sealBy: sealBy === undefined ? undefined : ms(sealBy, 'sealBy'),
      chain,
    }
    await sendMembers(address, members, seal, (first) => ({ type: 'submit', options, members: first }))
    return group(id, { known: true })
  }

  async function* find(query: Find): AsyncGenerator<View> {
    if (query !== undefined) checkFields(query, ['type', 'state', 'prefix', 'group', 'labels', 'status', 'stuck'], 'query')
    for (let after: string | undefined; ; ) {
      const page = await ask<{ views: View[]; after?: string }>('find', { query, after, limit: pageOfViews })
      yield* page.views
      after = page.after
      if (after === undefined) return
    }
  }

  return {
    submit: submit as Client['submit'],
    submitMany: submitMany as Client['submitMany'],
    submitGroup,
    job: (id) => job(id),
    group: (id) => group(id),
    actor: (address) => actor(checkAddress(address)),
    resume: async (as, name, value) => command(addressOf('correlation', checkId(as, 'as')), resumed(name, value)),
    chain: chainsOf({ records: bus.records, ends, command, actor }),
    plan: plansOf({ ask, command, actor }),
    ...schedulesOf({ records: bus.records, prepare, command, actor }),
    pool: pools({ actor, command, ends }),
    deadLetters: deadLettersOf({ bus, ask, history: async (id) => (await job(id).history()).history }),
    find,
    audit: auditing({
      find,
      history: async (address) => (await actor(address).history()).history,
      view: (address) => actor(address).view(),
    }),
    stuck: () => countStuck(ask),
    watch: watching({ ...waits, ends }),
    async close() {
      closed = true
      news.close()
      sender.stop()
      forgetPools()
      await onClose?.()
    },
    async [Symbol.asyncDispose]() {
      await this.close()
    },
  }
}
