import { JetStreamApiCodes, JetStreamApiError, type JetStreamClient } from '@nats-io/jetstream'
import { type KV, type KvEntry, Kvm } from '@nats-io/kv'
import type { Msg } from 'nats'
import { UnavailableError } from '../../errors.ts'
import { guarded } from '../guarded.ts'
import type { Listening, Records, StoredRecord } from '../port.ts'
import type { Link } from './link.ts'
import { isApiError, streamNames } from './streams.ts'

/** Records in a key-value bucket. Its changes are told on core NATS after they are stored, so that watching costs nothing while nothing changes. */
export async function openRecords(link: Link, js: JetStreamClient, namespace: string, create: boolean): Promise<Records> {
  const { records: bucket } = streamNames(namespace, 0)
  const told = `${namespace}.record`
  const kvm = new Kvm(js)
  const options = { allow_direct: false, republish: { src: `$KV.${bucket}.>`, dest: `${told}.>` } }
  const kv = await link.bounded(() => (create ? kvm.create(bucket, options) : kvm.open(bucket, { allow_direct: false })))

  const get = async (key: string): Promise<StoredRecord | undefined> => {
    try {
      const entry = await link.bounded(() => kv.get(encodeKey(key)))
      return entry && entry.operation === 'PUT' ? stored(entry) : undefined
    } catch (error) {
      if (isApiError(error, 'stream not found'))
        throw new UnavailableError(`There is no deployment "${namespace}" on NATS at ${link.server}. Start a host first.`, { cause: error })
      throw error
    }
  }

  const put = async (key: string, value: unknown, revision: number): Promise<number | undefined> => {
    const json = JSON.stringify(value ?? null)
    const name = encodeKey(key)
    try {
      return await link.bounded(() => (revision === 0 ? kv.create(name, json) : kv.update(name, json, revision)))
    } catch (error) {
      if (lostTheRace(error)) return undefined
      throw error
    }
  }

  const present = (pattern: string) => link.bounded(() => entries(kv, pattern))
  return { get, put, watch: (prefix, on) => watch(link, told, prefix, present, on) }
}

/**
 * Who watches hears of changes from the server, and after each reconnect reads all again: what was missed meanwhile is told then.
 */
async function watch(
  link: Link,
  told: string,
  prefix: string,
  present: (pattern: string) => Promise<KvEntry[]>,
  on: (key: string, record: StoredRecord) => void,
): Promise<Listening> {
  const known = new Map<string, number>()
  const pattern = `${encodeKey(prefix).slice(0, encodeKey(prefix).lastIndexOf('.') + 1)}>`
  let stopped = false

  const tell = (key: string, record: StoredRecord): void => {
    if (stopped || !key.startsWith(prefix) || (known.get(key) ?? 0) >= record.revision) return
    known.set(key, record.revision)
    guarded(() => on(key, record))
  }
  const change = (error: unknown, msg: Msg): void => {
    if (error || msg.data.length === 0) return
    const value = parse(msg)
    if (value !== undefined)
      tell(decodeKey(msg.subject.slice(told.length + 1)), { value, revision: Number(msg.headers?.get('Nats-Sequence')) })
  }
  const readAll = async (): Promise<void> => {
    for (const entry of await present(pattern)) tell(decodeKey(entry.key), stored(entry))
  }

  const subscription = link.nc.subscribe(`${told}.${pattern}`, { callback: change })
  const connection = link.onConnection((connected) => {
    if (connected) again()
  })
  /** The server may take a moment to have its streams again. */
  const again = (): void => {
    readAll().catch(() => {
      if (!stopped && link.connected) setTimeout(again, 500).unref()
    })
  }
  const stop = (): void => {
    stopped = true
    connection.stop()
    if (!link.nc.isClosed()) subscription.unsubscribe()
  }
  try {
    await readAll()
  } catch (error) {
    stop()
    throw error
  }
  return { stop }
}

async function entries(kv: KV, pattern: string): Promise<KvEntry[]> {
  const found: KvEntry[] = []
  for await (const entry of await kv.history({ key: pattern })) if (entry.operation === 'PUT') found.push(entry)
  return found
}

const stored = (entry: KvEntry): StoredRecord => ({ value: entry.json(), revision: entry.revision })

/** Somebody else's writing in our bucket is nothing. */
function parse(msg: Msg): unknown {
  try {
    return msg.json()
  } catch {
    return undefined
  }
}

const lostTheRace = (error: unknown): boolean =>
  error instanceof JetStreamApiError &&
  (error.code === JetStreamApiCodes.StreamWrongLastSequence || error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)

/** Dots stay: they part a key into its levels. What a key cannot hold becomes its number. */
const encodeKey = (key: string): string => key.replace(/[^-/.\w]/g, (c) => `=${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
const decodeKey = (key: string): string =>
  key.replace(/=([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
