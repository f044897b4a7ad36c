/**
 * A set of small numbers in few bytes: pages of 3,072 bits, each as base64; an empty page is '', a full one '*'. Changing one bit copies
 * one page, so a million members cost half a kilobyte a change, and at most 168 KB in all. Immutable, as machines' contexts are.
 */
export type Bitmap = readonly string[]

const bits = 3072
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const none = 'A'.repeat(bits / 6)
const all = '/'.repeat(bits / 6)

const values = new Uint8Array(128)
for (let value = 0; value < 64; value++) values[digits.charCodeAt(value)] = value

const contentOf = (page: string | undefined): string => (page ? (page === '*' ? all : page) : none)

/** Where a number is in its page: which character, and which of its six bits. */
const charOf = (bit: number): number => Math.floor(((bit & ~7) + 7 - (bit & 7)) / 6)
const maskOf = (bit: number): number => 32 >> (((bit & ~7) + 7 - (bit & 7)) % 6)

function withPage(map: Bitmap, index: number, content: string): Bitmap {
  const copy = map.slice()
  while (copy.length <= index) copy.push('')
  copy[index] = content === none ? '' : content === all ? '*' : content
  return copy
}

export function has(map: Bitmap, i: number): boolean {
  const page = map[Math.floor(i / bits)]
  if (!page || page === '*') return page === '*'
  return (values[page.charCodeAt(charOf(i % bits))]! & maskOf(i % bits)) !== 0
}

export function set(map: Bitmap, i: number, on: boolean): Bitmap {
  const index = Math.floor(i / bits)
  const content = contentOf(map[index])
  const at = charOf(i % bits)
  const mask = maskOf(i % bits)
  const before = values[content.charCodeAt(at)]!
  const value = on ? before | mask : before & ~mask
  return withPage(map, index, content.slice(0, at) + digits[value] + content.slice(at + 1))
}

/** Adds all of `from` up to, not including, `to`. */
export function addRange(map: Bitmap, from: number, to: number): Bitmap {
  for (let start = from; start < to; ) {
    const index = Math.floor(start / bits)
    const end = Math.min(to, (index + 1) * bits)
    const content = Array.from(contentOf(map[index]), (digit) => values[digit.charCodeAt(0)]!)
    for (let i = start; i < end; i++) content[charOf(i % bits)]! |= maskOf(i % bits)
    map = withPage(map, index, content.map((value) => digits[value]).join(''))
    start = end
  }
  return map
}

export const isEmpty = (map: Bitmap): boolean => map.every((page) => page === '')

/** Members of the set that are >= from and < to. */
export function within(map: Bitmap, from: number, to: number): number[] {
  const found: number[] = []
  for (let index = Math.floor(from / bits); index * bits < to; index++) {
    if (!map[index]) continue
    for (let i = Math.max(from, index * bits); i < Math.min(to, (index + 1) * bits); i++) if (has(map, i)) found.push(i)
  }
  return found
}
