import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { natsConf, startNats } from '../scripts/servers/nats.ts'
import type { RunningServer } from '../scripts/servers/server.ts'
import { neededPayload } from '../src/bus/nats/link.ts'
import { connectNats } from '../src/bus/nats.ts'
import { defineJob } from '../src/definition.ts'
import { isStellwerkError } from '../src/errors.ts'
import { createHost, type Host } from '../src/host/host.ts'
import { memoryStore } from '../src/store/memory.ts'
import { smallLimits } from './contracts/bus/factories.ts'

const folder = mkdtempSync(join(tmpdir(), 'stellwerk-sizes-'))
let server: RunningServer
let host: Host

const config = join(folder, 'nats.conf')
writeFileSync(config, readFileSync(natsConf, 'utf8').replace(/max_payload:.*/, `max_payload: ${neededPayload}`))
const started = await startNats({ config }).catch((error: Error) => console.log(`skipped: sizes of messages over NATS (${error.message})`))

/** What a server must take is known when it is connected to; and that is enough for the largest that is allowed. */
const refusing = suite('a server that takes only small messages: G6 [nats]')

refusing('it is refused when it is connected to: what it takes, what is needed, and the setting', async () => {
  const small = createServer((socket) => {
    socket.write('INFO {"server_id":"x","version":"2.15.0","headers":true,"max_payload":1048576}\r\n')
    socket.on('data', (data) => String(data).includes('PING') && socket.write('PONG\r\n'))
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => small.listen(0, '127.0.0.1', resolve))
  const { port } = small.address() as AddressInfo
  for (const create of [true, false]) {
    const error = (await connectNats({ url: `127.0.0.1:${port}`, namespace: 'x', name: 'x', create }).catch((e: unknown) => e)) as Error
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'), String(error))
    assert.is(
      error.message,
      `nats://127.0.0.1:${port} takes messages of 1048576 bytes, and ${neededPayload} are needed: set max_payload: ${neededPayload / 1024 ** 2}MB in its configuration (nats.conf has 8MB).`,
    )
  }
  small.close()
})
refusing.run()

const largest = 512 * 1024 - 2
const echo = defineJob({ name: 'echo' })
const test = suite('a server that takes just what is needed: G6 [nats]')
if (started) {
  server = started
  test.before(async () => {
    const store = memoryStore()
    host = await createHost({
      handlers: [echo.handler((input) => input)],
      log: () => {},
      on: {
        async connect({ name }) {
          const bus = await connectNats({ url: server.url, namespace: 'sizes', name, create: true, partitions: 2, limits: smallLimits })
          return { bus, store, close: () => bus.close() }
        },
      },
    })
  })
  test.after(async () => {
    await host.stop()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('the largest input and output, three bytes a character', async () => {
    const text = '€'.repeat(largest)
    const job = await host.client.submit(echo, text)
    assert.ok((await job.result()) === text)
  })

  test('the largest member beside the largest output', async () => {
    const group = await host.client.submitGroup({
      members: [echo.with('€'.repeat(largest), { key: 'a' })],
      output: echo.with('€'.repeat(largest)),
    })
    assert.is(((await group.result()) as string).length, largest)
  })

  test('many large inputs that are submitted at once', async () => {
    const jobs = await host.client.submitMany(
      echo,
      Array.from({ length: 60 }, (_, i) => `${i}${'x'.repeat(largest - 2)}`),
    )
    const outputs = (await Promise.all(jobs.map((job) => job.result()))) as string[]
    assert.equal(
      outputs.map((text) => Number.parseInt(text, 10)),
      jobs.map((_, i) => i),
    )
  })

  test.run()
} else rmSync(folder, { recursive: true, force: true })
