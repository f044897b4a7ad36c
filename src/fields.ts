import { refuse } from './errors.ts'

/** An object with none but these fields: a misspelt one is refused, and not passed over. Throws a ValidationError that names it, below `at`. */
export function checkFields(given: unknown, fields: readonly string[], at = '', what = at): void {
  if (typeof given !== 'object' || given === null) refuse(at || what, 'must be an object')
  for (const field of Object.keys(given))
    if (!fields.includes(field)) refuse(at ? `${at}.${field}` : field, `there is no such field. There are ${fields.join(', ')}.`)
}
