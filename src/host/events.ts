import { refuse } from '../errors.ts'
import { checkChoice } from '../fields.ts'
import type { StateChange } from './feed.ts'

/** What a host tells of itself: what its turns have committed. */
export interface HostEvents {
  /** The state of an actor changed. */
  state: StateChange
  /** An actor reached a final state. */
  ended: StateChange
}

/**
 * `on` answers a function that takes the listener back. Told once a change is committed, in order for each actor, by the host whose turn
 * it was and by no other; what was committed in the moment of a crash is not told. Who must not miss anything watches: `client.watch`.
 * A listener that throws, or whose promise rejects, is logged, and harms nothing else; nothing waits for it.
 */
export type OnHostEvent = <E extends keyof HostEvents>(event: E, listener: (told: HostEvents[E]) => unknown) => () => void

export function createHostEvents(log: (message: string) => void): { on: OnHostEvent; tell(changes: readonly StateChange[]): void } {
  const listeners: { [E in keyof HostEvents]: Set<(told: HostEvents[E]) => unknown> } = { state: new Set(), ended: new Set() }

  async function call(event: keyof HostEvents, listener: (told: StateChange) => unknown, change: StateChange): Promise<void> {
    try {
      await listener({ ...change })
    } catch (error) {
      log(`stellwerk: a listener for "${event}" threw: ${error instanceof Error ? error.message : error}`)
    }
  }

  return {
    on(event, listener) {
      checkChoice(event, Object.keys(listeners), 'event')
      if (typeof listener !== 'function') refuse('listener', 'must be a function')
      // One listener given twice is called twice, and each taken back by itself.
      const own: typeof listener = (told) => listener(told)
      listeners[event].add(own)
      return () => void listeners[event].delete(own)
    },
    tell(changes) {
      for (const change of changes) {
        for (const listener of listeners.state) void call('state', listener, change)
        if (change.final) for (const listener of listeners.ended) void call('ended', listener, change)
      }
    },
  }
}
