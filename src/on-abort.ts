import { setMaxListeners } from 'node:events'

/** Until the answered function is called. One signal may end any number of waits: Node would take more than ten for a leak. */
export function onAbort(signal: AbortSignal | undefined, hear: () => void): () => void {
  if (!signal) return () => {}
  if (signal instanceof EventTarget) setMaxListeners(0, signal)
  signal.addEventListener('abort', hear, { once: true })
  return () => signal.removeEventListener('abort', hear)
}
