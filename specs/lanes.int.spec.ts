import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GateContext } from '../actors/gate.ts'
import type { JobContext } from '../actors/job.ts'
import { seededRandom, seedOf } from './support/random.ts'
import { aborts, held, insists, once, placed, type VirtualWorld, virtualWorld, work } from './support/virtual-world.ts'

const seed = seedOf()
const gateOf = async (world: VirtualWorld, address: string) => (await world.doc(address)).snapshot.context as GateContext
const places = async (world: VirtualWorld, address: string) => Object.keys((await gateOf(world, address)).held)
const orderOf = (world: VirtualWorld) => world.starts.map(({ job }) => job)
const stateOf = async (world: VirtualWorld, id: string) => (await world.doc(`job:${id}`)).state

const lanes = suite('jobs of one lane run one at a time, in order: E2 [memory]')

lanes('in order of submit, while other lanes and jobs without one run beside', async () => {
  const world = virtualWorld({ partitions: 8 })
  await world.host()
  await world.host()
  for (const id of ['a1', 'a2', 'a3']) await world.client.submit(work, { ms: 1000 }, { id, lane: 'a' })
  await world.client.submit(work, { ms: 1000 }, { id: 'b1', lane: 'b' })
  await world.client.submit(work, { ms: 1000 }, { id: 'free' })
  await world.until('the second runs', () => orderOf(world).includes('a2'))
  assert.equal(orderOf(world).slice(0, 3).sort(), ['a1', 'b1', 'free'])
  const [condition] = (await world.client.job('a3').why()).conditions
  assert.equal([await stateOf(world, 'a3'), condition!.code, condition!.on], ['waiting', 'LANE', 'lane:a'])
  await world.until('all ended', async () => (await stateOf(world, 'a3')) === 'succeeded')
  assert.equal(
    orderOf(world).filter((id) => id.startsWith('a')),
    ['a1', 'a2', 'a3'],
  )
  assert.is((await world.doc('lane:a')).state, 'idle')
  assert.equal(await world.problems(), [])
})

lanes('a later time for one that has failed an attempt keeps the place: it has not ended for good', async () => {
  const world = virtualWorld()
  await world.host({ pools: { printers: { slots: 4, printer: 2 } } })
  const later = () => new Date(world.clock.now() + 60_000)
  await world.client.submit(work, { fails: 1 }, { id: 'backoff', lane: 'a' })
  await world.client.submit(work, {}, { id: 'next-a', lane: 'a' })
  await world.client.submit(placed, { fails: 1 }, { id: 'queued', lane: 'b' })
  await world.client.submit(work, {}, { id: 'next-b', lane: 'b' })
  await world.until(
    'both wait',
    async () => (await stateOf(world, 'backoff')) === 'backoff' && (await stateOf(world, 'queued')) === 'backoff',
  )
  await world.client.job('backoff').update({ startAt: later() })
  // Its next attempt waits for its pool when it is put off.
  await world.client.pool('printers').pause()
  await world.until('it waits for its pool', async () => (await stateOf(world, 'queued')) === 'waiting')
  await world.client.job('queued').update({ startAt: later() })
  assert.equal([await stateOf(world, 'backoff'), await stateOf(world, 'queued')], ['backoff', 'backoff'])
  await world.client.pool('printers').resume()
  await world.clock.advance('30s')
  assert.equal([await places(world, 'lane:a'), await places(world, 'lane:b')], [['job:backoff'], ['job:queued']])
  await world.until(
    'all ended',
    async () => (await stateOf(world, 'next-a')) === 'succeeded' && (await stateOf(world, 'next-b')) === 'succeeded',
  )
  for (const of of [
    ['backoff', 'next-a'],
    ['queued', 'next-b'],
  ])
    assert.equal(
      orderOf(world).filter((id) => of.includes(id)),
      [of[0], of[0], of[1]],
    )
  assert.equal(await world.problems(), [])
})
lanes('so does a later time for one whose handler began, and gave itself back at a shutdown', async () => {
  const world = virtualWorld()
  await world.host({ handlers: [] })
  const host = await world.host()
  await world.client.submit(once, { ms: 20_000 }, { id: 'first', lane: 'a' })
  await world.client.submit(work, {}, { id: 'next', lane: 'a' })
  await world.until('it runs', () => world.starts.length === 1)
  let ended = false
  void host.stop({ grace: '10s' }).then(() => (ended = true))
  await world.until('the host has ended', () => ended)
  assert.is(await stateOf(world, 'first'), 'queued')
  await world.client.job('first').update({ startAt: new Date(world.clock.now() + 60_000) })
  await world.host()
  await world.clock.advance('30s')
  assert.equal(await places(world, 'lane:a'), ['job:first'])
  await world.until('all ended', async () => (await stateOf(world, 'next')) === 'succeeded')
  assert.equal(orderOf(world), ['first', 'first', 'next'])
  assert.equal(await world.problems(), [])
})

lanes('backoff, a loss and a hold keep the place; the end, whichever it is, frees it', async () => {
  const world = virtualWorld()
  const doomed = await world.host()
  await world.client.submit(work, { ms: 100, fails: 2 }, { id: '1-fails-twice', lane: 'a' })
  await world.client.submit(once, { fails: 1 }, { id: '2-fails', lane: 'a' })
  await world.client.submit(work, { ms: 5000 }, { id: '3-is-lost', lane: 'a' })
  await world.client.submit(held, { ms: 5000 }, { id: '4-is-held', lane: 'a' })
  await world.client.submit(aborts, { ms: 5000 }, { id: '5-aborts', lane: 'a' })
  await world.client.submit(work, {}, { id: '6-cancelled', lane: 'a' })
  await world.client.submit(work, {}, { id: '7-last', lane: 'a' })
  await world.until('the third runs', () => orderOf(world).includes('3-is-lost'))
  doomed.die()
  const second = await world.host()
  await world.until('the fourth runs', () => orderOf(world).includes('4-is-held'))
  second.die()
  const third = await world.host()
  await world.until('it is held', async () => (await stateOf(world, '4-is-held')) === 'held')
  await world.clock.step('60s')
  assert.equal(await places(world, 'lane:a'), ['job:4-is-held'])
  await world.client.job('4-is-held').retry()
  await world.until('the fifth runs', () => orderOf(world).includes('5-aborts'))
  third.die()
  await world.host()
  await world.client.job('6-cancelled').cancel()
  await world.until('the last ran', async () => (await stateOf(world, '7-last')) === 'succeeded')
  const order = [
    '1-fails-twice',
    '1-fails-twice',
    '1-fails-twice',
    '2-fails',
    '3-is-lost',
    '3-is-lost',
    '4-is-held',
    '4-is-held',
    '5-aborts',
    '7-last',
  ]
  assert.equal(orderOf(world), order)
  assert.is(world.most, 1)
  assert.equal(await places(world, 'lane:a'), [])
  assert.equal(await world.problems(), [])
})

lanes('one that is cancelled while it waits gives up its turn, and the gate knows nothing of it any more', async () => {
  const world = virtualWorld({ partitions: 4 })
  await world.host()
  for (const id of ['a1', 'a2', 'a3']) await world.client.submit(work, { ms: 1000 }, { id, lane: 'a' })
  await world.client.job('a2').cancel()
  await world.until('all ended', async () => (await stateOf(world, 'a3')) === 'succeeded')
  assert.equal(orderOf(world), ['a1', 'a3'])
  const { leaving, asked } = (await world.doc('job:a2')).snapshot.context as JobContext
  assert.equal([leaving, asked], [undefined, undefined])
})
lanes('P6 one that has ended and is submitted again tells its lane nothing', async () => {
  // It was forgotten with its end, and with it that all it had sent was delivered: sent again, two that answer each other never rested.
  const world = virtualWorld({ partitions: 4 })
  await world.host()
  const submit = () => world.client.submit(work, { ms: 100 }, { id: 'once', lane: 'a' })
  await submit()
  await world.until('it ended', async () => (await stateOf(world, 'once')) === 'succeeded')
  await world.clock.advance('5s')
  const { version } = await world.doc('lane:a')
  await submit()
  await world.clock.advance('5s')
  assert.is((await world.doc('lane:a')).version, version)
})

lanes('its document and its pages stay small however many pass', async () => {
  const world = virtualWorld({ partitions: 2 })
  await world.host({ slots: 50 })
  let largest = 0
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 100; i++) void world.client.submit(work, { ms: 10 }, { id: `r${round}-${i}`, lane: 'a' })
    await world.until(
      'all ended',
      async () => (await world.docs()).filter(({ state }) => state === 'succeeded').length === 100 * (round + 1),
    )
    const doc = await world.doc('lane:a')
    largest = Math.max(largest, JSON.stringify(doc).length)
    assert.equal([doc.historyPages, Object.keys(doc.inbox.marks).length], [undefined, 0])
  }
  assert.ok(largest < 64 * 1024, `${largest} characters`)
})
lanes.run()

const pools = suite('units of a pool across all hosts: W1 [memory]')

pools('never more than there are, however many hosts, the highest priority first', async () => {
  const world = virtualWorld({ partitions: 8 })
  for (let i = 0; i < 3; i++) await world.host({ pools: { printers: { slots: 4, printer: 2 } } })
  for (let i = 0; i < 12; i++) await world.client.submit(placed, { ms: 1000 }, { id: `j${i}`, priority: i % 10 })
  await world.until('all ended', async () => (await world.docs()).filter(({ state }) => state === 'succeeded').length === 12)
  assert.is(world.most, 2)
  assert.equal(orderOf(world).slice(2, 5).sort(), ['j7', 'j8', 'j9'].sort())
  assert.equal(await places(world, 'pool:printers'), [])
  assert.equal(await world.problems(), [])
})

pools('units are free when an attempt has ended or its lease has: backoff, loss, cancel', async () => {
  const world = virtualWorld({ partitions: 4 })
  const parts = { pools: { printers: { printer: 1 } } }
  const doomed = await world.host(parts)
  await world.client.submit(placed, { ms: 100, fails: 1 }, { id: 'fails' })
  await world.client.submit(placed, { ms: 100 }, { id: 'meanwhile' })
  await world.until('both ended', async () => (await stateOf(world, 'fails')) === 'succeeded')
  assert.equal(orderOf(world), ['fails', 'meanwhile', 'fails'])
  await world.client.submit(placed, { ms: 60_000 }, { id: 'lost' })
  await world.client.submit(placed, { ms: 100 }, { id: 'next' })
  await world.until('it runs', () => orderOf(world).includes('lost'))
  doomed.die()
  await world.host(parts)
  await world.until('the next ran', async () => (await stateOf(world, 'next')) === 'succeeded')
  await world.until('the lost one runs again', () => world.startsOf('lost').length === 2)
  await world.client.job('lost').cancel()
  await world.until('it is cancelled', async () => (await stateOf(world, 'lost')) === 'cancelled')
  assert.equal(await places(world, 'pool:printers'), [])
  assert.is(world.most, 1)
})

pools('those who ask again and again starve nobody of their priority: who asks again is as old as that request', async () => {
  const world = virtualWorld()
  await world.host({ pools: { printers: { printer: 1 } } })
  const again = { ms: 700, fails: 1000 }
  for (const id of ['again1', 'again2', 'again3']) await world.client.submit(insists, again, { id })
  await world.until('they fail and come back', () => world.starts.length > 6)
  await world.client.submit(placed, {}, { id: 'younger' })
  const before = world.starts.length
  await world.until('it runs', () => orderOf(world).includes('younger') || world.starts.length > before + 30)
  assert.ok(orderOf(world).includes('younger'), `${world.starts.length - before} places were given to others`)
  for (const id of ['again1', 'again2', 'again3']) await world.client.job(id).cancel()
  await world.until('nobody has a place', async () => (await places(world, 'pool:printers')).length === 0)
})

pools('a drain that somebody ends by a resume is told so', async () => {
  const world = virtualWorld({ partitions: 4 })
  await world.host({ pools: { printers: { printer: 1 } } })
  const pool = world.client.pool('printers')
  await world.client.submit(placed, { ms: 1000 }, { id: 'j' })
  await world.until('it runs', () => world.starts.length === 1)
  const drained = pool.drain().then(
    () => 'drained',
    ({ code, message }) => `${code} ${message}`,
  )
  await world.until('it is paused', async () => (await world.doc('pool:printers')).state === 'paused')
  await pool.resume()
  let said: string | undefined
  void drained.then((words) => {
    said = words
  })
  await world.until('it is told', () => said !== undefined)
  assert.is(said, 'NOT_ALLOWED pool:printers was resumed before it was drained')
})

pools('resized, paused, drained and resumed while it runs; a need above the capacity is refused at submit', async () => {
  const world = virtualWorld({ partitions: 4 })
  await world.host({ pools: { printers: { printer: 1 } } })
  const pool = world.client.pool('printers')
  for (let i = 0; i < 4; i++) await world.client.submit(placed, { ms: 1000 }, { id: `j${i}` })
  await world.until('one runs', () => world.starts.length === 1)
  await pool.resize({ printer: 2 })
  await world.until('two run', () => world.starts.length === 2)
  const drained = pool.drain()
  await world.until('it is drained', async () => (await world.doc('pool:printers')).state === 'drained')
  assert.is((await drained).state, 'drained')
  await world.clock.step('60s')
  assert.is(world.starts.length, 2)
  assert.is((await pool.why()).conditions[0]!.code, 'PAUSED')
  await pool.resume()
  await world.until('all ended', async () => (await world.docs()).filter(({ state }) => state === 'succeeded').length === 4)
  assert.is(world.most, 2)
  await pool.resize({ printer: 0 })
  await world.clock.settled()
  try {
    await world.client.submit(placed, {}, { id: 'too-much' })
    assert.unreachable()
  } catch (error) {
    assert.equal(
      [(error as { code: string }).code, /1 printer are needed; pool "printers" has 0/.test((error as Error).message)],
      ['VALIDATION', true],
    )
  }
})

pools('paused or resized before any host declares it: that counts', async () => {
  const world = virtualWorld({ partitions: 4 })
  await world.host()
  const pool = world.client.pool('printers')
  await world.client.submit(placed, {}, { id: 'waits' })
  await world.clock.step('1s')
  assert.is((await world.doc('pool:printers')).state, 'undeclared')
  await pool.pause()
  await pool.resume()
  assert.is((await pool.why()).conditions[0]!.code, 'NOT_DECLARED')
  await pool.resize({ slots: 4, printer: 2 })
  await world.clock.step('1s')
  assert.equal([await stateOf(world, 'waits'), await places(world, 'pool:printers')], ['queued', ['job:waits']])

  const other = virtualWorld({ partitions: 4 })
  await other.host()
  await other.client.submit(placed, {}, { id: 'waits' })
  await other.clock.step('1s')
  await other.client.pool('printers').pause()
  await other.host({ pools: { printers: { slots: 2, printer: 2 } } })
  await other.clock.step('30s')
  assert.equal([await stateOf(other, 'waits'), (await other.client.pool('printers').why()).conditions[0]!.code], ['waiting', 'PAUSED'])
  await other.client.pool('printers').resume()
  await other.until('it ran', async () => (await stateOf(other, 'waits')) === 'succeeded')
})

pools('a host whose jobs run in a pool that nobody declares does not start', async () => {
  const world = virtualWorld()
  await world.host({ handlers: [placed] }).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /pools\.printers: job "placed" runs in it, and no host declares it/),
  )
})

pools(
  'lanes and pools together, hosts that die at random: one at a time in a lane, units within the capacity, nothing is left over',
  async () => {
    const random = seededRandom(seed)
    const world = virtualWorld({ partitions: 8 })
    const parts = { slots: 3, pools: { printers: { slots: 3, printer: 2 } } }
    const hosts = [await world.host(parts), await world.host(parts)]
    const ids: string[] = []
    const commands: Promise<unknown>[] = []
    for (let i = 0; i < 60; i++) {
      const lane = random.chance(0.6) ? `lane-${random.between(1, 3)}` : undefined
      ids.push(`${lane ?? 'free'}/j${i}`)
      const options = { id: ids[i], priority: random.between(0, 9), lane }
      commands.push(world.client.submit(placed, { ms: random.between(100, 3000), fails: random.between(0, 1) }, options))
      if (random.chance(0.1))
        commands.push(
          world.client
            .job(random.pick(ids)!)
            .cancel()
            .catch(() => {}),
        )
      if (random.chance(0.15)) {
        hosts.splice(random.between(0, 1), 1)[0]!.die()
        hosts.push(await world.host(parts))
      }
      await world.clock.step(random.between(1, 1500))
    }
    let answered = false
    void Promise.all(commands).then(() => (answered = true))
    await world.until('all are answered', () => answered)
    const open = async () => (await world.docs()).filter(({ type, status }) => type === 'job' && status !== 'done')
    await world.until('all ended', async () => !(await open()).length)
    await world.clock.step('30s')
    for (const doc of await world.docs()) {
      if (doc.type === 'job') {
        const { asked, leaving, places } = doc.snapshot.context as JobContext
        assert.equal([asked, leaving, places?.length ?? 0], [undefined, undefined, 0], `${doc._id}, seed ${seed}`)
      } else assert.equal((doc.snapshot.context as GateContext).held, {}, `${doc._id}, seed ${seed}`)
    }
    assert.ok(world.most <= 2, `seed ${seed}: ${world.most} at once`)
    assert.equal(world.overlaps, [], `seed ${seed}`)
    assert.equal(await world.problems(), [], `seed ${seed}`)
  },
)
pools('older ones that ask while a page is read put the same requests into a page again: all get their place', async () => {
  const world = virtualWorld()
  await world.host({ pools: { printers: { printer: 1 } } })
  const young = (i: number) => `y${String(i).padStart(3, '0')}`
  const old = Array.from({ length: 65 }, (_, i) => `o${i}`)
  for (const id of old) await world.client.submit(placed, {}, { id, after: [`job:${young(64)}`] })
  for (let i = 0; i < 130; i++) await world.client.submit(placed, { ms: i ? 10 : 10_000 }, { id: young(i) })
  await world.until('all have run', () => world.starts.length === 195, 120_000)
  assert.equal(await world.problems(), [])
})
pools.run()

const after = suite('jobs that were submitted after others: W7 [memory]')

after('begins when all have succeeded, whichever order they come in, groups too', async () => {
  const world = virtualWorld({ partitions: 8 })
  await world.host()
  await world.client.submit(work, {}, { id: 'last', after: ['job:a', world.client.group('g'), 'job:b'] })
  await world.clock.step('10s')
  assert.equal([await stateOf(world, 'last'), await stateOf(world, 'a')], ['waiting', 'awaited'])
  assert.equal(
    (await world.client.job('last').why()).conditions.map(({ on }) => on),
    ['job:a', 'group:g', 'job:b'],
  )
  await world.client.submit(work, { ms: 1000 }, { id: 'a' })
  await world.client.submitGroup({ id: 'g', members: [work.with({ ms: 1000 }, { key: 'm' })] })
  await world.until('two ended', async () => (await stateOf(world, 'a')) === 'succeeded' && (await world.doc('group:g')).status === 'done')
  assert.is(await stateOf(world, 'last'), 'waiting')
  await world.client.submit(work, {}, { id: 'b' })
  await world.until('it ran', async () => (await stateOf(world, 'last')) === 'succeeded')
  await world.client.submit(work, {}, { id: 'at-once', after: ['job:last', 'group:g'] })
  await world.until('it ran', async () => (await stateOf(world, 'at-once')) === 'succeeded')
  assert.equal(orderOf(world).slice(-2), ['last', 'at-once'])
})

after('of a long row each tells its neighbour and the first reason', async () => {
  const world = virtualWorld({ partitions: 8 })
  await world.host()
  const name = (i: number) => `row-of-reports-of-the-whole-month-${i}`
  await world.client.submit(once, { fails: 1 }, { id: name(0) })
  for (let i = 1; i < 12; i++) await world.client.submit(work, {}, { id: name(i), after: [`job:${name(i - 1)}`] })
  await world.until('the last is cancelled', async () => (await stateOf(world, name(11))) === 'cancelled')
  const { cancelReason } = (await world.doc(`job:${name(11)}`)).snapshot.context as JobContext
  const is = (i: number, how: string) => `job:${name(i)}, after which it was to begin, is ${how}: `
  assert.ok(cancelReason!.startsWith(`${is(10, 'cancelled')}${is(0, 'failed')}`), cancelReason)
})

after(
  'cancelled when one of them ends otherwise, which is told; not with all-finished; an operator may start it all the same',
  async () => {
    const world = virtualWorld({ partitions: 8 })
    await world.host()
    await world.client.submit(once, { fails: 1 }, { id: 'fails' })
    await world.client.submit(work, {}, { id: 'in-vain', after: ['job:fails', 'job:never'] })
    await world.client.submit(work, {}, { id: 'late', after: ['job:fails'], startAt: world.clock.now() + 3_600_000 })
    await world.client.submit(work, {}, { id: 'however', after: ['job:fails'], when: 'all-finished' })
    await world.until('it ran', async () => (await stateOf(world, 'however')) === 'succeeded')
    assert.equal([await stateOf(world, 'in-vain'), await stateOf(world, 'late')], ['cancelled', 'cancelled'])
    const { cancelReason } = (await world.doc('job:in-vain')).snapshot.context as JobContext
    assert.match(cancelReason!, /job:fails, after which it was to begin, is failed: \w+/)
    await world.client.job('in-vain').retry()
    await world.until('it ran', async () => (await stateOf(world, 'in-vain')) === 'succeeded')
  },
)

after('two that wait for each other, and one that waits for itself, are cancelled: nobody waits for ever', async () => {
  const world = virtualWorld({ partitions: 8 })
  await world.host()
  await world.client.submit(work, {}, { id: 'itself', after: ['job:itself'] })
  await world.client.submit(work, {}, { id: 'a', after: ['job:b'] })
  await world.client.submit(work, {}, { id: 'b', after: ['job:a'] })
  await world.clock.step('1s')
  for (const id of ['itself', 'a', 'b']) assert.is(await stateOf(world, id), 'cancelled', id)
  const { cancelReason } = (await world.doc('job:a')).snapshot.context as JobContext
  assert.match(cancelReason!, /job:b, after which it was to begin, was submitted after this one/)
  await world.client.job('a').retry()
  await world.until('an operator may start it', async () => (await stateOf(world, 'a')) === 'succeeded')
})

after('one that begins no more takes no slot, however it came to that', async () => {
  const world = virtualWorld({ partitions: 4 })
  await world.host({ slots: 1 })
  await world.client.submit(work, { fails: 99 }, { id: 'failed' })
  await world.until('it has failed', async () => (await stateOf(world, 'failed')) === 'failed')
  await world.client.submit(work, {}, { id: 'mine', after: ['job:later'] })
  await world.client.submit(work, {}, { id: 'late', after: ['job:failed'] })
  await world.client.submit(work, {}, { id: 'x1', after: ['job:x2'] })
  await world.client.submit(work, {}, { id: 'x2', after: ['job:x1'] })
  await world.client.job('mine').cancel()
  for (const id of ['late', 'mine', 'x1', 'x2'])
    await world.until('it is cancelled', async () => (await stateOf(world, id)) === 'cancelled')
  await world.client.submit(work, {}, { id: 'next' })
  await world.until('the slot is free', async () => (await stateOf(world, 'next')) === 'succeeded')
  assert.not.ok(JSON.stringify((await world.client.job('late').history()).history).includes('"out":"offer"'), 'and nothing was offered')
})
after('R4 a longer circle waits for an operator, and is found: whoever asks why is told the way round', async () => {
  const world = virtualWorld({ partitions: 8 })
  await world.host()
  await world.client.submit(work, {}, { id: 'a', after: ['job:b', 'job:far'] })
  await world.client.submit(work, {}, { id: 'b', after: ['job:c'] })
  await world.client.submit(work, {}, { id: 'behind', after: ['job:a'] })
  await world.clock.step('1s')
  const circleOf = async (id: string) => (await world.client.job(id).why()).conditions.filter(({ code }) => code === 'CIRCLE')
  assert.equal(await circleOf('a'), [])
  const stuck = async () => {
    const found: string[] = []
    for await (const { address } of world.client.find({ stuck: true })) found.push(address)
    return found.sort()
  }
  assert.equal(await stuck(), [])
  await world.client.submit(work, {}, { id: 'c', after: ['job:a'] })
  await world.clock.step('1s')
  assert.equal(await stuck(), ['job:a', 'job:b', 'job:c'])
  assert.equal(await world.client.stuck(), [{ type: 'job', state: 'waiting', count: 3 }])
  const [circle] = await circleOf('a')
  assert.equal(circle!.circle, ['job:a', 'job:b', 'job:c', 'job:a'])
  assert.ok(circle!.stuck)
  assert.match(circle!.message, /job:a after job:b after job:c after job:a: a circle, which ends only if/)
  assert.equal((await circleOf('c'))[0]!.circle, ['job:c', 'job:a', 'job:b', 'job:c'])
  assert.equal(await circleOf('behind'), [])
  await world.client.job('c').cancel()
  await world.until('all end', async () => (await stateOf(world, 'behind')) === 'cancelled')
})

after('not before its time, and in its lane', async () => {
  const world = virtualWorld({ partitions: 8 })
  await world.host()
  const startAt = world.clock.now() + 60_000
  await world.client.submit(work, { ms: 90_000 }, { id: 'holds', lane: 'a' })
  await world.client.submit(work, {}, { id: 'first' })
  await world.client.submit(work, {}, { id: 'then', after: ['job:first'], startAt, lane: 'a' })
  await world.until('it ran', async () => (await stateOf(world, 'then')) === 'succeeded')
  assert.ok(world.startsOf('then')[0]!.at >= startAt + 30_000)
})

after('bad options are refused, and nothing of it is stored', async () => {
  const world = virtualWorld()
  await world.host()
  const bad: [object, RegExp][] = [
    [{ lane: 'not an id' }, /^lane: /],
    [{ after: ['pool:x'] }, /^after\.0: "pool:x" is not the address of a job or group/],
    [{ after: Array(101).fill('job:a') }, /^after: 101 addresses; at most 100/],
    [{ after: ['job:a'], when: 'sometimes' }, /^when: must be/],
  ]
  for (const [options, message] of bad)
    await world.client.submit(work, {}, options).then(
      () => assert.unreachable(JSON.stringify(options)),
      (error) => assert.match(error.message, message),
    )
  assert.equal(await world.docs(), [])
})
after.run()
