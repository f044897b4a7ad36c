import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { startServers } from '../scripts/servers/index.ts'
import { connectClient } from '../src/cluster.ts'
import type { Client } from '../src/index.ts'
import { type DataSet, readDataSet } from './data.ts'
import { removeDrafts } from './files.ts'
import { type HostProcess, hostProcesses } from './hosts.ts'
import { interruptible } from './interrupt.ts'
import { type Book, bookOf } from './jobs.ts'
import type { DemoOptions } from './main.ts'
import { type Bar, showProgress } from './progress.ts'
import { runsOf, tellRuns } from './runs.ts'
import { openStarts, readStarts } from './starts.ts'
import { describe, pathOf, seconds } from './tell.ts'

const names = ['A', 'B', 'C', 'D']

/** Four hosts, NATS and MongoDB; one host is killed in the middle. Nothing of it is left but the reports, the book and the log. */
export async function runCluster({ folder, pace, slots }: DemoOptions): Promise<number> {
  const data = await readDataSet()
  const { signal, whileNot, end } = interruptible()
  await rm(folder, { recursive: true, force: true })
  let stopServers = async () => {}
  let endHosts = async (_signal: 'SIGTERM' | 'SIGKILL') => {}
  let client: Client | undefined
  try {
    const servers = await whileNot(startServers())
    stopServers = servers.stop
    const [nats, mongo] = [servers.nats!.url, servers.mongo!.url]
    console.log(`Servers: ${servers.nats!.how}; ${servers.mongo!.how}`)

    console.log(`Starting ${names.length} hosts …`)
    const namespace = `demo${Date.now().toString(36)}`
    const processes = hostProcesses({ nats, mongo, namespace, folder, pace, slots }, (line) => console.error(line))
    endHosts = processes.end
    const hosts = await whileNot(Promise.all(names.map(processes.start)))
    console.log(`Hosts: ${hosts.map(({ name, pid }) => `${name} (process ${pid})`).join(', ')}; ${slots} months at once in each`)

    client = await connectClient({ nats, namespace })
    return (await makeBook(client, data, folder, hosts, signal)) ? 0 : 1
  } catch (error) {
    if (!signal.aborted) throw error
    console.log('Stopped.')
    return 130
  } finally {
    await client?.close()
    await endHosts(signal.aborted ? 'SIGKILL' : 'SIGTERM')
    await stopServers()
    end()
  }
}

/** false: something was started that had no reason to be. */
async function makeBook(client: Client, data: DataSet, folder: string, hosts: HostProcess[], signal: AbortSignal): Promise<boolean> {
  const began = performance.now()
  const weather = bookOf(data)
  const group = client.group<Book>(weather.id)
  await client.submitGroup(weather)
  const bar = showProgress(group, 'months')
  try {
    await killOne(hosts, folder, data.months.size / 3, bar, signal)
    const book = await group.result({ signal })
    await bar.stop()
    console.log(`${describe(folder, book)}, ${seconds(performance.now() - began)}`)
  } finally {
    await bar.stop()
  }
  await removeDrafts(folder)
  return tellStarts(client, data, folder, hosts)
}

/** SIGKILL to the host that runs most, once so many months have ended. */
async function killOne(hosts: readonly HostProcess[], folder: string, after: number, bar: Bar, signal: AbortSignal): Promise<void> {
  for (;;) {
    const starts = readStarts(folder)
    const [victim] = hosts.toSorted((a, b) => openStarts(starts, b.pid).length - openStarts(starts, a.pid).length)
    if (victim && openStarts(starts, victim.pid).length && starts.filter(({ what }) => what === 'end').length >= after) {
      await victim.kill()
      const lost = openStarts(readStarts(folder), victim.pid).map(({ key }) => key)
      bar.say(`Killed host ${victim.name} with SIGKILL; it was at ${lost.join(' and ') || 'nothing just then'}.`)
      return
    }
    if (starts.some(({ key, what }) => key === 'output' && what === 'end')) return bar.say('Over before a host could be killed.')
    await sleep(20, undefined, { signal })
  }
}

async function tellStarts(client: Client, { id, months }: DataSet, folder: string, hosts: readonly HostProcess[]): Promise<boolean> {
  const hostOf = (pid: number) => hosts.find((host) => host.pid === pid)?.name ?? '?'
  const starts = readStarts(folder)
  console.log(`How often each handler was started (${pathOf(folder, 'starts.log')}), and why:`)
  let once = 0
  let allExplained = true
  for (const key of [...months.keys(), 'output']) {
    const { runs, explained } = await runsOf(
      client.job(`${id}/${key}`),
      starts.filter((start) => start.key === key),
      hostOf,
    )
    allExplained &&= explained && runs.length > 0
    if (explained && runs.length === 1 && key !== 'output') once++
    else console.log(`  ${key.padEnd(8)} ${tellRuns(runs)}${explained ? '' : '  ← NOT EXPLAINED'}`)
  }
  console.log(`  ${once} other months: 1 start each`)
  return allExplained
}
