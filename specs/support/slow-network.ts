import type { Bus, StoredRecord } from '../../src/bus/port.ts'
import { UnavailableError } from '../../src/errors.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { Random } from './random.ts'

interface Line {
  up: boolean
  newest: number
  hear(data: unknown): void
  told(key: string, record: StoredRecord): void
  readonly serves: Set<string>
}

/**
 * Signals, requests and records between hosts, each on a line of its own: what the server sends on it comes in order, and late; the
 * answer to a request is later still. A line that is cut carries nothing, and what was sent meanwhile is lost, as on core NATS; once
 * mended, its host is told all records again.
 */
export function slowNetwork(clock: VirtualClock, random: Random, partitions: number) {
  const records = new Map<string, StoredRecord>()
  const lines = new Map<string, Line>()
  const after = (ms: number, then: () => void) => void clock.at(clock.now() + ms, then)
  let revision = 0

  function connect(name: string): { bus: Bus; cut(): void; mend(): void; kill(): void } {
    const line: Line = { up: true, newest: 0, hear: () => {}, told: () => {}, serves: new Set() }
    lines.set(name, line)

    const arrive = (at: Line, then: () => void) => {
      if (!at.up) return
      at.newest = Math.max(at.newest, clock.now() + random.between(0, 15))
      clock.at(at.newest, () => at.up && then())
    }
    /** What the server does with a request; undefined: nobody answers it in time. */
    const ask = <T>(timeout: number, serve: (answer: (value: T) => void, refuse: (error: Error) => void) => void) =>
      new Promise<T>((answer, refuse) => {
        const late = new UnavailableError('no answer in time')
        const cancel = clock.at(clock.now() + timeout, () => refuse(late))
        const settled = (then: () => void) =>
          arrive(line, () =>
            after(random.between(0, 20), () => {
              cancel()
              then()
            }),
          )
        after(random.between(0, 10), () => {
          if (line.up)
            serve(
              (value) => settled(() => answer(value)),
              (error) => settled(() => refuse(error)),
            )
        })
      })

    const bus: Partial<Bus> = {
      partitions,
      signal(_, data) {
        if (line.up) after(random.between(0, 10), () => lines.forEach((other) => arrive(other, () => other.hear(data))))
      },
      listen(_, on) {
        line.hear = (data) => on(data, '')
        return { stop: () => (line.hear = () => {}) }
      },
      serve(subject) {
        line.serves.add(subject)
        return { stop: () => line.serves.delete(subject) }
      },
      request: (subject, _, timeout) =>
        ask(timeout, (answer, refuse) => {
          const target = [...lines.values()].find(({ serves }) => serves.has(subject))
          if (!target) refuse(new UnavailableError('nobody', { nobody: true }))
          else arrive(target, () => answer({}))
        }),
      records: {
        get: (key) => ask(5000, (answer) => answer(records.get(key))),
        put: (key, value, expected) =>
          ask(5000, (answer) => {
            if ((records.get(key)?.revision ?? 0) !== expected) return answer(undefined)
            const record = { value, revision: ++revision }
            records.set(key, record)
            for (const other of lines.values()) arrive(other, () => other.told(key, record))
            answer(record.revision)
          }),
        async watch(_, on) {
          line.told = on
          for (const [key, record] of records) on(key, record)
          return { stop: () => (line.told = () => {}) }
        },
      },
    }
    return {
      bus: bus as Bus,
      cut: () => (line.up = false),
      kill() {
        line.up = false
        lines.delete(name)
      },
      mend() {
        if (!lines.has(name)) return
        line.up = true
        for (const [key, record] of records) arrive(line, () => line.told(key, record))
      },
    }
  }
  return { connect }
}
