import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type Context, defineJob } from '../../src/definition.ts'
import { notAllowed } from '../support/effects.ts'
import { keepHistories } from '../support/kept-histories.ts'
import { seededRandom, seedOf } from '../support/random.ts'
import { bind, once, placed, virtualWorld, work } from '../support/virtual-world.ts'

/**
 * Some minutes under short retention, by chance: jobs with steps, children and predecessors, in lanes and a pool, groups with early
 * members, retries and cancels, all of it said twice now and then, while hosts die and others take over. Nothing starts
 * without a grant, or twice; every command is answered; nothing is left of anything, and there is no dead letter.
 * `SEEDS=n … --seed N` plays so many, from this one on.
 */
const pay = defineJob({ name: 'pay', callbacks: { bank: z.string() } })
const parent = defineJob({ name: 'parent', retry: { attempts: 3, backoff: 500, jitter: 0 } })
const stepped = defineJob({ name: 'stepped', input: z.object({ fails: z.boolean() }), retry: { attempts: 1 }, onEnd: work as never })

/** With values that are large enough for pages. */
const anyWork = defineJob({ name: 'work', input: z.any() })
const anyOnce = defineJob({ name: 'once', input: z.any() })

const payHandler = pay.handler(async (_, ctx) =>
  ctx.callbacks.bank || ctx.round > 1
    ? 'paid'
    : (ctx.suspend({ until: ['bank'], deadline: '20s', as: `as-${ctx.id}`.replaceAll('/', '-') }) as never),
)
const steppedHandler = stepped.handler(async ({ fails }) => {
  if (fails) throw new Error('fails')
})

async function play(seed: number): Promise<string[]> {
  const random = seededRandom(seed)
  const { chance, between } = random
  const one = <T>(of: readonly T[]): T => random.pick(of)!
  const world = virtualWorld({ partitions: one([1, 2, 4]) })
  const { client, clock, store } = world
  const tombstones = one([12_000, 20_000, 60_000])
  const retention = {
    finished: { age: one([0, 1000, 5000]), count: one([5, 1000]) },
    failed: { age: one([0, 5000, 60_000]) },
    histories: { age: 1000 },
    tombstones: { age: tombstones },
  }
  const histories = keepHistories(store)
  const pages = new Set<string>()
  const { putPages } = store
  store.putPages = async (written) => {
    for (const { _id } of written) pages.add(_id)
    await putPages(written)
  }

  const parentHandler = parent.handler(async (_, ctx: Context) => {
    for (const key of ['x', 'y']) await ctx.submit(work, { ms: 50 }, { key })
    await clock.sleep(100)
    if (ctx.attempt < 2) throw new Error('again')
  })
  const options = { retention, pools: { printers: { slots: 2, printer: 2 } }, more: [payHandler, parentHandler, steppedHandler] }
  const hosts = [world.start(options).faults, world.start(options).faults]

  const problems: string[] = []
  const waiting = new Map<string, number>()
  let said = 0
  const allowed = new Set(['NOT_ALLOWED', 'NOT_FOUND', 'CONFLICT', 'SUPERSEDED'])
  let lastDeath = 0
  const say = (what: string, command: Promise<unknown>, then = () => {}) => {
    const name = `${what} (${++said})`
    waiting.set(name, clock.now())
    command
      .then(then)
      .catch((error) => allowed.has(error.code) || problems.push(`${name}: ${error.code} ${error.message}`))
      .finally(() => waiting.delete(name))
  }

  /** What can be said again: as long as its tombstone is certainly there. */
  const known: { id: string; kind: 'job' | 'group'; since: number; again(): void }[] = []
  /** What others may begin after: one that was refused would be waited for. */
  const stored = new Set<string>()
  const recent = () => known.filter(({ since }) => clock.now() < since + tombstones - 10_000)
  const input = () => ({ ms: one([1, 200, 3000]), fails: one([0, 0, 1, 9]), ...(chance(0.2) && { text: 'x'.repeat(20_000) }) })
  function submit(n: number): void {
    const id = one([`j${n}`, `deep/j${n}`, `g${between(0, n)}/j${n}`])
    const targets = recent().filter(({ id }) => stored.has(id))
    const after = targets.length && chance(0.2) ? targets.slice(-2).map(({ kind, id: of }) => `${kind}:${of}` as const) : undefined
    const options = {
      id,
      after,
      when: after && one(['all-finished', 'all-succeeded'] as const),
      lane: chance(0.3) ? one(['l1', 'l2']) : undefined,
    }
    const [definition, given] = one([
      [work, input()],
      [once, input()],
      [placed, input()],
      [stepped, { fails: chance(0.5) }],
      [parent, null],
      [pay, null],
    ] as [typeof work, never][])
    const again = () => say(`submit ${id}`, client.submit(definition, given, options), () => stored.add(id))
    known.push({ id, kind: 'job', since: clock.now(), again })
    again()
  }
  function submitGroup(n: number): void {
    const id = one([`g${n}`, `g${n}/sub`])
    const member = (key: string) => one([anyWork, anyOnce]).with(input(), { key })
    const members = Array.from({ length: between(0, 4) }, (_, i) => member(`m${i}`))
    const options = {
      id,
      members,
      seal: chance(0.7),
      sealBy: 15_000,
      output: chance(0.6) ? bind.with({ ms: 100, fails: one([0, 0, 9]) }) : undefined,
      onMemberFailure: one(['continue', 'cancel-rest'] as const),
      concurrency: one([undefined, 1, 2]),
    }
    const again = () => say(`group ${id}`, client.submitGroup(options), () => stored.add(id))
    // A member, submitted beside its group.
    const [first] = members
    if (first && chance(0.3)) say(`beside ${id}/m0`, client.submit(first.definition as never, first.input as never, { id: `${id}/m0` }))
    known.push({ id, kind: 'group', since: clock.now(), again })
    again()
    if (!options.seal && chance(0.7)) say(`add to ${id}`, client.group(id).add([member('late'), member('m0')]))
  }
  function command(): void {
    const target = one(known)
    const { id, kind } = target
    const handle = client.job(one([id, `${id}/m0`, `${id}/output`, `${id}/onEnd-1`, `${id}/x`]))
    one([
      () => say(`retry ${handle.id}`, handle.retry()),
      () => redrive(handle.id),
      () => say(`cancel ${id}`, kind === 'group' ? client.group(id).cancel() : handle.cancel()),
      () => say(`resume ${id}`, client.resume(`as-${id}`.replaceAll('/', '-'), 'bank', 'yes')),
      () => kind === 'group' && say(`seal ${id}`, client.group(id).seal()),
      () => say(`view ${id}`, handle.view()),
      () => say(`why ${id}`, handle.why()),
    ])()
  }

  /** One host is asked: if it has died since, the caller is told so, and asks again. */
  function redrive(id: string): void {
    const at = clock.now()
    const again = (error: { code?: string }) => {
      if (error.code !== 'UNAVAILABLE' || lastDeath < at) throw error
      redrive(id)
    }
    say(`redrive ${id}`, client.deadLetters.redrive(`job:${id}`).catch(again))
  }

  const end = clock.now() + one([60_000, 150_000])
  for (let n = 0; clock.now() < end; n++) {
    const what = random.next()
    if (what < 0.25) submit(n)
    else if (what < 0.35) submitGroup(n)
    else if (what < 0.65 && recent().length) one(chance(0.5) ? recent().slice(0, 5) : recent()).again()
    else if (what < 0.9 && known.length) command()
    else if (what < 0.94) {
      const alive = hosts.filter(({ dead }) => !dead)
      const dying = chance(0.4) ? alive : [one(alive)]
      lastDeath = clock.now()
      for (const host of dying) host.kill()
      for (const _ of dying) hosts.push(world.start(options).faults)
    }
    await clock.advance(one([0, 1, 50, 500, 2000]))
  }
  await clock.advance('30s')
  for (const [name, at] of waiting) if (clock.now() > at + 25_000) problems.push(`not answered: ${name}`)
  // What was early at a correlation id that nobody has registered stays for a day.
  const left = async () =>
    (await store.load([...histories.seen])).filter(({ type, state }) => type !== 'pool' && state !== 'unclaimed' && state !== 'expired')
  const last = clock.now() + 600_000
  while ((await left()).length && clock.now() < last) await clock.advance('20s')
  for (const { _id, state, removedAt } of await left()) problems.push(`${_id} is left, ${state}${removedAt ? ', a tombstone' : ''}`)
  for (const { _id } of await store.getPages([...pages])) if (!_id.startsWith('pool:')) problems.push(`page ${_id} is left`)
  for (const letter of world.bus.deadLetters) problems.push(`dead letter: ${JSON.stringify(letter)}`)
  problems.push(...notAllowed(world.effects, histories.all()))
  return problems
}

const test = suite('housekeeping, by chance: G7 E11 P16 [memory]')

test('nothing is lost, run twice, or left', async () => {
  const first = seedOf()
  const seeds = Number(process.env.SEEDS ?? 6)
  let bad = 0
  for (let seed = first; seed < first + seeds; seed++) {
    const problems = await play(seed)
    if (!problems.length) continue
    bad++
    console.log(`seed ${seed}: ${problems.slice(0, 8).join('; ')}`)
  }
  assert.is(bad, 0)
})
test.run()
