import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'bullmq'
import { cluster } from '../src/cluster.ts'
import { createHost, defineJob } from '../src/index.ts'
import type { RecoveryProcess } from './recovery.ts'

/** A process that runs handlers which do not end: each says in the file when it began, and where. */
const { redis, nats, mongo, namespace, file, slots } = JSON.parse(process.argv[2]!) as RecoveryProcess
const began = (id: string) => appendFileSync(file, `${JSON.stringify({ id, pid: process.pid, at: Date.now() })}\n`)
const long = 600_000

if (redis) {
  const { hostname: host, port } = new URL(redis)
  const work = async (job: { id?: string }) => {
    began(job.id!)
    await sleep(long)
  }
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const worker = new Worker('recovery', work, { connection, prefix: namespace, concurrency: slots })
  worker.on('error', () => {})
  await worker.waitUntilReady()
} else {
  const handler = defineJob({ name: 'recovery' }).handler(async (_, { id }) => {
    began(id)
    await sleep(long)
  })
  await createHost({ on: cluster({ nats: nats!, mongo: mongo!, namespace }), slots, handlers: [handler], log: () => {} })
}
process.on('disconnect', () => process.exit(0))
process.send!('ready')
