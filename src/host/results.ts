import type { JobError, Outcome, Suspend } from '../../actors/job.ts'
import { type Address, partitionOf, rootOf } from '../address.ts'
import type { Bus, OutgoingFrame } from '../bus/port.ts'
import { type Clock, sleep } from '../clock.ts'
import type { Envelope } from '../envelope.ts'
import { isStellwerkError } from '../errors.ts'
import type { Reply } from './replies.ts'
import { asFailed, errorOf } from './thrown.ts'

/** What came of a run. */
export interface Ended {
  outcome: Outcome
  output?: { value: unknown }
  error?: JobError
  terminal?: boolean
  retryAt?: number
  suspend?: Suspend
  /** Name of the job and how long the handler ran: for the size of its offers. */
  job?: string
  ms?: number
  /** Characters of JSON of the output, or of the suspend. */
  size?: number
}

interface Kept {
  envelope: Envelope
  partition: number
  /** Characters of JSON, about. */
  size: number
  sentAt?: number
}

/** Results that are published together, and how large they and each frame of them may be, in characters of JSON. */
const mostResults = 500
const publishSize = 4 * 1024 * 1024
const frameSize = 256 * 1024

/** Too large for the bus, or no JSON: it would be so each time. */
const isForGood = (error: unknown): error is Error => isStellwerkError(error, 'VALIDATION') || error instanceof TypeError

/**
 * Keeps each result until its job's actor has settled it, and delivers it for as long as the worker lives: a handler that has
 * returned is not run again because the broker or the store was away.
 */
export function createResults(parts: {
  bus: Bus
  clock: Clock
  name: string
  onSettled(key: string): void
  onKept?(key: string, partition: number, event: Envelope): void
  /** Something that an operator should know. */
  warn(message: string): void
}) {
  const { bus, clock, name } = parts
  const kept = new Map<string, Kept>()
  const unsent: string[] = []
  let sending = false
  let stopped = false
  let empty: (() => void) | undefined

  const inbox = `inbox.${name}`
  const listening = bus.listen(inbox, (replies) => {
    for (const { call } of replies as Reply[]) forget(String(call))
  })

  function forget(key: string): void {
    if (!kept.delete(key)) return
    parts.onSettled(key)
    if (!kept.size) empty?.()
  }

  /** What comes next: as many as may travel together. */
  function next(): string[] {
    let size = 0
    let count = 0
    while (count < unsent.length && count < mostResults && (count === 0 || size < publishSize))
      size += kept.get(unsent[count++]!)?.size ?? 0
    return unsent.splice(0, count).filter((key) => kept.has(key))
  }

  /** One frame a partition; large results have frames of their own. */
  function framesOf(keys: readonly string[]): OutgoingFrame[] {
    const open = new Map<number, { keys: string[]; size: number }>()
    const frames: { partition: number; keys: string[] }[] = []
    for (const key of keys) {
      const { partition, size } = kept.get(key)!
      let frame = open.get(partition)
      if (!frame || frame.size + size > frameSize) {
        frame = { keys: [], size: 0 }
        open.set(partition, frame)
        frames.push({ partition, keys: frame.keys })
      }
      frame.keys.push(key)
      frame.size += size
    }
    return frames.map(({ partition, keys }) => ({
      partition,
      id: `${name} ${keys[0]} ${clock.monotonic()}`,
      events: keys.map((key) => kept.get(key)!.envelope),
      kept: true,
    }))
  }

  /** All that waits goes in one publish; meanwhile more gathers. */
  async function sendAll(): Promise<void> {
    if (sending) return
    sending = true
    await undefined
    while (unsent.length && !stopped) await publish(next())
    sending = false
  }

  async function publish(keys: string[]): Promise<void> {
    try {
      await bus.publish(framesOf(keys))
      for (const key of keys) {
        const result = kept.get(key)
        if (result) result.sentAt = clock.monotonic()
      }
    } catch (error) {
      if (!isForGood(error)) {
        unsent.unshift(...keys)
        await sleep(clock, 200)
      } else if (keys.length > 1) for (const key of keys) await publish([key])
      else fail(keys[0]!, error)
    }
  }

  /** What can never be sent would hold up all that wait behind it: its run has failed by it. */
  function fail(key: string, error: Error): void {
    const { envelope, partition } = kept.get(key)!
    parts.warn(`What came of ${envelope.to} cannot be sent, and its run has failed: ${error.message}`)
    keep(key, partition, { ...envelope, event: asFailed(envelope.event, errorOf(error)) }, 0)
  }

  function keep(key: string, partition: number, envelope: Envelope, size: number): void {
    kept.set(key, { envelope, partition, size: size + 500 })
    parts.onKept?.(key, partition, envelope)
    unsent.push(key)
    void sendAll()
  }

  return {
    send(key: string, address: Address, dispatch: number, { size = 0, ...ended }: Ended): void {
      const event = { type: 'result', dispatch, worker: name, ...ended }
      const partition = partitionOf(rootOf(address), bus.partitions)
      keep(key, partition, { to: address, event, from: name, reply: { inbox, call: key } }, size)
    },
    /** The run is still open though its result was sent: once more, if that was a while ago. */
    repeat(key: string): void {
      const result = kept.get(key)
      if (result?.sentAt === undefined || clock.monotonic() - result.sentAt < 2000) return
      result.sentAt = undefined
      unsent.push(key)
      void sendAll()
    },
    /** Its actor has settled it, or never knew of it; said before it was sent, that may be of the claim: then it is sent all the same. */
    over(key: string): void {
      if (kept.get(key)?.sentAt !== undefined) forget(key)
    },
    delivered: (): Promise<void> => (kept.size ? new Promise((done) => (empty = done)) : Promise.resolve()),
    stop(): void {
      stopped = true
      listening.stop()
    },
  }
}
