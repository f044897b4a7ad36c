import type { JetStreamManager } from '@nats-io/jetstream'
import type { Msg } from 'nats'
import { isStellwerkError } from '../../errors.ts'
import { guarded } from '../guarded.ts'
import type { FrameConsumer, FrameListener, IncomingFrame } from '../port.ts'
import type { Link } from './link.ts'
import { type Delivery, type PullEnd, puller } from './puller.ts'
import type { StreamGuard } from './stream-guard.ts'
import { isApiError } from './streams.ts'

/** So much is asked for at a time. A frame that alone is larger comes alone. */
const batch = 256
const maxBytes = 1024 * 1024
const acknowledgement = '+ACK'
const sayAgain = 1000

/**
 * Reads the frames of one partition, in order and each once, as long as its consumer is there. The consumer numbers what it delivers;
 * a number left out means a frame that was delivered and never came: the order can then be had again only by a new consumer.
 */
export function frameReader(options: {
  link: Link
  jsm: JetStreamManager
  stream: string
  consumer: string
  epoch: number
  guard?: StreamGuard
  decode: (msg: Msg) => Pick<IncomingFrame, 'body' | 'text' | 'root'>
  on: FrameListener
  stopped: () => void
}): FrameConsumer {
  const { link, jsm, stream, consumer, epoch, guard, decode, on } = options
  /** Told and not yet acknowledged: the subject that acknowledges each. */
  const open = new Map<number, string>()
  /** The newest acknowledgements: what a lost connection or a crash of the server swallowed is said again. */
  const said: string[] = []
  let newest = 0
  let deliveries = 0
  let wanted = false
  let checking = false
  let ended = false

  const message = (msg: Msg, delivery: Delivery): void => {
    if (ended) return
    const { number } = delivery
    if (number === deliveries + 1) {
      deliveries = number
      accept(msg, delivery)
    } else lose(`gap: delivery ${number} came after ${deliveries}`)
  }

  const accept = (msg: Msg, { sequence, published }: Delivery): void => {
    if (sequence > newest) {
      newest = sequence
      guard?.saw(sequence)
      open.set(sequence, msg.reply!)
      guarded(() => on.frame({ epoch, sequence, published, ...decode(msg) }))
    } else if (open.has(sequence)) open.set(sequence, msg.reply!)
    else link.send(msg.reply!, acknowledgement)
  }

  const pulls = puller(link, stream, consumer, { message, ended: (how, received) => pullEnded(how, received) })

  const ask = (): void => {
    if (ended || checking || !wanted || pulls.outstanding > 0 || !link.connected) return
    wanted = false
    pulls.pull({ batch, maxBytes })
  }

  const pullEnded = (how: PullEnd, received: number): void => {
    if (ended) return
    if (received === 0) wanted = true
    if (how === 'gone') lose('the consumer is gone')
    else if (how === 'doubt') check()
    else if (how === 'big' && received === 0) pulls.pull({ batch: 1 })
    else ask()
  }

  /** Nothing is under way any more; does the consumer still stand where we think it does? */
  const check = async (): Promise<void> => {
    if (checking || ended) return
    checking = true
    if (pulls.outstanding > 0) wanted = true
    pulls.reset()
    for (let wait = 100; !ended && link.connected; wait = Math.min(2 * wait, 2000)) {
      try {
        await guard?.check()
        const { delivered } = await link.bounded(() => jsm.consumers.info(stream, consumer))
        if (delivered.consumer_seq > deliveries) return lose(`gap: ${delivered.consumer_seq} were delivered, ${deliveries} came`)
        // After a crash the server may have forgotten some deliveries: these frames come again.
        deliveries = delivered.consumer_seq
        break
      } catch (error) {
        if (isApiError(error, 'not found')) return lose('the consumer is gone')
        if (isStellwerkError(error, 'STREAM_BEHIND')) return lose(error.message)
        await new Promise((resolve) => setTimeout(resolve, wait).unref())
      }
    }
    checking = false
    for (const reply of said) link.send(reply, acknowledgement)
    ask()
  }

  const connection = link.onConnection((connected) => {
    if (connected) check()
    else {
      if (pulls.outstanding > 0) wanted = true
      pulls.reset()
    }
  })

  const end = (): void => {
    ended = true
    connection.stop()
    pulls.reset()
    options.stopped()
  }

  const lose = (reason: string): void => {
    if (ended) return
    end()
    queueMicrotask(() => on.lost(reason))
  }

  return {
    more() {
      wanted = true
      ask()
    },
    acknowledge(sequences) {
      for (const sequence of sequences) {
        const reply = open.get(sequence)
        if (reply === undefined) continue
        open.delete(sequence)
        link.send(reply, acknowledgement)
        said.push(reply)
      }
      if (said.length > 2 * sayAgain) said.splice(0, said.length - sayAgain)
    },
    async stop() {
      if (!ended) end()
    },
  }
}
