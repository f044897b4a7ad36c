export interface Interruptible {
  readonly signal: AbortSignal
  /** What comes of it, or a throw as soon as there is an interrupt: for what takes no signal. */
  whileNot<T>(work: Promise<T>): Promise<T>
  end(): void
}

const signals = ['SIGINT', 'SIGTERM'] as const

/** Ctrl-C once asks for an orderly end; twice is one. */
export function interruptible(): Interruptible {
  const controller = new AbortController()
  const { signal } = controller
  const interrupt = () => (signal.aborted ? process.exit(130) : controller.abort())
  for (const name of signals) process.on(name, interrupt)
  return {
    signal,
    async whileNot(work) {
      work.catch(() => {})
      const aborted = new Promise<never>((_, fail) => signal.addEventListener('abort', () => fail(signal.reason), { once: true }))
      aborted.catch(() => {})
      signal.throwIfAborted()
      return Promise.race([work, aborted])
    },
    end() {
      for (const name of signals) process.off(name, interrupt)
    },
  }
}
