import { createHash } from 'node:crypto'

/**
 * The keys of a group's members, by place. The newest are here, older ones in pages of their own, and the list of these pages is again
 * in pages: a million keys of any length leave little more here than the newest.
 */
export interface Keys {
  /** Newest keys; the first of them has place `recentFrom`. */
  recent: string[]
  recentFrom: number
  /** Deepest first. */
  pages: KeyPage[]
}

/** A page that was written once. Of depth 0, the default, it holds keys; else a list of pages less deep. */
export interface KeyPage {
  first: number
  count: number
  id: string
  depth?: number
}

export type Body = readonly string[] | readonly KeyPage[]
export type PageEffect = { type: 'page'; params: { id: string; body: Body } }

export const noKeys: Keys = { recent: [], recentFrom: 0, pages: [] }

/** Most keys in a page, and most characters of them. */
const pageSize = 500
const pageWeight = 16 * 1024
/** Pages that are listed by one. */
const fan = 16

/** Adds keys at the end. */
export function keep(group: string, keys: Keys, added: Iterable<string>): { keys: Keys; out: PageEffect[] } {
  const out: PageEffect[] = []
  const write = (kind: string, first: number, count: number, names: readonly string[], body: Body): KeyPage => {
    // The id names the content: an owner that is late can write nothing into it that is not in it.
    const id = `${group}#${kind}-${first}-${createHash('sha1').update(names.join()).digest('base64url')}`
    out.push({ type: 'page', params: { id, body } })
    return { first, count, id }
  }
  const { recent, recentFrom, pages } = { ...keys, recent: [...keys.recent, ...added], pages: keys.pages.slice() }
  let gone = 0
  for (let weight = weightOf(recent); isMuch(recent.length - gone, weight); ) {
    const body = firstOf(recent, gone)
    pages.push(write('keys', recentFrom + gone, body.length, body, body))
    gone += body.length
    weight -= weightOf(body)
  }
  for (let depth = 0; ; depth++) {
    const from = pages.findIndex((page) => depthOf(page) === depth)
    if (from < 0 || pages.filter((page) => depthOf(page) === depth).length < 2 * fan) break
    const body = pages.slice(from, from + fan)
    const count = body.reduce((sum, page) => sum + page.count, 0)
    const ids = body.map(({ id }) => id)
    pages.splice(from, fan, { ...write('key-pages', body[0]!.first, count, ids, body), depth: depth + 1 })
  }
  return { keys: { recent: recent.slice(gone), recentFrom: recentFrom + gone, pages }, out }
}

/** The page that leads to the key of this place; undefined: it is among the newest, or there is none. */
export const pageTo = (pages: readonly KeyPage[], place: number): KeyPage | undefined =>
  pages.find(({ first, count }) => place >= first && place < first + count)

/** Does the page list others, and not keys? */
export const listsPages = (body: Body): body is readonly KeyPage[] => typeof body[0] === 'object'

const depthOf = ({ depth = 0 }: KeyPage): number => depth
const weightOf = (keys: readonly string[]): number => keys.reduce((sum, key) => sum + key.length + 3, 0)
const isMuch = (count: number, weight: number): boolean => count >= 2 * pageSize || (count > 1 && weight >= 2 * pageWeight)

function firstOf(keys: readonly string[], from: number): string[] {
  let weight = 0
  let to = from
  while (to < keys.length && to - from < pageSize && weight < pageWeight) weight += keys[to++]!.length + 3
  return keys.slice(from, to)
}
