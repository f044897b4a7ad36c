import type { Bus } from '../bus/port.ts'
import type { Outcome } from '../decide.ts'
import type { ActorDocument } from '../document.ts'
import type { Envelope } from '../envelope.ts'
import { isStellwerkError } from '../errors.ts'
import { inParts } from './answer-size.ts'

export interface Refusal {
  code: string
  message: string
  /** Each field that is wrong. */
  issues?: unknown
}

/** As whoever asked is answered. */
export function refused(error: unknown): { ok: false; error: Refusal } {
  const { code, message, issues } = error as Refusal
  const known = isStellwerkError(error) || typeof code === 'string'
  return { ok: false, error: { code: known ? code : 'UNAVAILABLE', message, ...(issues ? { issues } : {}) } }
}

/** Answer to a command, or to a result: its outcome is committed. */
export interface Reply {
  call: number | string
  ok: boolean
  error?: Refusal
  address: string
  state?: string
  version?: number
}

/** Gathers the answers of one turn: one message for each inbox, or several where they are too much for one; for other programs one for each command. */
export function createReplies(bus: Bus) {
  const inboxes = new Map<string, Reply[]>()
  const outside: { subject: string; reply: Reply }[] = []
  return {
    add({ to, reply }: Pick<Envelope, 'to' | 'reply'>, outcome: Outcome | undefined, written: ActorDocument | undefined): void {
      if (!reply) return
      const doc = written?._id === to ? written : undefined
      const error = outcome?.rejected
      const answer = { call: reply.call, ok: !error, error, address: to, state: doc?.state, version: doc?.version }
      if (reply.outside) outside.push({ subject: reply.inbox, reply: answer })
      else (inboxes.get(reply.inbox) ?? inboxes.set(reply.inbox, []).get(reply.inbox)!).push(answer)
    },
    send(): void {
      for (const [inbox, list] of inboxes) for (const part of inParts(list)) bus.signal(inbox, part)
      inboxes.clear()
      for (const { subject, reply } of outside.splice(0)) bus.tell(subject, forOthers(reply))
    },
  }
}

/** As it is documented for programs that know nothing but NATS: `id` is the command's, if it had one. */
function forOthers({ ok, error, call, address, state, version }: Reply) {
  const id = call === '' ? undefined : call
  return ok ? { ok, id, to: address, state, version } : { ok, id, to: address || undefined, error }
}
