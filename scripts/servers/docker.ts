import { execFileSync } from 'node:child_process'
import { natsConf } from './nats.ts'
import { answers, freePort, until } from './ports.ts'
import { run, works } from './run.ts'
import type { RunningServer, StartOptions } from './server.ts'
import { guard } from './watchdog.ts'

/** Whether an engine answers; the client alone is no use. */
export const dockerAnswers = (): Promise<boolean> => works('docker', ['info'])

interface Container {
  kind: 'nats' | 'mongo'
  image: string
  args: string[]
  /** In the container. */
  port: number
  mounts?: string[]
  url(port: number): string
  ready(port: number, container: string): Promise<boolean>
}

let started = 0

/** The images that compose.yaml has. */
export const dockerNats = (options: StartOptions = {}): Promise<RunningServer> =>
  start(options, {
    kind: 'nats',
    image: 'nats:2-alpine',
    args: ['-c', '/etc/nats/stellwerk.conf', '-a', '0.0.0.0', '-sd', '/data'],
    port: 4222,
    mounts: ['-v', `${natsConf}:/etc/nats/stellwerk.conf:ro`, '-v', options.dir ? `${options.dir}:/data` : '/data'],
    url: (port) => `nats://127.0.0.1:${port}`,
    ready: (port) => answers(port, /^INFO .*"jetstream":true/),
  })

/** A replica set of one: a standalone mongod has no retryable writes. Its own name for itself is of no use outside, so `directConnection`. */
export const dockerMongo = (options: StartOptions = {}): Promise<RunningServer> =>
  start(options, {
    kind: 'mongo',
    image: 'mongo:8',
    args: ['mongod', '--replSet', 'rs0', '--bind_ip_all'],
    port: 27017,
    mounts: ['-v', options.dir ? `${options.dir}:/data/db` : '/data/db'],
    url: (port) => `mongodb://127.0.0.1:${port}/?directConnection=true`,
    ready: (_, container) => works('docker', ['exec', container, 'mongosh', '--quiet', '--eval', initiate]),
  })

const initiate = `if (!db.hello().isWritablePrimary) {
  try { rs.initiate({ _id: 'rs0', members: [{ _id: 0, host: 'localhost:27017' }] }) } catch {}
  quit(1)
}`

async function start(options: StartOptions, { kind, image, args, port, mounts = [], url, ready }: Container): Promise<RunningServer> {
  const name = `stellwerk-${kind}-${process.pid}-${++started}`
  const outside = options.port ?? (await freePort())
  const release = guard(`docker rm --force --volumes ${name}`)
  const up = () => until(`docker container ${name}`, () => ready(outside, name))
  const stop = async () => {
    await run('docker', ['rm', '--force', '--volumes', name]).catch(() => {})
    release()
  }
  try {
    await run('docker', ['run', '--detach', '--name', name, '--publish', `127.0.0.1:${outside}:${port}`, ...mounts, image, ...args])
    await up()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url: url(outside),
    owned: true,
    how: `Docker image ${image}`,
    kill: async () => void (await run('docker', ['kill', name])),
    restart: async () => {
      await run('docker', ['restart', name])
      await up()
    },
    pause: () => void execFileSync('docker', ['pause', name], { stdio: 'ignore' }),
    resume: () => void execFileSync('docker', ['unpause', name], { stdio: 'ignore' }),
    stop,
  }
}
