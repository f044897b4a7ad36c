import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { frameStream } from './nats/frames.ts'
import { lettersIn } from './nats/letters.ts'
import { openLink } from './nats/link.ts'
import { messages } from './nats/messages.ts'
import { publisher } from './nats/publisher.ts'
import { openRecords } from './nats/records.ts'
import { guardStream, type StreamMemory } from './nats/stream-guard.ts'
import { openDeployment, type StreamLimits, streamNames } from './nats/streams.ts'
import { checkNamespace } from './nats/subjects.ts'
import { workStream } from './nats/work.ts'
import type { Bus, DeadLetter, LetterLimits } from './port.ts'

export interface NatsOptions {
  /** `nats://host:4222`, several joined by commas. */
  url: string
  /** First token of all subjects, and of the names of streams. */
  namespace: string
  /** Name of this connection, as the server lists it. */
  name: string
  /** Only for a deployment that is made now; another number than the one it has is refused. */
  partitions?: number
  /** Hosts make what is missing; clients do not. */
  create: boolean
  limits?: StreamLimits
  /** Of dead letters: what is given here replaces what the stream has. */
  letters?: LetterLimits
  /** Of hosts: what their documents have seen of the event stream. Without it a stream that was put back is not recognised at the start. */
  memory?: StreamMemory
}

/** A bus over NATS JetStream. */
export async function connectNats(options: NatsOptions): Promise<Bus> {
  const { url, namespace, name, partitions, create, limits, memory, letters } = options
  checkNamespace(namespace)
  const link = await openLink(url, name)
  try {
    const js = jetstream(link.nc)
    const jsm = await jetstreamManager(link.nc, { checkAPI: false })
    const records = await openRecords(link, js, namespace, create)
    const known = (await memory?.read())?.epoch
    const { epoch, partitions: fixed } = await openDeployment({ link, jsm, records, namespace, partitions, create, limits, letters, known })
    const names = streamNames(namespace, epoch)
    const guard = create ? await guardStream({ link, jsm, stream: names.events, epoch, memory }) : undefined
    const frames = frameStream({ link, jsm, namespace, stream: names.events, epoch, guard })
    const work = workStream({ link, jsm, records, namespace, stream: names.work })
    const bury = publisher(link, names.dead)
    return {
      partitions: fixed,
      epoch,
      publish: frames.publish,
      consume: frames.consume,
      lastSequence: frames.lastSequence,
      keepsOffers: true,
      offer: work.offer,
      offered: work.offered,
      pull: work.pull,
      ...messages(link, namespace),
      records,
      deadLetter: (letters) => bury(letters.map((letter) => buried(namespace, letter, link.mostBytes))),
      letters: lettersIn(link, jsm, namespace, names.dead),
      onConnection: (on) => void link.onConnection(on),
      lost: link.lost,
      // A server knows connections, not processes.
      workerLives: () => undefined,
      async close() {
        frames.close()
        await guard?.close()
        await work.close()
        await link.close()
      },
    }
  } catch (error) {
    await link.close()
    throw error
  }
}

/** Longest address that becomes part of a subject: what is wrong may be of any length. */
const longestSubject = 400
/** So many characters are kept of what is too large to be kept. */
const cutAt = 16 * 1024

function buried(namespace: string, letter: DeadLetter, mostBytes: number) {
  const to = letter.to?.slice(0, longestSubject).replace(/[^A-Za-z0-9_-]+/g, '.')
  const subject = `${namespace}.dead.${to?.replace(/^\.+|\.+$/g, '') || 'unknown'}`
  const encode = (what: DeadLetter) => new TextEncoder().encode(JSON.stringify(what))
  const data = encode(letter)
  if (data.length <= mostBytes) return { subject, id: letter.id, data }
  // A message that is as large as messages may be leaves no room for the reason.
  const text = JSON.stringify(letter.body).slice(0, cutAt)
  const cut = { ...letter, to: letter.to?.slice(0, longestSubject), body: { cut: data.length, text }, form: undefined, snapshot: undefined }
  return { subject, id: letter.id, data: encode(cut) }
}
