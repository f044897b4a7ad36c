import type { Clock } from '../../clock.ts'
import { UnavailableError } from '../../errors.ts'
import { guarded } from '../guarded.ts'
import type { Listening } from '../port.ts'
import type { Deferred } from './deferred.ts'

export interface Subjects {
  signal(subject: string, data: unknown): void
  listen(subject: string, on: (data: unknown, subject: string) => void, queue?: string): Listening
  /** `clock`: of who asks; it may end with its host. */
  request(subject: string, data: unknown, timeout: number, clock: Clock): Promise<unknown>
  serve(subject: string, answer: (data: unknown, subject: string) => Promise<unknown>, queue?: string): Listening
}

/** Small messages between those who are there now. They cross as JSON: the receiver may do with them what it likes. */
export function subjects(defer: Deferred): Subjects {
  const listeners = registry<(json: string, subject: string) => void>()
  const servers = registry<(json: string, subject: string) => Promise<string>>()

  return {
    signal(subject, data) {
      const found = listeners.match(subject)
      if (found.length === 0) return
      const json = toJson(data)
      for (const one of found) defer(() => one.present() && guarded(() => one.call(json, subject)))
    },

    listen: (pattern, on, queue) => listeners.add(pattern, (json, subject) => on(fromJson(json), subject), queue),

    async request(subject, data, timeout, clock) {
      const json = toJson(data)
      const found = servers.match(subject)
      if (found.length === 0) throw new UnavailableError(`Nobody answers ${subject}. Is a host running?`, { nobody: true })
      return fromJson(await firstAnswer(found.map((one) => () => one.call(json, subject))))

      function firstAnswer(calls: (() => Promise<string>)[]): Promise<string> {
        return new Promise((resolve, reject) => {
          const late = () => reject(new UnavailableError(`${subject} was not answered within ${timeout} ms.`))
          const cancel = clock.at(clock.now() + timeout, late)
          const settle = (how: () => void) =>
            defer(() => {
              cancel()
              how()
            })
          for (const call of calls)
            defer(() => {
              call().then(
                (answer) => settle(() => resolve(answer)),
                (error) => settle(() => reject(error)),
              )
            })
        })
      }
    },

    serve: (pattern, answer, queue) => servers.add(pattern, async (json, subject) => toJson(await answer(fromJson(json), subject)), queue),
  }
}

const toJson = (data: unknown): string => (data === undefined ? 'null' : JSON.stringify(data))
const fromJson = (json: string): unknown => JSON.parse(json)

interface Member<F> {
  call: F
  queue?: string
  present(): boolean
}

/** Who listens to what: to one subject, or to all below one (`a.>`). Of a queue one member gets a message, and they take turns. */
function registry<F>() {
  const patterns = new Map<string, Member<F>[]>()

  const add = (pattern: string, call: F, queue?: string): Listening => {
    let here = true
    const member: Member<F> = { call, queue, present: () => here }
    patterns.set(pattern, [...(patterns.get(pattern) ?? []), member])
    const stop = () => {
      here = false
      const rest = (patterns.get(pattern) ?? []).filter((other) => other !== member)
      if (rest.length > 0) patterns.set(pattern, rest)
      else patterns.delete(pattern)
    }
    return { stop }
  }

  const pick = (pattern: string, into: Member<F>[]): void => {
    const members = patterns.get(pattern)
    if (!members) return
    const queues = new Set<string>()
    for (const member of members) {
      if (member.queue === undefined) into.push(member)
      else if (!queues.has(member.queue)) {
        queues.add(member.queue)
        into.push(member)
      }
    }
    if (queues.size > 0) patterns.set(pattern, rotate(members, into))
  }

  const match = (subject: string): Member<F>[] => {
    const found: Member<F>[] = []
    if (patterns.size === 0) return found
    pick(subject, found)
    for (let dot = subject.indexOf('.'); dot >= 0; dot = subject.indexOf('.', dot + 1)) pick(`${subject.slice(0, dot)}.>`, found)
    return found
  }

  return { add, match }
}

/** Members of queues that were just chosen go to the end. */
function rotate<F>(members: Member<F>[], chosen: Member<F>[]): Member<F>[] {
  const isLast = (member: Member<F>) => member.queue !== undefined && chosen.includes(member)
  return [...members.filter((member) => !isLast(member)), ...members.filter(isLast)]
}
