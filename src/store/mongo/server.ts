import { type Db, MongoError, MongoNetworkError, MongoServerClosedError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { UnavailableError } from '../../errors.ts'
import { clientFor, databaseIn } from './client.ts'
import { type BuildInfo, tooOld } from './version.ts'

export interface MongoServer {
  /** In words, for errors. */
  readonly name: string
  readonly db: Db
  /**
   * Ends for sure, with what the driver reports.
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

  const close = () => bound(() => client.close(), 4).catch(() => {})

  try {
    await guard(() => client.connect(), 2)
    await guard(() => checkVersion(db, name))
  } catch (error) {
    await close()
    throw error
  }
  return { name: `MongoDB at ${name}, database ${db.databaseName}`, db, bound, guard, insist, unavailable, close }
}

class Unanswered extends Error {}

const connectionErrors = [MongoNetworkError, MongoServerSelectionError, MongoServerClosedError]
/** Those that the driver does not export. */
const othersByName = ['MongoPoolClosedError', 'MongoWaitQueueTimeoutError']

/** Nobody knows whether what was asked for was done; it may go well when asked again. */
export function isConnectionError(error: unknown): boolean {
  // A bulk write wraps what it met.
  if (error instanceof MongoServerError && error.errorResponse instanceof Error) return isConnectionError(error.errorResponse)
  if (error instanceof Unanswered || connectionErrors.some((kind) => error instanceof kind)) return true
  if (othersByName.includes((error as Error | undefined)?.name ?? '')) return true
  return error instanceof MongoError && (error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('RetryableReadError'))
}

async function checkVersion(db: Db, name: string): Promise<void> {
  const complaint = tooOld((await db.admin().command({ buildInfo: 1 })) as unknown as BuildInfo, name)
  if (complaint) throw new UnavailableError(complaint)
}
