import { Worker } from 'node:worker_threads'
import type { Answer, Heart, Listed, Wearer } from '../../host/heart.ts'

export interface Changes {
  set?: [string, Listed][]
  gone?: string[]
  stop?: boolean
}
export type Told = { key: string; answer: Answer; begun: boolean } | { partition: number }

/** From source, the thread loads the loader first that this process was started with. */
function startThread(workerData: unknown): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./heart-thread.js', import.meta.url), { workerData })
  const file = new URL('./heart-thread.ts', import.meta.url)
  const code = `import('${import.meta.resolve('tsx/esm/api')}').then(({ register }) => (register(), import('${file}')))`
  return new Worker(code, { eval: true, workerData })
}

/**
 * A heart in a thread of its own. What begins is told in the microtask before its handler is entered: a handler that blocks from its
 * first line on is listed all the same. What has ended is told when there is time.
 */
export function threadHeart(url: string, namespace: string, { worker, beat, lease, onAnswer, onNoOwner }: Wearer): Heart {
  const thread = startThread({ url, namespace, worker, beat, lease })
  thread.unref()
  const ended = new Promise<void>((done) => thread.once('exit', () => done()))
  thread.on('message', (told: Told) => ('key' in told ? onAnswer(told.key, told.answer, told.begun) : onNoOwner(told.partition)))
  let set: [string, Listed][] = []
  let gone: string[] = []

  const tell = (): void => {
    if (set.length || gone.length) thread.postMessage({ set, gone } satisfies Changes)
    set = []
    gone = []
  }
  return {
    set(key, run) {
      if (set.push([key, run]) === 1) queueMicrotask(tell)
    },
    delete(key) {
      if (gone.push(key) === 1) setImmediate(tell)
    },
    async stop() {
      tell()
      thread.postMessage({ stop: true } satisfies Changes)
      await Promise.race([ended, new Promise((done) => setTimeout(done, 1000).unref())])
      await thread.terminate()
    },
  }
}
