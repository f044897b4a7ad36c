import type { MessagePort } from 'node:worker_threads'
import { asJson } from '../../as-json.ts'
import type { Context, MemberResult } from '../../definition.ts'
import { StellwerkError } from '../../errors.ts'
import type { SuspendOptions } from '../../suspend.ts'
import { copyOf, readable } from '../thrown.ts'
import { ownedBy } from './leftovers.ts'
import { type Came, errorFrom, type FromThread, failureOf, type Task, type ToThread } from './messages.ts'
import { progressTeller } from './progress.ts'

/** The other side of threads.ts: runs in a thread, one handler at a time. */
export default ({ task, port }: { task: Task; port: MessagePort }): Promise<Came> => ownedBy(task.ctx.id, () => run(task, port))

async function run(task: Task, port: MessagePort): Promise<Came> {
  const abort = new AbortController()
  const suspends = new Set<unknown>()
  try {
    const handle = await handlerIn(task.module)
    const output = await handle(task.input, contextOf(task, port, abort, suspends))
    return suspends.has(output)
      ? { suspend: asJson((output as { options: SuspendOptions }).options, 'suspend').value as SuspendOptions }
      : { output: copyOf(output).value }
  } catch (thrown) {
    const error = readable(thrown)
    const { name, cause } = (error ?? {}) as { name?: string; cause?: unknown }
    const { aborted, reason } = abort.signal
    if (aborted && (thrown === reason || (name === 'AbortError' && cause === reason))) return { told: true }
    return { failed: failureOf(error) }
  } finally {
    port.close()
  }
}

async function handlerIn(module: string): Promise<(input: unknown, ctx: Context) => unknown> {
  const { default: handle } = await import(module)
  if (typeof handle === 'function') return handle
  throw new StellwerkError('TERMINAL', `${module} has no handler: its default export must be a function (input, ctx)`)
}

/** So many submits are under way at once: more would keep the host from everything else. */
const mostSubmits = 100

function contextOf({ ctx, progress }: Task, port: MessagePort, abort: AbortController, suspends: Set<unknown>): Context {
  const waiting: { resolve(page: { members: MemberResult[]; done: boolean }): void; reject(error: Error): void }[] = []
  const submits = new Map<number, { resolve(id: string): void; reject(error: Error): void }>()
  const unsaid: FromThread[] = []
  let asked = 0
  const say = (message: FromThread) => port.postMessage(message)
  port.on('message', (message: ToThread) => {
    if (message.type === 'abort') return abort.abort(errorFrom(message.reason))
    if (message.type === 'submitted') {
      const { n, id, failed } = message
      failed ? submits.get(n)?.reject(errorFrom(failed)) : submits.get(n)?.resolve(id!)
      submits.delete(n)
      const next = unsaid.shift()
      return next && say(next)
    }
    const { members, done, failed } = message
    const next = waiting.shift()
    failed ? next?.reject(errorFrom(failed)) : next?.resolve({ members, done })
  })
  // Whoever waits for nothing but this port would keep its thread, not its process.
  port.unref()

  async function* members(): AsyncGenerator<MemberResult> {
    for (;;) {
      port.ref()
      const page = await new Promise<{ members: MemberResult[]; done: boolean }>((resolve, reject) => {
        waiting.push({ resolve, reject })
        say({ type: 'members' })
      })
      yield* page.members
      if (page.done) return
    }
  }

  return {
    ...ctx,
    signal: abort.signal,
    group: ctx.group && { ...ctx.group, members },
    submit(definition: { name: string } | string, given: unknown, { key }: { key: string }) {
      return new Promise<string>((resolve, reject) => {
        const input = asJson(given, 'input').value
        port.ref()
        submits.set(++asked, { resolve, reject })
        const message = {
          type: 'submit',
          n: asked,
          job: typeof definition === 'string' ? definition : definition.name,
          input,
          key,
        } as const
        if (submits.size > mostSubmits) unsaid.push(message)
        else say(message)
      })
    },
    progress: progressTeller(progress, () => say({ type: 'progress' })),
    suspend(options: SuspendOptions) {
      const asked = { options }
      suspends.add(asked)
      return asked as never
    },
  } as Context
}
