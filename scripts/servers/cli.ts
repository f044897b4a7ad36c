import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dockerAnswers } from './docker.ts'
import { startServers } from './index.ts'
import { ensureFerret } from './mongo.ts'
import { ensureNats, natsVersion } from './nats.ts'
import { freePort } from './ports.ts'
import { message } from './run.ts'

const usage = `usage: tsx scripts/servers/cli.ts ensure             builds and caches what is missing, starts nothing
       tsx scripts/servers/cli.ts up [--dir DIR]     runs both until Ctrl-C; with DIR their data stays there`

try {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { dir: { type: 'string' }, help: { type: 'boolean' } } })
  if (values.help) console.log(usage)
  else if (positionals[0] === 'ensure') await ensure()
  else if (positionals[0] === 'up') await up(values.dir)
  else {
    console.error(usage)
    process.exitCode = 2
  }
} catch (error) {
  console.error(message(error))
  process.exitCode = 1
}

/** What `up` and the specs will use, a line each. */
async function ensure(): Promise<void> {
  const nats = async () => {
    const binary = await ensureNats()
    return `nats-server ${await natsVersion(binary)} at ${binary}`
  }
  const ferret = async () => {
    const { binary, postgres } = await ensureFerret()
    return `FerretDB at ${binary}, PostgreSQL at ${postgres.root}`
  }
  const results = await Promise.allSettled([prepare('NATS_URL', nats), prepare('MONGODB_URL', ferret)])
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

async function prepare(variable: string, build: () => Promise<string>): Promise<void> {
  if (process.env[variable]) return console.log(`${variable} is set`)
  const began = performance.now()
  const what = await build().catch(async (error) => {
    if (await dockerAnswers()) return `Docker, since ${message(error)}`
    throw error
  })
  console.log(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s`)
}

/** At the usual ports if they are free, so that the defaults of the examples fit. */
async function up(dir: string | undefined): Promise<void> {
  const ended = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve)
  })
  const servers = await startServers({
    nats: { port: await freePort(4222), dir: dir && join(dir, 'nats') },
    mongo: { port: await freePort(27017), dir: dir && join(dir, 'mongo') },
  })
  console.log(`NATS_URL=${servers.nats?.url}\nMONGODB_URL=${servers.mongo?.url}`)
  console.error(`${servers.nats?.how}; ${servers.mongo?.how}; Ctrl-C ends both`)
  const stay = setInterval(() => {}, 60_000)
  await ended
  clearInterval(stay)
  await servers.stop()
}
