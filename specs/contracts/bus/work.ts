import * as assert from 'uvu/assert'
import { type BusFactory, busSuite, offer, offers, take, unique, until } from './world.ts'

/** Offers: each to one taker, never more than wanted, the important ones first. */
export function workSpecs(factory: BusFactory): void {
  const test = busSuite(factory, 'work')

  test('every offer goes to one taker', async ({ a, b }) => {
    const job = unique('spread.')
    const left = await take(a, job)
    const right = await take(b, job)
    left.pull.want(100)
    right.pull.want(100)
    await a.offer(offers(job, 'w', 60))
    await b.offer([offer(job, 'last')])
    await until('all', () => left.taken.length + right.taken.length === 61)
    assert.is(new Set([...left.ids(), ...right.ids()]).size, 61)
    const { acknowledge, giveBack, ...content } = [...left.taken, ...right.taken].find(({ id }) => id === 'w7')!
    assert.equal(content, offer(job, 'w7'))
    for (const one of [...left.taken, ...right.taken]) one.acknowledge()
  })

  test('never more than are wanted; the rest is for others', async ({ a, b }) => {
    const job = unique('bound')
    const left = await take(a, job)
    left.pull.want(3)
    await a.offer(offers(job, 'w', 10))
    await until('three', () => left.taken.length === 3)
    assert.not(left.pull.empty)
    const right = await take(b, job)
    right.pull.want(100)
    await until('seven', () => right.taken.length === 7)
    assert.is(left.taken.length, 3)
  })

  test('who wants none any more gets none, though it waited', async ({ a, b }) => {
    const job = unique('changed')
    const left = await take(a, job)
    left.pull.want(1)
    await until('it waits', () => left.pull.empty)
    left.pull.want(0)
    await b.offer([offer(job, 'w')])
    const right = await take(b, job)
    right.pull.want(1)
    await until('it', () => right.taken.length === 1)
    assert.is(left.taken.length, 0)
    right.taken[0]!.acknowledge()
  })

  test('what is given back is another’s at once', async ({ a, b }) => {
    const job = unique('back')
    const left = await take(a, job)
    const right = await take(b, job)
    left.pull.want(1)
    await a.offer([offer(job, 'w')])
    await until('it', () => left.taken.length === 1)
    right.pull.want(1)
    left.taken[0]!.giveBack()
    await until('it again', () => right.taken.length === 1)
    right.taken[0]!.acknowledge()
    left.taken[0]!.giveBack()
    left.pull.want(1)
    await until('nothing is left', () => left.pull.empty)
    assert.is(left.taken.length, 1)
  })

  test('an acknowledged offer does not come again to whoever pulls later', async ({ a, b }) => {
    const job = unique('done')
    await a.offer(offers(job, 'w', 5))
    const left = await take(a, job)
    left.pull.want(5)
    await until('all', () => left.taken.length === 5)
    for (const one of left.taken) one.acknowledge()
    await left.pull.stop()
    const right = await take(b, job)
    right.pull.want(5)
    await until('nothing is left', () => right.pull.empty)
    assert.is(right.taken.length, 0)
    await a.offer([offer(job, 'later')])
    await until('a later one', () => right.taken.length === 1)
    assert.equal(right.ids(), ['later'])
  })

  test('empty: known while one waits in vain, not while offers wait', async ({ a, b }) => {
    const job = unique('empty')
    const { pull, taken } = await take(a, job)
    pull.want(1)
    await until('empty', () => pull.empty)
    await b.offer(offers(job, 'w', 2))
    await until('the first', () => taken.length === 1)
    assert.not(pull.empty)
    pull.want(2)
    await until('the second, and empty again', () => taken.length === 2 && pull.empty)
  })

  test('how far a queue has come: the place of its oldest offer until that is acknowledged, whoever has it', async ({ a, b }) => {
    const job = unique('places')
    assert.is((await a.offered(job, 5)).oldest, undefined)
    await a.offer([offer(job, 'first'), offer(job, 'second')])
    await a.offer([offer(job, 'urgent', 9)])
    const { oldest, last } = await b.offered(job, 5)
    assert.ok(oldest! < (await b.offered(job, 9)).oldest! && (await b.offered(job, 9)).oldest! <= last)
    const { pull, taken } = await take(a, job)
    pull.want(3)
    await until('all', () => taken.length === 3)
    const [first, second] = ['first', 'second'].map((id) => taken.find((one) => one.id === id)!)
    second!.acknowledge()
    assert.is((await b.offered(job, 5)).oldest, oldest)
    first!.acknowledge()
    await until('none', async () => (await b.offered(job, 5)).oldest === undefined)
    await b.offer([offer(job, 'third')])
    assert.ok((await b.offered(job, 5)).oldest! > last)
    taken[2]!.acknowledge()
  })

  test('the highest priority first, and the lowest now and then', async ({ a, b }) => {
    const job = unique('prio')
    await b.offer(offers(job, 'low', 3, 1))
    await b.offer(offers(job, 'middle', 5))
    await b.offer(offers(job, 'high', 50, 9))
    const order: string[] = []
    const pull = await a.pull(job, ({ id, acknowledge }) => {
      order.push(id)
      acknowledge()
      pull.want(1)
    })
    pull.want(1)
    await until('all', () => order.length === 58)
    const first = (name: string) => order.findIndex((id) => id.startsWith(name))
    const last = (name: string) => order.findLastIndex((id) => id.startsWith(name))
    assert.is(order[0], 'high0')
    assert.ok(first('low') > 8 && first('low') < last('high'), `the first low one was number ${first('low')}`)
    assert.equal(
      order.filter((id) => id.startsWith('high')),
      offers(job, 'high', 50, 9).map(({ id }) => id),
    )
    assert.ok(last('high') < last('middle'))
  })

  test('a priority that is used for the first time reaches who pulls already', async ({ a, b }) => {
    const job = unique('new')
    const { pull, ids } = await take(a, job)
    pull.want(10)
    await b.offer([offer(job, 'five')])
    await b.offer([offer(job, 'nine', 9)])
    await b.offer([offer(job, 'zero', 0)])
    await until('all three', () => ids().length === 3)
    assert.equal(ids().sort(), ['five', 'nine', 'zero'])
  })

  test('jobs whose names begin alike are jobs apart', async ({ a, b }) => {
    const job = unique('pre')
    const short = await take(a, job)
    const long = await take(b, `${job}.5`)
    const under = await take(b, `${job}_5`)
    for (const { pull } of [short, long, under]) pull.want(10)
    await a.offer([offer(job, 's'), offer(`${job}.5`, 'l'), offer(`${job}_5`, 'u')])
    await until('each its own', () => [short, long, under].every(({ taken }) => taken.length === 1))
    assert.equal([short.ids(), long.ids(), under.ids()], [['s'], ['l'], ['u']])
  })

  test.run()
}
