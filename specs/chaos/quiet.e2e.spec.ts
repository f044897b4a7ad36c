import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startServers } from '../../scripts/servers/index.ts'
import { effectLog } from '../support/effect-log.ts'
import { figure } from '../support/figures.ts'
import { type HostProcess, hostProcesses } from '../support/hosts.ts'
import { mongoCommands, natsMessages } from '../support/protocols.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

/** What hosts do that have nothing to do: counted on the wire. `--long`: for two minutes. */
const { values } = parseArgs({ options: { long: { type: 'boolean', default: false } }, strict: false })
const window = values.long ? 120_000 : 30_000
const hostCount = 4

/** What the store is asked by one owner of some partitions: its scan of due times once a minute, and once what has ended (`aggregate` counts). */
const upkeep = new Set(['find', 'aggregate'])

const test = suite('quiet: P13 E10 [nats, mongo]')

test(`an idle host sends and gets at most 5 messages/s, and asks the store for upkeep only`, async () => {
  const servers = await startServers()
  const log = effectLog()
  const namespace = `q${Date.now().toString(36)}`
  const [nats, mongo] = [servers.nats!.url, servers.mongo!.url]
  const hosts = hostProcesses({ nats, mongo, namespace, log: log.file, slots: 5 })
  const lines: { messages: ReturnType<typeof natsMessages>; commands: ReturnType<typeof mongoCommands>; close(): Promise<void> }[] = []

  /** Each host has proxies of its own, so that what it says can be told from what others say. */
  async function startWatched(): Promise<HostProcess> {
    const [messages, commands] = [natsMessages(), mongoCommands()]
    const [toNats, toMongo] = [await tcpProxy(nats, { observe: messages.see }), await tcpProxy(mongo, { observe: commands.see })]
    lines.push({
      messages,
      commands,
      async close() {
        await toNats.close()
        await toMongo.close()
      },
    })
    return hosts.start({ nats: toNats.url, mongo: toMongo.url })
  }

  try {
    for (let i = 0; i < hostCount; i++) await startWatched()
    // Handing over, the second scan of due times, and what queues there are: all of it happens once.
    await sleep(17_000)
    for (const { messages, commands } of lines) {
      messages.reset()
      commands.reset()
    }
    await sleep(window)
    const rates = lines.map(({ messages }) => (messages.total() * 1000) / window)
    figure(`idle for ${window / 1000} s: ${rates.map((rate) => rate.toFixed(2)).join(', ')} NATS messages/s a host`)
    for (const [i, { messages, commands }] of lines.entries()) {
      if (i === 0) figure(`of these, host 1: ${shown(messages.counts())}`)
      figure(`store commands of host ${i + 1}: ${shown(commands.counts()) || 'none'}`)
    }
    for (const rate of rates) assert.ok(rate <= 5, `${rate} messages/s`)
    for (const { commands } of lines)
      for (const command of commands.counts().keys()) assert.ok(upkeep.has(command.split(' ')[0]!), `${command} is no upkeep`)
  } finally {
    await hosts.end()
    for (const line of lines) await line.close()
    await servers.stop()
    log.remove()
  }
})

const shown = (counts: Map<string, number>) =>
  [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([what, count]) => `${count} ${what}`)
    .join(', ')

const servers = await startServers().catch(
  (error: Error) => void console.log(`skipped: idle hosts on real servers (${error.message.split('\n')[0]})`),
)
await servers?.stop()
if (servers) test.run()
