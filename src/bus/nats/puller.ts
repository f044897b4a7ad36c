import { createInbox, type Msg, nanos, type Subscription } from 'nats'
import type { Link } from './link.ts'

/** What the server says of a delivery, in the subject that acknowledges it. */
export interface Delivery {
  /** Sequence in the stream. */
  sequence: number
  /** Number of this delivery by its consumer: without gaps, from 1 on. */
  number: number
  /** When it came into the stream, ms since 1970. */
  published: number
  /** How many messages wait behind it. */
  pending: number
}

/**
 * full: as many came as were asked for. empty: nothing (more) waits. expired: the time is over. big: the next message is larger than
 * was allowed. gone: there is no such consumer any more. doubt: the server does not know of the request, or nothing was heard of it.
 */
export type PullEnd = 'full' | 'empty' | 'expired' | 'big' | 'gone' | 'doubt'

export interface PullRequest {
  batch: number
  /** Answer at once, if only to say that nothing is there. */
  noWait?: boolean
  maxBytes?: number
}

export interface Puller {
  pull(request: PullRequest): void
  /** How many messages may still come. */
  readonly outstanding: number
  /** Forgets what is under way: what still comes of it is not heard. */
  reset(): void
  /** Asks for no more. What is on its way is still heard. */
  stop(): Promise<void>
}

/** A request waits so long at the server; a lost one is noticed after two heartbeats. */
const expires = 120_000
const heartbeat = 30_000
const answerTime = 5000

/** Pulls messages of one consumer: one request at a time. */
export function puller(
  link: Link,
  stream: string,
  consumer: string,
  on: { message(msg: Msg, delivery: Delivery): void; ended(how: PullEnd, received: number): void },
): Puller {
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`
  let inbox: Subscription | undefined
  let outstanding = 0
  let received = 0
  let noWait = false
  let heard = 0
  let watch: NodeJS.Timeout | undefined

  const forget = (): void => {
    outstanding = 0
    clearTimeout(watch)
    watch = undefined
  }

  const end = (how: PullEnd): void => {
    forget()
    on.ended(how, received)
  }

  const arrived = (msg: Msg): void => {
    heard = performance.now()
    const delivery = msg.reply ? parseDelivery(msg.reply) : undefined
    if (delivery) deliver(msg, delivery)
    else status(msg)
  }

  const deliver = (msg: Msg, delivery: Delivery): void => {
    received++
    outstanding--
    on.message(msg, delivery)
    if (outstanding === 0 && watch) end('full')
  }

  const status = (msg: Msg): void => {
    if (outstanding === 0 || msg.headers?.code === 100) return
    end(meaning(msg.headers?.code, msg.headers?.description ?? '', noWait))
  }

  /** Cheap: looked at only now and then, whatever arrives meanwhile. */
  const guard = (patience: number): void => {
    watch = setTimeout(() => {
      const left = patience - (performance.now() - heard)
      if (left > 0) guard(left)
      else end('doubt')
    }, patience)
    watch.unref()
  }

  const subscribe = (): Subscription => link.nc.subscribe(createInbox(), { callback: (error, msg) => void (error || arrived(msg)) })

  return {
    get outstanding() {
      return outstanding
    },
    pull(request) {
      inbox ??= subscribe()
      outstanding = request.batch
      received = 0
      noWait = request.noWait ?? false
      heard = performance.now()
      const body = {
        batch: request.batch,
        ...(request.maxBytes ? { max_bytes: request.maxBytes } : {}),
        ...(noWait ? { no_wait: true } : { expires: nanos(expires), idle_heartbeat: nanos(heartbeat) }),
      }
      link.send(subject, JSON.stringify(body), { reply: inbox.getSubject() })
      guard(noWait ? answerTime : heartbeat * 2 + answerTime)
    },
    reset() {
      forget()
      if (inbox && !link.nc.isClosed()) inbox.unsubscribe()
      inbox = undefined
    },
    async stop() {
      forget()
      if (inbox && link.connected) await link.bounded(() => inbox!.drain()).catch(() => {})
    },
  }
}

function meaning(code: number | undefined, description: string, noWait: boolean): PullEnd {
  if (code === 404) return 'empty'
  if (code === 408) return noWait ? 'empty' : 'expired'
  if (code !== 409) return 'doubt'
  if (/size exceeds/i.test(description)) return 'big'
  if (/batch completed/i.test(description)) return 'full'
  return /deleted/i.test(description) ? 'gone' : 'doubt'
}

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<number>.<time>.<pending>`; newer servers put domain and account before the stream. */
function parseDelivery(reply: string): Delivery | undefined {
  const tokens = reply.split('.')
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined
  const at = tokens.length === 9 ? 5 : 7
  return {
    sequence: Number(tokens[at]),
    number: Number(tokens[at + 1]),
    published: Number(tokens[at + 2]) / 1e6,
    pending: Number(tokens[at + 3]),
  }
}
