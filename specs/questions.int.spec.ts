import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { embeddedBus } from '../src/bus/embedded.ts'
import { questions } from '../src/client/questions.ts'
import { type Clock, sleep } from '../src/clock.ts'
import { serveApi } from '../src/host/api.ts'
import { memoryStore } from '../src/store/memory.ts'
import type { Store } from '../src/store/port.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'
import { aDocument } from './contracts/store/world.ts'
import { gate } from './support/rules-world.ts'

const test = suite('questions to hosts: E9 R6 [memory]')

test('are answered although most of the hosts hang', async () => {
  // Asked three times of one host each, one question in 64 met the same frozen host of four each time.
  const clock = virtualClock(0)
  const bus = embeddedBus({ clock })
  const store = memoryStore()
  await store.commit([{ doc: planned() }])
  const never = { ...store, load: () => new Promise<never>(() => {}) }
  for (const name of ['h1', 'h2', 'h3', 'h4'])
    serveApi({ bus: bus.connect(name), store: name === 'h4' ? store : never, clock, actors: new Map() })
  const ask = questions(bus.connect('client'))
  const answers: Promise<unknown>[] = []
  for (let i = 0; i < 40; i++) answers.push(ask('get', { address: 'job:j' }))
  const all = Promise.all(answers)
  await clock.advance('20s')
  assert.is((await all).length, 40)
})

const planned = () => aDocument('job:j', { snapshot: { status: 'active', value: 'planned', context: { attempts: { used: 0 } } } })

/** Asks once, of a host whose store is this one: what came of it, and after how long. */
async function asked(change: (store: Store, clock: Clock) => Partial<Store>): Promise<[outcome: string, ms: number]> {
  const clock = virtualClock(0)
  const bus = embeddedBus({ clock })
  const store = memoryStore()
  await store.commit([{ doc: planned() }])
  serveApi({ bus: bus.connect('h'), store: { ...store, ...change(store, clock), name: 'MongoDB at m:1' }, clock, actors: new Map() })
  let answer: [string, number] | undefined
  questions(bus.connect('client'))('get', { address: 'job:j' }).then(
    () => (answer = ['ok', clock.now()]),
    ({ code, message }) => (answer = [`${code} ${message}`, clock.now()]),
  )
  for (let i = 0; !answer; i++) {
    assert.ok(i < 200, 'it is answered')
    await clock.advance('100ms')
  }
  return answer
}

test('E9 a store that says nothing: told soon, and which one it is', async () => {
  const never = () => new Promise<never>(() => {})
  const [outcome, ms] = await asked(() => ({ load: never, fact: never }))
  assert.is(outcome, 'UNAVAILABLE MongoDB at m:1 does not answer.')
  assert.ok(ms <= 3000, `${ms} ms`)
})

test('E9 a store that is slow, and says that it is there, is waited for', async () => {
  const [outcome] = await asked(({ load }, clock) => ({
    async load(addresses) {
      await sleep(clock, 5000)
      return load(addresses)
    },
  }))
  assert.is(outcome, 'ok')
})

test('are answered with what is on disk: G1', async () => {
  // A result was told while the transaction that recorded it was under way: a crash, or a full disk, took it back.
  const clock = virtualClock(0)
  const bus = embeddedBus({ clock })
  const store = memoryStore()
  await store.commit([{ doc: planned() }])
  const disk = gate()
  const flushing = gate()
  const flush = () => {
    flushing.open()
    return disk.pass()
  }
  serveApi({ bus: bus.connect('h'), store: { ...store, flush }, clock, actors: new Map() })
  let answered = false
  const answer = questions(bus.connect('client'))('get', { address: 'job:j' }).then(() => void (answered = true))
  await Promise.race([flushing.pass(), answer])
  assert.not(answered)
  disk.open()
  await answer
})

test.run()
