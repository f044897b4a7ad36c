import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { slots, type Work } from './scenarios.ts'
import { inputOf, type Opening, outputOf, type Side, wait } from './side.ts'
import { createStamps, merge, now, type Stamped, type Stamps } from './stamps.ts'
import { ask, startWorkers, type WorkerProcess } from './worker-processes.ts'

const queueName = 'bench'
const connectionTo = (redis: string) => {
  const { hostname: host, port } = new URL(redis)
  return { host, port: Number(port), maxRetriesPerRequest: null }
}
const groupOf = (parentId: string | undefined) => parentId ?? ''

/** One worker with a connection of its own, as its documentation says; nothing else is changed. `ended`: a job's end is in Redis. */
export function openWorker({ redis, namespace }: Opening, stamps: Stamps, ended: (output: boolean) => void): Worker {
  const worker = new Worker(
    queueName,
    async (job) => {
      if (job.name === 'output') return stamps.beganOutput(groupOf(job.id))
      if (job.name === 'payload') await wait()
      if (job.parent) stamps.returnedMember(groupOf(job.parent.id))
      else stamps.returnedJob(job.id!)
      return job.name === 'payload' ? outputOf('payload') : undefined
    },
    { connection: connectionTo(redis!), prefix: namespace, concurrency: slots },
  )
  worker.on('completed', (job) => {
    if (!job.parent) ended(job.name === 'output')
  })
  worker.on('error', (error) => console.error(error))
  return worker
}

/** BullMQ: worker and producers in this process, or the producers alone and workers in processes of their own. */
export async function openPeer(opening: Opening): Promise<Side> {
  const base = { connection: connectionTo(opening.redis!), prefix: opening.namespace }
  const stamps = createStamps(() => {})
  const own = { jobs: 0, outputs: 0 }
  let onEnd = () => {}
  const workers: WorkerProcess[] = opening.hosts > 1 ? await startWorkers(opening, () => onEnd()) : []
  const worker = workers.length
    ? undefined
    : openWorker(opening, stamps, (output) => {
        output ? own.outputs++ : own.jobs++
        onEnd()
      })
  const queue = new Queue(queueName, base)
  const flows = new FlowProducer(base)
  const events = new QueueEvents(queueName, base)
  const info = new Redis(base.connection)
  await Promise.all([queue.waitUntilReady(), flows.waitUntilReady(), events.waitUntilReady(), worker?.waitUntilReady()])

  const total = (of: 'jobs' | 'outputs') => own[of] + workers.reduce((sum, { ended }) => sum + ended[of], 0)
  /** Resolves when so many more have ended. */
  const more = (of: 'jobs' | 'outputs', count: number) => {
    const until = total(of) + count
    return new Promise<void>((done) => {
      onEnd = () => total(of) >= until && done()
    })
  }

  return {
    async jobs(_round, work, sizes) {
      const all = more('jobs', sizes.jobs)
      await queue.addBulk(Array.from({ length: sizes.jobs }, () => ({ name: work, data: inputOf(work) })))
      await all
    },
    async groups(round, work, { groups, members }) {
      const all = more('outputs', groups)
      // The faster of its two ways: a fifth more than `add` for each.
      await flows.addBulk(Array.from({ length: groups }, (_, g) => flowOf(`r${round}-g${g}`, work, members)))
      await all
    },
    async latencies(_round, sizes) {
      const times: number[] = []
      for (let i = 0; i < sizes.jobs; i++) {
        const began = now()
        const job = await queue.add('noop', {})
        await job.waitUntilFinished(events)
        times.push(now() - began)
      }
      return times
    },
    async stamps() {
      const parts = [stamps.take(), ...(await Promise.all(workers.map((w) => ask(w, 'stamps'))))] as Stamped[]
      return merge(parts)
    },
    async counts() {
      const [, commands] = /total_commands_processed:(\d+)/.exec(await info.info('stats')) ?? []
      return { 'redis commands': Number(commands) }
    },
    async close() {
      await worker?.close()
      await Promise.all(workers.map((w) => w.stop()))
      await Promise.all([queue.close(), flows.close(), events.close()])
      info.disconnect()
    },
  }
}

function flowOf(id: string, work: Work, members: number) {
  return {
    name: 'output',
    queueName,
    data: {},
    opts: { jobId: id },
    children: Array.from({ length: members }, () => ({ name: work, queueName, data: inputOf(work) })),
  }
}
