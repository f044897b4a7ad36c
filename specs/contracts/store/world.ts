import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ActorDocument } from '../../../src/document.ts'
import type { Base, Store, Write } from '../../../src/store/port.ts'

let commits = 0

/** A document like those of a small job, with a commit id of its own. */
export function aDocument(address: string, fields: Partial<ActorDocument> = {}): ActorDocument {
  const commit = `commit-${process.pid}-${++commits}`
  return {
    _id: address,
    type: address.slice(0, address.indexOf(':')),
    root: address.slice(address.indexOf(':') + 1).split('/')[0]!,
    partition: 0,
    machine: 'job@1',
    version: 1,
    commit,
    inc: commit,
    n: 0,
    status: 'active',
    state: 'waiting',
    snapshot: { status: 'active', value: 'waiting', context: { input: { number: address } } },
    inbox: { epoch: 1, sequence: 1, marks: { client: 1 } },
    outbox: [],
    timers: [],
    history: [],
    createdAt: 1_795_000_000_000,
    updatedAt: 1_795_000_000_000,
    ...fields,
  }
}

export const baseOf = ({ version, commit }: ActorDocument): Base => ({ version, commit })

export const creation = (doc: ActorDocument): Write => ({ doc })

/** The next version of it, decided on what it is now. */
export function change(doc: ActorDocument, fields: Partial<ActorDocument> = {}): Write & { base: Base } {
  const { commit } = aDocument(doc._id)
  return { doc: { ...doc, version: doc.version + 1, commit, ...fields }, base: baseOf(doc) }
}

/** 0 to n - 1. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** Where the specs of one store run. */
export interface StoreFactory {
  name: string
  /** An empty one. */
  open(): Promise<Store>
}

export interface Context {
  store: Store
}

export type Test = ReturnType<typeof suite<Context>>

/** A suite with a store of its own. */
export function storeSuite({ name, open }: StoreFactory, what: string, register: (test: Test) => void): void {
  const test = suite<Context>(`store ${name}: ${what}`)
  test.before(async (context) => {
    context.store = await open()
  })
  test.after(({ store }) => store.close())
  register(test)
  test.run()
}

/** Creates them, which must go well, and flushes. */
export async function stored(store: Store, ...docs: ActorDocument[]): Promise<void> {
  assert.equal(
    await store.commit(docs.map(creation)),
    docs.map(() => true),
  )
  await store.flush()
}

export const loaded = async (store: Store, address: string): Promise<ActorDocument | undefined> => plain((await store.load([address]))[0])

/** As JSON has it: without fields that are undefined. */
export const plain = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)))
