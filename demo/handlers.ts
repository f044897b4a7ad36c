import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context, Handler } from '../src/index.ts'
import { bindBook } from './bind.ts'
import { type DataSet, monthName } from './data.ts'
import { writeWhole } from './files.ts'
import { bind, made, month } from './jobs.ts'
import { drawMonth } from './report.ts'
import { logged } from './starts.ts'
import { statisticsOf } from './statistics.ts'

export interface HandlerOptions {
  /** Where the reports, the book and the log of starts go. */
  folder: string
  data: DataSet
  /** ms that each month takes beyond its work, so that there is time to kill. */
  pace: number
}

/** What a host needs to do the work; every host of a deployment may have them, and each job goes to one. */
export async function weatherHandlers({ folder, data, pace }: HandlerOptions): Promise<Handler[]> {
  await mkdir(join(folder, 'months'), { recursive: true })
  const making = month.handler((input, ctx) =>
    logged(folder, ctx, async () => {
      const days = data.months.get(input.month)
      if (!days) throw new Error(`the data set has no ${input.month}`)
      const { mean, precipitation } = statisticsOf(days)
      const report = await drawMonth(monthName(input.month), days)
      await paced(pace, ctx)
      const file = `months/${input.month}.pdf`
      await writeWhole(join(folder, file), report, ctx.run)
      return { file, days: days.length, mean, precipitation }
    }),
  )
  const binding = bind.handler(({ title }, ctx) =>
    logged(folder, ctx, async () => {
      const members = []
      for await (const { key, state, output, error } of ctx.group!.members())
        members.push({ month: key, error: error?.message ?? state, made: output ? made.parse(output) : undefined })
      const { book, pages } = await bindBook(title, members, (file) => readFile(join(folder, file)))
      const file = 'seattle-weather.pdf'
      await writeWhole(join(folder, file), book, ctx.run)
      return { file, pages, bytes: book.length }
    }),
  )
  return [making, binding]
}

/** Only there to be seen and killed. A shutdown ends it early: then the job goes back, and no attempt is used. */
async function paced(pace: number, { signal }: Context): Promise<void> {
  await sleep(pace, undefined, { signal }).catch(() => signal.throwIfAborted())
}
