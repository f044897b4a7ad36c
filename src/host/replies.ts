import type { Bus } from '../bus/port.ts'
import type { Outcome } from '../decide.ts'
import type { ActorDocument } from '../document.ts'
import type { Envelope } from '../envelope.ts'

/** Answer to a command, or to a result: its outcome is committed. */
export interface Reply {
  call: number | string
  ok: boolean
  error?: { code: string; message: string }
  address: string
  state?: string
  version?: number
}

/** Gathers the answers of one turn: one message for each inbox. */
export function createReplies(bus: Bus) {
  const inboxes = new Map<string, Reply[]>()
  return {
    add({ to, reply }: Envelope, outcome: Outcome | undefined, doc: ActorDocument | undefined): void {
      if (!reply) return
      const list = inboxes.get(reply.inbox) ?? inboxes.set(reply.inbox, []).get(reply.inbox)!
      const error = outcome?.rejected
      list.push({ call: reply.call, ok: !error, error, address: to, state: doc?.state, version: doc?.version })
    },
    send(): void {
      for (const [inbox, list] of inboxes) bus.signal(inbox, list)
      inboxes.clear()
    },
  }
}
