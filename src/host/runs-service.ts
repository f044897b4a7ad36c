import type { JobContext } from '../../actors/job.ts'
import { ended } from '../../actors/job.ts'
import type { Address } from '../address.ts'
import type { Bus, Listening } from '../bus/port.ts'
import { UnavailableError } from '../errors.ts'
import type { Store } from '../store/port.ts'
import { fitting } from './answer-size.ts'
import type { Partition } from './partition.ts'

interface Claim {
  worker: string
  jobs: [Address, number][]
}
interface Beat {
  worker: string
  /** Job, dispatch, has it begun, is its host shutting down. */
  runs: [Address, number, boolean, boolean?][]
}

interface RunsParts {
  bus: Bus
  store: Store
  /** Those that this host owns. */
  partitions: Map<number, Partition>
  /** Does this worker end with the owner of its runs? Then that they had begun is written down, for nobody else will have heard it; of those that last, since it costs a write. */
  endsWithOwner(worker: string): boolean
}

/** Answers the workers of all hosts for the partitions that this host owns: claims, and heartbeats. */
export function serveRuns({ bus, store, partitions, endsWithOwner }: RunsParts) {
  const serving = new Map<number, Listening[]>()

  /** Of the answers the first, as many as fit into one message: for the others the worker asks again, and is granted them again. */
  async function claim(number: number, { worker, jobs }: Claim) {
    const partition = partitions.get(number)
    if (!partition) throw new UnavailableError(`partition ${number} is being handed over`)
    const grants = await Promise.all(jobs.map(([address, dispatch]) => partition.claim(address, dispatch, worker)))
    return fitting(grants.map((grant) => grant ?? null))
  }

  /** `go`, `cancel`, or `over`: settled, or another run has its place. */
  async function beat(number: number, { worker, runs }: Beat) {
    const partition = partitions.get(number)
    if (!partition) return runs.map(() => 'go')
    const noted = endsWithOwner(worker)
    for (const [to, dispatch, begun] of runs)
      if (noted && begun && partition.leases.lasts(worker, to, dispatch))
        partition.push({ envelope: { to, event: { type: 'begun', dispatch, worker } } })
    const answers = runs.map(([address, dispatch, begun]) => partition.leases.renew(worker, address, dispatch, begun))
    for (const [to, dispatch, , stopping] of runs)
      if (stopping && partition.leases.stops(worker, to, dispatch))
        partition.push({ envelope: { to, event: { type: 'stopping', dispatch, worker } } })
    const unknown = runs.filter((_, i) => !answers[i]).map(([address]) => address)
    if (!unknown.length) return answers
    const docs = new Map((await store.load(unknown)).map((doc) => [doc._id, doc]))
    // What a worker is told to forget must not come back.
    await store.flush()
    return runs.map(([address, dispatch], i) => {
      if (answers[i]) return answers[i]
      const doc = docs.get(address)
      const run = (doc?.snapshot.context as JobContext | undefined)?.run
      // Thought lost, and nothing newer granted: its result would still count.
      const counts = doc && !ended.has(doc.state) && run?.dispatch === dispatch && run.worker === worker
      return counts ? 'go' : 'over'
    })
  }

  return {
    answerFor(number: number): void {
      serving.set(number, [
        bus.serve(`claim.${number}`, (data) => claim(number, data as Claim)),
        bus.serve(`beat.${number}`, (data) => beat(number, data as Beat)),
      ])
    },
    silence(number: number): void {
      for (const one of serving.get(number) ?? []) one.stop()
      serving.delete(number)
    },
  }
}
