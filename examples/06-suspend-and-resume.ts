// A job that waits for others: it suspends, holds no slot while it waits, and is entered again for each callback that comes.
// One comes before the job exists, by the correlation id; one by the job's id; the third never, and the deadline ends the wait.
import { z } from 'zod'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob } from '../src/index.ts'

const order = defineJob({
  name: 'order',
  input: z.object({ number: z.string() }),
  callbacks: { bank: z.object({ paid: z.boolean() }), stock: z.object({ at: z.string() }), gift: z.object({ card: z.string() }) },
})

const ordering = order.handler(({ number }, ctx) => {
  const { bank, stock, gift } = ctx.callbacks
  console.log(`round ${ctx.round}: ${Object.keys(ctx.callbacks).join(', ') || 'nothing yet'}`)
  if (gift) return { number, ...(ctx.state as object), card: gift.card }
  if (bank || stock)
    return ctx.suspend({ until: ['gift'], deadline: '200ms', fallback: { gift: { card: 'none' } }, state: { paid: bank?.paid } })
  return ctx.suspend({ until: ['bank', 'stock'], need: 'all', as: `pay-${number}` })
})

await using host = await createHost({ on: embedded(':memory:'), handlers: [ordering] })

await host.client.resume('pay-77', 'bank', { paid: true }) // kept until a job registers this id
const job = await host.client.submit(order, { number: '77' }, { id: 'order-77' })
while (!(await job.view()).suspended?.came.includes('bank')) await new Promise((done) => setTimeout(done, 10))
for (const { message } of (await job.why()).conditions) console.log(message)

await job.resume('stock', { at: 'Berne' })
console.log(await job.result())
