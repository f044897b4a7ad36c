import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startServers } from '../../scripts/servers/index.ts'
import { effectLog } from '../support/effect-log.ts'
import { figure } from '../support/figures.ts'
import { hostProcesses } from '../support/hosts.ts'
import { ownersOf } from '../support/inspect.ts'
import { mongoCommands, natsMessages } from '../support/protocols.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

/** What hosts do that have nothing to do: counted on the wire. `--long`: for two minutes. */
const { values } = parseArgs({ options: { long: { type: 'boolean', default: false } }, strict: false })
const window = values.long ? 120_000 : 30_000
const hostCount = 4

/**
 * What the store is asked for each partition, by its owner: the scan of due times, 30 s after it took over and then once a minute, and one sweep of
 * housekeeping, 31 s after it took over (the next one is a quarter of an hour later). Where nothing has ended a sweep asks once for each thing that there
 * could be: what must go from the five shelves (histories twice), members of removed groups once more at its end, and when the oldest on each shelf is
 * due: 7 and 5 times `find`. It counts three shelves (`aggregate`). For the host that came last all of it is within the window: there the bound is what it asks.
 */
const upkeep = new Map([
  ['find actors', Math.floor(window / 60_000) + 1 + 7 + 5],
  ['aggregate actors', 3],
])

const test = suite('quiet: P13 E10 [nats, mongo]')

test(`an idle host sends and gets at most 5 messages/s, and asks the store for upkeep only, no more often than that needs`, async () => {
  const servers = await startServers()
  const log = effectLog()
  const namespace = `q${Date.now().toString(36)}`
  const [nats, mongo] = [servers.nats!.url, servers.mongo!.url]
  const hosts = hostProcesses({ nats, mongo, namespace, log: log.file, slots: 5 })
  const lines: {
    name: string
    messages: ReturnType<typeof natsMessages>
    commands: ReturnType<typeof mongoCommands>
    close(): Promise<void>
  }[] = []

  /** Each host has proxies of its own, so that what it says can be told from what others say. */
  async function startWatched(): Promise<void> {
    const [messages, commands] = [natsMessages(), mongoCommands()]
    const [toNats, toMongo] = [await tcpProxy(nats, { observe: messages.see }), await tcpProxy(mongo, { observe: commands.see })]
    const host = await hosts.start({ nats: toNats.url, mongo: toMongo.url })
    lines.push({
      name: host.name,
      messages,
      commands,
      async close() {
        await toNats.close()
        await toMongo.close()
      },
    })
  }

  try {
    for (let i = 0; i < hostCount; i++) await startWatched()
    // Handing over, the second scan of due times, and what queues there are: all of it happens once.
    await sleep(17_000)
    for (const { messages, commands } of lines) {
      messages.reset()
      commands.reset()
    }
    const owners = [...(await ownersOf(nats, namespace)).values()]
    await sleep(window)
    const rates = lines.map(({ messages }) => (messages.total() * 1000) / window)
    figure(`idle for ${window / 1000} s: ${rates.map((rate) => rate.toFixed(2)).join(', ')} NATS messages/s a host`)
    for (const [i, { messages, commands }] of lines.entries()) {
      if (i === 0) figure(`of these, host 1: ${shown(messages.counts())}`)
      figure(`store commands of host ${i + 1}: ${shown(commands.counts()) || 'none'}`)
    }
    for (const rate of rates) assert.ok(rate <= 5, `${rate} messages/s`)
    assert.equal([...(await ownersOf(nats, namespace)).values()], owners, 'nothing was handed over meanwhile')
    for (const { name, commands } of lines) {
      const owned = owners.filter((owner) => owner === name).length
      for (const [command, count] of commands.counts()) {
        const most = upkeep.get(command)
        assert.ok(most !== undefined, `${command} is no upkeep`)
        assert.ok(count <= owned * most, `${count} ${command} by the owner of ${owned} partitions: at most ${owned * most}`)
      }
    }
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
