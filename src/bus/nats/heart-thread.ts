import { parentPort, workerData } from 'node:worker_threads'
import { connect } from 'nats'
import { createHeart, type Listed } from '../../host/heart.ts'
import type { Changes, Told } from './heart.ts'

/** The thread in which a cluster's heart beats: nothing of the main thread can hold it up. */
const { url, namespace, worker, beat, lease } = workerData as {
  url: string
  namespace: string
  worker: string
  beat: number
  lease: number
}
const port = parentPort!
const tell = (told: Told) => port.postMessage(told)

const connecting = connect({
  servers: url,
  name: `${worker}.heart`,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 200,
  waitOnFirstConnect: true,
})
const heart = createHeart({
  worker,
  beat,
  lease,
  now: () => Date.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
  async request(subject, data, timeout) {
    const nc = await connecting
    return (await nc.request(`${namespace}.${subject}`, JSON.stringify(data), { timeout })).json()
  },
  onAnswer: (key, answer, begun) => tell({ key, answer, begun }),
  onNoOwner: (partition) => tell({ partition }),
})

port.on('message', ({ set, gone, stop }: Changes) => {
  for (const [key, run] of set ?? []) heart.set(key, run as Listed)
  for (const key of gone ?? []) heart.delete(key)
  if (stop) void end()
})

async function end(): Promise<void> {
  await heart.stop()
  await (await connecting).close().catch(() => {})
  port.close()
}
