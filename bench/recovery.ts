import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { connectClient } from '../src/cluster.ts'
import { defineJob } from '../src/index.ts'
import type { BenchServers } from './servers.ts'

/** How the processes of one side are started. */
export interface RecoveryProcess {
  redis?: string
  nats?: string
  mongo?: string
  namespace: string
  /** Where handlers say that they began. */
  file: string
  slots: number
}

interface Beginning {
  id: string
  pid: number
  at: number
}

/** Processes that go on, and ms between two kills: less than the longest of the pauses between a peer's looks for lost work, in all. */
const survivors = 4
const between = 1500
/** BullMQ looks for lost work every 30 s, and takes it for lost after 30 s. */
const longest = 120_000

/**
 * From the kill -9 of a process to the moment at which the handler that it was running begins elsewhere, ms, for each of so many. Each victim runs one
 * job; they are killed one after the other, while four other processes are up. BullMQ is as it is by default.
 */
export async function recoveries(
  backend: 'cluster' | 'bullmq always',
  victims: number,
  servers: BenchServers,
  entry: string,
): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'stellwerk-recovery-'))
  const file = join(folder, 'began')
  const namespace = `rc${Date.now().toString(36)}`
  const redis = backend === 'cluster' ? undefined : servers.redis.always!.url
  const parts = { redis, nats: servers.nats?.url, mongo: servers.mongo?.url, namespace, file }
  const processes: ChildProcess[] = []
  const begun = (): Beginning[] =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : []

  async function start(slots: number): Promise<ChildProcess> {
    const child = fork(join(dirname(entry), 'recovery-process.js'), [JSON.stringify({ ...parts, slots } satisfies RecoveryProcess)])
    processes.push(child)
    await new Promise<void>((ready, failed) => {
      child.once('message', () => ready())
      child.once('exit', (code) => failed(new Error(`a process ended with code ${code}`)))
    })
    return child
  }

  async function until<T>(what: string, ask: () => T | undefined): Promise<T> {
    for (const end = Date.now() + longest; Date.now() < end; await sleep(20)) {
      const answer = ask()
      if (answer !== undefined) return answer
    }
    throw new Error(`${what}: not within ${longest / 1000} s`)
  }

  try {
    for (let started = 0; started < victims; started++) await start(1)
    await submit(parts, victims)
    const first = await until('all have begun', () => (begun().length >= victims ? begun() : undefined))
    for (let started = 0; started < survivors; started++) await start(2 * victims)
    const killed = new Map<string, number>()
    for (const { id, pid } of first.slice(0, victims)) {
      await sleep(between)
      process.kill(pid, 'SIGKILL')
      killed.set(id, Date.now())
    }
    const again = (id: string) => begun().find((one) => one.id === id && one.at >= killed.get(id)!)
    return await Promise.all([...killed].map(async ([id, at]) => (await until(`${id} runs again`, () => again(id))).at - at))
  } finally {
    for (const child of processes) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

async function submit({ redis, nats, namespace }: Omit<RecoveryProcess, 'slots'>, count: number): Promise<void> {
  if (!redis) {
    await using client = await connectClient({ nats: nats!, namespace })
    const job = defineJob({ name: 'recovery' })
    for (let i = 0; i < count; i++) await client.submit(job, null, { id: `j${i}` })
    return
  }
  const { hostname: host, port } = new URL(redis)
  const queue = new Queue('recovery', { connection: { host, port: Number(port) }, prefix: namespace })
  for (let i = 0; i < count; i++) await queue.add('recovery', {}, { jobId: `j${i}` })
  await queue.close()
}
