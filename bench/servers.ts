import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningServer, startMongo, startNats, startRedis } from '../scripts/servers/index.ts'
import { natsConf } from '../scripts/servers/nats.ts'
import { freePort } from '../scripts/servers/ports.ts'

/** What could be started. Everything is flushed to disk before it is acknowledged, but Redis 'everysec'. */
export interface BenchServers {
  nats?: RunningServer
  mongo?: RunningServer
  redis: Partial<Record<'always' | 'everysec', RunningServer>>
  /** Messages that the NATS server has received, sent, and kept in streams. */
  messages(): Promise<{ in: number; out: number; stored: number } | undefined>
  missing: string[]
  stop(): Promise<void>
}

interface Accounts {
  account_details?: { stream_detail?: { state: { last_seq: number } }[] }[]
}

export async function startAll(wanted: { cluster: boolean; peer: boolean }): Promise<BenchServers> {
  const missing: string[] = []
  const attempt = async <T>(what: string, start: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await start()
    } catch (error) {
      missing.push(`${what}: ${(error as Error).message}`)
      return undefined
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'stellwerk-bench-conf-'))
  const monitor = await freePort()
  const config = join(folder, 'nats.conf')
  await writeFile(config, `${await readFile(natsConf, 'utf8')}\nhttp: "127.0.0.1:${monitor}"\n`)

  const [nats, mongo, always, everysec] = await Promise.all([
    wanted.cluster ? attempt('NATS', () => startNats({ config })) : undefined,
    wanted.cluster ? attempt('MongoDB', () => startMongo()) : undefined,
    wanted.peer ? attempt('Redis', () => startRedis({ appendfsync: 'always' })) : undefined,
    wanted.peer ? attempt('Redis', () => startRedis({ appendfsync: 'everysec' })) : undefined,
  ])
  return {
    nats,
    mongo,
    redis: { always, everysec },
    async messages() {
      if (!nats) return undefined
      const ask = async (what: string) => (await fetch(`http://127.0.0.1:${monitor}/${what}`)).json()
      const { in_msgs, out_msgs } = (await ask('varz')) as { in_msgs: number; out_msgs: number }
      const { account_details = [] } = (await ask('jsz?streams=1')) as Accounts
      const streams = account_details.flatMap(({ stream_detail }) => stream_detail ?? [])
      return { in: in_msgs, out: out_msgs, stored: streams.reduce((sum, { state }) => sum + state.last_seq, 0) }
    },
    missing: [...new Set(missing)],
    async stop() {
      await Promise.all([nats, mongo, always, everysec].map((server) => server?.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}
