import { parseArgs } from 'node:util'
import { cluster } from '../src/cluster.ts'
import { createHost } from '../src/index.ts'
import { readDataSet } from './data.ts'
import { weatherHandlers } from './handlers.ts'

/** One host of the cluster, as a process of its own. It says `ready`, and ends with SIGTERM or with whoever started it. */
const { values } = parseArgs({
  options: {
    nats: { type: 'string' },
    mongo: { type: 'string' },
    namespace: { type: 'string' },
    folder: { type: 'string' },
    name: { type: 'string' },
    pace: { type: 'string' },
    slots: { type: 'string' },
  },
})
const { nats, mongo, namespace, folder, name, pace, slots } = values as Record<keyof typeof values, string>

// Ctrl-C in a terminal reaches every process; when hosts end is for the one that started them to say.
process.on('SIGINT', () => {})
process.stdin.on('end', () => process.exit(2)).resume()

const data = await readDataSet()
const host = await createHost({
  on: cluster({ nats, mongo, namespace }),
  handlers: await weatherHandlers({ folder, data, pace: Number(pace) }),
  slots: Number(slots),
  name,
})
host.stopOn(['SIGTERM'], { grace: '5s' })
console.log('ready')
