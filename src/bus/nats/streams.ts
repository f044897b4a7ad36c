import { isDeepStrictEqual } from 'node:util'
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream'
import { nanos, nuid } from 'nats'
import { StellwerkError, UnavailableError } from '../../errors.ts'
import { type LetterLimits, letterLimits, type Records } from '../port.ts'
import type { Link } from './link.ts'
import { eventSubjects } from './subjects.ts'

/** What is fixed when a deployment is made. */
export interface Deployment {
  partitions: number
  epoch: number
}

/** Most bytes that the streams may hold. JetStream sets them aside: together they must fit into what it has. */
export interface StreamLimits {
  events?: number
  work?: number
  dead?: number
}

const gigabyte = 1024 ** 3
const defaultPartitions = 16
const key = 'deployment'

export const streamNames = (namespace: string, epoch: number) => ({
  events: `${namespace}-events-${epoch}`,
  work: `${namespace}-work`,
  dead: `${namespace}-dead`,
  records: `${namespace}-records`,
})

/** For consumers: every message is acknowledged by itself, and comes again for ever until then. */
export const explicitly = { ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All, max_deliver: -1, max_ack_pending: 100_000 }

/** Reads what was fixed for this namespace; with `create` fixes it if nobody did, and makes what is missing. */
export async function openDeployment(options: {
  link: Link
  jsm: JetStreamManager
  records: Records
  namespace: string
  partitions?: number
  create: boolean
  limits?: StreamLimits
  letters?: LetterLimits
  /** Number of the event stream that the documents have seen: NATS alone may have forgotten it. */
  known?: number
}): Promise<Deployment> {
  const { link, records, namespace, partitions, create } = options
  let found = await read(records)
  if (!found && !create) throw new UnavailableError(`There is no deployment "${namespace}" on NATS at ${link.server}. Start a host first.`)
  if (create) found = await complete(options, found)
  if (partitions !== undefined && found!.partitions !== partitions)
    throw new StellwerkError(
      'CONFLICT',
      `The deployment "${namespace}" has ${found!.partitions} partitions, not ${partitions}: the number is fixed when it is made. Leave it out, or use another namespace.`,
    )
  return found!
}

async function complete(options: Parameters<typeof openDeployment>[0], found: Deployment | undefined): Promise<Deployment> {
  const { jsm, link, records, namespace, limits = {}, known = 0 } = options
  const have = (name: string) => isThere(link, jsm, name)
  const add = async (config: Partial<StreamConfig> & { name: string }) => {
    if (!(await have(config.name))) await addStream(link, jsm, config)
  }
  const names = streamNames(namespace, 0)
  await add({ ...queue(names.work, { subjects: [`${namespace}.work.>`] }), max_bytes: limits.work ?? gigabyte })
  const kept = keptBy(options.letters ?? letterLimits)
  await add({ ...letters(names.dead, [`${namespace}.dead.>`]), ...kept, max_bytes: limits.dead ?? gigabyte / 4 })
  if (options.letters) await change(link, jsm, names.dead, kept)

  const present = found && (await have(streamNames(namespace, found.epoch).events))
  if (found && present) {
    await change(link, jsm, streamNames(namespace, found.epoch).events, eventSubjects(namespace, found.partitions))
    return found
  }
  // The stream is there before the record that names it: a record without its stream means that the stream was lost.
  // Where all of NATS was lost, the number is the one that was known, and the documents refuse the new stream: that is not to pass unnoticed.
  const epoch = found ? Math.max(found.epoch, known) + 1 : Math.max(1, known)
  const wanted = { partitions: found?.partitions ?? options.partitions ?? defaultPartitions, epoch }
  const partitions = await addEvents(link, jsm, namespace, wanted, limits.events ?? gigabyte)
  return record(records, found, { partitions, epoch })
}

/** Answers the number of partitions that the stream really has: somebody else may have been first. */
async function addEvents(
  link: Link,
  jsm: JetStreamManager,
  namespace: string,
  { partitions, epoch }: Deployment,
  bytes: number,
): Promise<number> {
  const { events } = streamNames(namespace, epoch)
  const config = {
    ...queue(events, eventSubjects(namespace, partitions)),
    max_bytes: bytes,
    // By its mark a stream is known from another of the same name.
    metadata: { partitions: String(partitions), mark: nuid.next() },
  }
  if (!(await isThere(link, jsm, events))) await addStream(link, jsm, config)
  const { config: made } = await link.bounded(() => jsm.streams.info(events))
  return Number(made.metadata?.partitions ?? partitions)
}

async function record(records: Records, found: Deployment | undefined, wanted: Deployment): Promise<Deployment> {
  const before = await records.get(key)
  if (sameEpoch(before?.value as Deployment | undefined, found)) await records.put(key, wanted, before?.revision ?? 0)
  return (await read(records)) ?? wanted
}

const sameEpoch = (a: Deployment | undefined, b: Deployment | undefined): boolean => a?.epoch === b?.epoch
const read = async (records: Records): Promise<Deployment | undefined> => (await records.get(key))?.value as Deployment | undefined

async function isThere(link: Link, jsm: JetStreamManager, name: string): Promise<boolean> {
  try {
    await link.bounded(() => jsm.streams.info(name))
    return true
  } catch (error) {
    if (isApiError(error, 'stream not found')) return false
    throw error
  }
}

async function addStream(link: Link, jsm: JetStreamManager, config: Partial<StreamConfig> & { name: string }): Promise<void> {
  try {
    await link.bounded(() => jsm.streams.add(config))
  } catch (error) {
    if (isApiError(error, 'stream name already in use')) return
    if (isApiError(error, 'insufficient storage'))
      throw new UnavailableError(
        `JetStream at ${link.server} has no room for ${config.name} (${config.max_bytes} bytes): give it more (max_file_store), or set lower limits.`,
        { cause: error },
      )
    throw error
  }
}

const queue = (name: string, subjects: Pick<StreamConfig, 'subjects'>) => ({
  name,
  ...subjects,
  retention: RetentionPolicy.Workqueue,
  storage: StorageType.File,
  // The other policy would delete what nobody has seen yet.
  discard: DiscardPolicy.New,
  allow_atomic: true,
})

const letters = (name: string, subjects: string[]) => ({
  name,
  subjects,
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.Old,
  allow_atomic: true,
})

const keptBy = ({ age, count }: LetterLimits) => ({ max_age: nanos(age), max_msgs: count })

async function change(link: Link, jsm: JetStreamManager, name: string, wanted: Partial<StreamConfig>): Promise<void> {
  const { config } = await link.bounded(() => jsm.streams.info(name))
  const keys = Object.keys(wanted) as (keyof StreamConfig)[]
  if (keys.some((key) => !isDeepStrictEqual(config[key], wanted[key]))) await link.bounded(() => jsm.streams.update(name, wanted))
}

export const isApiError = (error: unknown, message: string): boolean =>
  error instanceof JetStreamApiError && error.message.includes(message)
