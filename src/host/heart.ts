import type { Address } from '../address.ts'
import type { Envelope } from '../envelope.ts'

/** What a worker should do about a run that it listed. `over`: settled, or another run has its place. */
export type Answer = 'go' | 'cancel' | 'over'

export interface Listed {
  partition: number
  address: Address
  dispatch: number
  begun: boolean
  /** Its host shuts down, and the handler was told. */
  stopping?: boolean
  /** Monotonic clock of where the heart beats: no longer listed from then on. A handler that blocks its event loop cannot keep its run for ever. */
  until?: number
  /** Guards its begin (see StandIn); without one it is the worker's alone. */
  ticket?: readonly [number, number]
}

/**
 * Says for a worker which runs it has, again and again: one request for each partition, answered run by run. In a cluster it beats in
 * a thread and on a connection of its own, so that a handler that blocks the event loop is not taken for dead and run twice.
 */
export interface Heart {
  set(key: string, run: Listed): void
  /** A listed run begins, and is listed as begun. false: while the event loop was blocked, the heart has given it back. */
  begin(key: string): boolean
  /** A listed run will not begin. false: the heart has given it back already. */
  giveBack?(key: string): boolean
  /** What came of a run, until it is deleted: the heart sends it while the event loop is blocked. */
  returned?(key: string, partition: number, event: Envelope): void
  delete(key: string): void
  stop(): Promise<void>
}

export interface HeartParts {
  worker: string
  beat: number
  lease: number
  monotonic(): number
  /** Calls back after so many ms. */
  after(ms: number, then: () => void): () => void
  request(subject: string, data: unknown, timeout: number): Promise<unknown>
  /** `begun`: as it was listed in what is answered. */
  onAnswer(key: string, answer: Answer, begun: boolean): void
  /** Nobody answered for this partition. */
  onNoOwner(partition: number): void
  standIn?: StandIn
}

/** In a thread: what the heart does for a worker whose event loop is blocked. */
export interface StandIn {
  blocked(): boolean
  hasBegun(run: Listed): boolean
  /** The run does not begin any more. false: it has begun. */
  giveBack(run: Listed): boolean
  /** It does not begin any more. */
  isGivenBack(run: Listed): boolean
  publish(partition: number, event: Envelope): Promise<void>
}

/** What a worker says of itself; the rest of the parts is where the heart beats. */
export type Wearer = Pick<HeartParts, 'worker' | 'beat' | 'lease' | 'onAnswer' | 'onNoOwner'>

export function createHeart({ worker, beat, lease, monotonic, after, request, onAnswer, onNoOwner, standIn }: HeartParts): Heart {
  const runs = new Map<string, Listed>()
  const results = new Map<string, { partition: number; event: Envelope }>()
  /** Given back here: said again until it is settled. */
  const givenBack = new Set<string>()
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
      if (run.until !== undefined && run.until <= monotonic()) continue
      const list = found.get(run.partition) ?? found.set(run.partition, []).get(run.partition)!
      list.push([key, standIn?.hasBegun(run) ? { ...run, begun: true } : run])
    }
    return found
  }

  async function renew(partition: number, listed: [string, Listed][]): Promise<void> {
    const runs = listed.map(([, { address, dispatch, begun, stopping }]) => [address, dispatch, begun, ...(stopping ? [true] : [])])
    const data = { worker, runs }
    try {
      const answers = (await request(`beat.${partition}`, data, lease)) as Answer[]
      listed.forEach(([key, { begun }], i) => onAnswer(key, answers[i]!, begun))
      if (standIn) listed.forEach(([key], i) => actFor(standIn, key, answers[i]!))
    } catch {
      onNoOwner(partition)
    }
  }

  /**
   * What has returned is sent; what is granted, and has not begun, is given back: its lease would be renewed for as long as the event loop
   * is blocked. Whether it is granted the heartbeat's answer has said.
   */
  function actFor(standIn: StandIn, key: string, answer: Answer): void {
    const run = runs.get(key)
    if (!run) return
    if (answer === 'over') {
      if (givenBack.has(key)) forget(key)
      return
    }
    if (!givenBack.has(key) && !standIn.blocked()) return
    const result = results.get(key)
    if (result) void standIn.publish(result.partition, result.event).catch(() => {})
    else if (givenBack.has(key) || standIn.giveBack(run)) {
      givenBack.add(key)
      const event = { type: 'result', dispatch: run.dispatch, worker, outcome: 'unbegun' }
      void standIn.publish(run.partition, { to: run.address, from: worker, event }).catch(() => {})
    }
  }

  function forget(key: string): void {
    runs.delete(key)
    results.delete(key)
    givenBack.delete(key)
  }

  return {
    set(key, run) {
      runs.set(key, run)
      // By a thread that has ended, before it was settled.
      if (standIn?.isGivenBack(run)) givenBack.add(key)
      if (!beating) arm()
    },
    begin(key) {
      const run = runs.get(key)
      if (run) runs.set(key, { ...run, begun: true })
      return true
    },
    returned: (key, partition, event) => void (standIn && runs.has(key) && results.set(key, { partition, event })),
    delete: forget,
    async stop() {
      cancel()
      beating = true
      runs.clear()
    },
  }
}
