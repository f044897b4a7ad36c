// Jobs that failed for good: found, looked into, redriven with a mended input, once. The others are dropped.
import { z } from 'zod'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob, TerminalError } from '../src/index.ts'

const print = defineJob({ name: 'print', input: z.object({ number: z.string() }), retry: { attempts: 2, backoff: 10, jitter: 0 } })
const printing = print.handler(({ number }, ctx) => {
  if (number === '0') throw new TerminalError('there is no invoice 0')
  if (number.length < 4) throw new Error(`attempt ${ctx.attempt}: ${number} is too short`)
  return { printed: number }
})

await using host = await createHost({ on: embedded(':memory:'), handlers: [printing] })
const { client } = host
const ids = ['a', 'b']
const jobs = await Promise.all(['47', '0'].map((number, i) => client.submit(print, { number }, { id: ids[i] })))
await Promise.allSettled(jobs.map((job) => job.result()))

for await (const { id, code, message } of client.deadLetters.list({ job: 'print' })) console.log(`${id} ${code}: ${message}`)
const { input, runs } = await client.deadLetters.get('job:a')
console.log(
  input,
  runs?.map(({ error }) => error.message),
)

// Said twice, as by a program that had no answer, it runs once.
for (let i = 0; i < 2; i++) await client.deadLetters.redrive('job:a@2', { input: { number: '4711' }, reason: 'a digit was lost' })
console.log(await client.job('a').result())
console.log(await client.deadLetters.drop({ code: 'TERMINAL' }))
