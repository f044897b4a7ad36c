import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { embedded } from '../src/embedded.ts'
import { createHost, type GroupHandle, isStellwerkError, type View } from '../src/index.ts'
import { readDataSet } from './data.ts'
import { removeDrafts } from './files.ts'
import { weatherHandlers } from './handlers.ts'
import { interruptible } from './interrupt.ts'
import { type Book, bookOf } from './jobs.ts'
import type { DemoOptions } from './main.ts'
import { showProgress } from './progress.ts'
import { describe, pathOf, seconds } from './tell.ts'

/** One process, no servers: what is done is in a folder, and a start after any end of the process goes on from there. */
export async function runEmbedded({ folder, pace, slots, fresh }: DemoOptions & { fresh: boolean }): Promise<number> {
  const state = join(folder, 'state')
  if (fresh) await forget(folder, state)
  const began = performance.now()
  const data = await readDataSet()
  await using host = await createHost({
    on: embedded(state),
    handlers: await weatherHandlers({ folder, data, pace }),
    slots,
    name: 'demo',
    log: console.log,
  })
  const weather = bookOf(data)
  const group = host.client.group<Book>(weather.id)
  const before = await viewIfAny(group)
  if (before?.final) return await tellDone(folder, group, before) // the host must outlive it
  tellBeginning(before, data.months.size)

  const interrupt = interruptible()
  await host.client.submitGroup(weather)
  const bar = showProgress(group, 'months')
  try {
    const book = await group.result({ signal: interrupt.signal })
    await bar.stop()
    await removeDrafts(folder)
    console.log(`${describe(folder, book)}, ${seconds(performance.now() - began)}`)
    return 0
  } catch (error) {
    await bar.stop()
    if (!interrupt.signal.aborted) throw error
    await host.stop({ grace: '5s' })
    console.log('Stopped; what was running was given back. Start it again, and it goes on.')
    return 130
  } finally {
    interrupt.end()
  }
}

/** Waits until no other process has the folder: its host, not its files, is what says so. */
async function forget(folder: string, state: string): Promise<void> {
  if (!existsSync(state)) return
  try {
    const host = await createHost({ on: embedded(state), log: console.log })
    await host.stop()
  } catch (error) {
    console.log(`What was there cannot be opened, and goes: ${(error as Error).message}`)
  }
  for (const name of ['state', 'months', 'starts.log', 'seattle-weather.pdf'])
    await rm(join(folder, name), { recursive: true, force: true })
}

async function viewIfAny(group: GroupHandle): Promise<View | undefined> {
  try {
    return await group.view()
  } catch (error) {
    if (isStellwerkError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

function tellBeginning(before: View | undefined, months: number): void {
  const done = before?.members?.succeeded
  console.log(
    done === undefined
      ? `${months} months of Seattle's weather: a report for each, then one book of all.`
      : before?.state === 'output'
        ? 'Going on: all months are made, the book is not.'
        : `Going on: ${done} of ${months} months were made before.`,
  )
  console.log(`Process ${process.pid}. Try kill -9 ${process.pid} in the middle, and start again.`)
}

async function tellDone(folder: string, group: GroupHandle<Book>, { state, endedAt, createdAt }: View): Promise<number> {
  const again = 'npm run demo -- --fresh makes it anew.'
  if (state !== 'succeeded') {
    const why = await group.result().catch((error: Error) => error.message)
    console.log(`It ended before, ${state}: ${why}. ${again}`)
    return 1
  }
  const book = await group.result()
  if (existsSync(join(folder, book.file)))
    console.log(`Done already: ${describe(folder, book)}, ${seconds(endedAt! - createdAt)} from its first start. ${again}`)
  else console.log(`Done already, but ${pathOf(folder, book.file)} was taken away since. ${again}`)
  return 0
}
