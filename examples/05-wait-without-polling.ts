// Waits for a group without polling: the feed says when to look, the history what has happened. Nothing is missed, whatever the network
// loses; with `from` another program goes on where one has stopped. In memory here; with connectClient({ nats }) any program can wait.
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob } from '../src/index.ts'

const page = defineJob({ name: 'page' })
const bind = defineJob({ name: 'bind' })
await using host = await createHost({
  on: embedded(':memory:'),
  handlers: [page.handler(() => 'printed'), bind.handler((_, { group }) => `${group!.succeeded} pages`)],
})

const waiting = (async () => {
  for await (const { event, state } of host.client.watch('group:book')) console.log(event, '->', state)
})()
const members = ['1', '2', '3'].map((key) => page.with({}, { key }))
const group = await host.client.submitGroup({ id: 'book', members, output: bind.with({}) })
await waiting
console.log(await group.result())
