import { hash } from 'node:crypto'

/** A value, or the page that holds it when it is large. */
export type Payload = { value: unknown } | { page: string; bytes: number }

/** Hash of definition and input. */
export const contentOf = (job: string, input: Payload): string => hash('sha1', `${job}\0${canonical(input)}`, 'base64url')

/** JSON with sorted keys: the order in which a program writes fields is not content. */
export function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  const record = value as Record<string, unknown>
  let text = ''
  for (const key of Object.keys(record).sort())
    if (record[key] !== undefined) text += `${text && ','}${JSON.stringify(key)}:${canonical(record[key])}`
  return `{${text}}`
}
