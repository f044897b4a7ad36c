/** A listener that throws is a bug of the listener: everybody hears of it, and the other listeners still get theirs. */
export function guarded(job: () => void): void {
  try {
    job()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
