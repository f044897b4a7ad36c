import { headers, type Msg } from 'nats'
import { type ErrorCode, StellwerkError } from '../../errors.ts'
import { guarded } from '../guarded.ts'
import type { Bus, Listening } from '../port.ts'
import type { Link } from './link.ts'

/** Set on an answer that is none: the code of the error; the message is the body. */
const errorHeader = 'Stellwerk-Error'

/** Small messages between those who are there now, as JSON under the namespace. */
export function messages(link: Link, namespace: string): Pick<Bus, 'signal' | 'tell' | 'listen' | 'request' | 'serve'> {
  const prefix = `${namespace}.`

  const subscribe = (subject: string, queue: string | undefined, on: (msg: Msg, subject: string) => void): Listening => {
    const callback = (error: unknown, msg: Msg) => void (error || guarded(() => on(msg, msg.subject.slice(prefix.length))))
    const subscription = link.nc.subscribe(prefix + subject, { callback, ...(queue === undefined ? {} : { queue }) })
    return {
      stop() {
        if (!link.nc.isClosed()) subscription.unsubscribe()
      },
    }
  }

  const reply = async (msg: Msg, subject: string, answer: (data: unknown, subject: string) => Promise<unknown>): Promise<void> => {
    if (!msg.reply) return
    try {
      const data = encode(await answer(parse(msg), subject))
      link.checkSize(data, `The answer to ${subject}`)
      link.send(msg.reply, data)
    } catch (error) {
      const h = headers()
      h.set(errorHeader, (error as { code?: string }).code ?? 'UNAVAILABLE')
      link.send(msg.reply, JSON.stringify(error instanceof Error ? error.message : String(error)), { headers: h })
    }
  }

  const send = (subject: string, data: unknown): void => {
    const encoded = encode(data)
    link.checkSize(encoded, `A signal to ${subject}`)
    link.send(subject, encoded)
  }

  return {
    signal: (subject, data) => send(prefix + subject, data),

    tell(subject, data) {
      // What is inside the namespace is ours to say: nobody has us say it for them.
      if (!subject.startsWith(prefix)) send(subject, data)
    },

    listen: (subject, on, queue) => subscribe(subject, queue, (msg, from) => on(parse(msg), from)),

    async request(subject, data, timeout) {
      const encoded = encode(data)
      link.checkSize(encoded, `A request to ${subject}`)
      const msg = await whileReached(link, link.request(prefix + subject, encoded, { timeout }))
      const code = msg.headers?.get(errorHeader)
      if (code) throw new StellwerkError(code as ErrorCode, String(parse(msg)))
      return parse(msg)
    },

    serve: (subject, answer, queue) => subscribe(subject, queue, (msg, from) => void reply(msg, from, answer)),
  }
}

/** How long an answer may take before it is asked whether the server is there, and how long that may take, ms. */
const doubtAfter = 1000
const pingTime = 1000

/** Whoever answers may take its time; that the server itself says nothing is known sooner. */
function whileReached<T>(link: Link, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const doubt = setTimeout(() => link.bounded(() => link.nc.flush(), pingTime, 'a ping').catch(reject), doubtAfter)
    answer.then(resolve, reject).finally(() => clearTimeout(doubt))
  })
}

const encoder = new TextEncoder()
const encode = (data: unknown): Uint8Array => encoder.encode(data === undefined ? 'null' : JSON.stringify(data))

/** Anybody may send: what is no JSON is undefined. */
function parse(msg: Msg): unknown {
  if (msg.data.length === 0) return undefined
  try {
    return msg.json()
  } catch {
    return undefined
  }
}
