import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { MemberOf } from '../src/definition.ts'
import { type IncompleteError, isStellwerkError } from '../src/errors.ts'
import { bind, once, virtualWorld } from './support/virtual-world.ts'

/** Members that come from a stream: what a caller gets, and what there is, when the stream does not come to its end. */
const test = suite('streams of members: R2 R7 [memory]')

const all = 1000
const member = (n: number): MemberOf => once.with({ ms: 10 }, { key: `m${n}` })
const died = new Error('the submitter died')

/** All members; after so many of them `then` is thrown, or comes instead of a member. */
async function* stream(upTo = all, then?: { thrown?: unknown; instead?: MemberOf }, ended?: () => void) {
  try {
    for (let n = 0; n < all; n++) {
      if (n === upTo && then?.thrown) throw then.thrown
      yield n === upTo && then?.instead ? then.instead : member(n)
    }
  } finally {
    ended?.()
  }
}

async function world() {
  const w = virtualWorld()
  await w.host()
  const submit = (members: AsyncIterable<MemberOf> | Iterable<MemberOf>, more = {}) =>
    w.client.submitGroup({ id: 'g', members, output: bind.with({}), ...more })
  const failing = (members: AsyncIterable<MemberOf> | Iterable<MemberOf>) =>
    submit(members).then(
      () => assert.unreachable('it is to fail'),
      (thrown) => thrown,
    ) as Promise<IncompleteError>
  return { ...w, submit, failing }
}

test('one that throws before anything was sent: its own error, and there is no group', async () => {
  const { failing, client } = await world()
  assert.is(await failing(stream(200, { thrown: died })), died)
  const error = await client
    .group('g')
    .view()
    .catch((thrown) => thrown)
  assert.is(error.code, 'NOT_FOUND')
})

test('one that throws midway: the error has the cause, what there is, and how to go on', async () => {
  const { failing, client, startsOf, submit, until, starts } = await world()
  let closed = false
  const error = await failing(stream(800, { thrown: died }, () => (closed = true)))
  assert.ok(isStellwerkError(error, 'INCOMPLETE'), String(error))
  assert.is(error.cause, died)
  assert.is(error.id, 'g')
  assert.match(error.message, /the submitter died/)
  assert.match(error.message, new RegExp(`${error.added} .*group:g`))
  assert.match(error.message, /same id/)
  assert.match(error.message, /cancel/)
  assert.ok(closed)
  const group = client.group('g')
  const { state, members } = await group.view()
  assert.is(state, 'open')
  assert.is(members!.total, error.added)
  assert.ok(error.added >= 250 && error.added <= 800)
  assert.equal(
    (await group.why()).conditions.map(({ code }) => code).filter((code) => code !== 'MEMBERS'),
    ['NOT_SEALED'],
  )
  await until('what was sent has ended', async () => (await group.view()).members!.succeeded === error.added)
  assert.is((await group.view()).state, 'open')

  await submit(stream())
  await until('the group has ended', async () => (await group.view()).state === 'succeeded')
  assert.is((await group.view()).members!.total, all)
  assert.is(startsOf('g/output').length, 1)
  assert.is(starts.length, all + 1)
})

test('one that throws midway, and the group is cancelled: it ends, without an output', async () => {
  const { failing, client, until, startsOf } = await world()
  await failing(stream(800, { thrown: died }))
  await client.group('g').cancel()
  await until('the group has ended', async () => (await client.group('g').view()).final)
  assert.is((await client.group('g').view()).state, 'cancelled')
  assert.is(startsOf('g/output').length, 0)
})

test('the id of a group that was given none is in the error', async () => {
  const { client } = await world()
  const error = (await client.submitGroup({ members: stream(600, { thrown: died }) }).catch((thrown) => thrown)) as IncompleteError
  assert.match(error.id, /^[0-9a-f]{32}$/)
  assert.is((await client.group(error.id).view()).state, 'open')
})

test('a member midway that does not validate: the same, the cause names the field', async () => {
  const { failing, client } = await world()
  const error = await failing(stream(700, { instead: once.with({ ms: 'long' } as never, { key: 'wrong' }) }))
  assert.is(error.code, 'INCOMPLETE')
  assert.ok(isStellwerkError(error.cause, 'VALIDATION'))
  assert.match(error.message, /members\.700\.input\.ms/)
  assert.is((await client.group('g').view()).members!.total, error.added)
  const early = await world()
  const first = await early.failing(stream(7, { instead: once.with({ ms: 'long' } as never, { key: 'wrong' }) }))
  assert.is(first.code, 'VALIDATION')
})

test('an array is checked as a whole: nothing is sent', async () => {
  const { failing, client } = await world()
  const members = [...Array.from({ length: 700 }, (_, n) => member(n)), once.with({ ms: 'long' } as never, { key: 'wrong' })]
  assert.is((await failing(members)).code, 'VALIDATION')
  const error = await client
    .group('g')
    .view()
    .catch((thrown) => thrown)
  assert.is(error.code, 'NOT_FOUND')
})

test('a refusal midway keeps its code, and says what there is', async () => {
  const { submit, failing, client } = await world()
  await submit([once.with({ ms: 77 }, { key: 'm600' })], { seal: false })
  const error = await failing(stream())
  assert.is(error.code, 'CONFLICT')
  assert.match(error.message, /m600/)
  const { total } = (await client.group('g').view()).members!
  assert.match(error.message, new RegExp(`${total - 1} members? .*before`))
})

test('members that are added from a stream that throws: the same', async () => {
  const { submit, client } = await world()
  const group = await submit([], { seal: false })
  const error = (await group.add(stream(900, { thrown: died })).catch((thrown) => thrown)) as IncompleteError
  assert.equal([error.code, error.cause], ['INCOMPLETE', died])
  assert.is((await client.group('g').view()).members!.total, error.added)
})

test('many inputs, one of them wrong: of an array nothing is stored, of a stream what came before, and how much is said', async () => {
  const { client, docs } = await world()
  const jobs = async () => (await docs()).filter(({ type }) => type === 'job').length
  const inputs = [...Array(600).fill({ ms: 1 }), { ms: 10n } as never, { ms: 1 }]
  const whole = await client.submitMany(once, inputs).catch((thrown) => thrown)
  assert.equal([whole.code, whole.issues[0].path.join('.'), await jobs()], ['VALIDATION', 'inputs.600', 0])
  const part = await client.submitMany(once, inputs.values()).catch((thrown) => thrown)
  assert.match(part.message, /^inputs\.600: .* \(600 jobs of this call were submitted before\.\)$/)
  assert.is(await jobs(), 600)
  assert.equal(await client.submitMany(once, []), [])
})

test('inputs that come from a stream, one of them wrong: the error goes to the caller, and to nobody else', async () => {
  const { client } = await world()
  const unhandled: unknown[] = []
  const note = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  async function* inputs() {
    yield { ms: 'long' } as never
    await new Promise((done) => setTimeout(done, 20))
    yield { ms: 1 }
  }
  const error = await client.submitMany(once, inputs()).catch((thrown) => thrown)
  await new Promise((done) => setImmediate(done))
  process.off('unhandledRejection', note)
  assert.is(error.code, 'VALIDATION')
  assert.equal(unhandled, [])
})

test.run()
