import { embedded } from '../../src/embedded.ts'
import { createHost, defineJob } from '../../src/index.ts'

/** A program: many jobs in a folder that cannot take them all. It tells of each that has ended, and of what a question came to meanwhile. */
const [folder] = process.argv.slice(2)
const say = (line: string) => console.log(line)
const starts = new Map<string, number>()
const print = defineJob({ name: 'print' })
let lines = 0
let said = ''

const host = await createHost({
  on: embedded(folder!),
  log(line) {
    lines++
    if (line.includes('could not be written')) said = line
  },
  handlers: [
    print.handler((_, { id, run }) => {
      starts.set(`${id} ${run}`, (starts.get(`${id} ${run}`) ?? 0) + 1)
      return 'x'.repeat(50_000)
    }),
  ],
})
let ended = 0
const all = Array.from({ length: 60 }, async (_, i) => {
  const job = await host.client.submit(print, { n: i, text: 'y'.repeat(20_000) }, { id: `j${i}` })
  await job.result()
  ended++
})
while (!said) await new Promise((done) => setTimeout(done, 50))
say('full')
await new Promise((done) => setTimeout(done, 3000))
const asked = await host.client
  .job('j0')
  .view()
  .then(
    ({ state }) => state,
    ({ code, message }) => `${code} ${message}`,
  )
say(JSON.stringify({ ended, lines, asked, said }))
await Promise.all(all)
say(JSON.stringify({ ended, twice: [...starts.values()].filter((count) => count > 1).length }))
await host.stop()
