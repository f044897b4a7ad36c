import { headers, type MsgHdrs, nuid } from 'nats'
import { UnavailableError } from '../../errors.ts'
import type { Link } from './link.ts'

export interface Message {
  subject: string
  data: Uint8Array
  /** Repeats within the window of the stream are dropped. */
  id?: string
}

interface Call {
  messages: readonly Message[]
  /** How many of them are safe. */
  safe: number
  resolve(): void
  reject(error: Error): void
}

/** The server takes up to 1000 messages in a batch. */
const mostMessages = 500
const mostBytes = 4 * 1024 * 1024

/**
 * Sends messages to one stream in the order of the calls. What piles up while one batch is under way goes out as the next: one
 * round trip and one sync for all. Nothing is sent after the first failure: what already waited behind it fails with it.
 */
export function publisher(link: Link, stream: string): (messages: readonly Message[]) => Promise<void> {
  const calls: Call[] = []
  let running = false

  const run = async (): Promise<void> => {
    running = true
    // Calls of one moment go out together.
    await Promise.resolve()
    while (calls.length > 0) {
      try {
        await send(link, stream, next(calls), (count) => settle(calls, count))
      } catch (error) {
        for (const call of calls.splice(0)) call.reject(error as Error)
      }
    }
    running = false
  }

  return (messages) =>
    new Promise((resolve, reject) => {
      if (messages.length === 0) return resolve()
      for (const { data, subject } of messages) link.checkSize(data, `A message to ${subject}`)
      calls.push({ messages, safe: 0, resolve, reject })
      if (!running) run()
    })
}

/** The messages that come next, as many as one batch takes. */
function next(calls: readonly Call[]): Message[] {
  const chosen: Message[] = []
  let bytes = 0
  for (const { messages, safe } of calls) {
    for (let i = safe; i < messages.length; i++) {
      const message = messages[i]!
      bytes += message.data.length
      if (chosen.length === mostMessages || (bytes > mostBytes && chosen.length > 0)) return chosen
      chosen.push(message)
    }
  }
  return chosen
}

/** So many more messages are safe. */
function settle(calls: Call[], count: number): void {
  let left = count
  while (left > 0) {
    const call = calls[0]!
    const part = Math.min(left, call.messages.length - call.safe)
    call.safe += part
    left -= part
    if (call.safe === call.messages.length) calls.shift()!.resolve()
  }
}

async function send(link: Link, stream: string, messages: Message[], safe: (count: number) => void): Promise<void> {
  if (messages.length > 1 && (await sendBatch(link, messages))) return safe(messages.length)
  for (const message of messages) {
    const { error } = await ask(link, message, message.id === undefined ? undefined : named(message.id))
    if (error)
      throw new UnavailableError(`NATS at ${link.server} refused a message for the stream ${stream}: ${error.description}.`, {
        refused: true,
      })
    safe(1)
  }
}

/** All or nothing. false: refused, because of a message that is there already or of too many batches at once. */
async function sendBatch(link: Link, messages: Message[]): Promise<boolean> {
  const batch = nuid.next()
  const inBatch = ({ id }: Message, sequence: number): MsgHdrs => {
    const h = named(id)
    h.set('Nats-Batch-Id', batch)
    h.set('Nats-Batch-Sequence', String(sequence))
    return h
  }
  const last = messages.length - 1
  for (let i = 0; i < last; i++) link.send(messages[i]!.subject, messages[i]!.data, { headers: inBatch(messages[i]!, i + 1) })
  const commit = inBatch(messages[last]!, last + 1)
  commit.set('Nats-Batch-Commit', '1')
  const { error, count } = await ask(link, messages[last]!, commit)
  return !error && count === messages.length
}

interface Answer {
  error?: { description: string }
  count?: number
}

async function ask(link: Link, { subject, data }: Message, h?: MsgHdrs): Promise<Answer> {
  const answer = await link.request(subject, data, { headers: h })
  return answer.json<Answer>()
}

function named(id: string | undefined): MsgHdrs {
  const h = headers()
  if (id !== undefined) h.set('Nats-Msg-Id', id)
  return h
}
