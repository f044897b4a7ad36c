import { Temporal } from 'temporal-polyfill'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { latestTime, nextTime, type Schedule } from '../src/calendar/schedule.ts'
import { defineChain } from '../src/chain/definition.ts'
import { step } from '../src/chain/step.ts'
import { defineJob } from '../src/definition.ts'
import { embedded } from '../src/embedded.ts'
import type { ActorEvent } from '../src/envelope.ts'
import { createHost } from '../src/host/host.ts'
import type { HostOptions } from '../src/host/host-options.ts'
import { replay } from '../src/testing/replay.ts'
import { virtualClock } from '../src/testing/virtual-clock.ts'
import { seededRandom, seedOf } from './support/random.ts'
import { refused } from './support/refused.ts'
import { virtualWorld, work } from './support/virtual-world.ts'

const note = defineJob({ name: 'note', input: z.object({ text: z.string() }) })
const file = defineChain({
  name: 'file',
  input: z.object({ name: z.string() }),
  steps: { note: step(note.with((_, { input }) => ({ text: `file ${input.name}` }))) },
})
const nightly = { cron: '30 2 * * *', timezone: 'Europe/Zurich', starts: note.with({ text: 'nightly' }) }

async function deployment(schedules: HostOptions['schedules'] = {}, start = '2026-11-23T00:00:00+01:00') {
  const clock = virtualClock(start)
  const world = embedded(':memory:', { partitions: 4 })
  const ran: string[] = []
  const up = (more: Partial<HostOptions> = {}) =>
    createHost({
      on: world,
      clock,
      chains: [file],
      schedules,
      log: () => {},
      handlers: [note.handler(({ text }, { id }) => void ran.push(`${new Date(clock.now()).toISOString().slice(5, 19)} ${id} ${text}`))],
      ...more,
    })
  const host = await up()
  await clock.settled()
  return { clock, host, client: host.client, ran, up }
}

const times = suite('times of a schedule: C4')
times('the latest is the one before the next, at random', () => {
  const seed = seedOf()
  const { next: chance, pick } = seededRandom(seed)
  const schedules: Schedule[] = [
    { cron: '30 2 * * *', timezone: 'Europe/Zurich' },
    { cron: '*/15 * * * *', timezone: 'America/New_York' },
    { cron: '0 12 1 * *', timezone: 'UTC' },
    { cron: '5,10 * * * * *', timezone: 'UTC' },
    { every: '15m' },
    { every: '7s', from: '2026-01-01T00:00:03Z' },
  ]
  for (let i = 0; i < 400; i++) {
    const schedule = pick(schedules)!
    const at = Date.parse('2026-02-01T00:00:00Z') + Math.floor(chance() * 300 * 86_400_000)
    const last = latestTime(schedule, 0, at)!
    assert.ok(last <= at, `seed ${seed}`)
    assert.is(nextTime(schedule, last - 1), last)
    assert.ok(nextTime(schedule, last)! > at)
    assert.is(latestTime(schedule, last, at), undefined)
  }
})
times.run()

const test = suite('schedules: a job or a chain, by cron, interval or event: C4 [embedded]')

test('by cron: each night once, also where the clocks are changed', async () => {
  const { clock, host, ran } = await deployment({ nightly }, '2026-10-23T12:00:00+02:00')
  await clock.advanceTo('2026-10-27T12:00:00+01:00')
  assert.equal(ran, [
    '10-24T00:30:00 nightly/20261024T003000Z nightly',
    '10-25T00:30:00 nightly/20261025T003000Z nightly',
    '10-26T01:30:00 nightly/20261026T013000Z nightly',
    '10-27T01:30:00 nightly/20261027T013000Z nightly',
  ])
  await host.stop()
})

test('by interval, a chain with its input', async () => {
  const { clock, host, ran, client } = await deployment({ often: { every: '20m', starts: { chain: file, input: { name: 'a' } } } })
  await clock.advance('1h')
  assert.equal(
    ran.map((line) => line.slice(0, 11)),
    ['11-22T23:20', '11-22T23:40', '11-23T00:00'],
  )
  assert.is((await client.chain('file').run('often/20261122T232000Z').view()).state, 'succeeded')
  assert.is((await client.schedule('often').why()).conditions[0]!.code, 'START_TIME')
  await host.stop()
})

for (const missed of ['run', 'skip'] as const)
  test(`times that were missed while nobody was up: ${missed}`, async () => {
    const { clock, host, ran, up } = await deployment({ nightly: { ...nightly, missed } })
    await clock.advance('4h')
    await host.stop()
    await clock.advanceTo('2026-11-26T12:00:00+01:00')
    const second = await up()
    await clock.advanceTo('2026-11-27T12:00:00+01:00')
    assert.equal(ran, [
      '11-23T01:30:00 nightly/20261123T013000Z nightly',
      ...(missed === 'run' ? ['11-26T11:00:00 nightly/20261126T013000Z nightly'] : []),
      '11-27T01:30:00 nightly/20261127T013000Z nightly',
    ])
    await second.stop()
  })

for (const missed of ['run', 'skip'] as const)
  test(`times while a host takes over from another are all started, up to a minute late; after a longer time: ${missed}`, async () => {
    const often = { every: '10s', starts: note.with({ text: 'often' }), missed }
    const { clock, host, ran, up } = await deployment({ often })
    await clock.advance('15s')
    await host.stop()
    await clock.advance('40s')
    const second = await up()
    await clock.advance('1s')
    const started = () => ran.splice(0).map((line) => /T(\d{6})Z/.exec(line)![1])
    assert.equal(started(), ['230010', '230020', '230030', '230040', '230050'])
    await second.stop()
    await clock.advance('10m')
    const third = await up()
    await clock.advance('1s')
    assert.equal(started(), ['231000', '231010', '231020', '231030', '231040', '231050'])
    await third.stop()
  })

test('what is declared hears of what is raised as soon as its host is up; what was set otherwise leaves an event that is not its own', async () => {
  const clock = virtualClock('2026-11-23T00:00:00+01:00')
  const world = embedded(':memory:', { partitions: 16 })
  const heard: string[] = []
  const hears = defineJob({ name: 'hears', input: z.string() })
  const up = () =>
    createHost({
      on: world,
      clock,
      log: () => {},
      handlers: [hears.handler((text) => void heard.push(text))],
      schedules: Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`s${i}`, { on: `e${i}`, starts: hears }])),
    })
  const host = await up()
  await Promise.all(Array.from({ length: 8 }, (_, i) => host.client.raise(`e${i}`, `of e${i}`)))
  await clock.settled()
  assert.is(heard.sort().join(), Array.from({ length: 8 }, (_, i) => `of e${i}`).join())
  await host.client.schedule('s0').set({ on: 'e1', starts: hears })
  await clock.settled()
  await host.stop()
  const second = await up()
  const followers = async () => (await second.client.actor('topic:e0').history()).snapshot.context
  await clock.settled()
  assert.equal(await followers(), { followers: ['schedule:s0'] })
  heard.length = 0
  await second.client.raise('e0', 'nobody waits')
  await second.client.raise('e1', 'both')
  await clock.settled()
  assert.equal([heard, await followers()], [['both', 'both'], { followers: [] }])
  await second.stop()
})
test('by an event: whoever waits for it starts, once for each id, with what it brings', async () => {
  const { clock, host, client, ran } = await deployment({
    chain: { on: 'arrived', starts: file },
    job: { on: 'arrived', starts: note },
    fixed: { on: 'arrived', starts: note.with({ text: 'always' }) },
    other: { on: 'left', starts: note },
  })
  await clock.advance('1s')
  await client.raise('arrived', { name: 'x', text: 'y' }, { id: 'one' })
  await client.raise('arrived', { name: 'x', text: 'y' }, { id: 'one' })
  await client.raise('nobody')
  await clock.advance('5s')
  assert.equal(ran.map((line) => line.slice(15)).sort(), ['file/chain/_one/note file x', 'fixed/one always', 'job/one y'])
  assert.equal((await client.schedule('job').why()).conditions[0]!.message, 'waits for arrived to occur')
  await client.schedule('job').remove()
  await clock.advance('1s')
  const { followers } = (await client.actor('topic:arrived').history()).snapshot.context as { followers: string[] }
  assert.equal([...followers].sort(), ['schedule:chain', 'schedule:fixed'])
  await client.raise('arrived', { name: 'x', text: 'y' }, { id: 'two' })
  await clock.advance('5s')
  assert.equal(
    ran
      .map((line) => line.slice(15))
      .slice(3)
      .sort(),
    ['file/chain/_two/note file x', 'fixed/two always'],
  )
  await host.stop()
})

test('two schedules of one chain start instances of their own, whatever the ids of their events: C2', async () => {
  const { clock, host, client, ran } = await deployment({
    file: { on: 'world', starts: file },
    'file-eu': { on: 'europe', starts: file },
  })
  await clock.advance('1s')
  await client.raise('world', { name: 'world' }, { id: 'eu-1' })
  await client.raise('europe', { name: 'europe' }, { id: '1' })
  await client.schedule('file').set({ on: 'other', starts: { chain: file, input: { name: 'by hand' } } })
  await client.schedule('file').trigger({ id: '2026-11-23' })
  await client.chain(file).start({ name: 'alone' }, { id: 'file-eu-1' })
  await clock.advance('1s')
  assert.equal(ran.map((line) => line.slice(20)).sort(), [
    'file-eu-1/note file alone',
    'file-eu/_1/note file europe',
    'file/_2026-11-23/note file by hand',
    'file/_eu-1/note file world',
  ])
  await refused('VALIDATION', /^id: must be .* and no date/, () => client.schedule('2026-11-23').pause())
  await host.stop()
})

test('a chain whose input does not fit never starts by the clock, and fails by an event before its makers are asked', async () => {
  const maybe = defineChain({
    name: 'maybe',
    input: z.object({ name: z.string() }).optional(),
    steps: { note: step(note.with((_, { input }) => ({ text: input?.name ?? 'nothing' }))) },
  })
  const { clock, host, client, ran, up } = await deployment({ arrived: { on: 'arrived', starts: file } })
  const other = await up({ chains: [maybe] })
  for (const starts of [file, { chain: file }, { chain: 'file' }])
    await refused('VALIDATION', /^starts\.input: /, () => client.schedule('hourly').set({ every: '1h', starts }))
  for (const [i, starts] of [maybe, { chain: 'maybe' }].entries()) await client.schedule(`maybe-${i}`).set({ every: '1h', starts })
  await client.raise('arrived', { name: [1, 2, 3] }, { id: 'odd' })
  await client.chain('maybe').start(undefined, { id: 'by-hand' })
  await clock.advance('61m')
  assert.equal(ran.map((line) => line.slice(15)).sort(), [
    'maybe/by-hand/note nothing',
    'maybe/maybe-0/20261123T000000Z/note nothing',
    'maybe/maybe-1/20261123T000000Z/note nothing',
  ])
  assert.is((await client.chain('file').run('arrived/_odd').view()).state, 'failed')
  const { error } = await client.job('file/arrived/_odd/input/note').view()
  assert.is(error!.code, 'VALIDATION')
  assert.match(error!.message, /^input\.name: /)
  await other.stop()
  await host.stop()
})

test('a trigger that comes again with its number is answered again, and as it was: nothing starts twice', async () => {
  const { clock, bus, client, host, startsOf } = virtualWorld()
  await host()
  const set = client.schedule('s').set({ on: 'arrived', starts: work.with({}) })
  const taken = client.submit(work, { ms: 20 }, { id: 's/taken' })
  await clock.advance('1s')
  await Promise.all([set, taken])
  const program = bus.connect('program')
  const told: string[] = []
  program.listen('inbox.program', (replies) => {
    for (const { call, ok, error } of replies as { call: string; ok: boolean; error?: { code: string } }[])
      told.push(`${call} ${ok ? 'ok' : error!.code}`)
  })
  for (const frame of ['first', 'again', 'once more'])
    for (const id of ['new', 'taken']) {
      const reply = { inbox: 'inbox.program', call: `${frame} ${id}` }
      const envelope = {
        to: 'schedule:s',
        event: { type: 'trigger', id },
        from: 'command',
        inc: `command:${id}`,
        n: 1,
        reply,
        letter: true as const,
      }
      await program.publish([{ partition: 0, id: reply.call, events: [envelope] }])
      await clock.advance('1s')
    }
  assert.equal(
    told,
    ['first', 'again', 'once more'].flatMap((frame) => [`${frame} new ok`, `${frame} taken CONFLICT`]),
  )
  assert.is(startsOf('s/new').length, 1)
})

test('a start whose id other work has is not lost without a word: who triggered it is refused, and why tells it until the next', async () => {
  const { clock, host, client, ran } = await deployment({
    hourly: { every: '1h', starts: note.with({ text: 'h' }) },
    file: { on: 'arrived', starts: file },
  })
  await clock.advance('1s')
  await client.submit(note, { text: 'mine' }, { id: 'hourly/20261123T000000Z' })
  await client.submit(note, { text: 'mine' }, { id: 'hourly/now' })
  await clock.advance('61m')
  const conditions = async (id: string) =>
    (await client.schedule(id).why()).conditions.map(({ code, message, on }) => `${code} ${message} (${on})`)
  const taken = (id: string) =>
    `job:${id} exists with other content (it is of the definition note). Use another id, or the same definition and input.`
  assert.equal(await conditions('hourly'), [
    'START_TIME starts at 2026-11-23T01:00:00.000Z (undefined)',
    `NOT_STARTED did not start at 2026-11-23T00:00:00.000Z: ${taken('hourly/20261123T000000Z')} (job:hourly/20261123T000000Z)`,
  ])
  await refused('CONFLICT', /^job:hourly\/now exists with other content/, () => client.schedule('hourly').trigger({ id: 'now' }))
  assert.is((await conditions('hourly')).length, 2)
  await clock.advance('1h')
  assert.is((await conditions('hourly')).length, 1)
  await client.schedule('file').set({ on: 'arrived', starts: { chain: file, input: { name: 'first' } } })
  await client.schedule('file').trigger({ id: 'a' })
  await client.schedule('file').unset()
  await client.raise('arrived', { name: 'other' }, { id: 'a' })
  await clock.advance('1s')
  assert.match((await conditions('file'))[1]!, /^NOT_STARTED .* chain:file\/file\/_a was started with another input/)
  assert.is(ran.filter((line) => line.includes('file/_a')).length, 1)
  await host.stop()
})

test('paused it starts nothing and makes up for nothing; triggered it starts at once; removed code does not bring it back', async () => {
  const { clock, host, client, ran, up } = await deployment({ hourly: { every: '1h', starts: note.with({ text: 'h' }) } })
  const hourly = client.schedule('hourly')
  await hourly.pause()
  assert.equal((await hourly.why()).conditions[0], {
    code: 'PAUSED',
    message: 'schedule:hourly is paused: it starts nothing until it is resumed',
    stuck: true,
  })
  await clock.advance('150m')
  assert.equal(ran, [])
  await hourly.trigger({ id: 'now' })
  await hourly.trigger({ id: 'now' })
  await hourly.resume()
  await clock.advance('60m')
  assert.equal(
    ran.map((line) => line.slice(6)),
    ['01:30:00 hourly/now h', '02:00:00 hourly/20261123T020000Z h'],
  )
  await hourly.remove()
  const second = await up()
  await clock.advance('3h')
  assert.is(ran.length, 2)
  await refused('NOT_ALLOWED', /was removed: set it/, () => hourly.trigger())
  await hourly.set({ every: '2h', starts: note.with({ text: 'again' }) })
  await clock.advance('2h')
  assert.is(ran.length, 3)
  await second.stop()
  await host.stop()
})

test('what was removed and set, and is unset, is as code declares it by then', async () => {
  const declared = (every: string, text: string) => ({ hourly: { every, starts: note.with({ text }) } })
  const { clock, host, client, ran, up } = await deployment(declared('1h', 'code'))
  const hourly = client.schedule('hourly')
  for (const [every, text] of [
    ['1h', 'code'],
    ['30m', 'newer'],
  ] as const) {
    await hourly.remove()
    const other = await up({ schedules: declared(every, text) })
    await clock.advance('1s')
    assert.is((await hourly.view()).state, 'removed')
    await hourly.set({ every: '10m', starts: note.with({ text: 'set' }) })
    await hourly.unset()
    ran.length = 0
    await clock.advance('60m')
    assert.equal(
      ran.map((line) => line.replace(/.* /, '')),
      text === 'code' ? [text] : [text, text],
    )
    await other.stop()
  }
  await host.stop()
})

test('one schedule too many for an event says so, until it is set again when there is room', async () => {
  const { clock, host, client, ran } = await deployment()
  for (let i = 0; i < 51; i++) await client.schedule(`s${i}`).set({ on: 'arrived', starts: note })
  await clock.settled()
  const last = client.schedule('s50')
  const { conditions } = await last.why()
  assert.is(conditions[0]!.code, 'EVENT_FULL')
  assert.ok(conditions[0]!.stuck)
  await client.schedule('s0').remove()
  await last.set({ on: 'arrived', starts: note })
  await clock.settled()
  assert.is((await last.why()).conditions[0]!.code, 'EVENT')
  await client.raise('arrived', { text: 'x' }, { id: 'x' })
  await clock.settled()
  assert.is(ran.length, 50)
  assert.ok(ran.some((line) => line.includes(' s50/x ')))
  await host.stop()
})

test('a time that passed before its schedule was changed starts as it was declared then', async () => {
  const { clock, host, ran, up } = await deployment({ nightly })
  await host.stop()
  await clock.advanceTo('2026-11-23T12:00:00+01:00')
  const second = await up({ schedules: { nightly: { ...nightly, cron: '30 13 * * *', starts: note.with({ text: 'newer' }) } } })
  await clock.advanceTo('2026-11-23T14:00:00+01:00')
  assert.equal(ran, ['11-23T11:00:00 nightly/20261123T013000Z nightly', '11-23T12:30:00 nightly/20261123T123000Z newer'])
  await second.stop()
})

test('a time that is none any more, since the rules of its zone were changed while nobody was up, is made up for as it was meant', async () => {
  const noon = { cron: '30 12 * * *', timezone: 'Europe/Berlin', starts: note.with({ text: 'noon' }) }
  const { clock, host, ran, up } = await deployment({ noon }, '2026-11-23T08:00:00Z')
  await host.stop()
  const { toZonedDateTime } = Temporal.PlainDateTime.prototype
  const { toZonedDateTimeISO } = Temporal.Instant.prototype
  try {
    Temporal.PlainDateTime.prototype.toZonedDateTime = function (_, how) {
      return toZonedDateTime.call(this, 'Europe/Moscow', how)
    }
    Temporal.Instant.prototype.toZonedDateTimeISO = function () {
      return toZonedDateTimeISO.call(this, 'Europe/Moscow')
    }
    await clock.advanceTo('2026-11-23T12:00:00Z')
    const second = await up()
    await clock.advance('1d')
    assert.equal(ran, ['11-23T12:00:00 noon/20261123T113000Z noon', '11-24T09:30:00 noon/20261124T093000Z noon'])
    await second.stop()
  } finally {
    Temporal.PlainDateTime.prototype.toZonedDateTime = toZonedDateTime
    Temporal.Instant.prototype.toZonedDateTimeISO = toZonedDateTimeISO
  }
})

test('what is set counts before what code says, until it is unset', async () => {
  const { clock, host, client, ran, up } = await deployment({ hourly: { every: '1h', starts: note.with({ text: 'code' }) } })
  await clock.advance('1s')
  const hourly = client.schedule('hourly')
  await hourly.set({ every: '30m', starts: 'note' === note.name ? note.with({ text: 'set' }) : note })
  const second = await up({ schedules: { hourly: { every: '10m', starts: note.with({ text: 'newer' }) } } })
  await clock.advance('45m')
  await hourly.unset()
  await clock.advance('10m')
  assert.equal(
    ran.map((line) => line.slice(6).replace(/ .* /, ' ')),
    ['23:30:00 set', '23:50:00 newer'],
  )
  await refused('NOT_FOUND', /does not exist/, () => client.schedule('nobody').pause())
  await client.schedule('own').set({ every: '1h', starts: note.with({ text: 'x' }) })
  await refused('NOT_ALLOWED', /was declared by no host: remove it, or set it/, () => client.schedule('own').unset())
  await second.stop()
  await host.stop()
})

test('what a schedule said earlier, told once more and late, changes nothing; nor does an event that it waits for no more', async () => {
  const { clock, bus, client, host, startsOf, doc } = virtualWorld()
  await host()
  const said = bus.connect('late')
  const tell = (name: string, to: string, event: ActorEvent, n: number) =>
    said.publish([{ partition: 0, id: `${name} ${n}`, events: [{ to, event, from: 'schedule:s', inc: 'of s', n }] }])
  const set = async (options: object) => {
    const answered = client.schedule('s').set({ starts: work.with({}), ...options })
    await clock.advance('1s')
    await answered
  }
  const follower = 'schedule:s'
  await tell('first', 'topic:a', { type: 'subscribe', follower }, 1)
  await tell('first', 'topic:a', { type: 'unsubscribe', follower }, 2)
  await tell('first', 'topic:a', { type: 'subscribe', follower }, 3)
  await tell('again', 'topic:a', { type: 'unsubscribe', follower }, 2)
  await clock.advance('1s')
  const { followers } = (await doc('topic:a')).snapshot.context as { followers: string[] }
  assert.equal(followers, [follower], 'the owner of before was slow to say it')

  await set({ on: 'b' })
  await client.raise('a', undefined, { id: 'of-a' })
  await client.raise('b', undefined, { id: 'of-b' })
  await clock.advance('1s')
  assert.equal([startsOf('s/of-a').length, startsOf('s/of-b').length], [0, 1])
})

test('a replay decides the same, without asking any calendar', async () => {
  const { clock, host, client } = await deployment({ nightly, arrived: { on: 'arrived', starts: note } })
  await clock.advance('49h')
  await client.schedule('nightly').pause()
  await client.raise('arrived', { text: 'x' })
  await clock.advance('1s')
  for (const address of ['schedule:nightly', 'schedule:arrived', 'topic:arrived']) {
    const recorded = await client.actor(address).history()
    assert.equal(replay(recorded).differences, [])
    if (address !== 'schedule:nightly') continue
    // As if the clocks were changed by another law since then.
    const other = JSON.parse(JSON.stringify(recorded).replaceAll('30 2 * * *', '45 2 * * *'))
    assert.equal(replay(other).differences, [])
  }
  await host.stop()
})

test('bad input is refused, by the field, and nothing is stored', async () => {
  const { host, client } = await deployment()
  const set = (options: object) => () => client.schedule('x').set({ starts: note.with({ text: 'x' }), ...options } as never)
  await refused('VALIDATION', /^cron: give one of cron, every and on/, set({}))
  await refused('VALIDATION', /^cron: give one of/, set({ every: '1h', on: 'x' }))
  await refused('VALIDATION', /^cron: "99 \* \* \* \*" is not a cron pattern/, set({ cron: '99 * * * *', timezone: 'UTC' }))
  await refused('VALIDATION', /^cron: "0 0 30 2 \*" never comes/, set({ cron: '0 0 30 2 *', timezone: 'UTC' }))
  await refused('VALIDATION', /^timezone: "Mars" is not a time zone/, set({ cron: '9 * * * *', timezone: 'Mars' }))
  await refused('VALIDATION', /^every: must be a second or more/, set({ every: 10 }))
  await refused('VALIDATION', /^every: "soon" is not a duration/, set({ every: 'soon' }))
  await refused('VALIDATION', /^from: "soon" is not a time/, set({ every: '1h', from: 'soon' }))
  await refused('VALIDATION', /^on: "a b" is not a name of an event/, set({ on: 'a b' }))
  await refused('VALIDATION', /^missed: is of times/, set({ on: 'x', missed: 'skip' }))
  await refused('VALIDATION', /^starts.input.text: /, set({ every: '1h', starts: note.with({ text: 1 as never }) }))
  await refused('VALIDATION', /^starts: must be/, set({ every: '1h', starts: undefined }))
  await refused('NOT_FOUND', /no host has published a chain named "nope"/, set({ every: '1h', starts: { chain: 'nope' } }))
  await refused('VALIDATION', /^starts.input.name: /, set({ every: '1h', starts: { chain: file, input: {} } }))
  await refused('VALIDATION', /^missed: must be/, set({ every: '1h', missed: 'all' }))
  await refused('VALIDATION', /^evry: there is no such field/, set({ evry: '1h' }))
  await refused(
    'VALIDATION',
    /^input: \d+ characters of JSON; at most/,
    set({ every: '1h', starts: note.with({ text: 'x'.repeat(20_000) }) }),
  )
  await refused('VALIDATION', /^schedule: must be an object/, () => client.schedule('x').set(undefined as never))
  await refused('VALIDATION', /^timezone: is of a cron pattern/, set({ every: '1h', timezone: 'Mars' }))
  await refused('VALIDATION', /^timezone: is of a cron pattern/, set({ on: 'x', timezone: 'UTC' }))
  await refused('VALIDATION', /^from: is of an interval/, set({ cron: '0 0 * * *', timezone: 'UTC', from: 0 }))
  await refused('VALIDATION', /^on: null is not a name of an event/, set({ on: null }))
  await refused('VALIDATION', /^on: 5 is not a name of an event/, set({ on: 5 }))
  await refused('VALIDATION', /^starts.inptu: there is no such field/, set({ on: 'x', starts: { chain: 'file', inptu: 1 } }))
  await refused('VALIDATION', /^starts.chain: must be a chain/, set({ on: 'x', starts: { chain: null } }))
  await refused('VALIDATION', /^starts.definition: must be a job/, set({ on: 'x', starts: { definition: null } }))
  await refused('VALIDATION', /^starts.make: there is no such field/, set({ on: 'x', starts: note.with(() => ({ text: '' })) }))
  await refused('VALIDATION', /^starts.input: cannot be written as JSON/, set({ on: 'x', starts: { chain: file, input: 5n } }))
  await refused('VALIDATION', /^data: cannot be written as JSON/, () => client.raise('x', 5n))
  await refused('VALIDATION', /^options: must be an object/, () => client.raise('x', 5, null as never))
  await refused('VALIDATION', /^schedules: must be an object/, () => deployment(5 as never))
  await refused('VALIDATION', /^id: /, () => client.schedule('a/b'))
  await refused('VALIDATION', /at most 4096 characters/, () => client.raise('x', 'y'.repeat(5000)))
  for await (const { address } of client.find({ type: 'schedule' })) assert.unreachable(address)
  await refused('VALIDATION', /^schedules.bad.cron: /, () =>
    deployment({ bad: { cron: 'x', timezone: 'UTC', starts: note.with({ text: 'x' }) } }),
  )
  await host.stop()
})
test.run()
