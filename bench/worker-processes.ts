import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Opening } from './side.ts'

/** A process that only runs handlers. It tells, now and then, how far it is. */
export interface WorkerProcess {
  child: ChildProcess
  returned: number
  ended: { jobs: number; outputs: number }
  stop(): Promise<void>
}

export interface Told {
  ready?: true
  returned?: number
  ended?: { jobs: number; outputs: number }
  answer?: unknown
}

export async function startWorkers(opening: Opening, onProgress: () => void): Promise<WorkerProcess[]> {
  return Promise.all(Array.from({ length: opening.hosts }, () => startWorker(opening, onProgress)))
}

async function startWorker(opening: Opening, onProgress: () => void): Promise<WorkerProcess> {
  const execArgv = process.execArgv.filter((argument) => !argument.startsWith('--cpu-prof-name')) // each profile has a file of its own
  const child = fork(fileURLToPath(new URL('./worker-process.js', import.meta.url)), [JSON.stringify({ ...opening, hosts: 1 })], {
    execArgv,
  })
  const worker: WorkerProcess = {
    child,
    returned: 0,
    ended: { jobs: 0, outputs: 0 },
    async stop() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.send('stop')
      await gone
    },
  }
  await new Promise<void>((ready, failed) => {
    child.once('exit', (code) => failed(new Error(`a worker process ended with code ${code}`)))
    child.on('message', (told: Told) => {
      if (told.ready) ready()
      if (told.returned !== undefined) worker.returned = told.returned
      if (told.ended) worker.ended = told.ended
      if (told.returned !== undefined || told.ended) onProgress()
    })
  })
  return worker
}

/** One question at a time. */
export function ask({ child }: WorkerProcess, what: 'stamps' | 'counts'): Promise<unknown> {
  return new Promise((done) => {
    const hear = (told: Told) => {
      if (!('answer' in told)) return
      child.off('message', hear)
      done(told.answer)
    }
    child.on('message', hear)
    child.send(what)
  })
}
