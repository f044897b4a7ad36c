import { z } from 'zod'
import { embeddedBus } from '../../src/bus/embedded.ts'
import { createClient } from '../../src/client.ts'
import { defineJob } from '../../src/definition.ts'
import { TerminalError } from '../../src/errors.ts'
import { createHost, type Host } from '../../src/host/host.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { type Chaos, chaos } from '../../src/testing/chaos.ts'
import type { Recorded } from '../../src/testing/replay.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

type Does = 'well' | 'fails-once' | 'fails-at-first' | 'is-lost-once' | 'takes-long' | 'takes-a-minute'
const input = z.object({ does: z.string() })
const quick = { attempts: 3, backoff: 100, jitter: 0 }

/**
 * Groups, retries, losses, cancels, hand-backs, in virtual time and in memory: answers what was recorded of every actor.
 * `many`: members of the group whose keys go into pages.
 */
export async function recordScenario({ many }: { many: number }): Promise<Recorded[]> {
  const work = defineJob({ name: 'work', input, retry: quick })
  const hold = defineJob({ name: 'hold', input, retry: quick, onLost: 'hold' })
  const bind = defineJob({ name: 'bind', input, retry: quick })

  const clock = virtualClock('2026-11-23T08:00:00Z')
  const store = memoryStore()
  const shared = embeddedBus({ clock, partitions: 2 })
  const hosts: { host: Host; faults: Chaos }[] = []
  let repaired = false

  async function handle({ does }: { does: string }, ctx: { attempt: number; run: number; id: string; signal: AbortSignal }) {
    const aborted = new Promise((done) => ctx.signal.addEventListener('abort', done))
    await Promise.race([clock.sleep(does === 'takes-a-minute' ? '1m' : does === 'takes-long' ? '5s' : 20), aborted])
    ctx.signal.throwIfAborted()
    if (does === 'fails-once' && ctx.attempt === 1) throw new Error('once')
    if (does === 'fails-at-first' && !repaired) throw new TerminalError('not before it is repaired')
    if (does === 'is-lost-once' && ctx.run === 1) await new Promise(() => {})
    return ctx.id
  }

  async function start(): Promise<void> {
    let connection = ''
    const faults = chaos({ onDeath: () => shared.disconnect(connection) })
    const host = await createHost({
      name: `h${hosts.length}`,
      clock: faults.clock(clock),
      slots: 20,
      log: () => {},
      handlers: [work.handler(handle), hold.handler(handle), bind.handler(handle)],
      on: {
        async connect({ name }) {
          connection = name
          const bus = shared.connect(name)
          return { bus: faults.bus(bus), store: faults.store(store), close: () => bus.close() }
        },
      },
    })
    hosts.push({ host, faults })
  }
  async function startAnother(): Promise<void> {
    const started = start()
    await clock.advance('6s')
    await started
  }

  const client = createClient({ bus: shared.connect('client'), clock, name: 'client' })
  /** Commands answer in real time, the rest of the world in virtual time. */
  const soon = async <T>(answer: Promise<T>): Promise<T> => {
    answer.catch(() => {})
    await clock.advance('1s')
    return answer
  }
  const members = (...kinds: Does[]) => kinds.map((does, i) => work.with({ does }, { key: `${does}-${i}` }))

  await startAnother()
  await soon(client.submitGroup({ id: 'retried', members: members('well', 'fails-once', 'well'), output: bind.with({ does: 'well' }) }))
  await soon(
    client.submitGroup({
      id: 'cancelled',
      members: members('takes-long', 'takes-long', 'well'),
      output: bind.with({ does: 'well' }),
      concurrency: 2,
    }),
  )
  await soon(client.group('cancelled').cancel())
  await soon(client.submitGroup({ id: 'output-failed', members: members('well'), output: bind.with({ does: 'fails-at-first' }) }))
  await soon(
    client.submitGroup({
      id: 'rest',
      members: members('fails-at-first', 'takes-long', 'takes-long'),
      concurrency: 2,
      onMemberFailure: 'cancel-rest',
    }),
  )
  await soon(client.submitGroup({ id: 'open', members: members('well', 'fails-at-first'), seal: false, sealBy: '1h' }))
  await soon(client.submit(work, { does: 'well' }, { id: 'planned', startAt: clock.now() + 60_000 }))
  await soon(client.submit(work, { does: 'well' }, { id: 'planned-and-cancelled', startAt: clock.now() + 60_000 }))
  await soon(client.job('planned-and-cancelled').cancel({ reason: 'no longer needed' }))
  await soon(client.submit(work, { does: 'well' }, { id: 'same' }))
  await soon(client.submit(work, { does: 'well' }, { id: 'same' }))
  await soon(client.submitGroup({ id: 'lost', members: members('is-lost-once', 'well'), output: bind.with({ does: 'is-lost-once' }) }))
  await soon(client.submit(hold, { does: 'is-lost-once' }, { id: 'held' }))

  const first = hosts[0]!
  first.faults.kill()
  await startAnother()
  await clock.advance('10s')
  // the output of `lost` hangs in its first run at the second host
  hosts[1]!.faults.kill()
  await startAnother()
  await clock.advance('10s')

  repaired = true
  await soon(client.job('held').retry())
  await soon(client.job('output-failed/output').retry())
  await soon(client.job('open/fails-at-first-1').retry())
  await soon(client.group('open').add([work.with({ does: 'well' }, { key: 'late' })]))
  const keys = Array.from({ length: many }, (_, i) => work.with({ does: 'well' }, { key: `n${i}` }))
  if (many) await soon(client.submitGroup({ id: 'many', members: keys, output: bind.with({ does: 'well' }), concurrency: 20 }))
  // A shutdown gives back what runs.
  await soon(client.submit(work, { does: 'takes-a-minute' }, { id: 'given-back' }))
  await startAnother()
  const stopped = hosts[2]!.host.stop({ grace: '10s' })
  await clock.advance('10s')
  await stopped
  await clock.advance('2h')

  const recorded: Recorded[] = []
  for (const { type, id } of await all(client.find({}), clock))
    recorded.push(await soonest((type === 'job' ? client.job(id) : client.group(id)).history(), clock))
  const end = hosts[3]!.host.stop({ grace: '10s' })
  await clock.advance('10s')
  await end
  await client.close()
  return recorded
}

type Clock = ReturnType<typeof virtualClock>
async function soonest<T>(answer: Promise<T>, clock: Clock): Promise<T> {
  await clock.settled()
  return answer
}
async function all<T>(pages: AsyncIterable<T>, clock: Clock): Promise<T[]> {
  const list: T[] = []
  const reading = (async () => {
    for await (const one of pages) list.push(one)
  })()
  await clock.advance('1s')
  await reading
  return list
}
