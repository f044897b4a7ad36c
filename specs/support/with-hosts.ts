import { type EffectLog, effectLog } from './effect-log.ts'
import { type HostSettings, type Hosts, hostProcesses } from './hosts.ts'

/** Host processes that write one log of effects, for as long as `play` takes. If it fails, what they said last is told. */
export async function withHosts(settings: Omit<HostSettings, 'log'>, play: (hosts: Hosts, log: EffectLog) => Promise<void>): Promise<void> {
  const log = effectLog()
  const hosts = hostProcesses({ ...settings, log: log.file })
  try {
    await play(hosts, log)
  } catch (error) {
    for (const line of hosts.said.slice(-40)) console.log(line)
    throw error
  } finally {
    await hosts.end()
    log.remove()
  }
}
