import { connect } from 'nats'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startServers } from '../scripts/servers/index.ts'
import { startThread, threadHeart } from '../src/bus/nats/heart.ts'
import { openLink } from '../src/bus/nats/link.ts'
import { frameSubject } from '../src/bus/nats/subjects.ts'
import { systemClock } from '../src/clock.ts'
import { until } from './support/until.ts'

const servers = await startServers({ nats: true }).catch(
  (error: Error) => void console.log(`skipped: the heart's thread on a real server (${error.message.split('\n')[0]})`),
)
const test = suite("the heart's thread: E4 Q10 Q15 [nats]")

test('one that ends is made anew, and lists what it listed; what was given back is said again', async () => {
  const { url } = servers!.nats!
  const namespace = `t${Date.now().toString(36)}`
  const nc = await connect({ servers: url })
  const threads: ReturnType<typeof startThread>[] = []
  const said: string[] = []
  const start: typeof startThread = (data) => {
    const thread = startThread(data)
    threads.push(thread)
    return thread
  }
  const wearer = { worker: 'w', beat: 100, lease: 2000, onAnswer: () => {}, onNoOwner: () => {} }
  const heart = threadHeart(url, namespace, wearer, (line) => said.push(line), start)
  try {
    let listed: unknown[][] = []
    const ever = new Set<unknown>()
    nc.subscribe(`${namespace}.beat.0`, {
      callback: (_, message) => {
        listed = message.json<{ runs: unknown[][] }>().runs
        for (const [address] of listed) ever.add(address)
        message.respond(JSON.stringify(listed.map(() => 'go')))
      },
    })
    const unbegun: string[] = []
    nc.subscribe(frameSubject(namespace, 0), {
      callback: (_, message) => {
        for (const { to, event } of message.json<{ to: string; event: { outcome: string } }[]>())
          if (event.outcome === 'unbegun') unbegun.push(to)
        message.respond('{}')
      },
    })
    const run = { partition: 0, dispatch: 1, begun: false }
    const now = systemClock.monotonic()
    heart.set('waits', { ...run, address: 'job:waits' })
    heart.set('runs', { ...run, address: 'job:runs', until: now + 60_000 })
    heart.set('stuck', { ...run, address: 'job:stuck', until: now - 1 })
    heart.begin('runs')
    const all = [
      ['job:waits', 1, false],
      ['job:runs', 1, true],
    ]
    const isListed = () => JSON.stringify(listed) === JSON.stringify(all)
    await until('listed', isListed, 10_000)
    assert.ok(heart.giveBack!('waits'))

    listed = []
    await threads[0]!.terminate()
    await until('listed again', isListed, 10_000)
    await until('given back', () => unbegun.length > 0, 10_000)
    assert.is(unbegun[0], 'job:waits')
    assert.not(ever.has('job:stuck'), 'its time is over, by the clock of either thread')
    assert.match(said.join(), /the thread that sends heartbeats has ended, and is made anew: exit code 1/)
  } finally {
    await heart.stop()
    await nc.close()
  }
  assert.is(threads.length, 2)
})

test('a connection that is closed for good says so; one that is closed from here does not', async () => {
  const { url } = servers!.nats!
  const [one, other] = [await openLink(url, 'one'), await openLink(url, 'other')]
  let lost = false
  void other.lost.then(() => (lost = true))
  await other.close()
  try {
    await one.nc.close()
    assert.match((await one.lost).message, /^The connection to NATS at .* is closed for good/)
    assert.is(one.connected, false)
    assert.not(lost)
  } finally {
    await one.close()
  }
})

test.after(async () => servers?.stop())
if (servers) test.run()
