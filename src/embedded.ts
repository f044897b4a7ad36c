import { resolve } from 'node:path'
import { checkPartitions } from './address.ts'
import { embeddedBus, type FrameJournal } from './bus/embedded.ts'
import { endAll } from './end-all.ts'
import { refuse } from './errors.ts'
import { optionsOf } from './fields.ts'
import { type LetterOptions, limitsOf } from './letters.ts'
import { type FolderStore, lettersOf, openFolder } from './store/embedded.ts'
import { lockFolder } from './store/folder-lock.ts'
import { memoryStore } from './store/memory.ts'
import type { World } from './world.ts'

/**
 * No servers: a bus inside the process, and a folder that survives it. One process at a time may have the folder; a second one says
 * that it waits. `':memory:'` keeps nothing beyond the process: for specs.
 */
export function embedded(folder: string, options?: { partitions?: number; deadLetters?: LetterOptions }): World {
  if (typeof folder !== 'string' || !folder) refuse('folder', "must be the path of a folder, or ':memory:'")
  const { partitions, deadLetters } = optionsOf(options, ['partitions', 'deadLetters'])
  checkPartitions(partitions)
  if (partitions !== undefined && folder !== ':memory:') refuse('partitions', 'are of memory only: a folder has one')
  // The process may change its directory later.
  return folder === ':memory:' ? inMemory(partitions, deadLetters) : inFolder(resolve(folder), deadLetters)
}

function inFolder(folder: string, letters?: LetterOptions): World {
  const letterLimits = limitsOf(letters)
  return {
    async connect({ name, clock, log }) {
      const unlock = await lockFolder(folder, { onWait: log })
      const store = await openFolder(folder).catch(async (error) => {
        await unlock()
        throw error
      })
      const bus = embeddedBus({
        clock,
        journal: store.journal as FrameJournal,
        records: contractsIn(store),
        letters: lettersOf(store),
        letterLimits,
        knowsTheDead: true,
      })
      const connected = bus.connect(name)
      return {
        bus: connected,
        store,
        inProcess: true,
        close: () => endAll([connected.close, store.close, unlock]),
      }
    },
  }
}

/** What a job and a chain is, is known also while nobody with its code is up. Who owns a partition is true of a process, and ends with it. */
const contractsIn = (store: FolderStore) => ({
  keeps: (key: string) => key.startsWith('contract.') || key.startsWith('chain.'),
  get: store.getRecord,
  put: store.putRecord,
  all: store.records,
})

function inMemory(partitions = 1, deadLetters?: LetterOptions): World {
  const letterLimits = limitsOf(deadLetters)
  let shared: { bus: ReturnType<typeof embeddedBus>; store: ReturnType<typeof memoryStore> } | undefined
  return {
    async connect({ name, clock }) {
      shared ??= { bus: embeddedBus({ clock, partitions, letterLimits }), store: memoryStore() }
      const bus = shared.bus.connect(name, clock)
      return { bus, store: shared.store, inProcess: true, close: () => bus.close() }
    },
  }
}
