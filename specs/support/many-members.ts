import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { embedded } from '../../src/embedded.ts'
import { createHost, defineJob } from '../../src/index.ts'

/** A program: groups of the sizes named on its command line, one after the other; tells the memory in use after each, as JSON. */
const [folder, ...sizes] = process.argv.slice(2)
const step = defineJob({ name: 'step', input: z.object({ n: z.number() }) })
const count = defineJob({ name: 'count' })

const host = await createHost({
  on: embedded(folder!),
  slots: 100,
  handlers: [step.handler(({ n }) => n), count.handler((_, { group }) => group!.succeeded)],
})

function* members(size: number) {
  for (let n = 0; n < size; n++) yield step.with({ n }, { key: `m${n}` })
}

/**
 * What is kept, not what waits to be collected: what was released last takes a second to be found. Mapped files of the store are not
 * counted: they are the system's to take back.
 */
async function used(): Promise<number> {
  let before = Number.POSITIVE_INFINITY
  for (;;) {
    global.gc!()
    const { heapUsed, external } = process.memoryUsage()
    const now = heapUsed + external
    if (now > 0.98 * before) return now
    before = now
    await sleep(1000)
  }
}

for (const size of sizes.map(Number)) {
  const group = await host.client.submitGroup({ id: `g${size}`, members: members(size), output: count.with(null) })
  const counted = await group.result()
  console.log(JSON.stringify({ size, counted, bytes: await used() }))
}
await host.stop()
