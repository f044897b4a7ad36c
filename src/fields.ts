import { quoted, refuse } from './errors.ts'

/** An object with none but these fields: a misspelt one is refused, and not passed over. Throws a ValidationError that names it, below `at`. */
export function checkFields(given: unknown, fields: readonly string[], at = '', what = at): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) refuse(at || what, `must be an object with ${fields.join(', ')}`)
  for (const field of Object.keys(given))
    if (!fields.includes(field)) refuse(at ? `${at}.${field}` : field, `there is no such field. There are ${fields.join(', ')}.`)
}

/** Options of a call: absent ones are none. A field `signal` is an AbortSignal wherever there is one. */
export function optionsOf<T extends object>(given: T | undefined, fields: readonly (keyof T & string)[], what = 'options'): Partial<T> {
  if (given === undefined) return {}
  checkFields(given, fields, '', what)
  const { signal } = given as { signal?: unknown }
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.throwIfAborted !== 'function')
    refuse('signal', 'must be an AbortSignal')
  return given
}

/** Can `for await` read it? */
export function isIterable(given: unknown): boolean {
  const { [Symbol.iterator]: all, [Symbol.asyncIterator]: stream } = Object(given)
  return !!(all || stream)
}

/** One of these, or nothing. */
export function checkChoice(given: unknown, choices: readonly unknown[], field: string): void {
  if (given === undefined || choices.includes(given)) return
  const named = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : choice))
  refuse(field, `must be ${named.slice(0, -1).join(', ')} or ${named.at(-1)}, and not ${quoted(given)}`)
}

/** Why an operator does something: kept with what is done. */
export function checkReason(given: unknown): void {
  if (given !== undefined && (typeof given !== 'string' || given.length > 1000)) refuse('reason', 'must be text, 1000 characters at most')
}
