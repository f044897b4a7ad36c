import type { JetStreamManager } from '@nats-io/jetstream'
import type { Msg } from 'nats'
import { UnavailableError } from '../../errors.ts'
import type { FrameConsumer, FrameListener, IncomingFrame, OutgoingFrame } from '../port.ts'
import { frameReader } from './frame-reader.ts'
import { answerTime, type Link } from './link.ts'
import { publisher } from './publisher.ts'
import type { StreamGuard } from './stream-guard.ts'
import { explicitly, isApiError } from './streams.ts'
import { frameSubject, framesOf, rootIn } from './subjects.ts'

/** A frame that is not acknowledged comes again after so long, to the same owner; a new owner gets it at once. */
const ackWait = 5 * 60_000

export interface Frames {
  publish(frames: readonly OutgoingFrame[]): Promise<void>
  consume(partition: number, owner: string, on: FrameListener): Promise<FrameConsumer>
  lastSequence(partition: number): Promise<number>
  close(): void
}

export function frameStream(options: {
  link: Link
  jsm: JetStreamManager
  namespace: string
  stream: string
  epoch: number
  /** Of hosts; clients do not consume. */
  guard?: StreamGuard
}): Frames {
  const { link, jsm, namespace, stream, epoch, guard } = options
  const send = publisher(link, stream)
  const readers = new Set<FrameConsumer>()
  const encoder = new TextEncoder()

  return {
    publish: (frames) =>
      send(
        frames.map(({ partition, id, events }) => ({
          subject: frameSubject(namespace, partition),
          id,
          data: encoder.encode(JSON.stringify(events)),
        })),
      ),

    async consume(partition, owner, on) {
      await guard?.check()
      const name = `p${partition}-${owner.replace(/[^A-Za-z0-9_-]/g, (c) => `=${c.charCodeAt(0).toString(16)}`)}`
      await makeConsumer(link, jsm, stream, `p${partition}-`, name, framesOf(namespace, partition))
      const decode = (msg: Msg) => {
        const root = rootIn(msg.subject)
        return { ...parse(msg), ...(root === undefined ? {} : { root }) }
      }
      const reader = frameReader({ link, jsm, stream, consumer: name, epoch, guard, decode, on, stopped: () => readers.delete(reader) })
      readers.add(reader)
      return reader
    },

    async lastSequence(partition) {
      const found = await link.bounded(() => jsm.streams.getMessage(stream, { last_by_subj: framesOf(namespace, partition) }))
      return found?.seq ?? 0
    },

    close() {
      for (const reader of readers) reader.stop()
    },
  }
}

/** Only one consumer of a partition can exist: what an earlier owner still has is deleted, and with it its right to acknowledge. */
async function makeConsumer(
  link: Link,
  jsm: JetStreamManager,
  stream: string,
  prefix: string,
  name: string,
  subject: string,
): Promise<void> {
  const until = performance.now() + answerTime
  for (;;) {
    for (const old of await consumerNames(link, stream, prefix)) await deleteConsumer(link, jsm, stream, old)
    try {
      const config = { durable_name: name, filter_subject: subject, ack_wait: ackWait * 1e6, ...explicitly }
      await link.bounded(() => jsm.consumers.add(stream, config))
      return
    } catch (error) {
      // Somebody else has made one in between. The one who comes last has it: who else did hears that it is gone.
      if (!isApiError(error, 'not unique') || performance.now() > until) throw error
    }
  }
}

async function deleteConsumer(link: Link, jsm: JetStreamManager, stream: string, name: string): Promise<void> {
  try {
    await link.bounded(() => jsm.consumers.delete(stream, name))
  } catch (error) {
    if (!isApiError(error, 'consumer not found')) throw error
  }
}

async function consumerNames(link: Link, stream: string, prefix: string): Promise<string[]> {
  const names: string[] = []
  for (;;) {
    const answer = await link.request(`$JS.API.CONSUMER.NAMES.${stream}`, JSON.stringify({ offset: names.length }))
    const page = answer.json<{ consumers?: string[] | null; total?: number; error?: { description: string } }>()
    if (page.error)
      throw new UnavailableError(`NATS at ${link.server} does not list the consumers of ${stream}: ${page.error.description}.`)
    names.push(...(page.consumers ?? []))
    if (!page.consumers?.length || names.length >= (page.total ?? 0)) return names.filter((name) => name.startsWith(prefix))
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** What is no UTF-8 is no JSON: read all the same it would be another value than the one that was sent. */
function parse(msg: Msg): Pick<IncomingFrame, 'body' | 'text'> {
  try {
    return { body: JSON.parse(utf8.decode(msg.data)) }
  } catch {
    return { body: undefined, text: msg.string() }
  }
}
