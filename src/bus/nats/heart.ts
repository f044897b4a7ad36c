import { Worker } from 'node:worker_threads'
import { systemClock } from '../../clock.ts'
import type { Envelope } from '../../envelope.ts'
import type { Answer, Heart, Listed, Wearer } from '../../host/heart.ts'
import { createTickets, giveBackTicket, ticketCells } from './tickets.ts'

export interface ThreadData {
  url: string
  namespace: string
  worker: string
  beat: number
  lease: number
  /** Tickets of runs that have not begun. */
  cells: Int32Array
  /** The last ping that the event loop has seen. */
  pulse: Int32Array
}

export interface Changes {
  /** `left`: how long it is listed still, ms. Each thread counts from a start of its own. */
  set?: [key: string, run: Listed, left: number | undefined][]
  returned?: [string, number, Envelope][]
  gone?: string[]
  stop?: boolean
}
export type Told = { key: string; answer: Answer; begun: boolean } | { partition: number } | { ping: number }

/** A thread that has not lived for so long is made anew after as long, ms. */
const shortLife = 1000

const withTime = ([key, run]: [string, Listed]): [string, Listed, number | undefined] => [
  key,
  run,
  run.until && run.until - systemClock.monotonic(),
]

/** From source, the thread loads the loader first that this process was started with. */
export function startThread(workerData: ThreadData): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./heart-thread.js', import.meta.url), { workerData })
  const file = new URL('./heart-thread.ts', import.meta.url)
  const code = `import('${import.meta.resolve('tsx/esm/api')}').then(({ register }) => (register(), import('${file}')))`
  return new Worker(code, { eval: true, workerData })
}

/**
 * A heart in a thread of its own. What is about to begin is told in the microtask before its handler is entered: one that blocks from
 * its first line on is listed all the same, and its ticket says that it has begun. What has ended is told when there is time.
 *
 * The thread asks the event loop for a sign of life with every beat. While there is none it gives back what has not begun, and sends
 * what has returned: a run begins only if its ticket is still there.
 *
 * A thread that ends, which only a fault can bring about, is made anew at once, before the leases have ended that it kept.
 */
export function threadHeart(
  url: string,
  namespace: string,
  { worker, beat, lease, onAnswer, onNoOwner }: Wearer,
  log: (message: string) => void,
  start = startThread,
): Heart {
  const cells = new Int32Array(new SharedArrayBuffer(4 * ticketCells))
  const tickets = createTickets(cells)
  let set = new Map<string, Listed>()
  let gone: string[] = []
  let returned: [string, number, Envelope][] = []

  const tell = (): void => {
    if (set.size || gone.length || returned.length) thread.postMessage({ set: Array.from(set, withTime), gone, returned } satisfies Changes)
    set = new Map()
    gone = []
    returned = []
  }
  const listed = new Map<string, Listed>()
  let stopped = false
  let pause: NodeJS.Timeout | undefined
  let thread!: Worker
  let ended!: Promise<void>

  function makeThread(): void {
    const pulse = new Int32Array(new SharedArrayBuffer(4))
    const made = systemClock.monotonic()
    let fault: Error | undefined
    thread = start({ url, namespace, worker, beat, lease, cells, pulse })
    thread.unref()
    thread.on('message', (told: Told) => {
      if ('key' in told) onAnswer(told.key, told.answer, told.begun)
      else if ('partition' in told) onNoOwner(told.partition)
      else Atomics.store(pulse, 0, told.ping)
    })
    thread.on('error', (error: Error) => (fault = error))
    ended = new Promise((done) => {
      thread.once('exit', (code) => {
        done()
        if (stopped) return
        log(`stellwerk: the thread that sends heartbeats has ended, and is made anew: ${fault?.message ?? `exit code ${code}`}`)
        // One that cannot live is not tried again and again.
        pause = setTimeout(makeThread, systemClock.monotonic() - made < shortLife ? shortLife : 0).unref()
      })
    })
    // What has returned need not be told again: its worker delivers it.
    set = new Map(listed)
    tell()
  }
  makeThread()

  function list(key: string, run: Listed): void {
    listed.set(key, run)
    if (set.set(key, run).size === 1) queueMicrotask(tell)
  }
  return {
    set: (key, run) => list(key, { ...run, ticket: listed.get(key)?.ticket ?? tickets.issue() }),
    begin(key) {
      const run = listed.get(key)
      if (run?.ticket) return tickets.begin(run.ticket)
      if (run) list(key, { ...run, begun: true })
      return true
    },
    giveBack(key) {
      const ticket = listed.get(key)?.ticket
      return !ticket || giveBackTicket(cells, ticket)
    },
    returned(key, partition, event) {
      if (returned.push([key, partition, event]) === 1) queueMicrotask(tell)
    },
    delete(key) {
      const ticket = listed.get(key)?.ticket
      if (ticket) tickets.release(ticket)
      listed.delete(key)
      if (gone.push(key) === 1) setImmediate(tell)
    },
    async stop() {
      stopped = true
      clearTimeout(pause)
      tell()
      thread.postMessage({ stop: true } satisfies Changes)
      await Promise.race([ended, new Promise((done) => setTimeout(done, 1000).unref())])
      await thread.terminate()
    },
  }
}
