import { type Address, partitionOf, rootOf } from './address.ts'
import type { Bus, OutgoingFrame } from './bus/port.ts'
import { type Clock, sleep } from './clock.ts'
import type { ActorEvent, Envelope } from './envelope.ts'
import { isStellwerkError, UnavailableError } from './errors.ts'
import type { Reply } from './host/replies.ts'
import { onAbort } from './on-abort.ts'
import { aboutLength } from './payload.ts'

interface Call {
  envelope: Envelope
  ack: 'committed' | 'queued'
  /** Characters of JSON, about. */
  size: number
  settle(reply: Pick<Reply, 'error'>): void
  fail(error: unknown): void
  /** Ends the watch over its answer: a timer would keep the process alive. */
  unwatch?: () => void
  unhear?: () => void
}

/** About how many jobs one frame brings, and characters of JSON (one command alone may have more): as many as a host may take in at once (see host/flow.ts). */
const frameJobs = 100
const frameSize = 128 * 1024
/** The same for all frames that are published together. */
const publishCommands = 2000
const publishSize = 1024 * 1024
/** A command that is not answered for so long is sent again, under the same number: it is applied once. */
const repeatAfter = 5000
const giveUpAfter = 60_000
/** What may wait for an answer, in commands and in characters of JSON: more is refused at once, so that no outage fills the memory. */
const mostWaiting = 100_000
const mostSize = 128 * 1024 * 1024

/**
 * Sends a client's commands. Each has a number, and an actor takes no number twice and none below one it has seen: so publishes
 * are one after the other, and a failed one is repeated before anything later. What gathers meanwhile goes in one frame.
 */
export function createSender(bus: Bus, clock: Clock, name: string) {
  const calls = new Map<number, Call>()
  const unsent: number[] = []
  const inbox = `inbox.${name}`
  let n = 0
  let sent = 0
  let sending = false
  let stopped = false
  let waitingSize = 0
  /** So many of the next travel each by itself: one of them can never be sent, and the others shall not fail with it. */
  let alone = 0
  /** Why the last publish failed, while it does. */
  let trouble: Error | undefined

  const listening = bus.listen(inbox, (replies) => {
    for (const reply of replies as Reply[]) {
      calls.get(Number(reply.call))?.settle(reply)
      forget(Number(reply.call))
    }
  })

  function forget(id: number): void {
    const call = calls.get(id)
    if (!call) return
    call.unwatch?.()
    call.unhear?.()
    waitingSize -= call.size
    calls.delete(id)
  }

  async function sendAll(): Promise<void> {
    if (sending) return
    sending = true
    await undefined
    while (unsent.length && !stopped) {
      const batch = next()
      try {
        await bus.publish(framesOf(batch))
        trouble = undefined
      } catch (error) {
        const forGood = !isStellwerkError(error, 'UNAVAILABLE')
        if (forGood && batch.length === 1) {
          calls.get(batch[0]!)?.fail(error)
          forget(batch[0]!)
          continue
        }
        unsent.unshift(...batch)
        if (forGood) alone = batch.length
        else {
          trouble = error as Error
          await sleep(clock, 200)
        }
        continue
      }
      for (const id of batch) {
        const call = calls.get(id)
        if (call?.ack !== 'queued') continue
        forget(id)
        call.settle({})
      }
      // What comes in one pass of the event loop goes together: a loop over submits makes full frames, also where a publish takes no time.
      await new Promise(setImmediate)
    }
    sending = false
  }

  /** What goes in one publish: as a whole it is safe, or sent again. Where little room is left in the stream, little at a time gets in. */
  function next(): number[] {
    if (alone > 0) {
      alone--
      return unsent.splice(0, 1).filter((id) => calls.has(id))
    }
    let size = 0
    let count = 0
    while (count < unsent.length && count < publishCommands && size < publishSize) size += calls.get(unsent[count++]!)?.size ?? 0
    return unsent.splice(0, count).filter((id) => calls.has(id))
  }

  function framesOf(batch: number[]): OutgoingFrame[] {
    const open = new Map<number, { events: Envelope[]; size: number; jobs: number; kept: boolean }>()
    const frames: OutgoingFrame[] = []
    const close = (partition: number) => {
      const { events, kept } = open.get(partition)!
      frames.push({ partition, id: `${name} ${sent++}`, events, kept })
      open.delete(partition)
    }
    for (const id of batch) {
      const { envelope, ack, size } = calls.get(id)!
      const partition = partitionOf(rootOf(envelope.to), bus.partitions)
      if ((open.get(partition)?.size ?? 0) + size > frameSize && open.has(partition)) close(partition)
      const frame = open.get(partition) ?? open.set(partition, { events: [], size: 0, jobs: 0, kept: true }).get(partition)!
      frame.events.push(envelope)
      frame.size += size
      frame.jobs += (envelope.event.members as unknown[] | undefined)?.length ?? 1
      frame.kept &&= ack === 'committed'
      if (frame.jobs >= frameJobs || frame.size >= frameSize) close(partition)
    }
    for (const partition of [...open.keys()]) close(partition)
    return frames
  }

  function notDone({ envelope: { event, to } }: Call, when: string, cause?: unknown): UnavailableError {
    const why = trouble ? `${trouble.message} ` : ''
    return new UnavailableError(
      `${event.type} of ${to} was not answered ${when}. ${why}It may still be applied; submitting it again under this id is safe.`,
      { cause: cause ?? trouble },
    )
  }

  function watch(id: number, since: number): void {
    const watched = calls.get(id)
    if (!watched) return
    watched.unwatch = clock.at(clock.now() + repeatAfter, () => {
      const call = calls.get(id)
      if (!call || stopped) return
      if (clock.now() - since >= giveUpAfter) {
        forget(id)
        call.fail(notDone(call, `within ${giveUpAfter} ms`))
        return
      }
      // One that is to be queued only is repeated by whoever sends it.
      if (call.ack === 'committed' && !trouble && !unsent.includes(id)) unsent.unshift(id)
      void sendAll()
      watch(id, since)
    })
  }

  return {
    /** `signal`: how long the caller waits. */
    send(to: Address, event: ActorEvent, ack: Call['ack'], signal?: AbortSignal): Promise<Pick<Reply, 'error'>> {
      if (stopped) return Promise.reject(new UnavailableError('This client was closed.'))
      const size = sizeOf(event)
      if (calls.size >= mostWaiting || (calls.size && waitingSize + size > mostSize)) {
        const why = trouble?.message ?? 'They are sent faster than they are answered.'
        return Promise.reject(
          new UnavailableError(`${calls.size} commands of this client wait for an answer, and no more are taken. ${why}`),
        )
      }
      if (signal?.aborted) return Promise.reject(signal.reason)
      return new Promise((settle, fail) => {
        const id = ++n
        const envelope: Envelope = {
          to,
          event,
          from: name,
          inc: name,
          n: id,
          ...(ack === 'queued' ? { letter: true } : { reply: { inbox, call: id } }),
        }
        const call: Call = { envelope, ack, size, settle, fail }
        calls.set(id, call)
        waitingSize += size
        unsent.push(id)
        void sendAll()
        watch(id, clock.now())
        call.unhear = onAbort(signal, () => {
          forget(id)
          fail(notDone(call, 'before its signal aborted', signal?.reason))
        })
      })
    },
    stop(): void {
      stopped = true
      listening.stop()
      for (const call of calls.values()) {
        call.unwatch?.()
        call.fail(notDone(call, 'before the client was closed'))
      }
      calls.clear()
    },
  }
}

const sizeOf = (event: ActorEvent): number => 300 + ('members' in event || 'input' in event || 'value' in event ? aboutLength(event) : 0)
