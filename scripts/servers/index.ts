import { dockerAnswers, dockerMongo, dockerNats } from './docker.ts'
import { startMongo } from './mongo.ts'
import { startNats } from './nats.ts'
import { message } from './run.ts'
import { borrowed, type RunningServer, type StartOptions } from './server.ts'

export { ensureFerret, startMongo } from './mongo.ts'
export { ensureNats, startNats } from './nats.ts'
export { ensureRedis, startRedis } from './redis.ts'
export type { RunningServer, StartOptions } from './server.ts'

export interface Wanted {
  nats?: boolean | StartOptions
  mongo?: boolean | StartOptions
}

export interface Servers {
  nats?: RunningServer
  mongo?: RunningServer
  stop(): Promise<void>
}

interface Kind {
  name: string
  variable: string
  own(options: StartOptions): Promise<RunningServer>
  docker(options: StartOptions): Promise<RunningServer>
}

const kinds: Record<'nats' | 'mongo', Kind> = {
  nats: { name: 'NATS server', variable: 'NATS_URL', own: startNats, docker: dockerNats },
  mongo: { name: 'MongoDB server', variable: 'MONGODB_URL', own: startMongo, docker: dockerMongo },
}

/**
 * The servers that are wanted (both, if nothing is said): each the one named in the environment, else one
 * started from what is installed, cached or can be built, else a container.
 */
export async function startServers(wanted: Wanted = { nats: true, mongo: true }): Promise<Servers> {
  const start = async (kind: Kind, options: boolean | StartOptions | undefined) =>
    options ? await find(kind, options === true ? {} : options) : undefined
  const [nats, mongo] = await Promise.allSettled([start(kinds.nats, wanted.nats), start(kinds.mongo, wanted.mongo)])
  const running = [nats, mongo].map((result) => (result.status === 'fulfilled' ? result.value : undefined))
  const stop = async () => {
    await Promise.all(running.map((server) => server?.stop()))
  }
  const failed = [nats, mongo].find((result) => result.status === 'rejected')
  if (failed) {
    await stop()
    throw failed.reason
  }
  const [n, m] = running
  return { ...(n && { nats: n }), ...(m && { mongo: m }), stop }
}

async function find({ name, variable, own, docker }: Kind, options: StartOptions): Promise<RunningServer> {
  const url = process.env[variable]
  if (url) return borrowed(url, variable)
  try {
    return await own(options)
  } catch (error) {
    if (await dockerAnswers()) return await docker(options)
    throw new Error(`no ${name}: set ${variable}, or start Docker, or mend this: ${message(error)}`, { cause: error })
  }
}
