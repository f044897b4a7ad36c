import { AsyncLocalStorage } from 'node:async_hooks'
import { parentPort } from 'node:worker_threads'

/**
 * A thread runs one handler after the other. What one has left behind (a timer that throws, a promise that is rejected, a late `process.exit`)
 * comes when the next one runs, and is not that one's: it is told on stderr, and ends nothing. What the present one does ends the thread, and fails it.
 */
interface Owner {
  id: string
  returned: boolean
}
const owners = new AsyncLocalStorage<Owner>()

export async function ownedBy<T>(id: string, run: () => Promise<T>): Promise<T> {
  guard()
  const owner: Owner = { id, returned: false }
  return owners.run(owner, run).finally(() => {
    owner.returned = true
  })
}

let guarded = false
/** Not before the first run: until then the pool uses what is taken from handlers here. */
function guard(): void {
  if (guarded) return
  guarded = true
  process.on('uncaughtException', (error) => {
    const owner = owners.getStore()
    if (!owner?.returned) throw error
    process.emitWarning(`${owner.id} left something behind that has thrown after its end: ${error instanceof Error ? error.stack : error}`)
  })
  const exit = process.exit.bind(process)
  process.exit = (code) => {
    if (owners.getStore()?.returned) throw new Error(`process.exit(${code ?? ''})`)
    return exit(code)
  }
  parentPort!.postMessage = () => {
    throw new Error('parentPort is not for handlers: what a handler has to say it returns, or tells by ctx.progress')
  }
}
