import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

/** A program that stops its host ends by itself: no timer, socket or thread keeps it. */
const program = (world: string) => `
  import { createHost, defineJob } from './src/index.ts'
  import { embedded } from './src/embedded.ts'
  import { cluster } from './src/cluster.ts'
  const add = defineJob({ name: 'add' })
  const host = await createHost({ on: ${world}, handlers: [add.handler(() => 1)], log: () => {} })
  const job = await host.client.submit(add, null)
  await job.result()
  await host.stop()
  console.log('stopped')
`
const { NATS_URL: nats, MONGODB_URL: mongo } = process.env
const worlds: Record<string, string> = { embedded: `embedded(':memory:')` }
if (nats && mongo)
  worlds['nats, mongo'] = `cluster(${JSON.stringify({ nats, mongo, namespace: `s${Date.now().toString(36)}e`, partitions: 4 })})`
else console.log('skipped: the end of a host in a cluster (set NATS_URL and MONGODB_URL)')

/** Less than the minute for which a forgotten timer of a stop kept it. */
const patience = 30_000

for (const [name, world] of Object.entries(worlds)) {
  const test = suite(`a program that stops its host ends: E1 [${name}]`)
  test('by itself', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program(world)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    const kept = setTimeout(() => child.kill('SIGKILL'), patience)
    const [code, signal] = await once(child, 'close')
    clearTimeout(kept)
    assert.equal([code, signal], [0, null], output)
    assert.match(output, 'stopped')
  })
  test.run()
}
