// A group: members that finish in any order, one of them never does well, and one output that runs once when all have ended.
// The folder holds everything: end the process at any moment, start it again, and the same group goes on where it was.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob, TerminalError } from '../src/index.ts'

const made = z.object({ pages: z.number() })
const report = defineJob({ name: 'report', input: z.object({ city: z.string() }), output: made })
const bind = defineJob({ name: 'bind', output: z.object({ pages: z.number(), missing: z.array(z.string()) }) })

const reporting = report.handler(({ city }) => {
  if (city === 'Atlantis') throw new TerminalError('no such city')
  return { pages: city.length }
})
const binding = bind.handler(async (_, { group }) => {
  console.log(`binding ${group!.total} reports: ${group!.succeeded} succeeded, ${group!.failed} failed`)
  const book = { pages: 0, missing: [] as string[] }
  for await (const { key, output, error } of group!.members())
    if (output) book.pages += made.parse(output).pages
    else book.missing.push(`${key} (${error?.message})`)
  return book
})

const folder = mkdtempSync(join(tmpdir(), 'stellwerk-example-'))
const host = await createHost({ on: embedded(folder), handlers: [reporting, binding] })
const cities = ['Bern', 'Oslo', 'Atlantis', 'Lima']
const members = cities.map((city) => report.with({ city }, { key: city }))
const group = await host.client.submitGroup({ id: 'cities', members, output: bind.with({}) })
console.log('bound', await group.result())
console.log('ended', (await group.view()).state, (await group.view()).members)
await host.stop()
rmSync(folder, { recursive: true })
