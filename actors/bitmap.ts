/**
 * A set of small numbers in few bytes: pages of 3,072 bits, each as base64; an empty page is ''. Changing one bit copies one
 * page, so a million members cost half a kilobyte a change. Immutable, as machines' contexts are.
 */
export type Bitmap = readonly string[]

const bits = 3072
const bytes = bits / 8

const none = Buffer.alloc(bytes)
/** A copy that may be written on. */
const decode = (page: string | undefined): Buffer => (page ? Buffer.from(page, 'base64') : Buffer.alloc(bytes))

function withPage(map: Bitmap, index: number, page: Buffer): Bitmap {
  const copy = map.slice()
  while (copy.length <= index) copy.push('')
  copy[index] = page.equals(none) ? '' : page.toString('base64')
  return copy
}

export function has(map: Bitmap, i: number): boolean {
  const page = map[Math.floor(i / bits)]
  if (!page) return false
  // Four characters hold three bytes: only those are read.
  const at = (i % bits) >> 3
  const part = Math.floor(at / 3) * 4
  return (Buffer.from(page.slice(part, part + 4), 'base64')[at % 3]! & (1 << (i & 7))) !== 0
}

export function set(map: Bitmap, i: number, on: boolean): Bitmap {
  const index = Math.floor(i / bits)
  const page = decode(map[index])
  const at = (i % bits) >> 3
  page[at] = on ? page[at]! | (1 << (i & 7)) : page[at]! & ~(1 << (i & 7))
  return withPage(map, index, page)
}

/** Adds all of `from` up to, not including, `to`. */
export function addRange(map: Bitmap, from: number, to: number): Bitmap {
  for (let start = from; start < to; ) {
    const index = Math.floor(start / bits)
    const end = Math.min(to, (index + 1) * bits)
    const page = decode(map[index])
    for (let i = start; i < end; i++) page[(i % bits) >> 3]! |= 1 << (i & 7)
    map = withPage(map, index, page)
    start = end
  }
  return map
}

export const isEmpty = (map: Bitmap): boolean => map.every((page) => page === '')

/** Members of the set that are >= from and < to. */
export function within(map: Bitmap, from: number, to: number): number[] {
  const found: number[] = []
  for (let index = Math.floor(from / bits); index * bits < to; index++) {
    const page = map[index]
    if (!page) continue
    const content = decode(page)
    for (let i = Math.max(from, index * bits); i < Math.min(to, (index + 1) * bits); i++)
      if (content[(i % bits) >> 3]! & (1 << (i & 7))) found.push(i)
  }
  return found
}
