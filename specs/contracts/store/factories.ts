import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFolder } from '../../../src/store/embedded.ts'
import { memoryStore } from '../../../src/store/memory.ts'
import { mongoStore } from '../../../src/store/mongo.ts'
import type { StoreFactory } from './world.ts'

export const memoryFactory: StoreFactory = { name: 'in memory', open: async () => memoryStore() }

export const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'stellwerk-store-'))

export const folderFactory: StoreFactory = {
  name: 'in a folder',
  open: async () => {
    const folder = await newFolder()
    const store = await openFolder(folder)
    const close = async () => {
      await store.close()
      await rm(folder, { recursive: true })
    }
    return { ...store, close }
  },
}

let namespaces = 0
export const newNamespace = (): string => `spec_${Date.now().toString(36)}_${process.pid}_${++namespaces}`

export const mongoFactory = (url: string): StoreFactory => ({
  name: 'in MongoDB',
  open: () => mongoStore({ url, namespace: newNamespace() }),
})
