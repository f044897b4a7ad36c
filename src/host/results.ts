import type { JobError, Outcome } from '../../actors/job.ts'
import { type Address, partitionOf, rootOf } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import { type Clock, sleep } from '../clock.ts'
import type { Envelope } from '../envelope.ts'
import type { Reply } from './replies.ts'

/** What came of a run. */
export interface Ended {
  outcome: Outcome
  output?: { value: unknown }
  error?: JobError
  terminal?: boolean
  retryAt?: number
  /** Name of the job and how long the handler ran: for the size of its offers. */
  job?: string
  ms?: number
}

interface Kept {
  envelope: Envelope
  partition: number
  sentAt?: number
}

/**
 * Keeps each result until its job's actor has settled it, and delivers it for as long as the worker lives: a handler that has
 * returned is not run again because the broker or the store was away.
 */
export function createResults(parts: { bus: Bus; clock: Clock; name: string; onSettled(key: string): void }) {
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

  /** All that waits goes in one publish, one frame a partition; meanwhile more gathers. */
  async function sendAll(): Promise<void> {
    if (sending) return
    sending = true
    await undefined
    while (unsent.length && !stopped) {
      const keys = unsent.splice(0, 500).filter((key) => kept.has(key))
      const frames = new Map<number, string[]>()
      for (const key of keys) {
        const { partition } = kept.get(key)!
        frames.set(partition, [...(frames.get(partition) ?? []), key])
      }
      try {
        await bus.publish(
          [...frames].map(([partition, inFrame]) => ({
            partition,
            id: `${name} ${inFrame[0]} ${clock.monotonic()}`,
            events: inFrame.map((key) => kept.get(key)!.envelope),
            kept: true,
          })),
        )
        for (const key of keys) {
          const result = kept.get(key)
          if (result) result.sentAt = clock.monotonic()
        }
      } catch {
        unsent.unshift(...keys)
        await sleep(clock, 200)
      }
    }
    sending = false
  }

  return {
    send(key: string, address: Address, dispatch: number, ended: Ended): void {
      const event = { type: 'result', dispatch, worker: name, ...ended }
      const partition = partitionOf(rootOf(address), bus.partitions)
      kept.set(key, { envelope: { to: address, event, from: name, reply: { inbox, call: key } }, partition })
      unsent.push(key)
      void sendAll()
    },
    /** The run is still open though its result was sent: once more, if that was a while ago. */
    repeat(key: string): void {
      const result = kept.get(key)
      if (result?.sentAt === undefined || clock.monotonic() - result.sentAt < 2000) return
      result.sentAt = undefined
      unsent.push(key)
      void sendAll()
    },
    forget,
    delivered: (): Promise<void> => (kept.size ? new Promise((done) => (empty = done)) : Promise.resolve()),
    stop(): void {
      stopped = true
      listening.stop()
    },
  }
}
