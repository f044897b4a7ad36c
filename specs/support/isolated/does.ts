import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import type { Context } from '../../../src/definition.ts'
import { RetryAt, TerminalError } from '../../../src/errors.ts'

/** Does what its input says, with all that a handler can do. */
export default async function does({ how }: { how: string }, ctx: Context<{ mail: never }>): Promise<unknown> {
  if (isMainThread) throw new Error('this is no thread')
  switch (how) {
    case 'members': {
      const members: string[] = []
      for await (const { key, state, output } of ctx.group!.members()) members.push(`${key} ${state} ${JSON.stringify(output ?? null)}`)
      return { id: ctx.id, total: ctx.group!.total, members }
    }
    case 'child':
      return ctx.submit('here', null, { key: 'part' })
    case 'progress':
      ctx.progress(0.5)
      return { attempt: ctx.attempt, run: ctx.run, key: ctx.key ?? null }
    case 'terminal':
      throw new TerminalError('never again')
    case 'retry-at':
      if (ctx.attempt === 1) throw new RetryAt(new Date(Date.now() + 50))
      return ctx.attempt
    case 'suspend':
      return ctx.callbacks.mail ?? ctx.suspend({ until: ['mail'], state: { seen: 1 } })
    case 'suspend wrongly':
      return ctx.suspend({ until: ['nothing' as never] })
    case 'suspend with a function':
      return ctx.suspend({ until: ['mail'], state: { seen: () => 1 } })
    case 'suspend with a Set':
      return ctx.suspend({ until: ['mail'], state: { seen: new Set([1]) } })
    case 'lost':
      return { rows: [new Map([[1, 2]])] }
    case 'exit':
      return process.exit(3)
    case 'told':
      return sleep(60_000, 'not told', { signal: ctx.signal })
    default:
      return { no: 'JSON', big: 1n }
  }
}
