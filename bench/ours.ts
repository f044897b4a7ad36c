import { cluster, connectClient } from '../src/cluster.ts'
import { embedded } from '../src/embedded.ts'
import { type Client, createHost, defineJob, type Host } from '../src/index.ts'
import { openTables } from '../src/store/folder/tables.ts'
import { slots, type Work } from './scenarios.ts'
import { inputOf, type Opening, outputOf, type Side, wait } from './side.ts'
import { createStamps, merge, now, type Stamped, type Stamps } from './stamps.ts'
import { ask, startWorkers, type WorkerProcess } from './worker-processes.ts'

interface Payload {
  text?: string
}

const noop = defineJob({ name: 'noop' })
const payload = defineJob({ name: 'payload' })
const output = defineJob({ name: 'output' })
const definitionOf = (work: Work) => (work === 'noop' ? noop : payload)

export async function openHost(opening: Opening, stamps: Stamps): Promise<Host> {
  const { folder, nats, mongo, namespace } = opening
  const returned = (id: string) => {
    const slash = id.indexOf('/')
    slash < 0 ? stamps.returnedJob(id) : stamps.returnedMember(id.slice(0, slash))
  }
  const handlers = [
    noop.handler(async (_, { id }) => returned(id)),
    payload.handler(async (_input, { id }): Promise<Payload> => {
      await wait()
      returned(id)
      return outputOf('payload')
    }),
    output.handler(async (_, { id }) => stamps.beganOutput(id.slice(0, id.indexOf('/')))),
  ]
  const on = folder ? embedded(folder) : cluster({ nats: nats!, mongo: mongo!, namespace })
  return createHost({ on, handlers, slots })
}

/** Stellwerk: host and submitter in this process, or the submitter alone and hosts in processes of their own. */
export async function openOurs(opening: Opening): Promise<Side> {
  let onReturn = () => {}
  const stamps = createStamps(() => onReturn())
  const workers: WorkerProcess[] = opening.hosts > 1 ? await startWorkers(opening, () => onReturn()) : []
  const host = workers.length ? undefined : await openHost(opening, stamps)
  const client: Client = host?.client ?? (await connectClient({ nats: opening.nats!, namespace: opening.namespace }))
  const progress = () => stamps.returned + workers.reduce((sum, { returned }) => sum + returned, 0)
  const countsOf = (h: Host) => ({ writes: h.counts.writes, turns: h.counts.turns, conflicts: h.counts.conflicts })

  async function stamped(): Promise<Stamped> {
    const parts = [stamps.take(), ...(await Promise.all(workers.map((worker) => ask(worker, 'stamps'))))] as Stamped[]
    for (const worker of workers) worker.returned = 0
    return merge(parts)
  }

  let kept: Stamped | undefined
  return {
    async jobs(_round, work, sizes) {
      const inputs = Array.from({ length: sizes.jobs }, () => inputOf(work))
      const all = new Promise<void>((done) => {
        onReturn = () => progress() >= sizes.jobs && done()
      })
      await client.submitMany(definitionOf(work), inputs)
      onReturn()
      await all
      // The handlers have returned; that all is recorded too, the last of them tell.
      kept = await stamped()
      await Promise.all(kept.last.map((id) => client.job(id).result()))
    },
    async groups(round, work, { groups, members }) {
      const definition = definitionOf(work)
      const submitted = await Promise.all(
        Array.from({ length: groups }, (_, g) =>
          client.submitGroup({
            id: `r${round}-g${g}`,
            members: Array.from({ length: members }, (_, m) => definition.with(inputOf(work), { key: `m${m}` })),
            output: output.with({}),
          }),
        ),
      )
      await Promise.all(submitted.map((group) => group.result()))
    },
    async latencies(_round, sizes) {
      const times: number[] = []
      for (let i = 0; i < sizes.jobs; i++) {
        const began = now()
        const job = await client.submit(noop, {})
        await job.result()
        times.push(now() - began)
      }
      return times
    },
    async stamps() {
      const all = kept ?? (await stamped())
      kept = undefined
      return all
    },
    async counts() {
      const all = host
        ? [countsOf(host)]
        : ((await Promise.all(workers.map((worker) => ask(worker, 'counts')))) as ReturnType<typeof countsOf>[])
      const sum = { writes: 0, turns: 0, conflicts: 0 }
      for (const { writes, turns, conflicts } of all) {
        sum.writes += writes
        sum.turns += turns
        sum.conflicts += conflicts
      }
      return sum
    },
    async close() {
      if (!host) await client.close()
      await host?.stop()
      await Promise.all(workers.map((worker) => worker.stop()))
    },
  }
}

/** Records of its log that a folder has seen: each is flushed. The folder must be closed. */
export async function flushesOf(folder: string): Promise<number> {
  const tables = await openTables(folder)
  const { sequence } = tables.mark!
  await tables.close()
  return sequence
}
