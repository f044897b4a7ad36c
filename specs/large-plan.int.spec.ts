import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chain, chainDay, monday, on, workdays } from './support/chain-day.ts'

const layers = 20
const perLayer = 50
const name = (i: number) => `c${i}`
/** Each after five or six of the layer before it. */
const chains = Array.from({ length: layers * perLayer }, (_, i) => {
  const layer = Math.floor(i / perLayer)
  const after = layer
    ? Array.from({ length: 5 + (i % 3 === 0 ? 1 : 0) }, (_, j) => name((layer - 1) * perLayer + ((i + j * 7) % perLayer)))
    : []
  return chain(name(i), on(workdays, layer ? { after, withoutPredecessorsAt: '23:00' } : { at: '18:00' }))
})

const test = suite('a plan of 1,000 chains with 5,067 dependencies, in a host: C12 C2 [embedded]')
test('is made, and runs through, each chain once and behind all that it is after', async () => {
  const began = performance.now()
  const day = await chainDay({ chains, courses: Object.fromEntries(chains.map(({ name }) => [name, { minutes: 1 }])) })
  const up = performance.now()
  await day.until('23:00')
  const took = performance.now() - up
  assert.is(day.starts.length, chains.length)
  assert.is(new Set(day.starts.map((line) => line.split(' ')[0])).size, chains.length)
  const place = new Map(day.starts.map((line, i) => [line.split(' ')[0]!, i]))
  for (const { name, terms } of chains) for (const other of terms.runs[0]!.after) assert.ok(place.get(other)! < place.get(name)!)
  assert.equal(day.startsOf(name(chains.length - 1)).length, 1)
  const { rows } = await day.client.plan(monday).show()
  assert.ok(rows.every(({ state }) => state === 'succeeded'))
  console.log(`# up with ${chains.length} chains in ${(up - began).toFixed(0)} ms; the day took ${took.toFixed(0)} ms`)
  await day.host.stop()
})
test.run()
