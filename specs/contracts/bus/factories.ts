import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from 'nats'
import { embeddedBus } from '../../../src/bus/embedded.ts'
import { connectNats } from '../../../src/bus/nats.ts'
import type { DeadLetter } from '../../../src/bus/port.ts'
import { systemClock } from '../../../src/clock.ts'
import { lettersOf, openFolder } from '../../../src/store/embedded.ts'
import type { BusFactory } from './world.ts'

export const embeddedFactory: BusFactory = {
  name: 'embedded',
  async make() {
    const bus = embeddedBus({ partitions: 16, clock: systemClock })
    return {
      connect: async (name) => bus.connect(name),
      deadLetters: async () => [...bus.deadLetters],
      async dispose() {},
    }
  },
}

/** All of its records in a folder. */
export const folderRecordsFactory: BusFactory = {
  name: 'embedded, in a folder',
  async make() {
    const folder = mkdtempSync(join(tmpdir(), 'stellwerk-records-'))
    const store = await openFolder(folder)
    const { getRecord: get, putRecord: put, records: all } = store
    const bus = embeddedBus({
      partitions: 16,
      clock: systemClock,
      records: { keeps: () => true, get, put, all },
      letters: lettersOf(store),
    })
    return {
      connect: async (name) => bus.connect(name),
      deadLetters: store.deadLetters,
      async dispose() {
        await store.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
}

let namespaces = 0
export const newNamespace = (): string => `spec-${process.pid}-${Date.now().toString(36)}-${++namespaces}`

/** So little that many deployments fit beside each other. */
export const smallLimits = { events: 64 * 1024 ** 2, work: 16 * 1024 ** 2, dead: 1024 ** 2 }

export const natsFactory = (url: string): BusFactory => ({
  name: 'NATS',
  async make() {
    const namespace = newNamespace()
    return {
      connect: (name) => connectNats({ url, namespace, name, create: true, limits: smallLimits }),
      deadLetters: () => readDead(url, namespace),
      dispose: () => removeDeployment(url, namespace),
    }
  },
})

async function readDead(url: string, namespace: string): Promise<DeadLetter[]> {
  const nc = await connect({ servers: url })
  try {
    const jsm = await jetstreamManager(nc)
    const stream = `${namespace}-dead`
    const { state } = await jsm.streams.info(stream)
    const letters: DeadLetter[] = []
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) letters.push((await jsm.streams.getMessage(stream, { seq }))!.json())
    return letters
  } finally {
    await nc.close()
  }
}

/** All streams of a namespace. */
export async function removeDeployment(url: string, namespace: string): Promise<void> {
  const nc = await connect({ servers: url })
  try {
    const jsm = await jetstreamManager(nc)
    for await (const { config } of jsm.streams.list())
      if (config.name.startsWith(`${namespace}-`) || config.name === `KV_${namespace}-records`) await jsm.streams.delete(config.name)
  } finally {
    await nc.close()
  }
}
