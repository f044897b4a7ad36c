// One job: a contract that anybody can import, a handler that lives where the work is done, and a result that is waited for.
// The handler fails once; the job's retry is what makes it work. Nothing is kept: ':memory:' is for trying out and for specs.
import { z } from 'zod'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob } from '../src/index.ts'

const print = defineJob({
  name: 'invoice.print',
  input: z.object({ number: z.string() }),
  output: z.object({ pages: z.number() }),
  retry: { attempts: 3, backoff: '50ms' },
})

const printing = print.handler(async ({ number }, { attempt, run }) => {
  console.log(`printing ${number}, attempt ${attempt}, run ${run}`)
  if (attempt === 1) throw new Error('paper jam')
  return { pages: number.length }
})

await using host = await createHost({ on: embedded(':memory:'), handlers: [printing] })

const job = await host.client.submit(print, { number: '4711' }, { id: 'inv-4711' })
const { pages } = await job.result()
console.log(`printed ${pages} pages`)

// The same id with the same input is the same job: it is not run again. So a client that saw no answer just submits once more.
const again = await host.client.submit(print, { number: '4711' }, { id: 'inv-4711' })
console.log(`submitted again: ${(await again.view()).state}, ${(await again.result()).pages} pages`)
