import { connect, errors, type Msg, type MsgHdrs, type NatsConnection } from 'nats'
import { systemClock, within } from '../../clock.ts'
import { UnavailableError, ValidationError } from '../../errors.ts'
import type { Listening } from '../port.ts'

/** How long a server may take for an answer. */
export const answerTime = 5000
/** How long an orderly end may take. */
const closeTime = 2000
/** Atomic batches came with it. */
const oldest = [2, 12] as const
const largest = 8 * 1024 * 1024
/** Largest event that can come about: two values of 512 K characters (a member, and the output beside it), three bytes each, with what is around them. */
export const neededPayload = 4 * 1024 * 1024
const roomForHeaders = 1024

/** Of a connection that was there: it is tried for again as long as it takes, also if the server refuses it. It may be configured wrongly, for a while. */
export const patient = { maxReconnectAttempts: -1, reconnectTimeWait: 200, ignoreAuthErrorAbort: true }

/** One connection. Whatever waits for an answer ends at once when the connection is lost, and nothing is sent late: what cannot be sent now is refused. */
export interface Link {
  readonly nc: NatsConnection
  /** Its address without credentials. */
  readonly server: string
  readonly connected: boolean
  request(subject: string, data: Uint8Array | string, options?: { headers?: MsgHdrs; timeout?: number }): Promise<Msg>
  /** Fire and forget: dropped while there is no connection. */
  send(subject: string, data: Uint8Array | string, options?: { headers?: MsgHdrs; reply?: string }): void
  /** Ends with UnavailableError if the answer (to `what`) takes too long or the connection is lost meanwhile. */
  bounded<T>(start: () => Promise<T>, timeout?: number, what?: string): Promise<T>
  /** Most bytes that the server takes in a message, with room for headers. */
  readonly mostBytes: number
  /** ValidationError for what no server would take. */
  checkSize(data: Uint8Array, what: string): void
  onConnection(on: (connected: boolean) => void): Listening
  /** Resolves if it was closed, and not from here: it will not come back. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

export async function openLink(url: string, name: string): Promise<Link> {
  const options = serversOf(url)
  const server = options.servers.join(', ')
  const nc = await connect({
    ...options,
    ...patient,
    name,
    timeout: answerTime,
    reconnectJitter: 200,
    waitOnFirstConnect: false,
    pingInterval: 10_000,
    maxPingOut: 2,
    noAsyncTraces: true,
  }).catch((error: unknown) => {
    throw new UnavailableError(`NATS at ${server} cannot be reached: ${text(error)}.`, { cause: error })
  })
  const version = nc.info?.version ?? '0.0.0'
  if (tooOld(version)) {
    await nc.close()
    throw new UnavailableError(`NATS ${oldest.join('.')} or newer is needed: ${server} is ${version}.`)
  }
  const { max_payload: taken = neededPayload } = nc.info ?? {}
  if (taken < neededPayload) {
    await nc.close()
    throw new UnavailableError(
      `${server} takes messages of ${taken} bytes, and ${neededPayload} are needed: set max_payload: ${neededPayload / 1024 ** 2}MB in its configuration (nats.conf has 8MB).`,
    )
  }
  return link(nc, server)
}

function link(nc: NatsConnection, server: string): Link {
  const pending = new Set<(error: Error) => void>()
  const listeners = new Set<(connected: boolean) => void>()
  let connected = true
  let closing = false
  let why = ''

  const change = (now: boolean): void => {
    if (connected === now) return
    connected = now
    if (!now) for (const reject of pending) reject(new UnavailableError(`The connection to NATS at ${server} was lost.`))
    for (const on of listeners) on(now)
  }
  const observe = async () => {
    for await (const status of nc.status()) {
      if (status.type === 'error' && status.error instanceof errors.AuthorizationError) why = ': it refuses the credentials'
      if (status.type === 'disconnect' || status.type === 'close') change(false)
      if (status.type !== 'reconnect') continue
      why = ''
      change(true)
    }
  }
  observe().catch(() => {})

  const explain = (error: unknown, what: string): Error => {
    if (error instanceof errors.RequestError && error.isNoResponders())
      return new UnavailableError(`Nobody answers ${what} on NATS at ${server}.`, { cause: error, nobody: true })
    if (error instanceof errors.RequestError) return new UnavailableError(`The connection to NATS at ${server} was lost.`, { cause: error })
    if (error instanceof errors.TimeoutError)
      return new UnavailableError(`NATS at ${server} did not answer${what && ` ${what}`} in time.`, { cause: error })
    return error instanceof Error ? error : new Error(String(error))
  }

  const bounded = <T>(start: () => Promise<T>, timeout: number = answerTime, what = ''): Promise<T> => {
    if (!connected || closing)
      return Promise.reject(
        new UnavailableError(closing ? 'This client or host was closed.' : `There is no connection to NATS at ${server}${why}.`),
      )
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(
        () => end(() => reject(new UnavailableError(`NATS at ${server} did not answer${what && ` ${what}`} in time.`))),
        timeout,
      )
      const fail = (error: unknown) => end(() => reject(explain(error, what)))
      const end = (settle: () => void) => {
        clearTimeout(timer)
        pending.delete(fail)
        settle()
      }
      pending.add(fail)
      start().then((value) => end(() => resolve(value)), fail)
    })
  }

  const mostBytes = () => Math.min(largest, nc.info?.max_payload ?? largest) - roomForHeaders

  return {
    nc,
    server,
    get connected() {
      return connected && !closing
    },
    request: (subject, data, { headers, timeout = answerTime } = {}) =>
      bounded(() => nc.request(subject, data, { timeout: timeout + 1000, headers }), timeout, subject),
    send(subject, data, options) {
      if (connected && !nc.isClosed()) nc.publish(subject, data, options)
    },
    bounded,
    get mostBytes() {
      return mostBytes()
    },
    checkSize(data, what) {
      const most = mostBytes()
      if (data.length <= most) return
      throw new ValidationError(`${what} has ${data.length} bytes; ${server} takes ${most}.`, [{ path: [], message: 'too large' }])
    },
    onConnection(on) {
      listeners.add(on)
      return { stop: () => void listeners.delete(on) }
    },
    lost: new Promise((done) => {
      void nc.closed().then((error) => {
        if (!closing)
          done(new UnavailableError(`The connection to NATS at ${server} is closed for good${error ? `: ${text(error)}` : ''}.`))
      })
    }),
    async close() {
      if (closing) return
      closing = true
      listeners.clear()
      const inTime = (work: Promise<void>) =>
        within(
          systemClock,
          closeTime,
          work.catch(() => {}),
        )
      if (connected) await inTime(nc.flush())
      await inTime(hangUp(nc))
    },
  }
}

/**
 * While the server takes connections and says nothing, the client (nats.js 3.4) is always about to connect anew; `close` does not end the socket for it,
 * which would keep the process alive, and dials the next address of a name all the same. Both are internal to the client. What is left: an address that drops
 * packets keeps the process until the system gives up.
 */
export async function hangUp(nc: NatsConnection): Promise<void> {
  const { protocol } = nc as unknown as { protocol?: { dial?(): Promise<void>; transport?: { discard(): void } } }
  if (protocol?.dial) protocol.dial = () => Promise.reject(new Error('closed'))
  await nc.close()
  protocol?.transport?.discard()
}

/** Addresses without what is secret in them. Given: one or several, with commas; credentials in front of a host, `nats://user:password@host`. */
export function serversOf(given: string) {
  const urls = given.split(',').map((one) => new URL(one.includes('://') ? one.trim() : `nats://${one.trim()}`))
  const servers = urls.map(({ protocol, host }) => `${protocol}//${host}`)
  const secret = urls.find(({ username }) => username !== '')
  const user = secret && decodeURIComponent(secret.username)
  const pass = secret && decodeURIComponent(secret.password)
  const tls = urls.some(({ protocol }) => protocol === 'tls:')
  return { servers, ...(pass ? { user, pass } : user ? { token: user } : {}), ...(tls ? { tls: {} } : {}) }
}

function tooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1])
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))
