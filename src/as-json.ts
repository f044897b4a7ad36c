import { invalid, isStellwerkError, quoted } from './errors.ts'
import { deepest, isTooDeep } from './nesting.ts'

/** What the handler will get: the same on every bus, and nobody can change it any more. */
export function asJson(input: unknown, field: string): { value: unknown; length: number } {
  if (input === undefined) return { value: undefined, length: 0 }
  const { text, value } = written(input, field, JSON.parse)
  return { value, length: text.length }
}

/** The same as text. What is short cannot be nested too deep, and need not be read for that: every job has an output. */
export const jsonText = (output: unknown, field: string): string =>
  written(output, field, (text) => text.length > 2 * deepest && JSON.parse(text)).text

function written(input: unknown, field: string, read: (text: string) => unknown): { text: string; value: unknown } {
  try {
    const text = JSON.stringify(input)
    if (text === undefined) throw invalid(field, `${quoted(input)} cannot be written as JSON: it would be lost`)
    const value = read(text)
    if (isTooDeep(value)) throw invalid(field, `nested deeper than ${deepest} levels`)
    const lost = lostInJson(input)
    if (lost) throw invalid([field, ...lost.path].join('.'), `${quoted(lost.value)} cannot be written as JSON: it would be lost`)
    return { text, value }
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
