import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultTerms } from '../../actors/job.ts'
import { createClient } from '../../src/client.ts'
import type { Change } from '../../src/host/changes.ts'
import { historyOf } from '../../src/host/history.ts'
import { serve, workerOn } from '../support/rules-worker.ts'
import { rulesWorld } from '../support/rules-world.ts'
import { bind, type VirtualWorld, virtualWorld, work } from '../support/virtual-world.ts'

/** Others learn of changes: the feed says when to look, the history says what there is. In virtual time. */
const test = suite('changes for others: E7 [memory]')

/** What the document and its pages hold: the truth that a watch is held against. */
async function recorded({ store, doc }: VirtualWorld, address: string): Promise<string[]> {
  let state: string | undefined
  const found: string[] = []
  for (const entry of await historyOf(store, await doc(address))) {
    if (entry.state !== state) found.push(`${entry.v} ${entry.event.type} ${entry.state}`)
    state = entry.state
  }
  return found
}
const told = ({ version, event, state }: Change) => `${version} ${event} ${state}`

/** Watches in the background. */
function watch(changes: AsyncIterable<Change>) {
  const seen: Change[] = []
  const over = (async () => {
    for await (const change of changes) seen.push(change)
  })()
  const watched = { seen, over, ended: false, failed: undefined as { code?: string } | undefined }
  over.then(
    () => (watched.ended = true),
    (error) => (watched.failed = error),
  )
  return watched
}

test('E7: all changes of a job, in order, from before it exists to its end', async () => {
  const world = virtualWorld()
  await world.host()
  const watched = watch(world.client.watch('job:j'))
  const job = await world.client.submit(work, { ms: 10, fails: 2 }, { id: 'j' })
  await world.until('the end of the watch', () => watched.ended)
  assert.equal(watched.seen.map(told), await recorded(world, 'job:j'))
  assert.equal(
    watched.seen.map(({ state }) => state),
    ['queued', 'running', 'backoff', 'queued', 'running', 'backoff', 'queued', 'running', 'succeeded'],
  )
  assert.is((await job.view()).final, true)
  const names = watched.seen.map(({ version, place }) => `${version}.${place}`)
  assert.is(new Set(names).size, names.length, 'version and place name a change')
})

test('E7: what the feed loses is told all the same, and in order', async () => {
  const world = virtualWorld()
  const { client, lose, lost } = hardOfHearing(world)
  await world.host()
  await world.client.submit(work, { ms: 60_000 }, { id: 'j' })
  const watched = watch(client.watch('job:j'))
  await world.until('running', () => watched.seen.at(-1)?.state === 'running')
  lose()
  const before = world.clock.now()
  await world.until('the end of the watch', () => watched.ended)
  assert.ok(lost() > 0, 'something was lost')
  assert.equal(watched.seen.map(told), await recorded(world, 'job:j'))
  assert.ok(world.clock.now() - before <= 60_000 + 16_000, 'one look every 15 s')
})

test('E7: told at once, not after a while', async () => {
  const world = virtualWorld()
  await world.host()
  await world.client.submit(work, { ms: 1000 }, { id: 'j' })
  const watched = watch(world.client.watch('job:j'))
  await world.until('the end of the watch', () => watched.ended, 3000)
})

test('E7: told at once, whatever happens while it asks', async () => {
  const world = virtualWorld()
  await world.host()
  const own = world.bus.connect('slow')
  // Each answer waits until the next change has been told, if there is one within 10 s.
  const client = createClient({
    bus: {
      ...own,
      async request(...asked) {
        const answer = await own.request(...asked)
        await world.clock.sleep('10s')
        return answer
      },
    },
    clock: world.clock,
    name: 'slow',
  })
  await world.client.submit(work, { ms: 5000 }, { id: 'j' })
  const watched = watch(client.watch('job:j'))
  await world.until('the end of the watch', () => watched.ended, 22_000)
})

test('E7: a run that is known to be superseded reports no progress', async () => {
  const world = virtualWorld()
  const seen: number[] = []
  world.bus.connect('ear').listen('feed.job.j', (list) => {
    for (const one of list as { run: number; progress?: number }[]) if (one.progress !== undefined) seen.push(one.run)
  })
  const reports: ((part: number) => void)[] = []
  await world.host({ during: (ctx) => void reports.push(ctx.progress) })
  await world.client.submit(work, { ms: 600_000, deaf: true }, { id: 'j' })
  await world.until('running', () => reports.length === 1)
  reports[0]!(0.1)
  // Recorded as lost while its handler goes on: the heartbeat's answer tells the worker.
  const { snapshot, ...doc } = await world.doc('job:j')
  const { run } = snapshot.context as { run: { dispatch: number; worker: string } }
  const lost = { to: doc._id, event: { type: 'lost', ...run, begun: true } }
  await world.bus.connect('operator').publish([{ partition: 0, id: 'lost', events: [lost] }])
  await world.until('the second run', () => reports.length === 2)
  await world.clock.step('2s')
  reports[0]!(0.2)
  reports[1]!(0.3)
  await world.clock.settled()
  assert.equal(seen, [1, 2])
})

test('E4 E7: a run of which its worker has heard nothing for a lease reports no progress', async () => {
  const world = rulesWorld()
  await serve(world, world.host('owner'), 0)
  const seen: number[] = []
  world.outside.listen('feed.job.j', (list) => {
    for (const { progress } of list as { progress?: number }[]) if (progress !== undefined) seen.push(progress)
  })
  let report: ((part: number) => void) | undefined
  let cut = false
  const worker = workerOn(
    world,
    'w',
    (ctx) => {
      report ??= ctx.progress
      return new Promise(() => {})
    },
    {
      bus: (bus) => ({
        ...bus,
        request: (subject, data, timeout) =>
          cut && subject.startsWith('beat.')
            ? world.clock.sleep(timeout).then(() => Promise.reject(new Error('cut')))
            : bus.request(subject, data, timeout),
      }),
    },
  )
  await worker.start()
  await world.publish({ to: 'job:j', event: { type: 'submit', job: 'work', input: { value: 1 }, terms: defaultTerms } })
  await world.clock.advance('10s')
  report!(0.1)
  cut = true
  await world.clock.advance('3s')
  report!(0.2)
  await world.clock.settled()
  assert.equal(seen, [0.1])
})

test('E7: a watch of a long history pages through it, from any version, and goes on over the end of a host', async () => {
  const world = virtualWorld()
  const first = await world.host()
  const fails = 600
  const many = { ...work, terms: { ...work.terms, attempts: fails + 1, backoff: 10, factor: 1 } }
  await world.client.submit(many, { ms: 1, fails }, { id: 'j' })
  const watched = watch(world.client.watch('job:j'))
  await world.until('some of it', () => watched.seen.length > 300)
  first.die()
  await world.host()
  await world.until('the end of the watch', () => watched.ended)
  const doc = await world.doc('job:j')
  assert.ok((doc.historyPages?.length ?? 0) > 8, `${doc.historyPages?.length} pages`)
  const all = await recorded(world, 'job:j')
  assert.ok(all.length > 1500, `${all.length} changes`)
  assert.equal(watched.seen.map(told), all)
  for (const from of [1, 2, 17, 700, doc.version - 1, doc.version, doc.version + 1]) {
    const part = watch(world.client.watch('job:j', { from }))
    await world.until('the end of a part', () => part.ended)
    assert.equal(
      part.seen,
      watched.seen.filter(({ version }) => version >= from),
    )
  }
})

test('E7: a group: its states, not each of its members', async () => {
  const world = virtualWorld()
  await world.host()
  const members = Array.from({ length: 300 }, (_, i) => work.with({ ms: 10 + i }, { key: `m${i}` }))
  await world.client.submitGroup({ id: 'g', members, output: bind.with({}) })
  const watched = watch(world.client.watch('group:g'))
  await world.until('the end of the watch', () => watched.ended)
  assert.equal(
    watched.seen.map(({ state }) => state),
    ['open', 'output', 'succeeded'],
  )
  const { historyPages = [] } = await world.doc('group:g')
  assert.ok(historyPages.length > 1, `${historyPages.length} pages`)
  // Where a page begins, the state before it is on the page before.
  for (const page of historyPages) {
    const from = Number.parseInt(page.split('#history-')[1]!, 10)
    const part = watch(world.client.watch('group:g', { from }))
    await world.until('the end of a part', () => part.ended)
    assert.equal(
      part.seen,
      watched.seen.filter(({ version }) => version >= from),
    )
  }
})

test('E7: a watch ends by its signal, and when its client is closed', async () => {
  const world = virtualWorld()
  const host = await world.host()
  await world.client.submit(work, { ms: 10, fails: 99 }, { id: 'j', startAt: world.clock.now() + 3_600_000 })
  const abort = new AbortController()
  const bySignal = watch(world.client.watch('job:j', { signal: abort.signal }))
  const byClose = watch(host.client.watch('job:j'))
  await world.until('planned', () => bySignal.seen.length === 1 && byClose.seen.length === 1)
  abort.abort(new Error('enough'))
  await world.until('its end', () => !!bySignal.failed)
  assert.is((bySignal.failed as unknown as Error).message, 'enough')
  await host.client.close()
  await world.until('its end', () => !!byClose.failed)
  assert.throws(() => world.client.watch('j'), /address: "j" is not an address/)
  assert.throws(() => world.client.watch('job:j', { from: -1 }), /from: must be a version/)
})

test('E7: what was removed and made anew is not told as the same', async () => {
  const world = virtualWorld()
  await world.host()
  await world.client.submit(work, { ms: 10 }, { id: 'j', startAt: world.clock.now() + 3_600_000 })
  const watched = watch(world.client.watch('job:j'))
  await world.until('planned', () => watched.seen.length === 1)
  const { version, commit } = await world.doc('job:j')
  await world.store.remove('job:j', { version, commit })
  await world.until('its end', () => !!watched.failed)
  assert.is(watched.failed!.code, 'NOT_FOUND')
  const late = watch(world.client.watch('job:j', { from: 7 }))
  await world.until('its end', () => !!late.failed)
  assert.is(late.failed!.code, 'NOT_FOUND')
})

test('E7: a host tells its listeners what its turns committed, and one that throws harms nothing', async () => {
  const world = virtualWorld()
  const host = await world.host()
  const states: string[] = []
  const ends: string[] = []
  host.on('state', () => {
    throw new Error('a bug')
  })
  host.on('state', async () => {
    throw new Error('another')
  })
  const off = host.on('state', ({ address, version, state }) => states.push(`${address} ${version} ${state}`))
  host.on('ended', ({ address, state, final }) => ends.push(`${address} ${state} ${final}`))
  const job = await world.client.submit(work, { ms: 10 }, { id: 'j' })
  await world.until('its end', async () => (await job.view()).final)
  assert.equal(ends, ['job:j succeeded true'])
  // Queued and running were one write.
  assert.equal(states, ['job:j 1 running', 'job:j 2 succeeded'])
  off()
  await world.client.submit(work, { ms: 10 }, { id: 'k' })
  await world.until('its end', () => ends.length === 2)
  assert.is(states.length, 2)
})

test('E7: progress is told with its run; nothing is told of a run that is known to be superseded, or has ended', async () => {
  const world = virtualWorld()
  const progress: { run: number; progress: number }[] = []
  world.bus.connect('ear').listen('feed.job.j', (list) => {
    for (const one of list as { run: number; progress?: number }[])
      if (one.progress !== undefined) progress.push({ run: one.run, progress: one.progress })
  })
  let report = (_: number) => {}
  await world.host({
    during: (ctx) => {
      report = ctx.progress
      for (const part of [-1, 0.5, Number.NaN, 7]) ctx.progress(part)
    },
  })
  const job = await world.client.submit(work, { ms: 10 }, { id: 'j' })
  await world.until('its end', async () => (await job.view()).final)
  report(0.9)
  await world.clock.settled()
  assert.equal(progress, [
    { run: 1, progress: 0 },
    { run: 1, progress: 0.5 },
    { run: 1, progress: 1 },
  ])
})

/** A client that hears nothing of the feed once `lose` is called. */
function hardOfHearing({ bus, clock }: VirtualWorld) {
  const own = bus.connect('deaf')
  const client = createClient({
    bus: { ...own, listen: (subject, on, queue) => own.listen(subject, (data, at) => (losing ? void lost++ : on(data, at)), queue) },
    clock,
    name: 'deaf',
  })
  let losing = false
  let lost = 0
  return { client, lose: () => void (losing = true), lost: () => lost }
}

test.run()
