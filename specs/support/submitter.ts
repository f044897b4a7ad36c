import { connectClient } from '../../src/cluster.ts'
import { count, gather, idOf } from './submitted.ts'

/** A program that submits a group, to be killed while it does. `until`: it goes no further than that member, and waits. It says the group's output. */
const [nats, namespace, size, until] = process.argv.slice(2)

async function* members() {
  for (let n = 0; n < Number(size); n++) {
    if (String(n) === until) await new Promise(() => {})
    yield count.with({ n }, { key: idOf(n) })
  }
}

// Whoever started it is gone: so is the reason to run.
process.stdin.on('end', () => process.exit(2)).resume()
const client = await connectClient({ nats: nats!, namespace: namespace! })
const group = await client.submitGroup({ id: 'g', members: members(), output: gather.with(null) })
console.log(JSON.stringify(await group.result()))
await client.close()
process.exit(0)
