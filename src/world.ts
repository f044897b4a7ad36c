import type { Bus } from './bus/port.ts'
import type { Clock } from './clock.ts'
import type { Store } from './store/port.ts'

/** Where hosts and clients live: a folder, this process's memory, or servers. Made by `embedded(…)` and `cluster(…)`. */
export interface World {
  /** `name` is unique for every connection that is ever made. */
  connect(options: { name: string; clock: Clock; log(message: string): void }): Promise<{ bus: Bus; store: Store; close(): Promise<void> }>
  /** Restarts that took their process with them are known, so nothing waits for a lease then. */
  readonly heartbeat?: { beat: number; ttl: number; lease: number }
}
