import { MongoClient, type MongoClientOptions } from 'mongodb'
import { UnavailableError } from '../../errors.ts'
import { watchHeartbeats } from './heartbeats.ts'

/** The driver's client, which is connected anew when the driver hangs. */
export interface KeptClient {
  readonly client: MongoClient
  /** Which one the url names, if any. */
  readonly database: string | undefined
  close(): Promise<void>
}

/** Between two tries to connect anew, for those that fail at once. */
const pause = 500

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

/** Not connected yet. */
export function keptClient(url: string, patience: number): KeptClient {
  const client = clientFor(url, patience)
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
  const stopWatching = watchHeartbeats(client, patience, () => {
    if (!closed) renewing ??= renew().finally(() => (renewing = undefined))
  })
  async function close(): Promise<void> {
    closed = true
    stopWatching()
    await renewing
    await client.close()
  }
  return { client, database: databaseIn(url), close }
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
