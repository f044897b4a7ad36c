import { randomBytes } from 'node:crypto'
import { makersOf } from '../chain/makers.ts'
import { publishChains } from '../chain/published.ts'
import { type Client, createClient } from '../client.ts'
import { type Duration, ms } from '../duration.ts'
import { endAll } from '../end-all.ts'
import { optionsOf } from '../fields.ts'
import { watchContracts } from './contracts.ts'
import type { OnHostEvent } from './events.ts'
import { checkedOptions, checkNames, type HostOptions } from './host-options.ts'
import type { HostParts } from './partition.ts'
import { checkPools, declarePools } from './pools.ts'
import { checkSchedules, declareSchedules } from './schedules.ts'
import { hostServices, type Services } from './services.ts'
import { stopOnSignals } from './signals.ts'
import { withPublished } from './to-publish.ts'

export interface Host extends AsyncDisposable {
  readonly name: string
  /** A client in the same process. */
  readonly client: Client
  readonly counts: Readonly<HostParts['counts']>
  readonly partitions: readonly number[]
  readonly on: OnHostEvent
  /**
   * No new starts; running handlers are told (`ctx.signal`, code `SHUTDOWN`), and their jobs are `stopping`. One that throws the reason
   * is queued again and loses no attempt; one that returns has succeeded; one that throws anything else has failed. What was claimed
   * and has not begun goes to other hosts at once. Resolves when all have ended and what came of them is stored, or after `grace`
   * (default 60 s): true if all have. What is left then is revived by other hosts as soon as its lease has ended.
   */
  stop(options?: { grace?: Duration }): Promise<boolean>
  /**
   * These signals (default SIGTERM and SIGINT) stop the host and end the process: with exit code 0, or 1 if a handler did not end within
   * `grace` (default 60 s). A second one ends it at once. Not done by itself: a process has other things to end as well.
   */
  stopOn(signals?: readonly NodeJS.Signals[], options?: { grace?: Duration }): void
}

/** A running host. Disposal stops it. */
export async function createHost(options: HostOptions): Promise<Host> {
  const { on, handlers: given, chains, pools, schedules, name: called, ...checked } = checkedOptions(options)
  const { clock, log } = checked
  const handlers = [...given, ...chains.flatMap((chain) => makersOf(chain, () => client))]
  checkNames(handlers)
  const name = `${called}-${randomBytes(6).toString('hex')}`
  const connection = await on.connect({ name, clock, log })
  const { bus } = connection
  const client = createClient({ bus, clock, name: `${name}.c` })
  /** What was begun, and is to be ended, the last of it first. */
  const ends: (() => unknown)[] = [connection.close]
  const closeAll = () => endAll(ends.splice(0).reverse())
  try {
    const contracts = await watchContracts(bus)
    ends.push(contracts.stop)
    checkPools(pools, handlers, contracts.pools)
    const declared = await checkSchedules(withPublished(bus.records, handlers, chains), schedules)
    await publishChains(bus.records, contracts.chains, chains)
    await contracts.publish(handlers)

    const services = hostServices({ ...checked, connection, contracts, handlers, name })
    ends.push(
      () => client.close(),
      () => services.stop(0),
    )
    await services.start()
    await declarePools(bus, name, pools)
    await declareSchedules(bus, name, declared)
    // Once it is up it is stopped with a grace.
    ends.pop()
    const host = hostOf(name, client, services, closeAll)
    void bus.lost?.then((error) => endWith(error, host, log))
    return host
  } catch (error) {
    // What has failed first is what is told.
    await closeAll().catch(() => {})
    throw error
  }
}

/** Nothing that it does would be heard any more. The error, which nobody awaits, ends the process as well, if that does not see to it: whoever watches over it starts it anew. */
async function endWith(error: Error, host: Host, log: (message: string) => void): Promise<never> {
  log(`stellwerk: ${error.message} The host ends.`)
  await host.stop({ grace: 0 }).catch(() => {})
  throw error
}

function hostOf(name: string, client: Client, services: Services, closeAll: () => Promise<void>): Host {
  let stopped: Promise<boolean> | undefined
  let forgetSignals = () => {}
  async function stop(grace: number): Promise<boolean> {
    forgetSignals()
    try {
      return await services.stop(grace)
    } finally {
      await closeAll()
    }
  }
  const stopOnce = (grace: Duration = 60_000) => (stopped ??= stop(ms(grace, 'grace')))
  return {
    name,
    client,
    counts: services.counts,
    on: services.on,
    get partitions() {
      return services.owned
    },
    stop: async (options) => stopOnce(optionsOf(options, ['grace']).grace),
    stopOn(signals = ['SIGTERM', 'SIGINT'], options) {
      const { grace = 60_000 } = optionsOf(options, ['grace'])
      ms(grace, 'grace')
      forgetSignals()
      forgetSignals = stopOnSignals(signals, () => stopOnce(grace))
    },
    async [Symbol.asyncDispose]() {
      await stopOnce()
    },
  }
}
