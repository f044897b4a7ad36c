/** One place where two values are not the same. */
export interface Unequal {
  field: string
  expected: unknown
  actual: unknown
}

/**
 * Where two values differ, field by field. `partial`: what `expected` does not name may be anything; lists must still be of the
 * same length. A field that is undefined and one that is absent are the same, as they are in JSON.
 */
export function differences(field: string, expected: unknown, actual: unknown, partial = false): Unequal[] {
  if (Object.is(expected, actual)) return []
  if (!isObject(expected) || !isObject(actual) || Array.isArray(expected) !== Array.isArray(actual)) return [{ field, expected, actual }]
  if (Array.isArray(expected) && expected.length !== (actual as unknown as unknown[]).length) return [{ field, expected, actual }]
  const names = new Set([...Object.keys(expected), ...(partial ? [] : Object.keys(actual))])
  return [...names].flatMap((name) => differences(field ? `${field}.${name}` : name, expected[name], actual[name], partial))
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const longest = 300

/** `field: expected 1, actual 2`, cut where it would be long. */
export const inWords = ({ field, expected, actual }: Unequal): string => `${field}: expected ${short(expected)}, actual ${short(actual)}`

function short(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text
}
