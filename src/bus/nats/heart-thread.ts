import { parentPort, workerData } from 'node:worker_threads'
import { connect } from 'nats'
import { systemClock } from '../../clock.ts'
import { createHeart } from '../../host/heart.ts'
import type { Changes, ThreadData, Told } from './heart.ts'
import { hangUp, patient, serversOf } from './link.ts'
import { frameSubject } from './subjects.ts'
import { giveBackTicket, hasBegun, isGivenBack } from './tickets.ts'

/** The thread in which a cluster's heart beats: nothing of the main thread can hold it up. */
const { url, namespace, worker, beat, lease, cells, pulse } = workerData as ThreadData
const port = parentPort!
const tell = (told: Told) => port.postMessage(told)

const connecting = connect({
  ...serversOf(url),
  ...patient,
  name: `${worker}.heart`,
  waitOnFirstConnect: true,
})
void connecting.then(async (nc) => {
  const error = await nc.closed()
  // The thread ends by it, and is made anew.
  if (!ending) throw error ?? new Error('its connection is closed for good')
})
let ending = false
let pings = 0
const heart = createHeart({
  worker,
  beat,
  lease,
  monotonic: systemClock.monotonic,
  after(ms, then) {
    const timer = setTimeout(() => {
      tell({ ping: ++pings })
      then()
    }, ms)
    return () => clearTimeout(timer)
  },
  async request(subject, data, timeout) {
    const nc = await connecting
    return (await nc.request(`${namespace}.${subject}`, JSON.stringify(data), { timeout })).json()
  },
  onAnswer: (key, answer, begun) => tell({ key, answer, begun }),
  onNoOwner: (partition) => tell({ partition }),
  standIn: {
    // Two signs of life are missing: for a beat at least nothing has run there.
    blocked: () => pings - Atomics.load(pulse, 0) >= 2,
    hasBegun: ({ ticket }) => !!ticket && hasBegun(cells, ticket),
    isGivenBack: ({ ticket }) => !!ticket && isGivenBack(cells, ticket),
    giveBack: ({ ticket }) => !!ticket && giveBackTicket(cells, ticket),
    async publish(partition, event) {
      const nc = await connecting
      await nc.request(frameSubject(namespace, partition), JSON.stringify([event]), { timeout: lease })
    },
  },
})

port.on('message', ({ set, returned, gone, stop }: Changes) => {
  for (const [key, run, left] of set ?? []) heart.set(key, { ...run, until: left === undefined ? left : systemClock.monotonic() + left })
  for (const one of returned ?? []) heart.returned?.(...one)
  for (const key of gone ?? []) heart.delete(key)
  if (stop) void end()
})

async function end(): Promise<void> {
  ending = true
  await heart.stop()
  await hangUp(await connecting).catch(() => {})
  port.close()
}
