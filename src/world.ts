import type { Bus } from './bus/port.ts'
import type { Clock } from './clock.ts'
import type { Heart, Wearer } from './host/heart.ts'
import type { Store } from './store/port.ts'

/** Where hosts and clients live: a folder, this process's memory, or servers. Made by `embedded(…)` and `cluster(…)`. */
export interface World {
  /** `name` is unique for every connection that is ever made. */
  connect(options: { name: string; clock: Clock; log(message: string): void }): Promise<Connection>
}

export interface Connection {
  bus: Bus
  store: Store
  /** All hosts of this world are in this process: one that is alone, and has nothing to do, need not say that it lives. */
  inProcess?: true
  /** A heart that beats whatever the event loop does. Without one, heartbeats are sent from the event loop. */
  heart?(parts: Wearer): Heart
  close(): Promise<void>
}
