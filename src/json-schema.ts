import { z } from 'zod'
import type { Issue } from './errors.ts'

/** A published schema that cannot be read here checks nothing: the handler's own check remains. */
export function schemaFrom(schema: unknown): z.ZodType | undefined {
  try {
    return schema ? z.fromJSONSchema(schema as never) : undefined
  } catch {
    return undefined
  }
}

export function issuesBy(schema: unknown): (value: unknown) => Issue[] {
  const type = schemaFrom(schema)
  return (value) => {
    const parsed = type?.safeParse(value)
    if (!parsed || parsed.success) return []
    return parsed.error.issues.map(({ path, message }) => ({ path: path as Issue['path'], message }))
  }
}
