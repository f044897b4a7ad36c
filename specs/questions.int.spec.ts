import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { embeddedBus } from '../src/bus/embedded.ts'
import { questions } from '../src/client/questions.ts'
import { serveApi } from '../src/host/api.ts'
import { memoryStore } from '../src/store/memory.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'
import { aDocument } from './contracts/store/world.ts'

const test = suite('questions to hosts: E9 R6 [memory]')

test('are answered although most of the hosts hang', async () => {
  // Asked three times of one host each, one question in 64 met the same frozen host of four each time.
  const clock = virtualClock(0)
  const bus = embeddedBus({ clock })
  const store = memoryStore()
  await store.commit([
    { doc: aDocument('job:j', { snapshot: { status: 'active', value: 'planned', context: { attempts: { used: 0 } } } }) },
  ])
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

test.run()
