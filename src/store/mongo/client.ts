import { MongoClient, type MongoClientOptions } from 'mongodb'
import { UnavailableError } from '../../errors.ts'
import { EndingConnection } from './connection.ts'

/** `patience`: of one statement, in ms. One that nobody answers is in doubt after this. */
const optionsFor = (patience: number): MongoClientOptions & { connectionType: unknown } => ({
  appName: 'stellwerk',
  connectionType: EndingConnection,
  serverSelectionTimeoutMS: patience,
  connectTimeoutMS: patience,
  socketTimeoutMS: patience,
  waitQueueTimeoutMS: patience,
  // All lines may have gone silent, and the driver drops only the one that it waited for: its monitor notices before a call in doubt gives up, and drops all.
  heartbeatFrequencyMS: patience,
  // Far more than are ever used.
  maxPoolSize: 500,
  // What is acknowledged survives the loss of a server; what is read cannot be taken back by one.
  writeConcern: { w: 'majority', journal: true },
  readConcern: { level: 'majority' },
  ignoreUndefined: true,
})

/** Not connected yet. Nothing of the url is repeated in what it complains about: it holds a password. */
export function clientFor(url: string, patience: number): MongoClient {
  try {
    return new MongoClient(url, optionsFor(patience))
  } catch (error) {
    const reason = (error as Error).message.replaceAll(/\S*@\S*/g, '…')
    throw new UnavailableError(`The url of MongoDB cannot be used: ${reason}`)
  }
}

export const databaseIn = (url: string): string | undefined => /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]+)/.exec(url)?.[1]
