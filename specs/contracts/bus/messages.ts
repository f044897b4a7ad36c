import * as assert from 'uvu/assert'
import { isStellwerkError, TimeoutError } from '../../../src/errors.ts'
import { type BusFactory, busSuite, type Context, unique, until } from './world.ts'

/** Small messages between those who are there. */
export function messageSpecs(factory: BusFactory): void {
  const test = busSuite(factory, 'messages')

  test('a signal reaches all who listen, below a prefix too, in order', async ({ a, b }) => {
    const root = unique('sig')
    const exact: unknown[] = []
    const below: string[] = []
    const own: unknown[] = []
    b.listen(`${root}.x.1`, (data) => exact.push(data))
    b.listen(`${root}.>`, (data, subject) => below.push(`${subject} ${JSON.stringify(data)}`))
    a.listen(`${root}.x.1`, (data) => own.push(data))
    await heard(a, b, root)
    for (let n = 0; n < 3; n++) a.signal(`${root}.x.1`, { n })
    a.signal(`${root}.y`, null)
    a.signal(`${root}x.y`, 'somebody else')
    a.signal(root, 'not below')
    a.signal(`${root}.end`, true)
    await until('the end', () => below.includes(`${root}.end true`) && own.length === 3)
    assert.equal(exact, [{ n: 0 }, { n: 1 }, { n: 2 }])
    assert.equal(own, exact)
    const told = below.filter((line) => !line.includes('fence'))
    assert.equal(told, [`${root}.x.1 {"n":0}`, `${root}.x.1 {"n":1}`, `${root}.x.1 {"n":2}`, `${root}.y null`, `${root}.end true`])
  })

  test('of a queue one gets it; who has stopped gets nothing', async ({ a, b }) => {
    const root = unique('queue')
    const got: string[] = []
    const stopped = b.listen(`${root}.>`, () => got.push('stopped'))
    stopped.stop()
    a.listen(`${root}.>`, (data) => data === 'fence' || got.push('a'), 'q')
    b.listen(`${root}.>`, (data) => data === 'fence' || got.push('b'), 'q')
    let all = 0
    b.listen(`${root}.n`, () => all++)
    await heard(a, b, root)
    for (let n = 0; n < 30; n++) a.signal(`${root}.n`, n)
    await until('all', () => got.length >= 30 && all === 30)
    assert.is(got.length, 30)
    assert.not(got.includes('stopped'))
  })

  test('signals are delivered later, and belong to who gets them', async ({ a }) => {
    const subject = unique('later')
    const data = { list: [1] }
    const got: (typeof data)[] = []
    for (let i = 0; i < 2; i++) a.listen(subject, (one) => got.push(one as typeof data))
    await heard(a, a, subject)
    a.signal(subject, data)
    data.list.push(2)
    assert.is(got.length, 0)
    await until('both', () => got.length === 2)
    got[0]!.list.push(3)
    assert.equal(got[1], { list: [1] })
  })

  test('a request is answered by who serves the subject', async ({ a, b }) => {
    const subject = unique('ask')
    b.serve(`${subject}.>`, async (data, asked) => ({ asked, data }))
    await until('somebody is there', () => answers(a, `${subject}.there`))
    const given: { n: number; nothing?: undefined } = { n: 1, nothing: undefined }
    const answer = a.request(`${subject}.x`, given, 5000)
    given.n = 2
    assert.equal(await answer, { asked: `${subject}.x`, data: { n: 1 } })
    const many = await Promise.all(Array.from({ length: 100 }, (_, n) => a.request(`${subject}.${n}`, n, 5000)))
    assert.equal(
      many,
      many.map((_, n) => ({ asked: `${subject}.${n}`, data: n })),
    )
  })

  test('of those who serve as a queue one is asked', async ({ a, b }) => {
    const subject = unique('shared')
    let asked = 0
    for (const bus of [a, b]) bus.serve(subject, async () => ++asked, 'q')
    await until('somebody is there', () => answers(a, subject))
    asked = 0
    for (let n = 1; n <= 10; n++) assert.is(await a.request(subject, n, 5000), n)
    assert.is(asked, 10)
  })

  test('if nobody serves it, that is known at once', async ({ a, b }) => {
    const subject = unique('nobody')
    const start = performance.now()
    const error = await a.request(subject, {}, 60_000).catch((e: unknown) => e)
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'), String(error))
    assert.ok(performance.now() - start < 10_000)
    const serving = b.serve(subject, async () => 1)
    await until('somebody is there', () => answers(a, subject))
    serving.stop()
    await until('nobody is there', async () => !(await answers(a, subject)))
  })

  test('who does not answer in time is not waited for', async ({ a, b }) => {
    const subject = unique('late')
    b.serve(subject, () => new Promise(() => {}))
    b.serve(`${subject}.there`, async () => 1)
    await until('it is there', () => answers(a, `${subject}.there`))
    const error = await a.request(subject, {}, 50).catch((e: unknown) => e)
    assert.ok(isStellwerkError(error, 'UNAVAILABLE'), String(error))
  })

  test('an error of who serves is the error of who asks', async ({ a, b }) => {
    const subject = unique('throws')
    b.serve(subject, async () => {
      throw new TimeoutError('took too long')
    })
    b.serve(`${subject}.there`, async () => 1)
    await until('it is there', () => answers(a, `${subject}.there`))
    const error = await a.request(subject, {}, 5000).catch((e: unknown) => e)
    assert.ok(isStellwerkError(error, 'TIMEOUT'), String(error))
    assert.is((error as Error).message, 'took too long')
  })

  test.run()
}

type Host = Context['a']

/** What was listened to or served before, at either host, counts from now on. */
async function heard(a: Host, b: Host, root: string): Promise<void> {
  for (const bus of new Set([a, b])) {
    const subject = `${root}.${unique('fence')}`
    let there = false
    const listening = bus.listen(subject, () => {
      there = true
    })
    await until('a fence', () => {
      a.signal(subject, 'fence')
      return there
    })
    listening.stop()
  }
}

const answers = (bus: Host, subject: string): Promise<boolean> =>
  bus.request(subject, null, 1000).then(
    () => true,
    () => false,
  )
