import { mkdtempSync, rmSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { embedded } from '../src/embedded.ts'
import { UnavailableError } from '../src/errors.ts'
import { createHost, defineJob } from '../src/index.ts'
import { type VirtualClock, virtualClock } from '../src/testing/virtual-clock.ts'
import type { World } from '../src/world.ts'
import { until } from './support/until.ts'

const test = suite('a folder whose process ends, or cannot write: E4 E9 Q12 [embedded]')
const home = mkdtempSync(join(tmpdir(), 'stellwerk-crash-'))
const log = () => {}

/** A disk is not in virtual time. */
const goingOn = (clock: VirtualClock, isSo: () => Promise<boolean>) =>
  until('it is so', async () => {
    await clock.advance('100ms')
    return isSo()
  })

/** As a cluster's, whose hosts do not know that they are alone in their process. */
const apart = (inner: World): World => ({ connect: async (options) => ({ ...(await inner.connect(options)), inProcess: undefined }) })
const folders = { 'a folder': embedded, 'a host that has its own worker': (folder: string) => apart(embedded(folder)) }

for (const [name, open] of Object.entries(folders))
  for (const seen of [true, false])
    test(`Q12 ${name}: a run that ends with its process ${seen ? 'and was heard of uses an attempt' : 'before it was heard of uses none'}`, async () => {
      // Only the owner's memory had it, which ends with the worker: with `attempts: 1` a handler that ended its process ran four times.
      const clock = virtualClock(0)
      const folder = mkdtempSync(join(home, 'runs-'))
      const job = defineJob({ name: 'crashes', retry: { attempts: 1 } })
      let starts = 0
      const handlers = [
        job.handler(() => {
          starts++
          return starts === 1 ? new Promise(() => {}) : Promise.resolve()
        }),
      ]
      const first = await createHost({ on: open(folder), handlers, clock, log })
      const submitted = first.client.submit(job, null, { id: 'j' })
      await goingOn(clock, async () => starts === 1)
      await submitted
      const hasBegun = async () => (await first.client.job('j').history()).history.some(({ event }) => event.type === 'begun')
      if (seen) await goingOn(clock, hasBegun)
      // As the process would leave it if it ended now.
      await cp(folder, `${folder}-left`, { recursive: true, filter: (name) => !name.includes('turn') })
      const second = await createHost({ on: open(`${folder}-left`), handlers, clock, log })
      const state = async () => (await second.client.job('j').view()).state
      await goingOn(clock, async () => ['failed', 'succeeded'].includes(await state()))
      assert.equal([await state(), starts], seen ? ['failed', 1] : ['succeeded', 2])
      await Promise.all([first.stop({ grace: 0 }), second.stop({ grace: 0 }), clock.advance('10s')])
    })

test('E9 a host that was idle while its store could not be written goes on when it can', async () => {
  // It had stopped its heartbeat, and only a turn begins it again: with no partition there was none.
  const clock = virtualClock(0)
  const inner = embedded(':memory:')
  let full = false
  const written =
    <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      if (full) throw new UnavailableError('The folder could not be written.')
      return call(...args)
    }
  const on: World = {
    async connect(options) {
      const connection = await inner.connect(options)
      const { store } = connection
      const { load, commit, flush } = store
      const allWaking: typeof store.allWaking = (...of) => {
        if (full) throw new UnavailableError('The folder could not be written.')
        return store.allWaking(...of)
      }
      return {
        ...connection,
        store: { ...store, load: written(load), commit: written(commit), flush: written(flush), allWaking },
      }
    },
  }
  const job = defineJob({ name: 'waits' })
  const host = await createHost({ on, handlers: [job.handler(async () => 'ran')], clock, log })
  await clock.advance('1m')
  full = true
  const submitted = host.client.submit(job, null, { id: 'j' })
  await clock.advance('20s')
  full = false
  await clock.advance('10s')
  let result: unknown
  void submitted.then((handle) => handle.result()).then((value) => (result = value))
  await clock.advance('1s')
  assert.is(result, 'ran')
  await Promise.all([host.stop(), clock.advance('10s')])
})

test('E9 a folder given by a relative path stays where it was when the process goes elsewhere', async () => {
  const job = defineJob({ name: 'moves' })
  const from = process.cwd()
  process.chdir(home)
  try {
    const host = await createHost({ on: embedded('relative'), handlers: [job.handler(async () => 'ran')], log })
    process.chdir(tmpdir())
    assert.is(await (await host.client.submit(job, null)).result(), 'ran')
    await host.stop()
  } finally {
    process.chdir(from)
  }
})

test.after(() => rmSync(home, { recursive: true, force: true }))
test.run()
