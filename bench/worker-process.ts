import { openWorker } from './bullmq.ts'
import { openHost } from './ours.ts'
import type { Opening } from './side.ts'
import { createStamps } from './stamps.ts'
import type { Told } from './worker-processes.ts'

/** A process that only runs handlers, ours or the peer's, and tells its parent how far it is, at most once in 5 ms. */
const opening = JSON.parse(process.argv[2]!) as Opening
const ended = { jobs: 0, outputs: 0 }
let telling = false
const tell = (told: Told) => process.send?.(told)
const progress = () => {
  if (telling) return
  telling = true
  setTimeout(() => {
    telling = false
    tell({ returned: stamps.returned, ended })
  }, 5)
}
const stamps = createStamps(progress)

const host = opening.redis ? undefined : await openHost(opening, stamps)
const worker = opening.redis
  ? openWorker(opening, stamps, (output) => {
      output ? ended.outputs++ : ended.jobs++
      progress()
    })
  : undefined
await worker?.waitUntilReady()

process.on('message', async (what: 'stamps' | 'counts' | 'stop') => {
  if (what === 'stamps') return tell({ answer: stamps.take() })
  if (what === 'counts') return tell({ answer: host?.counts ?? {} })
  await host?.stop()
  await worker?.close()
  process.exit(0)
})
process.on('disconnect', () => process.exit(0))
tell({ ready: true })
