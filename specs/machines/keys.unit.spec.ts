import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Body, type Keys, keep, listsPages, noKeys, pageTo } from '../../actors/keys.ts'
import { chanceOf, seedOf } from './events.ts'

const test = suite('keys of members by place, in pages of pages: R7 G7')

/** Adds them in pieces; each page is kept as it was written. */
function kept(all: string[], piece: number): { keys: Keys; pages: Map<string, Body>; longest: number } {
  const pages = new Map<string, Body>()
  let keys = noKeys
  let longest = 0
  for (let from = 0; from < all.length; from += piece) {
    const step = keep('group:g', keys, all.slice(from, from + piece))
    keys = step.keys
    for (const { params } of step.out) {
      assert.not.ok(pages.has(params.id), 'a page is written once')
      pages.set(params.id, params.body)
    }
    longest = Math.max(longest, JSON.stringify(keys).length)
  }
  return { keys, pages, longest }
}

/** As a group finds one: page by page. */
function keyAt({ keys, pages }: ReturnType<typeof kept>, place: number): string | undefined {
  if (place >= keys.recentFrom) return keys.recent[place - keys.recentFrom]
  let page = pageTo(keys.pages, place)
  for (;;) {
    const body = page && pages.get(page.id)
    if (!page || !body) return undefined
    if (!listsPages(body)) return body[place - page.first]
    page = pageTo(body, place)
  }
}

test('each key is found at its place, whatever the lengths and the pieces', () => {
  const seed = seedOf('keys')
  const chance = chanceOf(seed)
  for (let round = 0; round < 12; round++) {
    const length = chance.pick([1, 20, 230])
    const all = Array.from({ length: chance.pick([1, 999, 1000, 1001, 40_000]) }, (_, i) => `${i}`.padEnd(1 + chance.below(length), 'x'))
    const found = kept(all, chance.pick([1000, 250, 250, 1]))
    for (let i = 0; i < 500; i++) {
      const place = chance.below(all.length)
      assert.is(keyAt(found, place), all[place], `seed ${seed}, round ${round}, place ${place}`)
    }
    assert.is(keyAt(found, all.length), undefined)
    for (const body of found.pages.values()) assert.ok(JSON.stringify(body).length < 40_000)
    assert.ok(found.longest < 80_000, `${found.longest} characters`)
  }
})

for (const [name, length] of [
  ['short', 8],
  ['as long as can be', 230],
] as const)
  test(`1,000,000 ${name} keys leave little in the group`, () => {
    const found = kept(
      Array.from({ length: 1_000_000 }, (_, i) => `${i}`.padEnd(length, 'x')),
      250,
    )
    console.log(`# 1,000,000 keys, ${name}: at most ${found.longest} characters in the group, ${found.pages.size} pages`)
    assert.ok(found.longest < 64 * 1024)
    assert.is(keyAt(found, 777_777), '777777'.padEnd(length, 'x'))
  })

test.run()
