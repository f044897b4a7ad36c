import { hash } from 'node:crypto'

/** A value, or the page that holds it when it is large. */
export type Payload = { value: unknown } | { page: string; bytes: number }

/** Hash of definition and input. */
export const contentOf = (job: string, input: Payload): string => hash('sha1', `${job}\0${canonical(input)}`, 'base64url')

/** JSON with sorted keys: the order in which a program writes fields is not content. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const record = value as Record<string, unknown>
  const fields = Object.keys(record)
    .filter((k) => record[k] !== undefined)
    .sort()
  return `{${fields.map((k) => `${JSON.stringify(k)}:${canonical(record[k])}`).join()}}`
}
