import { connect } from 'nats'
import type { Random } from './random.ts'

export interface Duplicates {
  readonly frames: number
  readonly offers: number
  readonly commands: number
  stop(): Promise<void>
}

/**
 * Somebody who repeats what was said: copies of frames and offers, published again up to 5 s later without their message ids, so that
 * no server drops them; and `commands`, submitted again by their subjects.
 */
export async function duplicates(
  url: string,
  namespace: string,
  random: Random,
  commands: () => { root: string; command: unknown } | undefined,
): Promise<Duplicates> {
  const nc = await connect({ servers: url, noEcho: true, maxReconnectAttempts: -1, reconnectTimeWait: 200 })
  const counts = { frames: 0, offers: 0, commands: 0 }
  const timers = new Set<NodeJS.Timeout>()

  function later(publish: () => void): void {
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        if (!nc.isClosed()) publish()
      },
      random.between(0, 5000),
    )
    timers.add(timer)
  }
  function repeat(subject: string, part: number, count: () => void): void {
    nc.subscribe(subject, {
      callback(error, msg) {
        if (error || !random.chance(part)) return
        const [to, data] = [msg.subject, msg.data.slice()]
        later(() => {
          nc.publish(to, data)
          count()
        })
      },
    })
  }
  repeat(`${namespace}.event.>`, 0.1, () => counts.frames++)
  repeat(`${namespace}.work.>`, 0.05, () => counts.offers++)
  const submitting = setInterval(() => {
    const given = commands()
    if (!given || nc.isClosed()) return
    nc.publish(`${namespace}.command.${given.root}`, JSON.stringify(given.command))
    counts.commands++
  }, 2000)

  return {
    get frames() {
      return counts.frames
    },
    get offers() {
      return counts.offers
    },
    get commands() {
      return counts.commands
    },
    async stop() {
      clearInterval(submitting)
      for (const timer of timers) clearTimeout(timer)
      await nc.close()
    },
  }
}
