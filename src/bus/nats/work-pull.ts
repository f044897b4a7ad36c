import type { JetStreamManager } from '@nats-io/jetstream'
import type { Msg } from 'nats'
import { guarded } from '../guarded.ts'
import type { Offer, TakenOffer, WorkPull } from '../port.ts'
import type { Link } from './link.ts'
import { type Delivery, type PullEnd, type Puller, puller } from './puller.ts'
import { explicitly } from './streams.ts'

/**
 * An offer belongs to who took it for so long: what a worker had taken when it died is with others by then. A worker that is slower
 * shares it, which is harmless: only one claim is granted.
 */
const ackWait = 4000
/** So many workers can wait for one queue. */
const maxWaiting = 4096
const mostAtOnce = 256
/** After so many offers from above the lowest priority that waits has its turn: nothing waits for ever. */
const ageing = 16

interface Line {
  priority: number
  /** How many wait, as far as we know; undefined: to be found out. */
  waiting: number | undefined
  /** One message asked for, with patience: rings when there is something again. */
  bell: Puller
  /** What waits, at once. */
  grab: Puller
  ready: boolean
  /** Its consumer is being made for the first time: what it has may come first. */
  opening: boolean
}

export interface WorkTaker {
  pull: WorkPull
  /** The queues that there are. */
  priorities(all: ReadonlySet<number>): void
  /** Stops, and gives back what was taken and not acknowledged. */
  close(): Promise<void>
}

/**
 * Takes offers of one job from the queues of its priorities: from the highest that has any, and never tells more than are wanted.
 * Queues that are empty have a bell: an offer that rings when none is wanted any more is given back at once.
 */
export function workPull(options: {
  link: Link
  jsm: JetStreamManager
  stream: string
  subject: string
  job: string
  on: (offer: TakenOffer) => void
}): WorkTaker {
  const { link, jsm, stream, subject, job, on } = options
  /** The highest priority first. */
  const lines: Line[] = []
  /** Taken and neither acknowledged nor given back. */
  const open = new Set<string>()
  let wanted = 0
  let sinceLowest = 0
  let ended = false

  const arrived = (line: Line, msg: Msg, { pending }: Delivery): void => {
    const offer = parse(msg)
    const welcome = !ended && wanted > 0
    line.waiting = welcome ? pending : undefined
    // What is no offer nobody can take: it must not come again for ever.
    if (!offer) link.send(msg.reply!, '+ACK')
    else if (welcome) hand(line, offer, msg.reply!)
    else link.send(msg.reply!, '-NAK')
  }

  const hand = (line: Line, offer: Offer, reply: string): void => {
    wanted--
    sinceLowest = line === lines.findLast(mayHave) ? 0 : sinceLowest + 1
    open.add(reply)
    const settle = (answer: string) => {
      if (open.delete(reply)) link.send(reply, answer)
    }
    guarded(() => on({ ...offer, acknowledge: () => settle('+ACK'), giveBack: () => settle('-NAK') }))
  }

  const pullEnded = (line: Line, how: PullEnd): void => {
    if (how === 'empty' || how === 'expired') line.waiting = 0
    if (how === 'gone' || how === 'doubt') {
      line.ready = false
      line.waiting = undefined
      line.bell.reset()
      setTimeout(() => prepare(line), how === 'gone' ? 0 : 500).unref()
    }
    take()
  }

  const take = (): void => {
    if (ended || wanted <= 0 || !link.connected) return
    for (const line of lines) if (line.ready && line.waiting === 0 && line.bell.outstanding === 0) line.bell.pull({ batch: 1 })
    if (lines.some((line) => line.opening || line.grab.outstanding > 0)) return
    const highest = lines.find(mayHave)
    if (!highest) return
    const aged = sinceLowest >= ageing ? lines.findLast(mayHave) : undefined
    if (aged && aged !== highest) aged.grab.pull({ batch: 1, noWait: true })
    else highest.grab.pull({ batch: Math.min(wanted, mostAtOnce), noWait: true })
  }

  const add = (priority: number): void => {
    const consumer = `${job.replaceAll('.', '=')}=${priority}`
    const heard = {
      message: (msg: Msg, delivery: Delivery) => arrived(line, msg, delivery),
      ended: (how: PullEnd) => pullEnded(line, how),
    }
    const line: Line = {
      priority,
      waiting: undefined,
      ready: false,
      opening: true,
      bell: puller(link, stream, consumer, heard),
      grab: puller(link, stream, consumer, heard),
    }
    lines.push(line)
    lines.sort((a, b) => b.priority - a.priority)
    prepare(line)
  }

  /** Makes its consumer, if it is not there, as soon as that can be done. */
  const prepare = (line: Line): void => {
    if (ended || line.ready || !link.connected) return
    const config = {
      durable_name: `${job.replaceAll('.', '=')}=${line.priority}`,
      filter_subject: `${subject}.${line.priority}`,
      ack_wait: ackWait * 1e6,
      max_waiting: maxWaiting,
      ...explicitly,
    }
    link
      .bounded(() => jsm.consumers.add(stream, config))
      .then(
        (info) => {
          line.opening = false
          line.ready = true
          line.opening = false
          line.waiting = info.num_pending
          take()
        },
        () => {
          line.opening = false
          setTimeout(() => prepare(line), 1000).unref()
          take()
        },
      )
  }

  const connection = link.onConnection((connected) => {
    for (const line of lines) {
      line.bell.reset()
      line.grab.reset()
      line.waiting = undefined
      if (connected) prepare(line)
    }
    take()
  })

  const pull: WorkPull = {
    want(offers) {
      wanted = ended ? 0 : offers
      take()
    },
    get empty() {
      return link.connected && lines.every((line) => line.waiting === 0 && line.bell.outstanding > 0)
    },
    async stop() {
      if (ended) return
      ended = true
      connection.stop()
      await Promise.all(lines.flatMap(({ bell, grab }) => [bell.stop(), grab.stop()]))
    },
  }
  const close = async (): Promise<void> => {
    await pull.stop()
    for (const reply of open) link.send(reply, '-NAK')
    open.clear()
  }
  const priorities = (all: ReadonlySet<number>): void => {
    for (const priority of all) if (!lines.some((line) => line.priority === priority)) add(priority)
  }
  return { pull, priorities, close }
}

const mayHave = (line: Line): boolean => line.ready && line.waiting !== 0

function parse(msg: Msg): Offer | undefined {
  try {
    const offer = msg.json<Offer>()
    return Array.isArray(offer.jobs) ? offer : undefined
  } catch {
    return undefined
  }
}
