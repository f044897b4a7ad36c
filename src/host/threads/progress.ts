/** What a thread has told last of its progress, and whether its host has yet to look: however often it tells, one message is on its way at most. */
export type SharedProgress = SharedArrayBuffer

export const sharedProgress = (): SharedProgress => new SharedArrayBuffer(16)
const partIn = (shared: SharedProgress) => new Float64Array(shared, 0, 1)
const toldIn = (shared: SharedProgress) => new Int32Array(shared, 8, 1)

/** In the thread: notes it, and says so unless that is said already. */
export function progressTeller(shared: SharedProgress, say: () => void): (part: number) => void {
  const [last, told] = [partIn(shared), toldIn(shared)]
  return (part) => {
    last[0] = Number(part)
    if (Atomics.exchange(told, 0, 1) === 0) say()
  }
}

/** In the host, when it is told: reports the latest, once in a turn of the event loop. */
export function progressReader(shared: SharedProgress, report: (part: number) => void): () => void {
  const [last, told] = [partIn(shared), toldIn(shared)]
  return () => {
    const part = last[0]!
    report(part)
    setImmediate(() => {
      Atomics.store(told, 0, 0)
      if (!Object.is(last[0], part)) report(last[0]!)
    })
  }
}
