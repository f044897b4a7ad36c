import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Tinypool } from 'tinypool'
import type { Clock } from '../clock.ts'
import type { Context, Handler, MemberResult } from '../definition.ts'
import type { Isolated } from '../isolate.ts'
import { type Came, errorFrom, type FromThread, failureOf, type Task, type ToThread } from './threads/messages.ts'
import { progressReader, type SharedProgress, sharedProgress } from './threads/progress.ts'

/** Threads of a host for the handlers that live in modules of their own. There is none until the first is needed. */
export interface Threads {
  handler(handler: Handler): Handler
  /** Terminates what still runs. */
  close(): Promise<void>
}

/** A thread that has nothing to do ends after so long, ms. */
const idleTimeout = 30_000
/** Members that travel together. */
const page = 200

export function createThreads(clock: Clock, slots: number): Threads {
  let made: Promise<Tinypool> | undefined
  const watched = new WeakSet<Tinypool['threads'][number]>()

  const make = async (): Promise<Tinypool> => {
    const { Tinypool } = await import('tinypool')
    return new Tinypool({ ...entry(), minThreads: 0, maxThreads: slots, idleTimeout })
  }

  /** A thread that ends without an error (`process.exit`) is not missed by the pool: its run would never end, nor the pool. */
  function watch(pool: Tinypool): void {
    for (const thread of pool.threads) {
      if (watched.has(thread)) continue
      watched.add(thread)
      thread.once('exit', (code) => {
        const error = new Error(`the handler has ended its thread, by process.exit(${code}): it must return, or throw`)
        if (pool.threads.includes(thread)) thread.emit('error', error)
      })
    }
  }

  async function run({ module, grace }: Isolated, input: unknown, ctx: Context): Promise<unknown> {
    const pool = await (made ??= make())
    const { port1: port, port2 } = new MessageChannel()
    const hardEnd = new AbortController()
    const { id, idempotencyKey, key, attempt, run: number, callbacks, state, round, group } = ctx
    const { members: _, ...facts } = group ?? {}
    const task: Task = {
      module,
      input,
      progress: sharedProgress(),
      ctx: { id, idempotencyKey, key, attempt, run: number, callbacks, state, round, group: group && (facts as Task['ctx']['group']) },
    }
    let cancel = () => {}
    const tell = () => {
      const { reason } = ctx.signal
      port.postMessage({ type: 'abort', reason: failureOf(reason) } satisfies ToThread)
      if (reason.code !== 'SHUTDOWN') cancel = clock.at(clock.now() + grace, () => hardEnd.abort())
    }
    serve(port, ctx, task.progress)
    if (ctx.signal.aborted) tell()
    else ctx.signal.addEventListener('abort', tell, { once: true })
    try {
      const running = pool.run({ task, port: port2 }, { transferList: [port2], signal: hardEnd.signal })
      watch(pool)
      const came: Came = await running
      if ('failed' in came) throw errorFrom(came.failed)
      if ('told' in came) throw ctx.signal.reason
      return 'suspend' in came ? ctx.suspend(came.suspend) : came.output
    } catch (error) {
      throw hardEnd.signal.aborted ? ctx.signal.reason : error
    } finally {
      cancel()
      ctx.signal.removeEventListener('abort', tell)
      port.close()
    }
  }

  return {
    handler: (handler) => {
      const { isolated, definition } = handler
      return isolated ? { definition, handle: (input: never, ctx) => run(isolated, input, ctx) } : handler
    },
    async close() {
      await (await made)?.destroy()
    },
  }
}

/** Answers what the thread asks for. Members are read when it wants more of them, as in this thread. */
function serve(port: MessagePort, ctx: Context, shared: SharedProgress): void {
  const readProgress = progressReader(shared, ctx.progress)
  let members: AsyncIterator<MemberResult> | undefined
  async function next(): Promise<ToThread> {
    const found: MemberResult[] = []
    try {
      members ??= ctx.group!.members()[Symbol.asyncIterator]()
      while (found.length < page) {
        const { value, done } = await members.next()
        if (done) {
          members = undefined
          return { type: 'members', members: found, done: true }
        }
        found.push(value)
      }
      return { type: 'members', members: found, done: false }
    } catch (error) {
      return { type: 'members', members: [], done: true, failed: failureOf(error) }
    }
  }
  port.on('message', async (message: FromThread) => {
    if (message.type === 'progress') readProgress()
    else if (message.type === 'submit') port.postMessage(await submitted(ctx, message))
    else port.postMessage(await next())
  })
}

async function submitted(ctx: Context, { n, job, input, key }: FromThread & { type: 'submit' }): Promise<ToThread> {
  return ctx.submit(job, input, { key }).then(
    (id) => ({ type: 'submitted', n, id }),
    (error) => ({ type: 'submitted', n, failed: failureOf(error) }),
  )
}

/** From source, a thread loads the loader first that this process was started with. */
function entry(): { filename: string; execArgv?: string[] } {
  if (!import.meta.url.endsWith('.ts')) return { filename: new URL('./threads/entry.js', import.meta.url).href }
  const load = `import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))}; register()`
  return { filename: new URL('./threads/entry.ts', import.meta.url).href, execArgv: ['--import', `data:text/javascript,${load}`] }
}
