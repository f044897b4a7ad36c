import { invalid, isStellwerkError, quoted } from './errors.ts'
import { deepest, isTooDeep } from './nesting.ts'

/** As it will be read again: the same on every bus, and nobody can change it any more. `length`: characters of JSON. */
export function asJson(given: unknown, field: string): { value: unknown; length: number } {
  if (given === undefined) return { value: undefined, length: 0 }
  try {
    const text = JSON.stringify(given)
    if (text === undefined) throw invalid(field, `${quoted(given)} cannot be written as JSON: it would be lost`)
    const value = JSON.parse(text)
    if (isTooDeep(value)) throw invalid(field, `nested deeper than ${deepest} levels`)
    const lost = lostInJson(given)
    if (lost) throw invalid([field, ...lost.path].join('.'), `${quoted(lost.value)} cannot be written as JSON: it would be lost`)
    return { value, length: text.length }
  } catch (error) {
    if (isStellwerkError(error)) throw error
    throw invalid(field, `cannot be written as JSON (${(error as Error).message.split('\n')[0]})`)
  }
}

/**
 * Where a value holds what JSON would leave out or write as something else: a Map, a Promise that nobody awaited, a function, NaN. Fields that are
 * undefined are left out as everybody expects, and what has a toJSON says itself what it is. The value is no circle: it was written as JSON before.
 */
function lostInJson(value: unknown): { path: readonly string[]; value: unknown } | undefined {
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
