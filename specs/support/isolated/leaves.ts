import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, threadId } from 'node:worker_threads'

/** What goes wrong after its end, or what it may not say. */
export default async function leaves({ what, during }: { what: string; during?: boolean }): Promise<unknown> {
  switch (what) {
    case 'timer':
      setTimeout(() => {
        throw new Error('a timer that was left')
      }, 1)
      break
    case 'promise':
      setTimeout(() => void Promise.reject(new Error('a promise that was left')), 1)
      break
    case 'exit':
      setTimeout(() => process.exit(4), 1)
      break
    case 'message':
      parentPort!.postMessage(null)
  }
  if (during || what === 'nothing') await sleep(100)
  return threadId
}
