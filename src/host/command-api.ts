import { partitionOf, rootOf } from '../address.ts'
import type { Bus } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import { commandTypes } from '../command.ts'
import type { Envelope } from '../envelope.ts'
import { invalid } from '../errors.ts'
import { type Contracts, fromOutside, learnNames } from './door.ts'
import { type Refusal, type Reply, refused } from './replies.ts'

/** How long a request waits for its outcome. */
const waits = 10_000

const apiInbox = (host: string): string => `inbox.${host}.api`
export const isOfApi = (inbox: string): boolean => inbox.endsWith('.api')

export type Answer = { ok: true; to: string; state?: string; version?: number } | { ok: false; error: Refusal }

/**
 * Commands as requests, for programs: `api.submit`, `add`, `seal`, `cancel`, `retry`, `resume`, `update` take the body of the command (the verb says its
 * `type`) and answer once the outcome is committed. What does not validate is answered at once and goes no further. Without an answer
 * in time the command may still be applied: with an `id` it can be sent again.
 */
export function serveCommands({ bus, clock, contracts, name }: { bus: Bus; clock: Clock; contracts: Contracts; name: string }) {
  const inbox = apiInbox(name)
  const calls = new Map<number, (answer: Answer) => void>()
  let last = 0

  const listening = bus.listen(inbox, (replies) => {
    for (const { call, ok, error, address, state, version } of replies as Reply[])
      calls.get(Number(call))?.(ok ? { ok, to: address, state, version } : { ok, error: error! })
  })

  async function command(type: string, body: unknown): Promise<Answer> {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('body', 'must be one command, as a JSON object')
    await learnNames(contracts, body)
    const { reply: _, ...given } = fromOutside(contracts, undefined, withType(type, body))
    // Who asks is told: nobody else need find a refusal among the dead letters.
    return send({ ...given, letter: undefined })
  }

  async function send(given: Envelope): Promise<Answer> {
    const call = ++last
    const envelope = { ...given, reply: { inbox, call } }
    const answer = outcome(call, envelope.to)
    const partition = partitionOf(rootOf(envelope.to), bus.partitions)
    await bus.publish([{ partition, id: `${name} api ${call}`, events: [envelope] }])
    return answer
  }

  function outcome(call: number, to: string): Promise<Answer> {
    return new Promise((resolve) => {
      const message = `${to} did not answer within ${waits} ms. The command may still be applied; with an id it can be sent again.`
      const cancel = clock.at(clock.now() + waits, () => settle({ ok: false, error: { code: 'TIMEOUT', message } }))
      const settle = (answer: Answer) => {
        cancel()
        calls.delete(call)
        resolve(answer)
      }
      calls.set(call, settle)
    })
  }

  const serving = commandTypes.map((type) => bus.serve(`api.${type}`, (body) => command(type, body).catch(refused), 'api'))
  return {
    /** One command, from here: answers once its outcome is committed. */
    send,
    stop() {
      listening.stop()
      for (const one of serving) one.stop()
    },
  }
}

const withType = (type: string, body: unknown): unknown =>
  body && typeof body === 'object' && !Array.isArray(body) && !('type' in body) ? { ...body, type } : checkType(type, body)

function checkType(type: string, body: unknown): unknown {
  const given = (body as { type?: unknown } | undefined)?.type
  if (given === undefined || given === type) return body
  const message = `this is the request for "${type}"; leave the type out, or ask another`
  throw Object.assign(new Error(`type: ${message}`), { code: 'VALIDATION', issues: [{ path: ['type'], message }] })
}
