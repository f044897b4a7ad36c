/**
 * Where a value holds what JSON would leave out or write as something else: a Map, a Promise that nobody awaited, a function, NaN. Fields that are
 * undefined are left out as everybody expects, and what has a toJSON says itself what it is. The value is no circle: it was written as JSON before.
 */
export function lostInJson(value: unknown): { path: readonly string[]; value: unknown } | undefined {
  if (typeof value === 'number' ? !Number.isFinite(value) : typeof value === 'function' || typeof value === 'symbol')
    return { path: [], value }
  if (typeof value !== 'object' || value === null || typeof (value as { toJSON?: unknown }).toJSON === 'function') return undefined
  const entries = Object.entries(value)
  if (ArrayBuffer.isView(value) || (!entries.length && !isPlain(value))) return { path: [], value }
  for (const [key, inner] of entries) {
    const found = lostInJson(inner)
    if (found) return { ...found, path: [key, ...found.path] }
  }
  return undefined
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Array.isArray(value)
}
