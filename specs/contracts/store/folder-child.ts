import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isStellwerkError } from '../../../src/errors.ts'
import { type FolderStore, openFolder } from '../../../src/store/embedded.ts'
import { lockFolder } from '../../../src/store/folder-lock.ts'
import { aDocument, creation, upTo } from './world.ts'

/** What the specs of the folder let happen in a process of its own, that they can kill. */

const [, , mode = '', folder = '', count = '0'] = process.argv
const say = (line: string) => void process.stdout.write(`${line}\n`)

/** One turn: some waves, a page, a frame; on disk together. Turns with another number of waves run beside it, and flush while it is under way. */
async function turn(store: FolderStore, name: string, i: number, waves = 1, size = 500): Promise<void> {
  const sender = aDocument(`job:${name}/${i}/sender`, { history: [{ v: 1, at: i, event: { type: 'x', text: 'x'.repeat(size) } }] })
  await store.putPages([{ _id: `${name}/${i}`, owner: sender._id, body: i }])
  await store.commit([creation(sender)])
  for (const _ of upTo(waves)) await store.load([`job:${name}/${i}/receiver`])
  await store.commit([creation(aDocument(`job:${name}/${i}/receiver`))])
  await store.journal.put([{ id: `${name}/${i}`, partition: 1, sequence: i, at: 0, frame: { of: name } }])
}

/** Kills itself as many passes of the event loop after the first turn as it is told: wherever in a turn, or in a transaction, that is. */
async function turns(): Promise<void> {
  const store = await openFolder(folder)
  await turn(store, 'first', 1)
  const countdown = (passes: number): unknown => (passes > 0 ? setImmediate(countdown, passes - 1) : process.kill(process.pid, 'SIGKILL'))
  countdown(Number(count))
  const reported = async (k: number, i: number) => {
    await turn(store, `t-${k}`, i, 1 + 5 * k)
    say(`flushed t-${k} ${i}`)
  }
  // They begin together, so that the short ones flush in the middle of the long ones.
  for (let i = 1; ; i++) await Promise.all(upTo(4).map((k) => reported(k, i)))
}

/** Of which ten fill the log. Kills itself after so many, while the next is written. */
async function largeTurns(): Promise<void> {
  const store = await openFolder(folder)
  for (let i = 1; ; i++) {
    const written = turn(store, 'first', i, 1, 200_000)
    if (i > Number(count)) {
      for (const _ of upTo(4)) await new Promise(setImmediate)
      process.kill(process.pid, 'SIGKILL')
    }
    await written
    say(`flushed first ${i}`)
  }
}

/** A flush, then what is never flushed. */
async function unflushed(): Promise<void> {
  const store = await openFolder(folder)
  await store.commit([creation(aDocument('job:flushed', { partition: 1, wakeAt: 1 }))])
  await store.flush()
  await store.commit([creation(aDocument('job:unflushed', { partition: 1, wakeAt: 2 }))])
  await store.putPages([{ _id: 'unflushed', owner: 'job:unflushed', body: 1 }])
  say(`seen ${(await store.waking(1, 5)).length}`)
  process.stdin.resume()
}

/** Writes until the disk refuses. */
async function full(): Promise<void> {
  const store = await openFolder(folder)
  let i = 1
  for (; ; i++) {
    try {
      await turn(store, 'full', i)
      say(`flushed full ${i}`)
    } catch (error) {
      say(`failed ${isStellwerkError(error, 'UNAVAILABLE') && error.message.includes(folder)}`)
      break
    }
  }
  const attempts = [
    () => store.flush(),
    () => store.load(['job:x']),
    () => store.commit([creation(aDocument('job:after'))]),
    () => store.waking(1, 1),
  ]
  const outcomes = await Promise.allSettled(attempts.map((attempt) => attempt()))
  say(`refused ${outcomes.filter((one) => one.status === 'rejected' && isStellwerkError(one.reason, 'UNAVAILABLE')).length}`)
  // It can be read again, and has nothing of what was not written.
  let left: unknown[] | undefined
  for (const end = performance.now() + 10_000; !left && performance.now() < end; await new Promise(setImmediate))
    left = await store.load([`job:full/${i}/sender`, `job:full/${i}/receiver`, `job:full/${i - 1}/sender`]).catch(() => undefined)
  say(`left ${left?.map((doc) => (doc as { _id: string })._id)} ${(await store.getPages([`full/${i}`])).length} of ${i}`)
  await store.close().catch(() => {})
  say('closed')
}

async function hold(): Promise<void> {
  const release = await lockFolder(folder, { onWait: (message) => say(`waits ${message}`) })
  say(`holds ${process.pid}`)
  await new Promise((resolve) => process.stdin.resume().once('end', resolve))
  await release()
  say('released')
}

/** Takes and releases it again and again, beside others; nobody else may be inside. */
async function contend(): Promise<void> {
  const loop = async () => {
    for (let i = 0; i < Number(count); i++) {
      const release = await lockFolder(folder)
      const inside = await open(join(folder, 'inside'), 'wx')
      await inside.close()
      await rm(join(folder, 'inside'))
      await release()
    }
  }
  await Promise.all(upTo(3).map(loop))
  say('contended')
}

const modes: Record<string, () => Promise<void>> = { turns, 'large-turns': largeTurns, unflushed, full, hold, contend }
await modes[mode]!()
