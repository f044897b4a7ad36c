import {
  type Db,
  MongoClient,
  MongoClientClosedError,
  type MongoClientOptions,
  MongoError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerClosedError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from 'mongodb'
import { UnavailableError } from '../../errors.ts'
import { watchHeartbeats } from './heartbeats.ts'

export interface MongoServer {
  /** In words, for errors. */
  readonly name: string
  readonly db: Db
  /**
   * Ends for sure, with what the driver reports: a write that is under way when its connection is closed may never be answered by it.
   * `statements`: how many are sent one after the other, or how many batches are read; each has the time of a call.
   */
  bound<T>(call: () => Promise<T>, statements?: number): Promise<T>
  /** As `bound`, with an UnavailableError, which names the server. */
  guard<T>(call: () => Promise<T>, statements?: number): Promise<T>
  /** As `guard`; repeated until the server can be reached again, for twice the time of a call. For reads, and for what is harmless to repeat. */
  insist<T>(call: () => Promise<T>, statements?: number): Promise<T>
  unavailable(error: unknown): UnavailableError
  close(): Promise<void>
}

const pause = 100
/** The driver's own limits come first: they say more. */
const grace = 1000

/** `patience`: of one statement, in ms. One that nobody answers is in doubt after this. */
const optionsFor = (patience: number): MongoClientOptions => ({
  appName: 'stellwerk',
  serverSelectionTimeoutMS: patience,
  connectTimeoutMS: patience,
  socketTimeoutMS: patience,
  waitQueueTimeoutMS: patience,
  // All lines may have gone silent, and the driver drops only the one that it waited for: its monitor notices before a call in doubt gives up, and drops all.
  heartbeatFrequencyMS: patience,
  // Far more than are ever used: a call that is never answered keeps its connection's place.
  maxPoolSize: 500,
  // What is acknowledged survives the loss of a server; what is read cannot be taken back by one.
  writeConcern: { w: 'majority', journal: true },
  readConcern: { level: 'majority' },
  ignoreUndefined: true,
})

export async function connectMongo(url: string, defaultDatabase: string, patience: number): Promise<MongoServer> {
  const client = clientFor(url, patience)
  const name = client.options.hosts.map(String).join(',') || client.options.srvHost || 'MongoDB'
  const db = client.db(databaseIn(url) ?? defaultDatabase)

  const unavailable = (error: unknown) =>
    error instanceof UnavailableError ? error : new UnavailableError(`MongoDB at ${name}: ${(error as Error).message}`, { cause: error })
  const bound = async <T>(call: () => Promise<T>, statements = 1): Promise<T> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Unanswered('a call was never answered')), statements * patience + grace)
    })
    try {
      return await Promise.race([call(), late])
    } finally {
      clearTimeout(timer)
    }
  }
  const guard = async <T>(call: () => Promise<T>, statements?: number): Promise<T> => {
    try {
      return await bound(call, statements)
    } catch (error) {
      throw unavailable(error)
    }
  }
  const insist = async <T>(call: () => Promise<T>, statements?: number): Promise<T> => {
    const end = performance.now() + 2 * patience
    for (let tries = 1; ; tries++) {
      try {
        return await bound(call, statements)
      } catch (error) {
        if (!isConnectionError(error) || (tries > 1 && performance.now() > end)) throw unavailable(error)
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  let closed = false
  let renewing: Promise<void> | undefined
  /**
   * Only what knows the servers is closed, which is internal to the driver: to close the client would wait for its servers, end cursors as if they had
   * been read to their end, and put all that is under way in doubt.
   */
  async function renew(): Promise<void> {
    const { topology } = client as unknown as { topology?: { close(): void } }
    topology?.close()
    while (!closed) {
      try {
        return void (await client.connect())
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }
  // A heartbeat may wait for news for one patience, and for the answer for another.
  const stopWatching = watchHeartbeats(client, 2 * patience, grace, () => {
    if (!closed) renewing ??= renew().finally(() => (renewing = undefined))
  })
  async function close(): Promise<void> {
    closed = true
    stopWatching()
    await renewing
    await bound(() => client.close(), 4).catch(() => {})
  }

  try {
    await guard(() => client.connect(), 2)
    await guard(() => checkVersion(db, name))
  } catch (error) {
    await close()
    throw error
  }
  return { name: `MongoDB at ${name}`, db, bound, guard, insist, unavailable, close }
}

class Unanswered extends Error {}

/** All but the first two: while the driver is connected anew. */
const connectionErrors = [
  MongoNetworkError,
  MongoServerSelectionError,
  MongoNotConnectedError,
  MongoServerClosedError,
  MongoTopologyClosedError,
  MongoClientClosedError,
]
/** One that the driver does not export. */
const poolClosed = 'MongoPoolClosedError'

/** Nobody knows whether what was asked for was done; it may go well when asked again. */
export function isConnectionError(error: unknown): boolean {
  if (error instanceof Unanswered || connectionErrors.some((kind) => error instanceof kind)) return true
  if ((error as Error | undefined)?.name === poolClosed) return true
  return error instanceof MongoError && (error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('RetryableReadError'))
}

/** Nothing of the url is repeated in what it complains about: it holds a password. */
function clientFor(url: string, patience: number): MongoClient {
  try {
    return new MongoClient(url, optionsFor(patience))
  } catch (error) {
    const reason = (error as Error).message.replaceAll(/\S*@\S*/g, '…')
    throw new UnavailableError(`The url of MongoDB cannot be used: ${reason}`)
  }
}

const databaseIn = (url: string): string | undefined => /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]+)/.exec(url)?.[1]

async function checkVersion(db: Db, name: string): Promise<void> {
  const complaint = tooOld((await db.admin().command({ buildInfo: 1 })) as unknown as BuildInfo, name)
  if (complaint) throw new UnavailableError(complaint)
}

export interface BuildInfo {
  version: string
  versionArray: number[]
  ferretdb?: { version: string }
}

/** One line for the operator; undefined if it is new enough. */
export function tooOld({ version, versionArray, ferretdb }: BuildInfo, name: string): string | undefined {
  if (ferretdb && Number(/\d+/.exec(ferretdb.version)?.[0]) < 2)
    return `FerretDB ${ferretdb.version} at ${name} is too old: 2.0 or newer is needed.`
  if (versionArray[0]! < 5) return `MongoDB ${version} at ${name} is too old: 5.0 or newer is needed.`
  return undefined
}
