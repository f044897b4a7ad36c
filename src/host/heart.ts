import type { Address } from '../address.ts'

/** What a worker should do about a run that it listed. `over`: settled, or another run has its place. */
export type Answer = 'go' | 'cancel' | 'over'

export interface Listed {
  partition: number
  address: Address
  dispatch: number
  begun: boolean
  /** Wall clock: no longer listed from then on. A handler that blocks its event loop cannot keep its run for ever. */
  until?: number
}

/**
 * Says for a worker which runs it has, again and again: one request for each partition, answered run by run. In a cluster it beats in
 * a thread and on a connection of its own, so that a handler that blocks the event loop is not taken for dead and run twice.
 */
export interface Heart {
  set(key: string, run: Listed): void
  delete(key: string): void
  stop(): Promise<void>
}

export interface HeartParts {
  worker: string
  beat: number
  lease: number
  now(): number
  /** Calls back after so many ms. */
  after(ms: number, then: () => void): () => void
  request(subject: string, data: unknown, timeout: number): Promise<unknown>
  /** `begun`: as it was listed in what is answered. */
  onAnswer(key: string, answer: Answer, begun: boolean): void
  /** Nobody answered for this partition. */
  onNoOwner(partition: number): void
}

/** What a worker says of itself; the rest of the parts is where the heart beats. */
export type Wearer = Pick<HeartParts, 'worker' | 'beat' | 'lease' | 'onAnswer' | 'onNoOwner'>

export function createHeart({ worker, beat, lease, now, after, request, onAnswer, onNoOwner }: HeartParts): Heart {
  const runs = new Map<string, Listed>()
  let cancel = () => {}
  let beating = false

  function arm(): void {
    beating = true
    cancel = after(beat, () => {
      for (const [partition, listed] of byPartition()) void renew(partition, listed)
      if (runs.size) arm()
      else beating = false
    })
  }

  function byPartition(): Map<number, [string, Listed][]> {
    const found = new Map<number, [string, Listed][]>()
    for (const [key, run] of runs) {
      if (run.until !== undefined && run.until <= now()) continue
      const list = found.get(run.partition) ?? found.set(run.partition, []).get(run.partition)!
      list.push([key, run])
    }
    return found
  }

  async function renew(partition: number, listed: [string, Listed][]): Promise<void> {
    const data = { worker, runs: listed.map(([, { address, dispatch, begun }]) => [address, dispatch, begun]) }
    try {
      const answers = (await request(`beat.${partition}`, data, lease)) as Answer[]
      listed.forEach(([key, { begun }], i) => onAnswer(key, answers[i]!, begun))
    } catch {
      onNoOwner(partition)
    }
  }

  return {
    set(key, run) {
      runs.set(key, run)
      if (!beating) arm()
    },
    delete: (key) => void runs.delete(key),
    async stop() {
      cancel()
      beating = true
      runs.clear()
    },
  }
}
