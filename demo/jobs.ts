import { z } from 'zod'
import { defineJob, type GroupSubmitOptions } from '../src/index.ts'
import type { DataSet } from './data.ts'

/** Kill it as often as you like: each kill uses an attempt of what was running. */
const retry = { attempts: 20, backoff: 200 }

/** What a month's job says of its report, which itself is too large for an output. `file` is a path below the folder of the demo. */
export const made = z.object({ file: z.string(), days: z.number(), mean: z.number(), precipitation: z.number() })

/** The report of one month. */
export const month = defineJob({
  name: 'weather.month',
  input: z.object({ month: z.string().regex(/^\d{4}-\d{2}$/) }),
  output: made,
  retry,
})

const book = z.object({ file: z.string(), pages: z.number(), bytes: z.number() })
export type Book = z.infer<typeof book>

/** The output of the group: one book of all reports. */
export const bind = defineJob({
  name: 'weather.bind',
  input: z.object({ title: z.string() }),
  output: book,
  retry,
})

/** One group, one member a month. Said again, it is the same group: that is all it takes to go on after a crash. */
export const bookOf = ({ id, months }: DataSet): GroupSubmitOptions & { id: string } => ({
  id,
  members: [...months.keys()].map((key) => month.with({ month: key }, { key })),
  output: bind.with({ title: 'Seattle weather' }),
})
