import { z } from 'zod'
import type { Bus } from '../../src/bus/port.ts'
import { type Context, defineJob } from '../../src/definition.ts'
import { createHeart, type Heart, type Wearer } from '../../src/host/heart.ts'
import { serveRuns } from '../../src/host/runs-service.ts'
import { createWorker, type Worker } from '../../src/host/worker.ts'
import type { RulesWorld, TestHost } from './rules-world.ts'

/** The job of these specs, as `submit` names it. */
export const work = defineJob({ name: 'work', callbacks: { bank: z.unknown() } })

/** A host that answers workers for its partitions. */
export async function serve(world: RulesWorld, host: TestHost, ...partitions: number[]): Promise<void> {
  const owned = new Map<number, Awaited<ReturnType<TestHost['take']>>>()
  const { answerFor } = serveRuns({ bus: host.bus, store: world.store, partitions: owned, endsWithOwner: () => false })
  for (const number of partitions) {
    owned.set(number, await host.take(number))
    answerFor(number)
  }
}

/** A worker on a connection of its own. `bus` wraps it. */
export function workerOn(
  world: RulesWorld,
  name: string,
  handle: (ctx: Context) => Promise<unknown> | unknown,
  { bus: wrap = (bus: Bus) => bus, slots = 10, heart = undefined as ((own: Wearer) => Heart) | undefined } = {},
): Worker {
  const { clock, store } = world
  const bus = wrap(world.bus.connect(name))
  return createWorker({
    warn: () => {},
    offerSize: () => 1,
    bus,
    store,
    clock,
    name: `${name}.w`,
    slots,
    ahead: () => slots,
    handlers: [work.handler((_, ctx) => handle(ctx))],
    lease: 2000,
    beat: 500,
    children: { submit: () => Promise.reject(new Error('not here')) },
    heart:
      heart ??
      ((own) =>
        createHeart({ ...own, monotonic: clock.monotonic, request: bus.request, after: (ms, then) => clock.at(clock.now() + ms, then) })),
    onNoOwner: () => {},
    onRoom: () => {},
    isAlone: () => false,
  })
}
