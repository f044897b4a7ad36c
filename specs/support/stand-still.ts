import type { Bus } from '../../src/bus/port.ts'
import type { Store } from '../../src/store/port.ts'
import { type Gate, gate } from './rules-world.ts'

/**
 * Lets a host stand still at one of the calls that it makes, before it has an effect or after it had all of it, until it is told to go
 * on: by then others have done its work. The same places as those where chaos kills, and what a death cannot show: a host that is late.
 */
export interface StandStill {
  bus(bus: Bus): Bus
  store(store: Store): Store
  /** Places so far: two for each call. */
  readonly places: readonly string[]
  readonly gate: Gate
}

export function standStill(at: number | undefined, onReached: () => void): StandStill {
  const places: string[] = []
  const waits = gate()

  async function reached(place: string): Promise<void> {
    places.push(place)
    if (places.length !== at) return
    onReached()
    await waits.pass()
  }
  async function call<T>(name: string, make: () => Promise<T>): Promise<T> {
    await reached(`before ${name}`)
    const answer = await make()
    await reached(`after ${name}`)
    return answer
  }
  return {
    bus: (bus) => ({
      ...bus,
      publish: (frames) => call('publish', () => bus.publish(frames)),
      deadLetter: (letters) => call('deadLetter', () => bus.deadLetter(letters)),
      offer: (offers) => call('offer', () => bus.offer(offers)),
    }),
    store: (store) => ({
      ...store,
      load: (addresses) => call('load', () => store.load(addresses)),
      commit: (writes) => call(`commit ${writes.map(({ doc }) => doc._id).join(' ')}`, () => store.commit(writes)),
      flush: () => call('flush', () => store.flush()),
    }),
    places,
    gate: waits,
  }
}
