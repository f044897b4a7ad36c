// Two services in one deployment, each with the handlers of its own jobs: work goes only to where its handler is, and a group may
// use both. Whoever submits needs the contracts or just the names. In memory here; with cluster({ nats, mongo }) they are two
// processes on two machines, and nothing else changes.
import { z } from 'zod'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob } from '../src/index.ts'

const charge = defineJob({ name: 'billing.charge', input: z.object({ order: z.string() }), output: z.object({ by: z.string() }) })
const pack = defineJob({ name: 'warehouse.pack', input: z.object({ order: z.string() }), output: z.object({ by: z.string() }) })
const ship = defineJob({ name: 'warehouse.ship', output: z.object({ by: z.string(), after: z.array(z.string()) }) })

const on = embedded(':memory:')
await using billing = await createHost({ on, name: 'billing', handlers: [charge.handler(() => ({ by: 'billing' }))] })
await using warehouse = await createHost({
  on,
  name: 'warehouse',
  handlers: [
    pack.handler(() => ({ by: 'warehouse' })),
    ship.handler(async (_, { group }) => {
      const after: string[] = []
      for await (const { key, output } of group!.members()) after.push(`${key} by ${(output as { by: string }).by}`)
      return { by: 'warehouse', after }
    }),
  ],
})

const order = { order: 'o-17' }
const members = [charge.with(order, { key: 'charge' }), pack.with(order, { key: 'pack' })]
const group = await billing.client.submitGroup({ id: 'o-17', members, output: ship.with({}) })
console.log('shipped', await group.result())

const byName = await warehouse.client.submit('billing.charge', { order: 'o-18' })
console.log('charged', await byName.result())
