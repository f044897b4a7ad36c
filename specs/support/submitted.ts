import { z } from 'zod'
import { defineJob } from '../../src/definition.ts'

/** What the submitter of a large group and its host share: each member answers its number. */
export const count = defineJob({ name: 'count', input: z.object({ n: z.number() }), output: z.number() })
export const gather = defineJob({ name: 'gather' })
export const idOf = (n: number): string => `m${n}`
